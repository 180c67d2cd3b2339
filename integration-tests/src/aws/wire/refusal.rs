//! Errors of the API, in the words of each service.

use super::{Call, Protocol, Service};

/// An error that the API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// Code.
    pub(crate) code: String,
    /// In words.
    pub(crate) message: String,
}

impl Refusal {
    /// An error.
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// Whose fault it is.
    pub(crate) fn kind(&self) -> &'static str {
        if self.status < 500 { "Sender" } else { "Receiver" }
    }

    /// Too many requests.
    pub(crate) fn throttled(call: &Call) -> Self {
        match call.service {
            Service::Rds | Service::Sts | Service::CloudWatch => {
                Self::new(400, "Throttling", "Rate exceeded")
            }
            Service::Ec2 => Self::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            Service::Quotas => Self::new(400, "TooManyRequestsException", "Rate exceeded"),
            Service::Tagging => Self::new(400, "ThrottledException", "Rate exceeded"),
        }
    }

    /// No permission for the action.
    pub(crate) fn denied(call: &Call, caller: &str, resource: &str) -> Self {
        let action = format!("{}:{}", call.service.prefix(), call.action);
        let message = format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource} because no \
             identity-based policy allows the {action} action"
        );
        match call.service {
            Service::Rds | Service::Sts | Service::CloudWatch => Self::new(403, "AccessDenied", message),
            Service::Ec2 => {
                let message = format!("You are not authorized to perform this operation. {message}");
                Self::new(403, "UnauthorizedOperation", message)
            }
            Service::Quotas | Service::Tagging => Self::new(400, "AccessDeniedException", message),
        }
    }

    /// Temporary credentials that have expired.
    pub(crate) fn expired(call: &Call) -> Self {
        let message = "The security token included in the request is expired";
        match call.service {
            Service::Rds | Service::Sts | Service::CloudWatch => Self::new(403, "ExpiredToken", message),
            Service::Ec2 => Self::new(400, "RequestExpired", "Request has expired."),
            Service::Quotas | Service::Tagging => Self::new(400, "ExpiredTokenException", message),
        }
    }

    /// Credentials that belong to nobody, or to nobody in this region.
    pub(crate) fn unknown_caller(call: &Call) -> Self {
        let message = "The security token included in the request is invalid.";
        match call.service {
            Service::Rds | Service::Sts | Service::CloudWatch => {
                Self::new(403, "InvalidClientTokenId", message)
            }
            Service::Ec2 => {
                Self::new(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
            }
            Service::Quotas | Service::Tagging => Self::new(400, "UnrecognizedClientException", message),
        }
    }

    /// No credentials at all.
    pub(crate) fn anonymous(call: &Call) -> Self {
        let (status, code) = match call.service {
            Service::Rds | Service::Sts | Service::CloudWatch => (403, "MissingAuthenticationToken"),
            Service::Ec2 => (401, "AuthFailure"),
            Service::Quotas | Service::Tagging => (400, "MissingAuthenticationTokenException"),
        };
        Self::new(status, code, "Request is missing Authentication Token")
    }

    /// A signature made for another service.
    pub(crate) fn wrong_scope(call: &Call) -> Self {
        let message =
            format!("Credential should be scoped to correct service: '{}'. ", call.service.signing());
        match call.protocol {
            Protocol::Query | Protocol::Ec2Query => Self::new(403, "SignatureDoesNotMatch", message),
            Protocol::Json | Protocol::Cbor => Self::new(403, "InvalidSignatureException", message),
        }
    }

    /// An action that the service does not have, or this mock does not know.
    pub(crate) fn unknown_action(call: &Call) -> Self {
        let action = &call.action;
        match call.protocol {
            Protocol::Query | Protocol::Ec2Query => {
                let message =
                    format!("Could not find operation {action} for version {}", call.service.version());
                Self::new(400, "InvalidAction", message)
            }
            Protocol::Json | Protocol::Cbor => {
                Self::new(404, "UnknownOperationException", format!("There is no operation {action}"))
            }
        }
    }
}
