//! A database instance.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;

use super::{Certificate, Engine, LogFile, Maintenance, Moment, ParameterStatus, Scalar, Series, days, span};

/// A database instance. All but the identifier has a default that depends on the engine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "AWS has as many switches")]
pub struct Instance {
    /// Name in the account and region.
    pub identifier: String,
    /// Region; the first of the account when left out.
    pub region: Option<String>,
    /// Instance class with `db.`.
    pub class: String,
    /// Engine name.
    pub engine: String,
    /// Full version; the engine's default when left out.
    pub version: Option<String>,
    /// Status; anything is taken, also what AWS never says.
    pub status: String,
    /// `gp2`, `gp3`, `io1`, `io2`, `standard`, `aurora`, `aurora-iopt1`; gp3 or aurora when left out.
    pub storage_type: Option<String>,
    /// Allocated GiB; 100, or 1 in a cluster, when left out.
    pub storage: Option<i64>,
    /// Limit of storage autoscaling in GiB.
    pub max_storage: Option<i64>,
    /// Provisioned operations per second.
    pub iops: Option<i64>,
    /// Provisioned MiB/s.
    pub throughput: Option<i64>,
    /// Whether there is a standby.
    pub multi_az: bool,
    /// Tags.
    pub tags: IndexMap<String, String>,
    /// The cluster it is a member of.
    pub cluster: Option<String>,
    /// The instance it replicates.
    pub replica_of: Option<String>,
    /// The Multi-AZ cluster it replicates.
    pub replica_of_cluster: Option<String>,
    /// GiB of storage volumes beside the first, each with 3,000 operations and 125 MiB per second.
    pub volumes: Vec<i64>,
    /// Logs that will be exported, once that is applied; an empty list is an answer that AWS gives.
    pub pending_logs: Option<Vec<String>>,
    /// Server certificate; `null` for none.
    pub certificate: Option<Certificate>,
    /// Changes that wait, by the field names of `PendingModifiedValues`.
    pub pending: IndexMap<String, Scalar>,
    /// Parameter groups; the engine's default group when empty.
    pub parameter_groups: Vec<ParameterStatus>,
    /// Maintenance that waits.
    pub maintenance: Vec<Maintenance>,
    /// Log files; three when left out.
    pub log_files: Option<Vec<LogFile>>,
    /// Time since its creation.
    #[serde(deserialize_with = "span")]
    pub age: Duration,
    /// How far the latest restorable time lies back; `null` leaves it out.
    #[serde(deserialize_with = "optional_span")]
    pub restorable_lag: Option<Duration>,
    /// Days that backups are kept.
    pub retention_days: i64,
    /// Deletion protection.
    pub deletion_protection: bool,
    /// Performance Insights.
    pub performance_insights: bool,
    /// Enhanced monitoring interval in seconds, 0 for none.
    pub monitoring_interval: i64,
    /// Whether it has a public address.
    pub public: bool,
    /// Whether storage is encrypted.
    pub encrypted: bool,
    /// Percentage of an ongoing storage operation or upgrade.
    pub progress: Option<String>,
    /// Fields of the answer that are left out, by their names in the API.
    pub omit: Vec<String>,
    /// CloudWatch metrics, by their names in AWS/RDS; those not named have the engine's defaults.
    pub metrics: IndexMap<String, Series>,
    /// When the instance was read; its age counts from here.
    #[serde(skip, default = "Moment::now")]
    pub(crate) known: Moment,
}

fn optional_span<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    struct Span(#[serde(deserialize_with = "span")] Duration);
    Ok(Option::<Span>::deserialize(deserializer)?.map(|span| span.0))
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            identifier: String::new(),
            region: None,
            class: "db.m6g.large".to_owned(),
            engine: "postgres".to_owned(),
            version: None,
            status: "available".to_owned(),
            storage_type: None,
            storage: None,
            max_storage: None,
            iops: None,
            throughput: None,
            multi_az: false,
            tags: IndexMap::new(),
            cluster: None,
            replica_of: None,
            replica_of_cluster: None,
            volumes: Vec::new(),
            pending_logs: None,
            certificate: Some(Certificate::default()),
            pending: IndexMap::new(),
            parameter_groups: Vec::new(),
            maintenance: Vec::new(),
            log_files: None,
            age: days(400),
            restorable_lag: Some(Duration::from_mins(5)),
            retention_days: 7,
            deletion_protection: true,
            performance_insights: true,
            monitoring_interval: 60,
            public: false,
            encrypted: true,
            progress: None,
            omit: Vec::new(),
            metrics: IndexMap::new(),
            known: Moment::now(),
        }
    }
}

/// Statuses in which there is no server that answers: no log files, no metrics.
const SILENT: &[&str] = &[
    "creating",
    "deleting",
    "failed",
    "restore-error",
    "starting",
    "stopped",
    "stopping",
    "inaccessible-encryption-credentials",
];

impl Instance {
    /// An instance with this name and only defaults.
    pub fn new(identifier: impl Into<String>) -> Self {
        Self { identifier: identifier.into(), ..Self::default() }
    }

    /// What is known about its engine.
    pub(crate) fn kind(&self) -> Option<&'static Engine> {
        Engine::named(&self.engine)
    }

    /// Whether its storage belongs to a cluster.
    pub(crate) fn is_clustered(&self) -> bool {
        self.kind().is_some_and(|engine| engine.clustered)
    }

    /// Full version.
    pub(crate) fn full_version(&self) -> &str {
        let default = || self.kind().map_or("1.0", Engine::default_version);
        self.version.as_deref().unwrap_or_else(default)
    }

    /// Storage type.
    pub(crate) fn storage_kind(&self) -> &str {
        self.storage_type.as_deref().unwrap_or(if self.is_clustered() { "aurora" } else { "gp3" })
    }

    /// Allocated GiB.
    pub(crate) fn allocated(&self) -> i64 {
        self.storage.unwrap_or(if self.is_clustered() { 1 } else { 100 })
    }

    /// Provisioned operations per second, as the API shows them.
    pub(crate) fn provisioned_iops(&self) -> Option<i64> {
        let default = match self.storage_kind() {
            "gp3" => Some(3_000),
            "io1" | "io2" => Some(self.allocated() * 10),
            _ => None,
        };
        self.iops.or(default)
    }

    /// Provisioned MiB/s, as the API shows them.
    pub(crate) fn provisioned_throughput(&self) -> Option<i64> {
        self.throughput.or((self.storage_kind() == "gp3").then_some(125))
    }

    /// When it was created.
    pub(crate) fn created(&self) -> Moment {
        self.known.minus(self.age)
    }

    /// Whether a server runs.
    pub(crate) fn is_running(&self) -> bool {
        !SILENT.contains(&self.status.as_str())
    }

    /// Whether it is sized by load instead of by class.
    pub(crate) fn is_serverless(&self) -> bool {
        self.class == "db.serverless"
    }
}
