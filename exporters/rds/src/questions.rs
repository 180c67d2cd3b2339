//! What CloudWatch is asked: only metrics that can exist for an instance, each as often as it changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use catalogue::cloudwatch::{Asked, CloudWatch, Condition, IDENTIFIER, Measure};
use catalogue::metric::{Origin, Query, Scope};

use super::answers::Key;
use super::aws::{Expression, Question};
use super::model::{Cluster, Instance, Machine};

/// What is known about EC2 types, by name.
type Machines = BTreeMap<String, Option<Machine>>;

/// What an account is called where instances and clusters have an identifier.
pub const ACCOUNT: &str = "";

/// A metric of the metrics files that comes from CloudWatch.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Position in the list of all such metrics.
    pub index: usize,
    /// Key in its file.
    pub key: String,
    /// File.
    pub file: String,
    /// What it is asked for: each instance, each cluster, or the account.
    pub scope: Scope,
    /// What is asked.
    pub source: CloudWatch,
    /// How often it is asked for.
    pub every: Duration,
}

impl Metric {
    /// All of them, or without the files that are off unless asked for; none more often than `interval`.
    pub fn all(queries: &[Query], with_optional: bool, interval: Duration) -> Arc<[Self]> {
        let mut metrics = Vec::new();
        for query in queries.iter().filter(|query| query.default || with_optional) {
            for metric in &query.metrics {
                let Origin::CloudWatch(source) = &metric.origin else { continue };
                let every = source.every.as_ref().unwrap_or(&source.period);
                metrics.push(Self {
                    index: metrics.len(),
                    key: metric.key.to_string(),
                    file: query.name.clone(),
                    scope: query.scope,
                    source: (**source).clone(),
                    every: Duration::from_millis(every.milliseconds()).max(interval),
                });
            }
        }
        metrics.into()
    }

    /// How long a value is served after it came: three times, and two minutes for CloudWatch to be late.
    pub fn life(&self) -> Duration {
        self.every * 3 + Duration::from_mins(2)
    }

    /// Whether it can exist for an instance.
    fn applies(&self, about: &About<'_>) -> bool {
        self.scope == Scope::Instance && self.source.only.iter().all(|condition| about.is(*condition))
    }

    /// Queries that its question takes.
    pub fn queries(&self) -> usize {
        match &self.source.asked {
            Asked::Measure(_) => 1,
            Asked::Expression { of, .. } => of.len() + 1,
        }
    }

    /// The question about an instance, a cluster, or the account, whose identifier is empty: three periods back, or
    /// `late` when there was nothing so new.
    pub fn question(&self, id: &str, late: Option<Duration>) -> Question {
        let seconds = self.source.period.milliseconds() / 1000;
        let period = i32::try_from(seconds).unwrap_or(60);
        let window = Duration::from_secs(seconds * 3).max(late.unwrap_or_default());
        let question = |measure: &Measure| Question {
            namespace: measure.namespace.as_deref().map_or("AWS/RDS".into(), |name| name.to_owned().into()),
            metric: measure.metric.to_string(),
            dimensions: self.dimensions(measure, id),
            statistic: measure.statistic.to_string(),
            period,
            window,
            expression: None,
        };
        match &self.source.asked {
            Asked::Measure(measure) => question(measure),
            Asked::Expression { text, of } => Question {
                metric: text.to_string(),
                period,
                window,
                expression: Some(Expression {
                    text: text.to_string(),
                    of: of.iter().map(|(name, measure)| (name.to_string(), question(measure))).collect(),
                }),
                ..Question::default()
            },
        }
    }

    fn dimensions(&self, measure: &Measure, id: &str) -> Vec<(Cow<'static, str>, String)> {
        let own = match self.scope {
            Scope::Instance => Some("DBInstanceIdentifier"),
            Scope::Cluster => Some("DBClusterIdentifier"),
            _ => None,
        };
        if measure.dimensions.is_empty() {
            return own.map(|name| (name.into(), id.to_owned())).into_iter().collect();
        }
        let own = |(name, value): &(String, catalogue::text::Text)| {
            (name.clone().into(), value.replace(IDENTIFIER, id))
        };
        measure.dimensions.iter().map(own).collect()
    }
}

/// An instance, and what is known about its class and its cluster.
struct About<'a> {
    instance: &'a Instance,
    machine: Option<&'a Machine>,
    /// Whether it is known to be a member of a cluster that does not write.
    is_reader: bool,
}

impl About<'_> {
    fn is(&self, condition: Condition) -> bool {
        let Self { instance, machine, is_reader } = self;
        let bursts = |limits: Option<(f64, f64)>| {
            !instance.is_aurora() && limits.is_some_and(|(baseline, maximum)| maximum > baseline)
        };
        match condition {
            Condition::Aurora => instance.is_aurora(),
            Condition::AuroraReader => instance.is_aurora() && *is_reader,
            Condition::NotAurora => !instance.is_aurora(),
            Condition::Postgres => instance.is_postgresql(),
            Condition::Mysql => instance.is_mysql(),
            Condition::Replica => instance.is_replica(),
            Condition::Burstable => instance.class.starts_with("db.t"),
            Condition::Serverless => instance.is_serverless(),
            Condition::NotServerless => !instance.is_serverless(),
            Condition::PerformanceInsights => instance.performance_insights,
            Condition::Gp2 => instance.storage_type == "gp2",
            Condition::BurstingIops => bursts(machine.and_then(|machine| machine.iops)),
            Condition::BurstingThroughput => bursts(machine.and_then(|machine| machine.throughput_mb)),
        }
    }
}

/// Everything that there is to ask about instances, clusters and the account.
pub fn all(
    metrics: &[Metric],
    instances: &[Instance],
    clusters: &[Cluster],
    machines: &Machines,
) -> Vec<Key> {
    let members = clusters.iter().flat_map(|cluster| &cluster.members);
    let readers: BTreeSet<&str> =
        members.filter(|(_, member)| member.is_writer == Some(false)).map(|(id, _)| id.as_str()).collect();
    let mut questions = Vec::new();
    for instance in instances.iter().filter(|instance| instance.is_measured()) {
        let id: Arc<str> = instance.id.as_str().into();
        let machine = instance.machine().and_then(|name| machines.get(&name)?.as_ref());
        let about = About { instance, machine, is_reader: readers.contains(&*instance.id) };
        let own = metrics.iter().filter(|metric| metric.applies(&about));
        questions.extend(own.map(|metric| (Arc::clone(&id), metric.index)));
    }
    for cluster in clusters.iter().filter(|cluster| cluster.engine.starts_with("aurora")) {
        let id: Arc<str> = cluster.id.as_str().into();
        let own = metrics.iter().filter(|metric| metric.scope == Scope::Cluster);
        questions.extend(own.map(|metric| (Arc::clone(&id), metric.index)));
    }
    let account: Arc<str> = Arc::from(ACCOUNT);
    let own = metrics.iter().filter(|metric| metric.scope == Scope::Account);
    questions.extend(own.map(|metric| (Arc::clone(&account), metric.index)));
    questions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metrics asked for about one instance, by their names in CloudWatch.
    fn asked(instance: &Instance, latencies: bool) -> Vec<String> {
        let (queries, _) = crate::queries();
        let metrics = Metric::all(&queries, latencies, Duration::from_mins(1));
        let machine = Machine {
            iops: Some((3_600.0, 18_750.0)),
            throughput_mb: Some((80.0, 80.0)),
            ..Machine::default()
        };
        let machines = BTreeMap::from([("m5.large".to_owned(), Some(machine))]);
        let all = all(&metrics, std::slice::from_ref(instance), &[], &machines);
        all.into_iter().map(|(_, index)| metrics[index].source.name().to_string()).collect()
    }

    /// Metrics a minute that one instance costs.
    fn rate(instance: &Instance, interval: u64) -> f64 {
        let (queries, _) = crate::queries();
        let metrics = Metric::all(&queries, false, Duration::from_mins(interval));
        let all = all(&metrics, std::slice::from_ref(instance), &[], &BTreeMap::new());
        all.iter().map(|(_, index)| 60.0 / metrics[*index].every.as_secs_f64()).sum()
    }

    fn instance(engine: &str) -> Instance {
        Instance {
            id: "a".to_owned(),
            class: "db.m5.large".to_owned(),
            engine: engine.to_owned(),
            status: "available".to_owned(),
            storage_type: "gp3".to_owned(),
            ..Instance::default()
        }
    }

    #[test]
    fn only_what_can_exist_is_asked_for() {
        let plain = asked(&instance("mysql"), false);
        for name in [
            "MaximumUsedTransactionIDs",
            "ReplicaLag",
            "DBLoadCPU",
            "FreeLocalStorage",
            "BurstBalance",
            "CPUCreditBalance",
            "EBSByteBalance%",
        ] {
            assert!(!plain.contains(&name.to_owned()), "{name}");
        }
        assert!(
            plain.contains(&"FreeStorageSpace".to_owned()) && plain.contains(&"EBSIOBalance%".to_owned())
        );
        let postgres = Instance {
            performance_insights: true,
            replica_source: Some("b".to_owned()),
            ..instance("postgres")
        };
        let postgres = asked(&postgres, true);
        for name in [
            "MaximumUsedTransactionIDs",
            "ReplicaLag",
            "DBLoadCPU",
            "ReadLatency",
            "OldestReplicationSlotLag",
        ] {
            assert!(postgres.contains(&name.to_owned()), "{name}");
        }
        let aurora = Instance { class: "db.serverless".to_owned(), ..instance("aurora-postgresql") };
        let aurora = asked(&aurora, true);
        for name in [
            "FreeStorageSpace",
            "TransactionLogsDiskUsage",
            "SwapUsage",
            "FreeLocalStorage",
            "DiskQueueDepth",
        ] {
            assert!(!aurora.contains(&name.to_owned()), "{name}");
        }
        assert!(
            aurora.contains(&"ServerlessDatabaseCapacity".to_owned())
                && aurora.contains(&"ACUUtilization".to_owned())
        );
    }

    #[test]
    fn nothing_is_asked_about_what_is_not_measured() {
        for engine in ["neptune", "docdb"] {
            assert_eq!(asked(&instance(engine), true), [""; 0], "{engine}");
        }
        assert_eq!(asked(&Instance { status: "stopped".to_owned(), ..instance("postgres") }, true), [""; 0]);
    }

    /// USD 0.438 a month for each metric that is asked for every minute.
    #[test]
    fn an_instance_costs_no_more_than_promised() {
        let dear = Instance { performance_insights: true, ..instance("postgres") };
        assert!(rate(&dear, 1) * 0.438 <= 5.26, "{}", rate(&dear, 1) * 0.438);
        assert!(rate(&dear, 5) * 0.438 <= 1.5, "{}", rate(&dear, 5) * 0.438);
    }
}
