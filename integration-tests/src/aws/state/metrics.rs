//! The metrics of AWS/RDS: which database has which, and the values of a quiet one.

use super::{Account, Cluster, Family, Instance, InstanceType, Series};

/// Which instances publish a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// All.
    All,
    /// Those with storage of their own.
    Own,
    /// Members of Aurora clusters.
    Aurora,
    /// PostgreSQL, Aurora too.
    Postgres,
    /// `MySQL` and `MariaDB` with storage of their own.
    Mysql,
    /// Read replicas with storage of their own.
    Replica,
    /// Aurora members that do not write.
    Reader,
    /// Aurora Serverless v2.
    Serverless,
    /// Classes with CPU credits.
    Burstable,
    /// Volumes with burst credits.
    Gp2,
    /// Machines whose EBS bandwidth can burst.
    EbsBurst,
    /// With Performance Insights.
    Insights,
}

/// Name, who has it, unit, value of a quiet database.
type Row = (&'static str, Of, &'static str, f64);

const METRICS: &[Row] = &[
    ("BurstBalance", Of::Gp2, "Percent", 100.0),
    ("CPUCreditBalance", Of::Burstable, "Count", 576.0),
    ("CPUCreditUsage", Of::Burstable, "Count", 0.3),
    ("CPUUtilization", Of::All, "Percent", 12.5),
    ("CheckpointLag", Of::Postgres, "Seconds", 30.0),
    ("DBLoad", Of::Insights, "None", 0.5),
    ("DBLoadCPU", Of::Insights, "None", 0.3),
    ("DBLoadNonCPU", Of::Insights, "None", 0.2),
    ("DBLoadRelativeToNumVCPUs", Of::Insights, "None", 0.25),
    ("DatabaseConnections", Of::All, "Count", 20.0),
    ("DiskQueueDepth", Of::Own, "Count", 0.1),
    ("EBSByteBalance%", Of::EbsBurst, "Percent", 99.0),
    ("EBSIOBalance%", Of::EbsBurst, "Percent", 99.0),
    ("FreeStorageSpace", Of::Own, "Bytes", 0.0),
    ("FreeableMemory", Of::All, "Bytes", 0.0),
    ("MaximumUsedTransactionIDs", Of::Postgres, "Count", 50_000_000.0),
    ("NetworkReceiveThroughput", Of::All, "Bytes/Second", 20_000.0),
    ("NetworkTransmitThroughput", Of::All, "Bytes/Second", 50_000.0),
    ("OldestReplicationSlotLag", Of::Postgres, "Bytes", 0.0),
    ("ReadIOPS", Of::All, "Count/Second", 10.0),
    ("ReadLatency", Of::All, "Seconds", 0.000_5),
    ("ReadThroughput", Of::All, "Bytes/Second", 100_000.0),
    ("ReplicaLag", Of::Replica, "Seconds", 0.1),
    ("ReplicationSlotDiskUsage", Of::Postgres, "Bytes", 0.0),
    ("SwapUsage", Of::All, "Bytes", 0.0),
    ("TransactionLogsDiskUsage", Of::Postgres, "Bytes", 500_000_000.0),
    ("TransactionLogsGeneration", Of::Postgres, "Bytes/Second", 30_000.0),
    ("WriteIOPS", Of::All, "Count/Second", 15.0),
    ("WriteLatency", Of::All, "Seconds", 0.001),
    ("WriteThroughput", Of::All, "Bytes/Second", 150_000.0),
    ("BinLogDiskUsage", Of::Mysql, "Bytes", 1_000_000.0),
    ("ACUUtilization", Of::Serverless, "Percent", 25.0),
    ("AuroraReplicaLag", Of::Reader, "Milliseconds", 15.0),
    ("BufferCacheHitRatio", Of::Aurora, "Percent", 99.5),
    ("CommitLatency", Of::Aurora, "Milliseconds", 3.0),
    ("CommitThroughput", Of::Aurora, "Count/Second", 5.0),
    ("Deadlocks", Of::Aurora, "Count/Second", 0.0),
    ("EngineUptime", Of::Aurora, "Seconds", 864_000.0),
    ("FreeLocalStorage", Of::Aurora, "Bytes", 30_000_000_000.0),
    ("ServerlessDatabaseCapacity", Of::Serverless, "Count", 2.0),
    ("StorageNetworkReceiveThroughput", Of::Aurora, "Bytes/Second", 40_000.0),
    ("StorageNetworkThroughput", Of::Aurora, "Bytes/Second", 100_000.0),
    ("StorageNetworkTransmitThroughput", Of::Aurora, "Bytes/Second", 60_000.0),
];

/// Names of all metrics.
pub fn metric_names() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|row| row.0).chain(CLUSTER_METRICS.iter().map(|row| row.0))
}

/// Metrics that only a cluster has: name, unit, value.
const CLUSTER_METRICS: &[(&str, &str, f64)] = &[
    ("BackupRetentionPeriodStorageUsed", "Bytes", 5_000_000_000.0),
    ("SnapshotStorageUsed", "Bytes", 0.0),
    ("TotalBackupStorageBilled", "Bytes", 0.0),
    ("VolumeBytesUsed", "Bytes", 20_000_000_000.0),
    ("VolumeReadIOPs", "Count", 3_000.0),
    ("VolumeWriteIOPs", "Count", 4_500.0),
];

fn publishes(account: &Account, region: &str, instance: &Instance, of: Of) -> bool {
    let Some(engine) = instance.kind().filter(|engine| engine.is_rds()) else { return false };
    let ebs_bursts = |burst: &InstanceType| burst.ebs.as_ref().is_some_and(|ebs| ebs.burst_iops > ebs.iops);
    match of {
        Of::All => true,
        Of::Own => !engine.clustered,
        Of::Aurora => engine.clustered,
        Of::Postgres => engine.family == Family::Postgres,
        Of::Mysql => !engine.clustered && matches!(engine.family, Family::Mysql | Family::Mariadb),
        Of::Replica => {
            !engine.clustered && (instance.replica_of.is_some() || instance.replica_of_cluster.is_some())
        }
        Of::Reader => {
            let name = instance.cluster.as_deref().filter(|_| engine.clustered);
            let cluster = name.and_then(|name| account.cluster(region, name));
            let writer = cluster.and_then(|cluster| account.members(region, cluster).first().copied());
            writer.is_some_and(|writer| writer.identifier != instance.identifier)
        }
        Of::Serverless => instance.is_serverless(),
        Of::Burstable => instance.class.starts_with("db.t"),
        Of::Gp2 => instance.storage_kind() == "gp2",
        Of::EbsBurst => !engine.clustered && InstanceType::of_class(&instance.class).is_some_and(ebs_bursts),
        Of::Insights => instance.performance_insights,
    }
}

/// The value of a quiet database, for metrics that depend on its size.
fn quiet(instance: &Instance, row: &Row) -> f64 {
    const GIB: f64 = 1_073_741_824.0;
    #[allow(clippy::cast_precision_loss, reason = "sizes in GiB and MiB are small")]
    match row.0 {
        "FreeStorageSpace" => instance.allocated() as f64 * GIB * 0.6,
        "FreeableMemory" => {
            let memory = InstanceType::of_class(&instance.class).map_or(4_096, |machine| machine.memory_mib);
            memory as f64 * GIB / 1_024.0 * 0.3
        }
        _ => row.3,
    }
}

/// A metric of an instance, unless it publishes none of this name.
pub(crate) fn instance_metric(
    account: &Account,
    region: &str,
    instance: &Instance,
    name: &str,
) -> Option<(Series, &'static str)> {
    let row = METRICS.iter().find(|row| row.0 == name);
    if let Some(series) = instance.metrics.get(name) {
        let unit = row.map_or("None", |row| row.2);
        return (!series.is_empty()).then(|| (series.clone(), unit));
    }
    let row = row.filter(|row| instance.is_running() && publishes(account, region, instance, row.1))?;
    Some((Series::Constant(quiet(instance, row)), row.2))
}

/// Names of the metrics that an instance publishes.
pub(crate) fn instance_metrics(account: &Account, region: &str, instance: &Instance) -> Vec<String> {
    let own = instance.metrics.keys().map(String::as_str);
    let rows = METRICS.iter().map(|row| row.0).filter(|name| !instance.metrics.contains_key(*name));
    let names = rows.chain(own).filter(|name| instance_metric(account, region, instance, name).is_some());
    names.map(str::to_owned).collect()
}

/// A metric that a cluster has by itself, not through its members.
pub(crate) fn cluster_only(cluster: &Cluster, name: &str) -> Option<(Series, &'static str)> {
    let row = CLUSTER_METRICS.iter().find(|row| row.0 == name);
    if let Some(series) = cluster.metrics.get(name) {
        return (!series.is_empty()).then(|| (series.clone(), row.map_or("None", |row| row.1)));
    }
    let aurora = cluster.kind().is_some_and(|engine| engine.clustered && engine.is_rds());
    row.filter(|_| aurora).map(|row| (Series::Constant(row.2), row.1))
}

/// Names of the metrics that a cluster has by itself.
pub(crate) fn cluster_metrics(cluster: &Cluster) -> Vec<String> {
    let own = cluster.metrics.keys().map(String::as_str);
    let rows = CLUSTER_METRICS.iter().map(|row| row.0).filter(|name| !cluster.metrics.contains_key(*name));
    rows.chain(own).filter(|name| cluster_only(cluster, name).is_some()).map(str::to_owned).collect()
}
