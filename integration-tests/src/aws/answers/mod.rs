//! One file per operation, or per family of operations: parameters and the account in, a value out.

mod certificates;
mod clusters;
mod engines;
mod events;
mod expression;
mod instances;
mod labels;
mod list_metrics;
mod log_files;
mod machines;
mod maintenance;
mod metric_data;
mod names;
mod parameters;
mod quotas;
mod sts;
mod tags;
mod track;

pub(crate) use self::names::check_names;
pub(crate) use self::sts::{Caller, Sessions};
use super::state::{Account, Moment};
use super::wire::{Call, Refusal, Value};

/// What an operation sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World<'a> {
    /// The account of the caller.
    pub(crate) account: &'a Account,
    /// The region that was called.
    pub(crate) region: &'a str,
    /// The present.
    pub(crate) now: Moment,
}

type Operation = fn(&Call, World<'_>) -> Result<Value, Refusal>;

/// The operations besides those of STS.
const OPERATIONS: &[(&str, Operation)] = &[
    ("cloudwatch:GetMetricData", metric_data::get),
    ("cloudwatch:ListMetrics", list_metrics::list),
    ("ec2:DescribeInstanceTypes", machines::types),
    ("ec2:DescribeRegions", machines::regions),
    ("rds:DescribeCertificates", certificates::describe),
    ("rds:DescribeDBClusterParameters", parameters::of_cluster),
    ("rds:DescribeDBClusters", clusters::describe),
    ("rds:DescribeDBEngineVersions", engines::versions),
    ("rds:DescribeDBInstances", instances::describe),
    ("rds:DescribeDBLogFiles", log_files::describe),
    ("rds:DescribeDBMajorEngineVersions", engines::majors),
    ("rds:DescribeDBParameters", parameters::of_instance),
    ("rds:DescribeEvents", events::describe),
    ("rds:DescribePendingMaintenanceActions", maintenance::describe),
    ("servicequotas:GetServiceQuota", quotas::get),
    ("servicequotas:ListServiceQuotas", quotas::list),
    ("tag:GetResources", tags::get),
];

/// Whether this AWS has an action, written as in IAM.
pub(crate) fn knows(action: &str) -> bool {
    matches!(action, "sts:GetCallerIdentity" | "sts:AssumeRole")
        || OPERATIONS.iter().any(|(name, _)| *name == action)
}

/// Answers a call that is not one of STS.
pub(crate) fn answer(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let name = format!("{}:{}", call.service.prefix(), call.action);
    let operation = OPERATIONS.iter().find(|(known, _)| *known == name);
    operation.map_or_else(|| Err(Refusal::unknown_action(call)), |(_, operation)| operation(call, world))
}
