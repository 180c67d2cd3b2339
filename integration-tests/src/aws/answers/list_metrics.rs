//! `ListMetrics` of CloudWatch.

use serde::Deserialize;

use super::World;
use super::track::{Dimension, Metric};
use crate::aws::state::{cluster_metrics, instance_metrics};
use crate::aws::wire::{Call, Fields, Refusal, Value, slice};

/// Metrics per page.
const PAGE: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Wanted>,
    next_token: Option<String>,
    recently_active: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted {
    name: String,
    value: Option<String>,
}

/// Answers the call.
pub(crate) fn list(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let input: Input = call.tree()?;
    let invalid = |message: &str| Err(Refusal::new(400, "InvalidParameterValue", message));
    if input.dimensions.len() > 10 {
        return invalid("The collection Dimensions must not have a size greater than 10.");
    }
    if input.recently_active.as_deref().is_some_and(|span| span != "PT3H") {
        return invalid("RecentlyActive must be PT3H.");
    }
    let mut metrics = all(world);
    metrics.retain(|metric| {
        input.namespace.as_ref().is_none_or(|name| *name == metric.namespace)
            && input.metric_name.as_ref().is_none_or(|name| *name == metric.name)
            && input.dimensions.iter().all(|wanted| {
                let found = metric.dimension(&wanted.name);
                found.is_some_and(|found| wanted.value.as_deref().is_none_or(|value| value == found))
            })
    });
    let (page, token) = slice(metrics, PAGE, input.next_token.as_deref(), &call.action)
        .ok_or_else(|| Refusal::new(400, "InvalidParameterValue", "The NextToken is not valid."))?;
    let page = page.into_iter().map(|metric| {
        let dimensions = metric
            .dimensions
            .into_iter()
            .map(|one| Fields::new().with("Name", one.name).with("Value", one.value));
        Fields::new()
            .with("Namespace", metric.namespace)
            .with("MetricName", metric.name)
            .with("Dimensions", crate::aws::wire::list("member", dimensions))
    });
    let page = crate::aws::wire::list("member", page);
    Ok(Fields::new().with("Metrics", page).some("NextToken", token).into())
}

fn all(world: World<'_>) -> Vec<Metric> {
    let World { account, region, .. } = world;
    let metric = |namespace: &str, name: String, dimensions: &[(&str, &str)]| Metric {
        namespace: namespace.to_owned(),
        name,
        dimensions: dimensions
            .iter()
            .map(|(name, value)| Dimension { name: (*name).to_owned(), value: (*value).to_owned() })
            .collect(),
    };
    let mut metrics = Vec::new();
    for instance in account.instances_in(region) {
        let names = instance_metrics(account, region, instance);
        metrics.extend(
            names
                .into_iter()
                .map(|name| metric("AWS/RDS", name, &[("DBInstanceIdentifier", &instance.identifier)])),
        );
    }
    for cluster in account.clusters_in(region) {
        let of_cluster = ("DBClusterIdentifier", &*cluster.identifier);
        metrics
            .extend(cluster_metrics(cluster).into_iter().map(|name| metric("AWS/RDS", name, &[of_cluster])));
        let members = account.members(region, cluster);
        for (at, member) in members.iter().enumerate().take(2) {
            let role = if at == 0 { "WRITER" } else { "READER" };
            for name in instance_metrics(account, region, member) {
                if at == 0 {
                    metrics.push(metric("AWS/RDS", name.clone(), &[of_cluster]));
                }
                metrics.push(metric("AWS/RDS", name, &[of_cluster, ("Role", role)]));
            }
        }
    }
    for resource in
        ["AllocatedStorage", "DBClusters", "DBInstances", "ManualClusterSnapshots", "ManualSnapshots"]
    {
        let dimensions =
            [("Service", "RDS"), ("Type", "Resource"), ("Resource", resource), ("Class", "None")];
        metrics.push(metric("AWS/Usage", "ResourceCount".to_owned(), &dimensions));
    }
    metrics
}
