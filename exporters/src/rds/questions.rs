//! What CloudWatch is asked: only metrics that can exist for an instance, each as often as it changes.

use std::sync::Arc;
use std::time::Duration;

use catalogue::metric::{CloudWatch, Condition, Origin, Query, Scope};

use super::aws::Question;
use super::model::{Cluster, Instance, Machine};

/// A metric of the metrics files that comes from CloudWatch.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Position in the list of all such metrics.
    pub index: usize,
    /// Key in its file.
    pub key: String,
    /// File.
    pub file: String,
    /// Whether it is asked for per cluster instead of per instance.
    pub per_cluster: bool,
    /// What is asked.
    pub source: CloudWatch,
}

impl Metric {
    /// All of them, or without the files that are off unless asked for.
    pub fn all(queries: &[Query], with_optional: bool) -> Vec<Self> {
        let mut metrics = Vec::new();
        for query in queries.iter().filter(|query| query.default || with_optional) {
            for metric in &query.metrics {
                let Origin::CloudWatch(source) = &metric.origin else { continue };
                metrics.push(Self {
                    index: metrics.len(),
                    key: metric.key.to_string(),
                    file: query.name.clone(),
                    per_cluster: query.scope == Scope::Cluster,
                    source: source.clone(),
                });
            }
        }
        metrics
    }

    /// How often it is asked for.
    pub fn every(&self) -> Duration {
        let every = self.source.every.as_ref().unwrap_or(&self.source.period);
        Duration::from_millis(every.milliseconds()).max(Duration::from_mins(1))
    }

    /// How long a value is served after it came: three times, and two minutes for CloudWatch to be late.
    pub fn life(&self) -> Duration {
        self.every() * 3 + Duration::from_mins(2)
    }

    /// Whether it can exist for an instance.
    pub fn applies(&self, instance: &Instance, machine: Option<&Machine>) -> bool {
        self.source.only.iter().all(|condition| holds(*condition, instance, machine))
    }

    /// The question about an instance or a cluster.
    pub fn question(&self, id: &str) -> Question {
        let seconds = self.source.period.milliseconds() / 1000;
        Question {
            namespace: "AWS/RDS",
            metric: self.source.metric.to_string(),
            dimensions: vec![(if self.per_cluster { "DBClusterIdentifier" } else { "DBInstanceIdentifier" }, id.to_owned())],
            statistic: self.source.statistic.to_string(),
            period: i32::try_from(seconds).unwrap_or(60),
            window: seconds * 3,
        }
    }
}

fn holds(condition: Condition, instance: &Instance, machine: Option<&Machine>) -> bool {
    let bursts = |limits: Option<(f64, f64)>| {
        !instance.is_aurora() && limits.is_some_and(|(baseline, maximum)| maximum > baseline)
    };
    match condition {
        Condition::Aurora => instance.is_aurora(),
        Condition::NotAurora => !instance.is_aurora(),
        Condition::Postgres => instance.is_postgresql(),
        Condition::Mysql => instance.is_mysql(),
        Condition::Replica => instance.replica_source.is_some(),
        Condition::Burstable => instance.class.starts_with("db.t"),
        Condition::Serverless => instance.is_serverless(),
        Condition::NotServerless => !instance.is_serverless(),
        Condition::PerformanceInsights => instance.performance_insights,
        Condition::Gp2 => instance.storage_type == "gp2",
        Condition::BurstingIops => bursts(machine.and_then(|machine| machine.iops)),
        Condition::BurstingThroughput => bursts(machine.and_then(|machine| machine.throughput_mb)),
    }
}

/// The questions of one round: each with what it is about.
pub fn due<'a>(
    metrics: &'a [Metric],
    instances: &'a [Instance],
    clusters: &'a [Cluster],
    machines: &std::collections::BTreeMap<String, Machine>,
    is_due: impl Fn(&Metric) -> bool,
) -> Vec<(Arc<str>, &'a Metric, Question)> {
    let due: Vec<&Metric> = metrics.iter().filter(|metric| is_due(metric)).collect();
    let mut questions = Vec::new();
    for instance in instances {
        let id: Arc<str> = instance.id.as_str().into();
        let machine = instance.machine().and_then(|name| machines.get(&name));
        let own = due.iter().filter(|metric| !metric.per_cluster && metric.applies(instance, machine));
        questions.extend(own.map(|metric| (Arc::clone(&id), *metric, metric.question(&id))));
    }
    for cluster in clusters.iter().filter(|cluster| cluster.engine.starts_with("aurora")) {
        let id: Arc<str> = cluster.id.as_str().into();
        let own = due.iter().filter(|metric| metric.per_cluster);
        questions.extend(own.map(|metric| (Arc::clone(&id), *metric, metric.question(&id))));
    }
    questions
}
