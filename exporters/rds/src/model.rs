//! What AWS tells about databases, without AWS' types: every field that an answer may leave out is an option.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub type Timestamp = f64;

/// The time of the clock.
pub fn now() -> Timestamp {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A DB instance (`DescribeDBInstances`).
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "AWS has as many switches")]
pub struct Instance {
    /// `DBInstanceIdentifier`.
    pub id: String,
    /// `DBInstanceArn`.
    pub arn: String,
    /// `DbiResourceId`.
    pub resource_id: String,
    /// `DBInstanceClass`.
    pub class: String,
    /// `Engine`.
    pub engine: String,
    /// `EngineVersion`.
    pub engine_version: String,
    /// `DBInstanceStatus`.
    pub status: String,
    /// `StorageType`.
    pub storage_type: String,
    /// `AllocatedStorage`, GiB.
    pub allocated_gib: Option<f64>,
    /// `MaxAllocatedStorage`, GiB.
    pub max_allocated_gib: Option<f64>,
    /// `Iops`.
    pub iops: Option<f64>,
    /// `StorageThroughput`, MiB per second.
    pub throughput_mib: Option<f64>,
    /// `MultiAZ`.
    pub multi_az: bool,
    /// `DeletionProtection`.
    pub deletion_protection: bool,
    /// `PerformanceInsightsEnabled`.
    pub performance_insights: bool,
    /// `DBClusterIdentifier`.
    pub cluster: Option<String>,
    /// `ReadReplicaSourceDBInstanceIdentifier`.
    pub replica_source: Option<String>,
    /// `ReadReplicaSourceDBClusterIdentifier`: the source is a Multi-AZ DB cluster.
    pub replica_source_cluster: Option<String>,
    /// `AdditionalStorageVolumes`, of Oracle and SQL Server.
    pub volumes: Vec<Volume>,
    /// `InstanceCreateTime`.
    pub created: Option<Timestamp>,
    /// `LatestRestorableTime`.
    pub restorable: Option<Timestamp>,
    /// `BackupRetentionPeriod`, days.
    pub retention_days: Option<f64>,
    /// `CACertificateIdentifier`.
    pub authority: String,
    /// `CertificateDetails.ValidTill`.
    pub certificate_end: Option<Timestamp>,
    /// Fields that are set in `PendingModifiedValues`, the password excepted.
    pub pending: usize,
    /// Whether a new password waits.
    pub pending_password: bool,
    /// `DBParameterGroups.ParameterApplyStatus`.
    pub parameter_groups: Vec<String>,
    /// `ProcessorFeatures`: coreCount times threadsPerCore.
    pub vcpus: Option<f64>,
    /// `StatusInfos` of type `read replication`: whether it works.
    pub replicating: Option<bool>,
    /// `TagList`.
    pub tags: Vec<(String, String)>,
}

impl Instance {
    /// Class db.serverless.
    pub fn is_serverless(&self) -> bool {
        self.class == "db.serverless"
    }

    /// Whether it follows an instance or a cluster that it is no member of.
    pub fn is_replica(&self) -> bool {
        self.replica_source.is_some() || self.replica_source_cluster.is_some()
    }

    /// How much more memory the class has than its EC2 type: `db.r5.4xlarge.tpc2.mem2x` has twice as much. The number
    /// of processors is that of the size, whatever the threads per core. RDS User Guide, "DB instance classes".
    pub fn memory_factor(&self) -> f64 {
        let factor = |part: &str| part.strip_prefix("mem")?.strip_suffix('x')?.parse::<u8>().ok();
        self.class.split('.').skip(3).find_map(factor).map_or(1.0, f64::from)
    }

    /// Member of an Aurora cluster.
    pub fn is_aurora(&self) -> bool {
        self.engine.starts_with("aurora")
    }

    /// Engines postgres and aurora-postgresql.
    pub fn is_postgresql(&self) -> bool {
        matches!(self.engine.as_str(), "postgres" | "aurora-postgresql")
    }

    /// Engines mysql, mariadb and aurora-mysql.
    pub fn is_mysql(&self) -> bool {
        matches!(self.engine.as_str(), "mysql" | "mariadb" | "aurora-mysql" | "aurora")
    }

    /// Whether CloudWatch can have numbers: Neptune and `DocumentDB` have theirs elsewhere, a stopped server has none.
    pub fn is_measured(&self) -> bool {
        let elsewhere = ["neptune", "docdb"].contains(&self.engine.as_str());
        let silent =
            ["stopped", "creating", "inaccessible-encryption-credentials"].contains(&self.status.as_str());
        !elsewhere && !silent
    }

    /// The EC2 type behind the class; none for serverless. RDS sells as x2g what EC2 calls x2gd.
    pub fn machine(&self) -> Option<String> {
        let name =
            self.class.strip_prefix("db.").filter(|name| *name != "serverless" && name.contains('.'))?;
        // Classes for Oracle carry more: `db.r5.4xlarge.tpc2.mem2x`.
        let mut parts = name.splitn(3, '.');
        let (family, size) = (parts.next()?, parts.next()?);
        let family = if family == "x2g" { "x2gd" } else { family };
        Some(format!("{family}.{size}"))
    }

    /// The status as a number; `None` when AWS says none.
    pub fn status_code(&self) -> Option<f64> {
        let known = STATUSES.iter().find(|(status, _)| *status == self.status);
        (!self.status.is_empty()).then(|| known.map_or(-1.0, |(_, code)| f64::from(*code)))
    }
}

/// A storage volume beside the first (`AdditionalStorageVolumes`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Volume {
    /// `StorageType`.
    pub storage_type: String,
    /// `AllocatedStorage`, GiB.
    pub allocated_gib: Option<f64>,
    /// `MaxAllocatedStorage`, GiB.
    pub max_allocated_gib: Option<f64>,
    /// `IOPS`.
    pub iops: Option<f64>,
    /// `StorageThroughput`, MiB per second.
    pub throughput_mib: Option<f64>,
}

/// Codes that dashboards know; any other status is -1.
const STATUSES: [(&str, i8); 20] = [
    ("available", 1),
    ("backing-up", 2),
    ("starting", 3),
    ("modifying", 4),
    ("configuring-enhanced-monitoring", 5),
    ("configuring-log-exports", 6),
    ("storage-initialization", 10),
    ("storage-optimization", 11),
    ("renaming", 20),
    ("stopped", 0),
    ("unknown", -1),
    ("stopping", -2),
    ("creating", -3),
    ("deleting", -4),
    ("rebooting", -5),
    ("failed", -6),
    ("storage-full", -7),
    ("upgrading", -8),
    ("maintenance", -9),
    ("restore-error", -10),
];

/// A DB cluster (`DescribeDBClusters`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cluster {
    /// `DBClusterIdentifier`.
    pub id: String,
    /// `DBClusterArn`.
    pub arn: String,
    /// `DbClusterResourceId`.
    pub resource_id: String,
    /// `Engine`.
    pub engine: String,
    /// `EngineVersion`.
    pub engine_version: String,
    /// `ServerlessV2ScalingConfiguration`: least and most capacity, ACU.
    pub capacity: Option<(f64, f64)>,
    /// `DBClusterMembers`, by instance.
    pub members: BTreeMap<String, Member>,
    /// `EarliestRestorableTime` and `LatestRestorableTime`.
    pub restorable: Option<Timestamp>,
}

/// A member of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// `IsClusterWriter`.
    pub is_writer: Option<bool>,
    /// `DBClusterParameterGroupStatus`.
    pub parameter_group: Option<String>,
}

/// An EC2 instance type (`DescribeInstanceTypes`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// `VCpuInfo.DefaultVCpus`.
    pub vcpus: Option<f64>,
    /// `MemoryInfo.SizeInMiB`.
    pub memory_mib: Option<f64>,
    /// `EbsInfo.EbsOptimizedInfo.BaselineIops` and `MaximumIops`.
    pub iops: Option<(f64, f64)>,
    /// `EbsInfo.EbsOptimizedInfo.BaselineThroughputInMBps` and `MaximumThroughputInMBps`, decimal.
    pub throughput_mb: Option<(f64, f64)>,
    /// `NetworkInfo.NetworkCards[0].BaselineBandwidthInGbps`.
    pub network_gbps: Option<f64>,
}

/// A maintenance action (`DescribePendingMaintenanceActions`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Action {
    /// `ResourceIdentifier`, an ARN.
    pub resource: String,
    /// `Action`, such as `system-update`.
    pub action: String,
    /// `CurrentApplyDate`.
    pub current: Option<Timestamp>,
    /// `AutoAppliedAfterDate`.
    pub auto_applied: Option<Timestamp>,
    /// `ForcedApplyDate`.
    pub forced: Option<Timestamp>,
    /// `OptInStatus`.
    pub opt_in: Option<String>,
}

impl Action {
    /// Kind (`db` or `cluster`) and identifier of the resource.
    pub fn target(&self) -> Option<(&str, &str)> {
        let mut parts = self.resource.rsplitn(3, ':');
        let (id, kind) = (parts.next()?, parts.next()?);
        parts.next().map(|_| (kind, id))
    }

    /// When AWS applies it without asking.
    pub fn apply_date(&self) -> Option<Timestamp> {
        [self.current, self.auto_applied, self.forced].into_iter().flatten().reduce(f64::min)
    }

    /// Whether somebody has chosen when it happens.
    pub fn is_scheduled(&self) -> bool {
        self.opt_in.as_deref().is_some_and(|status| ["immediate", "next-maintenance"].contains(&status))
    }

    /// How urgent it is: pending, auto-applied, forced.
    pub fn urgency(&self) -> Urgency {
        match (self.forced, self.auto_applied) {
            (Some(_), _) => Urgency::Forced,
            (None, Some(_)) => Urgency::AutoApplied,
            (None, None) => Urgency::Pending,
        }
    }
}

/// How urgent maintenance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// There is an action.
    Pending,
    /// AWS applies it in a maintenance window.
    AutoApplied,
    /// AWS applies it at a date.
    Forced,
}

impl Urgency {
    /// What the exporter that came before made of several actions: the last one wins, and after a forced one a lesser
    /// one counts as pending.
    pub fn compat(all: &[Self]) -> Option<Self> {
        let (last, before) = all.split_last()?;
        let hides = before.contains(&Self::Forced) && *last != Self::Forced;
        Some(if hides { Self::Pending } else { *last })
    }

    /// The value of the label `pending_maintenance`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::AutoApplied => "auto-applied",
            Self::Forced => "forced",
        }
    }
}

/// Something that happened (`DescribeEvents`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// `SourceType`: whether it is a cluster; an instance otherwise.
    pub is_cluster: bool,
    /// `SourceIdentifier`.
    pub id: String,
    /// `EventCategories`.
    pub categories: Vec<String>,
    /// `Date`.
    pub at: Timestamp,
}

/// Until when a major version is supported (`DescribeDBMajorEngineVersions`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lifecycle {
    /// `Engine`.
    pub engine: String,
    /// `MajorEngineVersion`, such as `14` or `8.0`.
    pub major: String,
    /// End of standard support.
    pub standard_end: Option<Timestamp>,
    /// End of extended support.
    pub extended_end: Option<Timestamp>,
}

impl Lifecycle {
    /// Whether a full version belongs to this major: `8.0` has 8.0.35, not 8.01; `14` has 14.9, not 1.4.
    pub fn covers(&self, engine: &str, version: &str) -> bool {
        !self.major.is_empty() && self.engine == engine && self.is_major_of(version)
    }

    fn is_major_of(&self, version: &str) -> bool {
        let rest = version.strip_prefix(self.major.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_become_machines() {
        let machine = |class: &str| Instance { class: class.to_owned(), ..Instance::default() }.machine();
        assert_eq!(machine("db.m5.large").as_deref(), Some("m5.large"));
        assert_eq!(machine("db.x2g.large").as_deref(), Some("x2gd.large"));
        assert_eq!(machine("db.r5.4xlarge.tpc2.mem2x").as_deref(), Some("r5.4xlarge"));
        let factor = |class: &str| {
            Instance { class: class.to_owned(), ..Instance::default() }.memory_factor().to_string()
        };
        for (class, memory) in [
            ("db.r5.4xlarge.tpc2.mem2x", "2"),
            ("db.r5.2xlarge.tpc2.mem8x", "8"),
            ("db.r5b.large.tpc1.mem2x", "2"),
            ("db.r5.4xlarge.tpc2", "1"),
            ("db.r5.4xlarge", "1"),
            ("db.mem2x.large", "1"),
            ("db.serverless", "1"),
        ] {
            assert_eq!(factor(class), memory, "{class}");
        }
        assert_eq!(machine("db.serverless"), None);
        assert_eq!(machine(""), None);
    }

    #[test]
    fn the_most_urgent_maintenance_counts() {
        let action = Action {
            resource: "arn:aws:rds:eu-west-3:1:db:a".to_owned(),
            forced: Some(5.0),
            auto_applied: Some(3.0),
            ..Action::default()
        };
        assert_eq!(
            (action.target(), action.apply_date(), action.urgency()),
            (Some(("db", "a")), Some(3.0), Urgency::Forced)
        );
        assert!(Urgency::Forced > Urgency::AutoApplied && Urgency::AutoApplied > Urgency::Pending);
        assert_eq!(Action::default().target(), None);
        let compat = |all: &[Urgency]| Urgency::compat(all).map(Urgency::name);
        assert_eq!(compat(&[Urgency::Forced, Urgency::AutoApplied]), Some("pending"));
        assert_eq!(compat(&[Urgency::Pending, Urgency::Forced]), Some("forced"));
        assert_eq!(compat(&[]), None);
    }

    #[test]
    fn versions_belong_to_their_major() {
        let lifecycle = |engine: &str, major: &str| Lifecycle {
            engine: engine.to_owned(),
            major: major.to_owned(),
            ..Lifecycle::default()
        };
        assert!(lifecycle("mysql", "8.0").covers("mysql", "8.0.35"));
        assert!(lifecycle("aurora-mysql", "8.0").covers("aurora-mysql", "8.0.mysql_aurora.3.04.1"));
        assert!(lifecycle("postgres", "14").covers("postgres", "14.9"));
        assert!(!lifecycle("postgres", "1").covers("postgres", "14.9"));
        assert!(!lifecycle("mysql", "8.0").covers("postgres", "8.0.1"));
    }
}
