//! What AWS was asked: attempts, retries, throttles and errors by API, and what CloudWatch bills.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_rds::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;

/// An API, under the name that the label `api` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// RDS.
    Rds,
    /// CloudWatch, for instances and clusters.
    CloudWatch,
    /// CloudWatch, for usage of quotas.
    Usage,
    /// EC2.
    Ec2,
    /// Service Quotas.
    ServiceQuotas,
    /// Resource Groups Tagging.
    Tag,
    /// STS.
    Sts,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Rds, Self::CloudWatch, Self::Usage, Self::Ec2, Self::ServiceQuotas, Self::Tag, Self::Sts];

    /// The value of the label `api`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rds => "rds",
            Self::CloudWatch => "cloudwatch",
            Self::Usage => "usage",
            Self::Ec2 => "ec2",
            Self::ServiceQuotas => "servicequotas",
            Self::Tag => "tag",
            Self::Sts => "sts",
        }
    }

    /// The variable of its endpoint (SDKs and Tools Reference Guide, "Service-specific endpoints").
    pub fn variable(self) -> &'static str {
        match self {
            Self::Rds => "AWS_ENDPOINT_URL_RDS",
            Self::CloudWatch | Self::Usage => "AWS_ENDPOINT_URL_CLOUDWATCH",
            Self::Ec2 => "AWS_ENDPOINT_URL_EC2",
            Self::ServiceQuotas => "AWS_ENDPOINT_URL_SERVICE_QUOTAS",
            Self::Tag => "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
        }
    }

    /// The key of its endpoint in the file.
    pub fn endpoint(self) -> &'static str {
        if self == Self::Usage { Self::CloudWatch.name() } else { self.name() }
    }
}

/// Numbers about one API since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests that were sent, retries included.
    pub requests: u64,
    /// Requests that repeat an earlier one that failed.
    pub retries: u64,
    /// Requests that were refused because there were too many.
    pub throttled: u64,
    /// Requests that failed for any reason.
    pub failed: u64,
    /// Metrics that CloudWatch bills.
    pub billed: u64,
}

/// The numbers of all APIs of one account and region.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<Api, Count>>);

impl Calls {
    /// The numbers of an API so far.
    pub fn of(&self, api: Api) -> Count {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&api).copied().unwrap_or_default()
    }

    /// Notes something.
    pub fn note(&self, api: Api, change: impl FnOnce(&mut Count)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(api).or_default());
    }
}

/// Counts the attempts of a client.
#[derive(Debug)]
pub(super) struct Counter {
    api: Api,
    calls: Arc<Calls>,
}

impl Counter {
    pub(super) fn new(api: Api, calls: Arc<Calls>) -> Self {
        Self { api, calls }
    }
}

/// Codes by which AWS says that there were too many requests.
pub(super) const THROTTLES: [&str; 5] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
];

/// Whether an answer of any service has one of these codes.
pub(super) fn says(error: &impl std::fmt::Debug, codes: &[&str]) -> bool {
    let text = format!("{error:?}");
    codes.iter().any(|code| text.contains(&format!("\"{code}\"")))
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let repeats = bag.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1);
        self.calls.note(self.api, |count| {
            count.requests += 1;
            count.retries += u64::from(repeats);
        });
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Err(error)) = context.output_or_error() {
            let throttled = says(error, &THROTTLES);
            self.calls.note(self.api, |count| {
                count.failed += 1;
                count.throttled += u64::from(throttled);
            });
        }
        Ok(())
    }
}
