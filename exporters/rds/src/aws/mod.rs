//! The AWS APIs: one file each, from the SDK's types to ours. Every call has a deadline, is counted, and is asked
//! for a token first.

mod cloudwatch;
mod count;
mod ec2;
mod limit;
mod quotas;
mod rds;
mod sts;
mod tags;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_rds::config::{SharedCredentialsProvider, SharedHttpClient};
use aws_sdk_rds::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls;

pub use self::cloudwatch::{Datum, Question};
pub use self::count::{Api, Calls, Count};
pub use self::limit::Limiter;
use super::config::Account;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The operation, such as `DescribeDBInstances`.
    pub operation: &'static str,
    /// AWS' error code, or `timeout`, `network`, `answer`.
    pub code: String,
    /// What AWS says about it.
    pub message: String,
}

impl Failure {
    fn of<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let known =
            error.as_service_error().and_then(|error| Some((error.code()?.to_owned(), error.message())));
        let (code, message) = match (known, error) {
            (Some((code, message)), _) => (code, message.unwrap_or_default().to_owned()),
            (None, SdkError::TimeoutError(_)) => ("timeout".to_owned(), "no answer in time".to_owned()),
            (None, SdkError::DispatchFailure(_)) => {
                ("network".to_owned(), DisplayErrorContext(error).to_string())
            }
            (None, _) => ("answer".to_owned(), DisplayErrorContext(error).to_string()),
        };
        Self { operation, code, message: message.lines().next().unwrap_or_default().to_owned() }
    }

    /// An answer came, but not what was asked for.
    fn lacks(operation: &'static str, field: &str) -> Self {
        Self { operation, code: "answer".to_owned(), message: format!("the answer has no `{field}`") }
    }
}

/// The clients of one account and region.
#[derive(Debug, Clone)]
pub struct Aws {
    rds: aws_sdk_rds::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    /// The same API, counted apart: what it answers about quotas is billed, too.
    usage: aws_sdk_cloudwatch::Client,
    ec2: aws_sdk_ec2::Client,
    quotas: aws_sdk_servicequotas::Client,
    tags: aws_sdk_resourcegroupstagging::Client,
    sts: aws_sdk_sts::Client,
    limits: Arc<Limiter>,
    /// Region name.
    pub region: String,
}

/// Longest time of one attempt, and of a call with all its attempts.
const ATTEMPT: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(30);

/// Attempts of one call.
const ATTEMPTS: u32 = 4;

/// Connections, and the authorities that are trusted: the same for all accounts and regions.
fn http() -> SharedHttpClient {
    static HTTP: OnceLock<SharedHttpClient> = OnceLock::new();
    let make = || {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        aws_smithy_http_client::Builder::new().tls_provider(provider).build_https()
    };
    HTTP.get_or_init(make).clone()
}

impl Aws {
    /// Prepares the clients; nothing is sent but what finding region and credentials takes. The error is one line.
    pub async fn new(account: &Account, calls: &Arc<Calls>) -> Result<Self, String> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build();
        let retries =
            RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(Duration::from_secs(5));
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        loader = loader.http_client(http()).timeout_config(timeouts).retry_config(retries);
        if let Some(region) = &account.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &account.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &account.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let mut sdk = loader.load().await;
        let Some(region) = sdk.region().map(ToString::to_string) else {
            return Err("no region: set AWS_REGION, or `region` of a target".to_owned());
        };
        if let Some(role) = &account.role_arn {
            let mut provider =
                AssumeRoleProvider::builder(role).configure(&sdk).session_name(&account.session_name);
            provider = provider.region(Region::new(region.clone()));
            if let Some(id) = &account.external_id {
                provider = provider.external_id(id);
            }
            let provider = SharedCredentialsProvider::new(provider.build().await);
            sdk = sdk.into_builder().credentials_provider(provider).build();
        }
        Ok(Self::of(&sdk, region, calls))
    }

    fn of(sdk: &SdkConfig, region: String, calls: &Arc<Calls>) -> Self {
        let counted = |api| count::Counter::new(api, Arc::clone(calls));
        let cloudwatch = |api| {
            let config = aws_sdk_cloudwatch::config::Builder::from(sdk).interceptor(counted(api));
            aws_sdk_cloudwatch::Client::from_conf(config.build())
        };
        let rds = aws_sdk_rds::config::Builder::from(sdk).interceptor(counted(Api::Rds));
        let ec2 = aws_sdk_ec2::config::Builder::from(sdk).interceptor(counted(Api::Ec2));
        let quotas =
            aws_sdk_servicequotas::config::Builder::from(sdk).interceptor(counted(Api::ServiceQuotas));
        let tags = aws_sdk_resourcegroupstagging::config::Builder::from(sdk).interceptor(counted(Api::Tag));
        let sts = aws_sdk_sts::config::Builder::from(sdk).interceptor(counted(Api::Sts));
        Self {
            rds: aws_sdk_rds::Client::from_conf(rds.build()),
            cloudwatch: cloudwatch(Api::CloudWatch),
            usage: cloudwatch(Api::Usage),
            ec2: aws_sdk_ec2::Client::from_conf(ec2.build()),
            quotas: aws_sdk_servicequotas::Client::from_conf(quotas.build()),
            tags: aws_sdk_resourcegroupstagging::Client::from_conf(tags.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            limits: Arc::new(Limiter::default()),
            region,
        }
    }
}

/// Seconds since 1970.
fn seconds(time: &aws_sdk_rds::primitives::DateTime) -> f64 {
    time.as_secs_f64()
}
