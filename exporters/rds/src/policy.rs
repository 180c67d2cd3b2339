//! `iam-policy`: what the exporter's role must be allowed, and no more.

use std::collections::{BTreeMap, BTreeSet};

use super::state::Collector;

/// The actions that a collector calls, each with the resources that IAM can restrict it to.
fn actions(collector: Collector) -> &'static [(&'static str, &'static str)] {
    match collector {
        // STS GetCallerIdentity is allowed to everybody.
        Collector::Identity => &[],
        Collector::Tags => &[("tag:GetResources", "*")],
        Collector::Instances => &[("rds:DescribeDBInstances", "arn:PARTITION:rds:*:*:db:*")],
        Collector::Clusters => &[("rds:DescribeDBClusters", "arn:PARTITION:rds:*:*:cluster:*")],
        Collector::Maintenances => &[("rds:DescribePendingMaintenanceActions", "*")],
        Collector::InstanceMetrics | Collector::Usages => &[("cloudwatch:GetMetricData", "*")],
        Collector::LogFiles => &[("rds:DescribeDBLogFiles", "arn:PARTITION:rds:*:*:db:*")],
        Collector::InstanceTypes => &[("ec2:DescribeInstanceTypes", "*")],
        Collector::Quotas => &[("servicequotas:GetServiceQuota", "*")],
        Collector::Events => &[("rds:DescribeEvents", "*")],
        Collector::EngineSupport => &[("rds:DescribeDBMajorEngineVersions", "*")],
    }
}

/// The policy document for some collectors, in the partition of a region.
pub fn policy(collectors: &BTreeSet<Collector>, region: &str) -> String {
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let mut by_resource: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (action, resource) in collectors.iter().flat_map(|collector| actions(*collector)) {
        by_resource.entry(resource.replace("PARTITION", partition)).or_default().insert(action);
    }
    let statements: Vec<String> = by_resource
        .iter()
        .map(|(resource, actions)| {
            let actions: Vec<String> = actions.iter().map(|action| format!("        \"{action}\"")).collect();
            format!(
                "    {{\n      \"Effect\": \"Allow\",\n      \"Action\": [\n{}\n      ],\n      \"Resource\": \"{resource}\"\n    }}",
                actions.join(",\n")
            )
        })
        .collect();
    format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n", statements.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_collected_is_allowed() {
        let text = policy(
            &BTreeSet::from([Collector::Identity, Collector::Instances, Collector::Quotas]),
            "us-gov-west-1",
        );
        assert!(
            text.contains("arn:aws-us-gov:rds:*:*:db:*") && text.contains("servicequotas:GetServiceQuota")
        );
        assert!(!text.contains("cloudwatch:") && !text.contains("sts:"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
