//! `GetServiceQuota` and `ListServiceQuotas`.

use serde::Deserialize;

use super::World;
use crate::aws::state::{QUOTAS, Quota};
use crate::aws::wire::{Call, Fields, Refusal, Value, slice};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    service_code: Option<String>,
    quota_code: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl Input {
    fn check(&self) -> Result<(), Refusal> {
        match self.service_code.as_deref() {
            Some("rds") => Ok(()),
            Some(_) => Err(missing("service")),
            None => Err(invalid("serviceCode", "Member must not be null")),
        }
    }
}

fn missing(what: &str) -> Refusal {
    let message = format!("The request failed because the specified {what} does not exist.");
    Refusal::new(400, "NoSuchResourceException", message)
}

fn invalid(field: &str, constraint: &str) -> Refusal {
    let message =
        format!("1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}");
    Refusal::new(400, "IllegalArgumentException", message)
}

/// Answers `GetServiceQuota`.
pub(crate) fn get(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let input: Input = call.tree()?;
    input.check()?;
    let code = input.quota_code.ok_or_else(|| invalid("quotaCode", "Member must not be null"))?;
    let quota = QUOTAS.iter().find(|quota| quota.code == code).ok_or_else(|| missing("quota"))?;
    Ok(Fields::new().with("Quota", describe(quota, world)).into())
}

/// Answers `ListServiceQuotas`.
pub(crate) fn list(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let input: Input = call.tree()?;
    input.check()?;
    let size = input.max_results.unwrap_or(100);
    if !(1..=100).contains(&size) {
        return Err(invalid("maxResults", "Member must have value between 1 and 100"));
    }
    let mut quotas: Vec<_> = QUOTAS.iter().collect();
    quotas.retain(|quota| input.quota_code.as_deref().is_none_or(|code| code == quota.code));
    let size = usize::try_from(size).unwrap_or_default();
    let (page, token) = slice(quotas, size, input.next_token.as_deref(), &call.action)
        .ok_or_else(|| Refusal::new(400, "InvalidPaginationTokenException", "Invalid token."))?;
    let page = crate::aws::wire::list("member", page.into_iter().map(|quota| describe(quota, world)));
    Ok(Fields::new().with("Quotas", page).some("NextToken", token).into())
}

fn describe(quota: &Quota, world: World<'_>) -> Fields {
    let value = world.account.quotas.get(quota.code).copied().unwrap_or(quota.value);
    let partition = crate::aws::state::partition(world.region);
    let arn =
        format!("arn:{partition}:servicequotas:{}:{}:rds/{}", world.region, world.account.id, quota.code);
    let usage = quota.usage.map(|resource| {
        let dimensions = Fields::new()
            .with("Class", "None")
            .with("Resource", resource)
            .with("Service", "RDS")
            .with("Type", "Resource");
        Fields::new()
            .with("MetricNamespace", "AWS/Usage")
            .with("MetricName", "ResourceCount")
            .with("MetricDimensions", dimensions)
            .with("MetricStatisticRecommendation", "Maximum")
    });
    Fields::new()
        .with("ServiceCode", "rds")
        .with("ServiceName", "Amazon Relational Database Service (Amazon RDS)")
        .with("QuotaArn", arn)
        .with("QuotaCode", quota.code)
        .with("QuotaName", quota.name)
        .with("Value", value)
        .with("Unit", quota.unit)
        .with("Adjustable", true)
        .with("GlobalQuota", false)
        .some("UsageMetric", usage)
        .with("QuotaAppliedAtLevel", "ACCOUNT")
}
