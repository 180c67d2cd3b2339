//! The AWS APIs: one file each, from the SDK's types to ours. Every call has a deadline, is counted, and is asked
//! for a token first.

mod bound;
mod cloudwatch;
mod count;
mod credentials;
mod ec2;
mod failure;
mod http;
mod lasting;
mod limit;
mod partition;
mod quotas;
mod rds;
mod sts;
mod tags;

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_rds::config::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;

pub use self::cloudwatch::{Datum, Expression, Found, QUERIES, Question};
pub use self::count::{Api, Calls, Count};
pub use self::credentials::Access;
use self::credentials::{Source, Unrepeated};
pub use self::failure::Failure;
pub use self::http::http;
pub use self::lasting::Lasting;
pub use self::limit::Limiter;
pub use self::partition::partition;
use super::config::Account;

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

/// How often a call is sent, and how long it waits in between.
fn retries(attempts: u32) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(attempts).with_max_backoff(Duration::from_secs(5))
}

/// What reads the environment, the files and the metadata that describe an account.
fn loader(account: &Account) -> Result<ConfigLoader, String> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    let loader = loader.http_client(http()?).timeout_config(timeouts).retry_config(retries(ATTEMPTS));
    Ok(match &account.profile {
        Some(profile) => loader.profile_name(profile),
        None => loader,
    })
}

/// The region of whoever runs this: that of the variables or of the profile.
pub async fn own_region(profile: Option<&str>) -> Option<String> {
    let files = ProfileFileRegionProvider::builder();
    let files = match profile {
        Some(profile) => files.profile_name(profile),
        None => files,
    };
    let chain =
        RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(files.build());
    chain.region().await.map(|region| region.to_string())
}

/// The endpoint of a service that the account names: one for this service, or one for all, before which goes one for
/// this service in the environment.
fn endpoint(account: &Account, api: Api) -> Option<&str> {
    let of_all = || account.endpoint.as_ref().filter(|_| std::env::var_os(api.variable()).is_none());
    account.endpoints.get(api.endpoint()).or_else(of_all).map(String::as_str)
}

impl Aws {
    /// Prepares the clients; nothing is sent but what finding the region takes. The error is one line.
    pub async fn new(account: &Account, calls: &Arc<Calls>, access: &Access) -> Result<Self, String> {
        let mut loader = loader(account)?;
        if let Some(region) = &account.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let sdk = loader.load().await;
        let Some(region) = sdk.region().map(ToString::to_string) else {
            return Err("no region: set AWS_REGION, or `region` of a target".to_owned());
        };
        // Credentials hold where their owner is: a region that an account has to enable first knows no others.
        let own = own_region(account.profile.as_deref()).await;
        let own = own.filter(|own| partition(own) == partition(&region));
        let sts = account.sts_region.clone().or(own).unwrap_or_else(|| region.clone());
        let source = Source { account: account.clone(), region: Region::new(sts), access: access.clone() };
        let sdk = sdk
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(source))
            .identity_cache(SharedIdentityCache::new(access.clone()))
            .build();
        Ok(Self::of(&sdk, account, region, calls, access))
    }

    fn of(sdk: &SdkConfig, account: &Account, region: String, calls: &Arc<Calls>, access: &Access) -> Self {
        macro_rules! client {
            ($crate_:ident, $api:expr) => {
                client!($crate_, $api, ATTEMPTS, access.clone())
            };
            ($crate_:ident, $api:expr, $attempts:expr, $classifier:expr) => {{
                let counter = count::Counter::new($api, Arc::clone(calls));
                let config = $crate_::config::Builder::from(sdk);
                let config = config.interceptor(counter).interceptor(access.clone());
                let config = config.retry_config(retries($attempts));
                let mut config = config.retry_classifier($classifier);
                if let Some(endpoint) = endpoint(account, $api) {
                    config = config.endpoint_url(endpoint);
                }
                $crate_::Client::from_conf(config.build())
            }};
        }
        // What failed is asked again by question, within an allowance: attempts of whole calls would cost more.
        macro_rules! cloudwatch {
            ($api:expr) => {
                client!(aws_sdk_cloudwatch, $api, 2, Unrepeated(access.clone()))
            };
        }
        Self {
            rds: client!(aws_sdk_rds, Api::Rds),
            cloudwatch: cloudwatch!(Api::CloudWatch),
            usage: cloudwatch!(Api::Usage),
            ec2: client!(aws_sdk_ec2, Api::Ec2),
            quotas: client!(aws_sdk_servicequotas, Api::ServiceQuotas),
            tags: client!(aws_sdk_resourcegroupstagging, Api::Tag),
            sts: client!(aws_sdk_sts, Api::Sts),
            limits: Arc::new(Limiter::default()),
            region,
        }
    }
}

/// Seconds since 1970.
fn seconds(time: &aws_sdk_rds::primitives::DateTime) -> f64 {
    time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::config::Credentials;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// Answers every request with an error of this status and code.
    #[derive(Debug, Clone)]
    struct Refuses(u16, &'static str);

    impl HttpConnector for Refuses {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            // CBOR: a map with one entry, whose name and value are texts of less than 24 bytes.
            let text = |text: &str| [&[0x60 + u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            let body = [vec![0xa1], text("__type"), text(self.1)].concat();
            let mut answer = HttpResponse::new(self.0.try_into().unwrap(), SdkBody::from(body));
            answer.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
            HttpConnectorFuture::ready(Ok(answer))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cloudwatch_repeats_calls_for_refused_credentials_alone() {
        for (status, code, sent) in [
            (500, "InternalFailure", 1),
            (400, "Throttling", 1),
            (403, "AccessDenied", 1),
            (403, "ExpiredToken", 2),
        ] {
            let connector = Refuses(status, code);
            let client = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
            let credentials = Credentials::new("A", "secret", None, None, "test");
            let sdk = SdkConfig::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new("eu-west-3"))
                .http_client(client)
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .build();
            let (calls, access) = (Arc::default(), Access::default());
            let aws = Aws::of(&sdk, &Account::default(), "eu-west-3".to_owned(), &calls, &access);
            let found = aws.metrics(Api::CloudWatch, &[Question::default()], &calls).await;
            let codes: Vec<_> = found.failures.iter().map(|failure| failure.code.as_str()).collect();
            assert_eq!((codes.as_slice(), calls.of(Api::CloudWatch).requests), ([code].as_slice(), sent));
        }
    }
}
