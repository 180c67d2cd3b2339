//! Why a call failed: what AWS says, or what lies between, told apart, with what to do.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The operation, such as `DescribeDBInstances`.
    pub operation: &'static str,
    /// AWS' error code, or `timeout`, `dns`, `tls`, `proxy`, `network`, `no_credentials`, `imds`, `credentials`,
    /// `answer`.
    pub code: String,
    /// What AWS says about it, or what is known, and what to do.
    pub message: String,
    /// Whether AWS answered the call; otherwise nothing is known of the operation itself, but of the way to it, such as
    /// a role that cannot be assumed.
    pub is_answer: bool,
}

/// Characters of a message of others that are kept.
const MESSAGE: usize = 1_000;

impl Failure {
    pub(super) fn of<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let known = error.as_service_error().and_then(|error| Some((error.code()?, error.message())));
        let is_answer = known.is_some();
        let (code, message) = match (known, error) {
            (Some((code, message)), _) => (code.to_owned(), first_line(message.unwrap_or_default())),
            (None, SdkError::TimeoutError(_)) => ("timeout".to_owned(), "no answer in time".to_owned()),
            (None, SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)) => explain(error),
            (None, _) => ("answer".to_owned(), sentence(error)),
        };
        Self { operation, code, message, is_answer }
    }

    /// An answer came, but not what was asked for.
    pub(super) fn lacks(operation: &'static str, field: &str) -> Self {
        Self::wrong(operation, format!("the answer has no `{field}`"))
    }

    /// The pages of an answer do not end.
    pub(super) fn endless(operation: &'static str) -> Self {
        Self::wrong(operation, format!("the answer has more than {} pages", super::rds::PAGES))
    }

    fn wrong(operation: &'static str, message: String) -> Self {
        Self { operation, code: "answer".to_owned(), message, is_answer: true }
    }
}

/// A role that cannot be assumed, and why.
#[derive(Debug)]
pub(super) struct Refused {
    role: String,
    code: String,
    message: String,
}

impl Refused {
    pub(super) fn new(role: &str, error: &CredentialsError) -> Self {
        let (code, message) = explain(error);
        Self { role: role.to_owned(), code, message }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { role, code, message } = self;
        write!(f, "cannot assume `{role}`: {message}")?;
        if code.starts_with("AccessDenied") {
            write!(
                f,
                "; its trust policy must name the identity of the exporter and its external ID, and the exporter's own \
                 policy must allow `sts:AssumeRole`"
            )?;
        } else if code == "RegionDisabledException" {
            write!(f, "; set `sts-region` of the target")?;
        }
        Ok(())
    }
}

impl Error for Refused {}

/// Code and message of what happened before AWS answered.
pub(super) fn explain(error: &(dyn Error + 'static)) -> (String, String) {
    let found = chain(error).find_map(|part| {
        if let Some(refused) = part.downcast_ref::<Refused>() {
            return Some((refused.code.clone(), refused.to_string()));
        }
        let asked = part.downcast_ref::<AssumeRoleError>().and_then(said);
        let asked = asked.or_else(|| part.downcast_ref::<AssumeRoleWithWebIdentityError>().and_then(said));
        if asked.is_some() {
            return asked;
        }
        let text = part.to_string();
        let (code, help) = match () {
            () if text.starts_with("TLS handshake failed") => {
                ("tls", "AWS_CA_BUNDLE names the authorities that are trusted, those of a proxy that looks inside among them")
            }
            () if text.starts_with("dns error") => {
                ("dns", "the name does not resolve: check the region, `endpoint` and the name server")
            }
            () if text.starts_with("tunnel error") => ("proxy", "check HTTPS_PROXY and NO_PROXY"),
            () => return None,
        };
        Some((code.to_owned(), format!("{}; {help}", sentence(error))))
    });
    found.unwrap_or_else(|| {
        let (code, message) = credentials(error).unwrap_or_else(|| {
            let timed_out = chain(error).any(|part| part.to_string().contains("timed out"));
            (if timed_out { "timeout" } else { "network" }, sentence(error))
        });
        (code.to_owned(), message)
    })
}

/// What a source of credentials says.
fn credentials(error: &(dyn Error + 'static)) -> Option<(&'static str, String)> {
    let part = chain(error).find_map(|part| part.downcast_ref::<CredentialsError>())?;
    Some(match part {
        CredentialsError::CredentialsNotLoaded(_) => {
            // The chain keeps what each source said for `Debug` alone.
            let all = format!("{part:?}");
            if all.contains("ImdsCommunicationError") && all.contains("imeout") {
                let help = "the instance metadata service does not answer; in a container its hop limit must be 2, and \
                            outside EC2 other credentials are needed";
                ("imds", help.to_owned())
            } else {
                let help = "no source has credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or \
                            give the workload a role";
                ("no_credentials", help.to_owned())
            }
        }
        CredentialsError::ProviderTimedOut(_) => ("timeout", sentence(part)),
        _ => ("credentials", sentence(part)),
    })
}

fn said(error: &impl ProvideErrorMetadata) -> Option<(String, String)> {
    Some((error.code()?.to_owned(), first_line(error.message().unwrap_or_default())))
}

/// An error and what it is made of.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// All parts of an error in one line, each once.
fn sentence(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in chain(error).map(|part| first_line(&part.to_string())) {
        if !parts.iter().any(|known| known.contains(&part)) {
            parts.push(part);
        }
    }
    first_line(&parts.join(": "))
}

/// The first line, up to [`MESSAGE`]: what is added as a remedy is not cut off.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MESSAGE).collect()
}
