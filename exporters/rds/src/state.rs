//! What is known about one account and region, since when, and up to which age it is served.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answers::Answers;
use super::aws::Api;
use super::model::{Action, Cluster, Instance, Lifecycle, Machine, Timestamp};
use super::questions::ACCOUNT;

/// A part of the collection: its own schedule, its own success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collector {
    /// STS `GetCallerIdentity`.
    Identity,
    /// Tagging `GetResources`, with a selection only.
    Tags,
    /// `DescribeDBInstances`.
    Instances,
    /// `DescribeDBClusters`.
    Clusters,
    /// `DescribePendingMaintenanceActions`.
    Maintenances,
    /// CloudWatch `GetMetricData`.
    InstanceMetrics,
    /// `DescribeDBLogFiles`.
    LogFiles,
    /// EC2 `DescribeInstanceTypes`.
    InstanceTypes,
    /// Service Quotas `GetServiceQuota`.
    Quotas,
    /// CloudWatch AWS/Usage.
    Usages,
    /// `DescribeDBMajorEngineVersions`.
    EngineSupport,
    /// `DescribeEvents`.
    Events,
}

impl Collector {
    /// The value of the label `collector`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Tags => "tags",
            Self::Instances => "instances",
            Self::Clusters => "clusters",
            Self::Maintenances => "maintenances",
            Self::InstanceMetrics => "instance_metrics",
            Self::LogFiles => "log_files",
            Self::InstanceTypes => "instance_types",
            Self::Quotas => "quotas",
            Self::Usages => "usages",
            Self::EngineSupport => "engine_support",
            Self::Events => "events",
        }
    }

    /// The API that it asks.
    pub fn api(self) -> Api {
        match self {
            Self::Identity => Api::Sts,
            Self::Tags => Api::Tag,
            Self::InstanceMetrics => Api::CloudWatch,
            Self::Usages => Api::Usage,
            Self::InstanceTypes => Api::Ec2,
            Self::Quotas => Api::ServiceQuotas,
            _ => Api::Rds,
        }
    }

    /// How often it runs.
    pub fn interval(self) -> Duration {
        match self {
            // Of log files, each run asks for those of a few instances.
            Self::Instances | Self::Clusters | Self::InstanceMetrics | Self::LogFiles => {
                Duration::from_mins(1)
            }
            Self::Tags | Self::Maintenances | Self::Events => Duration::from_mins(5),
            // Each question about usage costs, and AWS counts every five minutes at best.
            Self::Usages => Duration::from_mins(15),
            Self::Identity | Self::Quotas => Duration::from_hours(1),
            Self::InstanceTypes | Self::EngineSupport => Duration::from_hours(24),
        }
    }

    /// Whether it is an error that there is nothing to ask: without these nothing is known.
    pub fn is_essential(self) -> bool {
        matches!(self, Self::Identity | Self::Tags | Self::Instances | Self::InstanceMetrics)
    }

    /// How long its last good result is served: three runs, and not less than ten minutes.
    pub fn life(self) -> Duration {
        (self.interval() * 3).max(Duration::from_mins(10))
    }
}

/// A value with the time at which it was good.
#[derive(Debug, Clone)]
pub struct Kept<T> {
    value: T,
    at: Instant,
}

impl<T> Kept<T> {
    /// Good now.
    pub fn now(value: T) -> Self {
        Self { value, at: Instant::now() }
    }

    /// The value, unless it is too old.
    pub fn get(&self, life: Duration) -> Option<&T> {
        (self.at.elapsed() <= life).then_some(&self.value)
    }
}

/// How a collector fares.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Whether the last run was complete: nothing that it is about is missing.
    pub complete: bool,
    /// How long after its start the next run comes.
    pub wait: Duration,
    /// The end of the last complete run.
    pub last: Option<Instant>,
    /// How long the last run took.
    pub took: Duration,
    /// Runs in which a call failed.
    pub failures: u64,
    /// Codes of the last run that failed, while something is missing.
    pub codes: BTreeSet<String>,
    /// All runs.
    pub runs: u64,
}

impl Run {
    /// Whether it works: its last run was complete and ended less than three intervals ago.
    pub fn works(&self, interval: Duration) -> bool {
        self.complete && self.last.is_some_and(|last| last.elapsed() < interval.max(self.wait) * 3)
    }
}

/// The databases that are selected by tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Identifiers of instances.
    pub instances: BTreeSet<String>,
    /// Identifiers of clusters.
    pub clusters: BTreeSet<String>,
}

/// What is known about the log files of an instance.
#[derive(Debug, Clone)]
pub struct Logs {
    /// Their size; none when it has none.
    pub size: Option<Kept<f64>>,
    /// When it is to be asked for again.
    pub next: Instant,
    /// How often in a row it could not be read.
    pub failures: u32,
    /// Whether that is an error.
    pub is_lacking: bool,
}

/// Resource and category of an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventKey {
    /// Whether the resource is a cluster; an instance otherwise.
    pub is_cluster: bool,
    /// Its identifier.
    pub id: String,
    /// Such as `failover`.
    pub category: String,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub struct State {
    /// The account; from STS, or from the ARN of the role.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// By collector.
    pub runs: BTreeMap<Collector, Run>,
    /// What is selected by tags, nothing until AWS has said what carries them; `None` when everything is.
    pub selection: Option<Selection>,
    /// Inventory.
    pub instances: Option<Kept<Arc<Vec<Instance>>>>,
    /// Clusters that are selected, or that a selected instance is a member of.
    pub clusters: Option<Kept<Arc<Vec<Cluster>>>>,
    /// Maintenance that waits.
    pub actions: Option<Kept<Vec<Action>>>,
    /// EC2 types by name, which do not change; `None` for names that EC2 does not know.
    pub machines: BTreeMap<String, Option<Machine>>,
    /// What CloudWatch says.
    pub answers: Answers,
    /// Log files by instance.
    pub logs: HashMap<String, Logs>,
    /// Quotas that this region does not have, by metric key, and since when that is known.
    pub absent: BTreeMap<&'static str, Instant>,
    /// Failures that are in the log, by collector, thing and code, and since when.
    pub told: BTreeMap<(Collector, String, String), Instant>,
    /// By metric key of the metrics files.
    pub quotas: BTreeMap<&'static str, Kept<f64>>,
    /// By engine.
    pub lifecycles: BTreeMap<String, Kept<Vec<Lifecycle>>>,
    /// The last event of each category, seconds since 1970.
    pub events: BTreeMap<EventKey, Timestamp>,
    /// Up to when events are known.
    pub events_until: Option<Timestamp>,
}

impl State {
    /// The instances, while they are not too old.
    pub fn instances(&self) -> Option<&Arc<Vec<Instance>>> {
        self.instances.as_ref()?.get(Collector::Instances.life())
    }

    /// The clusters, while they are not too old.
    pub fn clusters(&self) -> Option<&Arc<Vec<Cluster>>> {
        self.clusters.as_ref()?.get(Collector::Clusters.life())
    }

    /// The maintenance that waits, while it is not too old.
    pub fn actions(&self) -> Option<&Vec<Action>> {
        self.actions.as_ref()?.get(Collector::Maintenances.life())
    }

    /// Whether everything that makes up the labels of an instance was asked for once.
    pub fn is_settled(&self) -> bool {
        let parts = [Collector::Instances, Collector::Clusters, Collector::Maintenances];
        parts.iter().all(|part| self.runs.get(part).is_none_or(|run| run.runs > 0))
            && self.instances.is_some()
    }

    /// Whether everything was asked for once, but for the log files, which are asked for one by one.
    pub fn is_complete(&self) -> bool {
        self.runs.iter().all(|(part, run)| run.runs > 0 || *part == Collector::LogFiles)
    }

    /// What EC2 says about the class of an instance.
    pub fn machine(&self, instance: &Instance) -> Option<Machine> {
        let machine = self.machines.get(&instance.machine()?)?.clone()?;
        let memory_mib = machine.memory_mib.map(|size| size * instance.memory_factor());
        Some(Machine { memory_mib, ..machine })
    }

    /// Whether an instance is among those that are served.
    pub fn selects_instance(&self, id: &str) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.instances.contains(id))
    }

    /// Whether a cluster is among those that are served: others are known for the sake of their members.
    pub fn selects_cluster(&self, id: &str) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.clusters.contains(id))
    }

    /// Everything is to be looked at again.
    pub fn look_again(&mut self) {
        self.answers.look_again();
        self.absent.clear();
        let now = Instant::now();
        self.logs.values_mut().for_each(|logs| logs.next = now);
    }

    /// Forgets what belongs to instances that are gone.
    pub fn forget(&mut self) {
        let Some(instances) = self.instances().map(Arc::clone) else { return };
        let clusters = self.clusters().map(Arc::clone).unwrap_or_default();
        let known: HashSet<&str> = instances
            .iter()
            .map(|instance| instance.id.as_str())
            .chain(clusters.iter().map(|cluster| cluster.id.as_str()))
            .chain([USAGE, ACCOUNT])
            .collect();
        self.answers.retain(|id| known.contains(id));
        self.logs.retain(|id, _| known.contains(id.as_str()));
    }
}

/// What the answers about usage are kept under: no identifier of RDS has a slash.
pub const USAGE: &str = "AWS/Usage";
