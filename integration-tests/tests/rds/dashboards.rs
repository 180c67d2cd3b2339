//! The queries of the dashboards that people have find their series.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::world::started;

/// Panels of the existing dashboards that join: the series on the left, the label they join on, the series on the right.
const JOINS: &[(&str, &str, &str)] = &[
    ("rds_instance_vcpu_average", "instance_class", "rds_instance_info"),
    ("rds_instance_memory_bytes", "instance_class", "rds_instance_info"),
    ("rds_instance_baseline_iops_average", "instance_class", "rds_instance_info"),
    ("rds_instance_max_iops_average", "instance_class", "rds_instance_info"),
    ("rds_instance_baseline_throughput_bytes", "instance_class", "rds_instance_info"),
    ("rds_instance_max_throughput_bytes", "instance_class", "rds_instance_info"),
    ("rds_freeable_memory_bytes", "dbidentifier", "rds_instance_info"),
    ("rds_dbload_cpu_average", "dbidentifier", "rds_instance_info"),
    ("rds_dbload_noncpu_average", "dbidentifier", "rds_instance_info"),
    ("rds_replica_lag_seconds", "dbidentifier", "rds_instance_info"),
    ("rds_allocated_storage_bytes", "dbidentifier", "rds_instance_info"),
    ("rds_free_storage_bytes", "dbidentifier", "rds_allocated_storage_bytes"),
    ("rds_max_allocated_storage_bytes", "dbidentifier", "rds_allocated_storage_bytes"),
    ("rds_read_iops_average", "dbidentifier", "rds_max_disk_iops_average"),
    ("rds_write_iops_average", "dbidentifier", "rds_max_disk_iops_average"),
    ("rds_read_throughput_bytes", "dbidentifier", "rds_max_storage_throughput_bytes"),
    ("rds_write_throughput_bytes", "dbidentifier", "rds_max_storage_throughput_bytes"),
    ("rds_network_receive_throughput_bytes", "dbidentifier", "rds_max_network_throughput_bytes"),
    ("rds_network_transmit_throughput_bytes", "dbidentifier", "rds_max_network_throughput_bytes"),
    ("rds_replication_slot_disk_usage_bytes", "dbidentifier", "rds_allocated_storage_bytes"),
    ("rds_transaction_logs_disk_usage_bytes", "dbidentifier", "rds_allocated_storage_bytes"),
    ("rds_instance_log_files_size_bytes", "dbidentifier", "rds_allocated_storage_bytes"),
    ("rds_storage_network_receive_throughput_bytes", "dbidentifier", "rds_instance_info"),
    ("rds_storage_network_transmit_throughput_bytes", "dbidentifier", "rds_instance_info"),
    ("rds_serverless_instance_acu_average", "dbidentifier", "rds_instance_info"),
    ("rds_cluster_acu_max_average", "cluster_identifier", "rds_instance_info"),
    ("rds_cluster_acu_min_average", "cluster_identifier", "rds_cluster_info"),
    (
        "rds_extended_support_engine_remaining_days",
        "dbidentifier",
        "rds_standard_support_engine_remaining_days",
    ),
    ("rds_quota_max_dbinstances_average", "aws_account_id", "rds_instance_info"),
    ("rds_quota_total_storage_bytes", "aws_account_id", "rds_allocated_storage_bytes"),
    ("rds_cpu_usage_percent_average", "dbidentifier", "rds_instance_info"),
    ("rds_database_connections_average", "dbidentifier", "rds_instance_info"),
    ("rds_swap_usage_bytes", "dbidentifier", "rds_instance_info"),
    ("rds_maximum_used_transaction_ids_average", "dbidentifier", "rds_instance_info"),
    ("rds_instance_status", "dbidentifier", "rds_instance_info"),
    ("rds_instance_age_seconds", "dbidentifier", "rds_instance_info"),
    ("rds_backup_retention_period_seconds", "dbidentifier", "rds_instance_info"),
    ("rds_allocated_disk_iops_average", "dbidentifier", "rds_instance_info"),
    ("rds_allocated_disk_throughput_bytes", "dbidentifier", "rds_instance_info"),
];

const ACCOUNT: &str = "
instances:
- { identifier: main, version: '14.9', max_storage: 1000 }
- { identifier: copy, replica_of: main }
- { identifier: writer, engine: aurora-postgresql, class: db.serverless, cluster: cl }
clusters: [{ identifier: cl, serverless: { min: 1, max: 8 } }]
";

#[tokio::test]
async fn every_panel_finds_its_series() {
    let (_aws, _exporter, samples) = started(ACCOUNT, &[]).await;
    for (left, label, right) in JOINS {
        let values = |name: &str| -> Vec<String> {
            samples.all(name, &[]).filter_map(|sample| sample.labels.get(*label).cloned()).collect()
        };
        let (left_values, right_values) = (values(left), values(right));
        assert!(
            left_values.iter().any(|value| right_values.contains(value)),
            "{left} and {right} share no {label}"
        );
        assert!(left_values.iter().all(|value| !value.is_empty()));
    }
    for name in ["rds_exporter_build_info", "rds_exporter_errors_total", "rds_api_call_total"] {
        assert!(samples.has(name, &[]), "{name}");
    }
    // Old dashboards count instances by these labels.
    for (label, value) in
        [("pending_maintenance", "no"), ("pending_modified_values", "false"), ("role", "replica")]
    {
        assert!(samples.has("rds_instance_info", &[(label, value)]), "{label}={value}");
    }
}
