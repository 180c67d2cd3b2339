//! The data behind a metric: whose values they are, and when they can be read.

use std::collections::HashMap;

use serde::Deserialize;

use super::World;
use crate::aws::state::{Instance, Moment, Series, cluster_only, days, instance_metric};

/// A metric as a query names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metric {
    /// Name space.
    #[serde(default)]
    pub(crate) namespace: String,
    /// Name.
    #[serde(rename = "MetricName", default)]
    pub(crate) name: String,
    /// Dimensions.
    #[serde(default)]
    pub(crate) dimensions: Vec<Dimension>,
}

/// A dimension of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Dimension {
    /// Name.
    pub(crate) name: String,
    /// Value.
    pub(crate) value: String,
}

impl Metric {
    /// The value of a dimension.
    pub(crate) fn dimension(&self, name: &str) -> Option<&str> {
        self.dimensions.iter().find(|one| one.name == name).map(|one| one.value.as_str())
    }
}

/// The data of one metric.
#[derive(Debug)]
pub(crate) struct Track {
    /// Values and when they began: one for an instance, several for the members of a cluster.
    sources: Vec<(Series, Moment)>,
    /// Unit.
    pub(crate) unit: &'static str,
    /// Seconds from one value to the next.
    every: i64,
}

/// The instances of a region by name, for calls with hundreds of queries.
pub(crate) struct Index<'a> {
    world: World<'a>,
    instances: HashMap<&'a str, &'a Instance>,
}

impl<'a> Index<'a> {
    /// Of the region that was called.
    pub(crate) fn new(world: World<'a>) -> Self {
        let instances = world.account.instances_in(world.region);
        Self { world, instances: instances.into_iter().map(|one| (&*one.identifier, one)).collect() }
    }

    /// The data of a metric; none if nothing ever published it with exactly these dimensions.
    pub(crate) fn track(&self, metric: &Metric) -> Option<Track> {
        let mut names: Vec<&str> = metric.dimensions.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        match (metric.namespace.as_str(), &*names) {
            ("AWS/RDS", ["DBInstanceIdentifier"]) => {
                let instance = self.instances.get(metric.dimension("DBInstanceIdentifier")?)?;
                let (series, unit) = self.of(instance, &metric.name)?;
                Some(Track { sources: vec![(series, instance.created())], unit, every: 60 })
            }
            ("AWS/RDS", ["DBClusterIdentifier"] | ["DBClusterIdentifier", "Role"]) => self.of_cluster(metric),
            ("AWS/Usage", ["Class", "Resource", "Service", "Type"]) => self.usage(metric),
            _ => self.custom(metric),
        }
    }

    fn custom(&self, metric: &Metric) -> Option<Track> {
        let found = self.world.account.custom_metrics.iter().find(|one| {
            let same = |(name, value): (&String, &String)| metric.dimension(name) == Some(value);
            (&one.namespace, &one.name) == (&metric.namespace, &metric.name)
                && one.dimensions.len() == metric.dimensions.len()
                && one.dimensions.iter().all(same)
        })?;
        Some(Track {
            sources: vec![(found.values.clone(), Moment::from_seconds(0))],
            unit: "None",
            every: 60,
        })
    }

    fn of(&self, instance: &Instance, name: &str) -> Option<(Series, &'static str)> {
        instance_metric(self.world.account, self.world.region, instance, name)
    }

    fn of_cluster(&self, metric: &Metric) -> Option<Track> {
        let World { account, region, .. } = self.world;
        let cluster = account.cluster(region, metric.dimension("DBClusterIdentifier")?)?;
        let role = metric.dimension("Role");
        if role.is_none()
            && let Some((series, unit)) = cluster_only(cluster, &metric.name)
        {
            let every = if metric.name.ends_with("IOPs") { 300 } else { 60 };
            return Some(Track { sources: vec![(series, cluster.created())], unit, every });
        }
        let mut members = account.members(region, cluster);
        match role {
            None => {}
            Some("WRITER") => members.truncate(1),
            Some("READER") => {
                members.drain(..members.len().min(1));
            }
            Some(_) => return None,
        }
        let found = members.iter().filter_map(|one| Some((self.of(one, &metric.name)?, one.created())));
        let found: Vec<_> = found.collect();
        let unit = found.first()?.0.1;
        let sources = found.into_iter().map(|((series, _), since)| (series, since)).collect();
        Some(Track { sources, unit, every: 60 })
    }

    #[allow(clippy::cast_precision_loss, reason = "nobody has that many databases")]
    fn usage(&self, metric: &Metric) -> Option<Track> {
        let World { account, region, .. } = self.world;
        let is = |name: &str, value: &str| metric.dimension(name) == Some(value);
        let rds = is("Service", "RDS") && is("Type", "Resource") && is("Class", "None");
        let resource = metric.dimension("Resource").filter(|_| rds && metric.name == "ResourceCount")?;
        let series = account.usages.get(resource).cloned().or_else(|| {
            let value = match resource {
                "DBInstances" => self.instances.len() as f64,
                "AllocatedStorage" => {
                    let own = self.instances.values().filter(|one| !one.is_clustered());
                    own.map(|one| one.allocated()).sum::<i64>() as f64
                }
                "DBClusters" => account.clusters_in(region).len() as f64,
                "ManualSnapshots" | "ManualClusterSnapshots" => 0.0,
                _ => return None,
            };
            Some(Series::Constant(value))
        });
        let series = series.filter(|series| !series.is_empty())?;
        Some(Track { sources: vec![(series, Moment::from_seconds(0))], unit: "None", every: 300 })
    }
}

impl Track {
    /// The values from one second to another, which is not included.
    pub(crate) fn values(&self, from: i64, to: i64, readable: Readable) -> Vec<f64> {
        let mut values = Vec::new();
        for (series, since) in &self.sources {
            let first = from.max(readable.oldest).max(since.seconds());
            let first = first + (-first).rem_euclid(self.every);
            let mut second = first;
            while second < to && second <= readable.newest {
                values.extend(series.at(second));
                second += self.every;
            }
        }
        values
    }
}

/// Which minutes can be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Readable {
    oldest: i64,
    newest: i64,
}

impl Readable {
    /// A minute can be read some time after its end, and for 15 days; five minutes together for 63 days, an hour for
    /// 455.
    pub(crate) fn at(world: World<'_>, period: i64) -> Self {
        let kept = match period {
            ..300 => 15,
            300..3_600 => 63,
            _ => 455,
        };
        let ended = world.now.minus(world.account.metric_delay).seconds();
        Self { oldest: world.now.minus(days(kept)).seconds(), newest: ended - ended.rem_euclid(60) - 60 }
    }
}
