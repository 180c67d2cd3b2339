//! `iam-policy`: what the exporter's role must be allowed, and no more.

use std::collections::{BTreeMap, BTreeSet};

use super::aws::{own_region, partition};
use super::config::Account;
use super::settings::Options;
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

/// The policy document for what is collected from where. The error is one line.
pub async fn policy(options: &Options) -> Result<String, String> {
    let mut partitions = BTreeSet::new();
    for account in &options.accounts {
        partitions.insert(partition_of(account).await);
    }
    let mut partitions = partitions.into_iter();
    let (Some(partition), None) = (partitions.next(), partitions.next()) else {
        return Err(
            "the targets are in several partitions of AWS, and no policy holds in two; print one for a \
                    file with the targets of each"
                .to_owned(),
        );
    };
    let mut collectors = options.choice.collectors.clone();
    if options.accounts.iter().all(|account| account.tags.is_empty()) {
        collectors.remove(&Collector::Tags);
    }
    let roles = options.accounts.iter().filter_map(|account| account.role_arn.as_deref()).collect();
    Ok(document(&collectors, &partition, &roles))
}

/// The partition of an account: that of its region, of its role, or of the environment.
async fn partition_of(account: &Account) -> String {
    let of_role = account.role_arn.as_deref().and_then(|arn| arn.split(':').nth(1));
    match (&account.region, of_role) {
        (Some(region), _) => partition(region).to_owned(),
        (None, Some(partition)) => partition.to_owned(),
        (None, None) => {
            let region = own_region(account.profile.as_deref()).await;
            partition(&region.unwrap_or_default()).to_owned()
        }
    }
}

fn document(collectors: &BTreeSet<Collector>, partition: &str, roles: &BTreeSet<&str>) -> String {
    let mut by_resource: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (action, resource) in collectors.iter().flat_map(|collector| actions(*collector)) {
        by_resource.entry(resource.replace("PARTITION", partition)).or_default().insert(action);
    }
    let read = by_resource.iter().map(|(resource, actions)| statement("", actions, &text(resource)));
    // Only the exporter itself needs it, not the roles that it assumes.
    let assume = (!roles.is_empty()).then(|| {
        let sid = "      \"Sid\": \"AssumeTheRolesOfTargets\",\n";
        statement(sid, &BTreeSet::from(["sts:AssumeRole"]), &array(roles))
    });
    let statements: Vec<String> = read.chain(assume).collect();
    format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n", statements.join(",\n"))
}

fn statement(sid: &str, actions: &BTreeSet<&str>, resource: &str) -> String {
    let actions = array(actions);
    format!(
        "    {{\n{sid}      \"Effect\": \"Allow\",\n      \"Action\": {actions},\n      \"Resource\": {resource}\n    }}"
    )
}

fn array(texts: &BTreeSet<&str>) -> String {
    let lines: Vec<String> = texts.iter().map(|one| format!("        {}", text(one))).collect();
    format!("[\n{}\n      ]", lines.join(",\n"))
}

/// A JSON string.
fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_collected_is_allowed() {
        let text = document(
            &BTreeSet::from([Collector::Identity, Collector::Instances, Collector::Quotas]),
            "aws-us-gov",
            &BTreeSet::new(),
        );
        assert!(
            text.contains("arn:aws-us-gov:rds:*:*:db:*") && text.contains("servicequotas:GetServiceQuota")
        );
        assert!(!text.contains("cloudwatch:") && !text.contains("sts:"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
