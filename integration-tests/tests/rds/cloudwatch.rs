//! Each metric of CloudWatch in the series that it belongs to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;

use integration_tests::eventually;

use crate::world::started;

/// Database, metric as AWS names it, series, and what the series has for each unit of CloudWatch.
const METRICS: &str = "
main BurstBalance rds_burst_balance_percent 1
main CPUCreditBalance rds_cpu_credit_balance 1
main CPUUtilization rds_cpu_usage_percent_average 1
main DatabaseConnections rds_database_connections_average 1
main DBLoadCPU rds_dbload_cpu_average 1
main DBLoadNonCPU rds_dbload_noncpu_average 1
main DiskQueueDepth rds_disk_queue_depth_average 1
main EBSByteBalance% rds_ebs_byte_balance_percent 1
main EBSIOBalance% rds_ebs_io_balance_percent 1
main FreeableMemory rds_freeable_memory_bytes 1
main FreeStorageSpace rds_free_storage_bytes 1
main MaximumUsedTransactionIDs rds_maximum_used_transaction_ids_average 1
main NetworkReceiveThroughput rds_network_receive_throughput_bytes 1
main NetworkTransmitThroughput rds_network_transmit_throughput_bytes 1
main OldestReplicationSlotLag rds_oldest_replication_slot_lag_bytes 1
main ReadIOPS rds_read_iops_average 1
main ReadLatency rds_read_latency_seconds 1
main ReadThroughput rds_read_throughput_bytes 1
main ReplicationSlotDiskUsage rds_replication_slot_disk_usage_bytes 1
main SwapUsage rds_swap_usage_bytes 1
main TransactionLogsDiskUsage rds_transaction_logs_disk_usage_bytes 1
main WriteIOPS rds_write_iops_average 1
main WriteLatency rds_write_latency_seconds 1
main WriteThroughput rds_write_throughput_bytes 1
copy ReplicaLag rds_replica_lag_seconds 1
writer ACUUtilization rds_serverless_acu_utilization_percent 1
writer ServerlessDatabaseCapacity rds_serverless_instance_acu_average 1
reader AuroraReplicaLag rds_aurora_replica_lag_seconds 0.001
reader FreeLocalStorage rds_free_local_storage_bytes 1
reader StorageNetworkReceiveThroughput rds_storage_network_receive_throughput_bytes 1
reader StorageNetworkTransmitThroughput rds_storage_network_transmit_throughput_bytes 1
mysql BinLogDiskUsage rds_bin_log_disk_usage_bytes 1
cl VolumeBytesUsed rds_cluster_volume_used_bytes 1
cl VolumeReadIOPs rds_cluster_volume_read_iops_average 0.0033333333333333335
cl VolumeWriteIOPs rds_cluster_volume_write_iops_average 0.0033333333333333335
";

const DATABASES: [(&str, &str); 6] = [
    ("main", "class: db.t3.large, storage_type: gp2, storage: 200"),
    ("copy", "class: db.m5.large, replica_of: main"),
    ("writer", "class: db.serverless, engine: aurora-postgresql, cluster: cl"),
    ("reader", "class: db.r6g.large, engine: aurora-postgresql, cluster: cl"),
    ("mysql", "engine: mysql"),
    ("cl", "writer: writer, serverless: { min: 1, max: 8 }"),
];

struct Row<'a> {
    database: &'a str,
    metric: &'a str,
    series: &'a str,
    factor: f64,
    value: f64,
}

/// Each metric has a value that no other has.
fn rows() -> Vec<Row<'static>> {
    let lines = METRICS.lines().filter(|line| !line.is_empty()).zip(0_u16..);
    let row = |(line, number): (&'static str, u16)| {
        let [database, metric, series, factor] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        Row {
            database,
            metric,
            series,
            factor: factor.parse().unwrap(),
            value: 3.0 + 2.0 * f64::from(number),
        }
    };
    lines.map(row).collect()
}

fn account(rows: &[Row]) -> String {
    let mut text = "instances:\n".to_owned();
    for (database, about) in DATABASES {
        if database == "cl" {
            text.push_str("clusters:\n");
        }
        let own = rows.iter().filter(|row| row.database == database);
        let metrics: Vec<_> = own.map(|row| format!("'{}': {}", row.metric, row.value)).collect();
        let _ =
            writeln!(text, "- {{ identifier: {database}, {about}, metrics: {{ {} }} }}", metrics.join(", "));
    }
    text
}

#[tokio::test]
async fn each_metric_is_in_its_own_series() {
    let rows = rows();
    let (_aws, exporter, _) = started(&account(&rows), &["--collect-latencies"]).await;
    // What belongs to clusters and classes is asked for once they are known.
    exporter.reload().await.unwrap();
    let samples = eventually!("the last ones are known", {
        let samples = exporter.scrape().await.unwrap();
        let late =
            ["rds_cluster_volume_used_bytes", "rds_ebs_io_balance_percent", "rds_bin_log_disk_usage_bytes"];
        late.iter().all(|name| samples.has(name, &[])).then_some(samples)
    });
    let mut wrong = Vec::new();
    for row in &rows {
        let label = if row.database == "cl" { "cluster_identifier" } else { "dbidentifier" };
        let found = samples.maybe(row.series, &[(label, row.database)]);
        let wanted = row.value * row.factor;
        if found.is_none_or(|found| (found - wanted).abs() > 1e-9) {
            wrong.push(format!(
                "{} of {} is {found:?}, not {wanted} ({})",
                row.series, row.database, row.metric
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing that is declared is forgotten here.
#[test]
fn every_series_of_cloudwatch_is_in_the_table() {
    let (queries, _) = rds_exporter::queries();
    let metrics = queries.iter().flat_map(|query| &query.metrics);
    let declared = metrics.filter(|metric| matches!(metric.origin, catalogue::metric::Origin::CloudWatch(_)));
    let rows = rows();
    let missing: Vec<_> = declared
        .map(|metric| metric.series.to_string())
        .filter(|series| !rows.iter().any(|row| row.series == *series))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
