//! What is served about each thing, and under which labels.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::too_many_lines,
    reason = "a test may panic and tells a whole story"
)]

use std::collections::{BTreeMap, BTreeSet};

use integration_tests::aws::{Account, Aws, Fault};
use integration_tests::exporter::{Exporter, Samples};

use crate::world::{complete, started};

/// Every family of the exporter that came before, with its labels besides account and region.
const OLD: &str = "
dbidentifier: rds_cpu_usage_percent_average rds_dbload_average rds_dbload_cpu_average rds_dbload_noncpu_average
dbidentifier: rds_database_connections_average rds_free_storage_bytes rds_freeable_memory_bytes
dbidentifier: rds_maximum_used_transaction_ids_average rds_network_receive_throughput_bytes
dbidentifier: rds_network_transmit_throughput_bytes rds_read_iops_average rds_read_throughput_bytes rds_replica_lag_seconds
dbidentifier: rds_replication_slot_disk_usage_bytes rds_swap_usage_bytes rds_serverless_instance_acu_average
dbidentifier: rds_storage_network_receive_throughput_bytes rds_storage_network_transmit_throughput_bytes
dbidentifier: rds_transaction_logs_disk_usage_bytes rds_write_iops_average rds_write_throughput_bytes
dbidentifier: rds_allocated_storage_bytes rds_max_allocated_storage_bytes rds_allocated_disk_iops_average
dbidentifier: rds_allocated_disk_throughput_bytes rds_max_disk_iops_average rds_max_storage_throughput_bytes
dbidentifier: rds_max_network_throughput_bytes rds_backup_retention_period_seconds rds_instance_status
dbidentifier: rds_instance_age_seconds rds_certificate_expiry_timestamp_seconds rds_instance_log_files_size_bytes
dbidentifier engine engine_version: rds_standard_support_engine_remaining_days rds_extended_support_engine_remaining_days
cluster_identifier cluster_resource_id engine engine_version arn: rds_cluster_info
cluster_identifier: rds_cluster_acu_max_average rds_cluster_acu_min_average
instance_class: rds_instance_vcpu_average rds_instance_memory_bytes rds_instance_baseline_iops_average
instance_class: rds_instance_max_iops_average rds_instance_baseline_throughput_bytes rds_instance_max_throughput_bytes
instance_class: rds_instance_baseline_network_bandwidth_bytes
: rds_quota_max_dbinstances_average rds_quota_total_storage_bytes rds_quota_maximum_db_instance_snapshots_average
: rds_usage_allocated_storage_bytes rds_usage_db_instances_average rds_usage_manual_snapshots_average
api: rds_api_call_total
collector: rds_exporter_errors_total
";

const ALL: &str = "
instances:
- identifier: main
  class: db.t3.large
  storage_type: gp2
  storage: 200
  max_storage: 1000
  tags: { team: payments, 'aws:cloudformation:stack-name': s, foo.bar: dot, foo-bar: dash, été: x }
  pending: { DBInstanceClass: db.m5.large, MasterUserPassword: '****' }
  parameter_groups: [{ name: p, status: pending-reboot }, { name: q }]
  maintenance: [{ action: system-update, forced_apply: in 9d }]
  version: '14.9'
- { identifier: copy, class: db.m5.large, replica_of: main }
- { identifier: writer, engine: aurora-postgresql, class: db.serverless, cluster: cl }
- { identifier: reader, engine: aurora-postgresql, class: db.r6g.large, cluster: cl }
- { identifier: bare, engine: mysql, omit: [InstanceCreateTime, CertificateDetails], tags: {} }
- { identifier: odd, status: converting-to-vpc }
clusters: [{ identifier: cl, writer: writer, serverless: { min: 1, max: 8 } }]
events:
- { source: main, message: failed over, categories: [failover, notification], at: 1h ago }
- { source: main, message: failed over, categories: [failover], at: 2h ago }
- { source: cl, source_type: db-cluster, message: m, categories: [maintenance], at: 3h ago }
- { source: main, message: old, categories: [deletion], at: 3d ago }
";

#[tokio::test]
async fn every_family_of_the_existing_exporter_is_there() {
    let (_aws, _exporter, samples) = started(ALL, &[]).await;
    let mut count = 0;
    for line in OLD.lines().filter(|line| !line.is_empty()) {
        let (labels, names) = line.split_once(':').unwrap();
        let wanted: BTreeSet<&str> =
            labels.split_whitespace().chain(["aws_account_id", "aws_region"]).collect();
        for name in names.split_whitespace() {
            count += 1;
            let sample = samples.all(name, &[]).next().unwrap_or_else(|| panic!("{name} is not served"));
            let labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
            assert_eq!(labels, wanted, "{name}");
            assert_eq!(
                (&*sample.labels["aws_account_id"], &*sample.labels["aws_region"]),
                ("123456789012", "eu-west-3")
            );
        }
    }
    let build = samples.all("rds_exporter_build_info", &[]).next().unwrap();
    assert_eq!(build.labels.keys().collect::<Vec<_>>(), ["build_date", "commit_sha", "version"]);
    // The others: rds_instance_info, rds_instance_tags, rds_exporter_build_info.
    assert_eq!(count + 3, 56);
}

#[tokio::test]
async fn labels_roles_and_tags() {
    let (_aws, _exporter, samples) = started(ALL, &[]).await;
    let info =
        |id: &str| samples.all("rds_instance_info", &[("dbidentifier", id)]).next().unwrap().labels.clone();
    let main = info("main");
    for (label, value) in [
        ("engine", "postgres"),
        ("engine_version", "14.9"),
        ("instance_class", "db.t3.large"),
        ("storage_type", "gp2"),
        ("multi_az", "false"),
        ("deletion_protection", "true"),
        ("role", "primary"),
        ("pending_modified_values", "true"),
        ("pending_maintenance", "forced"),
        ("performance_insights_enabled", "true"),
        ("ca_certificate_identifier", "rds-ca-rsa2048-g1"),
        ("arn", "arn:aws:rds:eu-west-3:123456789012:db:main"),
    ] {
        assert_eq!(main[label], value, "{label}");
    }
    assert!(main.contains_key("dbi_resource_id") && !main.contains_key("cluster_identifier"));
    for (id, role, source) in
        [("copy", "replica", Some("main")), ("writer", "writer", None), ("reader", "reader", Some("writer"))]
    {
        let labels = info(id);
        assert_eq!(
            (&*labels["role"], labels.get("source_dbidentifier").map(String::as_str)),
            (role, source),
            "{id}"
        );
    }
    assert_eq!(info("writer")["cluster_identifier"], "cl");
    let tags = samples.all("rds_instance_tags", &[("dbidentifier", "main")]).next().unwrap();
    for (label, value) in [
        ("tag_team", "payments"),
        ("tag_aws_cloudformation_stack_name", "s"),
        ("tag_foo_bar", "dash"),
        ("tag__t_", "x"),
    ] {
        assert_eq!(tags.labels[label], value);
    }
    assert_eq!(samples.one("rds_instance_tags", &[("dbidentifier", "bare")]), 0.0);
    assert_eq!(samples.one("rds_instance_status", &[("dbidentifier", "odd")]), -1.0);
    assert!(!samples.has("rds_instance_age_seconds", &[("dbidentifier", "bare")]));
}

#[tokio::test]
async fn what_the_alerts_and_newer_dashboards_need() {
    let (_aws, _exporter, samples) = started(ALL, &["--collect-latencies", "--collect-events"]).await;
    let of = |name: &str, id: &str| samples.maybe(name, &[("dbidentifier", id)]);
    assert_eq!(of("rds_instance_vcpus", "main"), Some(2.0));
    assert_eq!(of("rds_instance_vcpus", "writer"), Some(2.0));
    assert_eq!(of("rds_instance_physical_memory_bytes", "writer"), Some(16.0 * 1_073_741_824.0));
    assert_eq!(of("rds_instance_unapplied_parameter_groups", "main"), Some(1.0));
    assert_eq!(of("rds_instance_unapplied_parameter_groups", "bare"), Some(0.0));
    assert_eq!(of("rds_instance_unapplied_cluster_parameter_groups", "reader"), Some(0.0));
    assert_eq!(of("rds_instance_unapplied_cluster_parameter_groups", "main"), None);
    assert_eq!(of("rds_instance_pending_modifications", "main"), Some(1.0));
    assert_eq!(of("rds_aurora_replica_lag_seconds", "reader"), Some(0.015));
    assert_eq!(of("rds_aurora_replica_lag_seconds", "writer"), None);
    assert_eq!(of("rds_dbload_average", "main"), Some(0.5));
    for (name, id) in [
        ("rds_instance_latest_restorable_timestamp_seconds", "main"),
        ("rds_cpu_credit_balance", "main"),
        ("rds_burst_balance_percent", "main"),
        ("rds_ebs_io_balance_percent", "main"),
        ("rds_ebs_byte_balance_percent", "main"),
        ("rds_free_local_storage_bytes", "reader"),
        ("rds_serverless_acu_utilization_percent", "writer"),
        ("rds_read_latency_seconds", "main"),
        ("rds_write_latency_seconds", "main"),
        ("rds_disk_queue_depth_average", "main"),
        ("rds_oldest_replication_slot_lag_bytes", "main"),
        ("rds_bin_log_disk_usage_bytes", "bare"),
    ] {
        // EBS balances are asked for once the class is known.
        let later = name.starts_with("rds_ebs");
        assert!(later || of(name, id).is_some(), "{name} of {id}");
    }
    let cluster = [("cluster_identifier", "cl")];
    assert_eq!(samples.one("rds_cluster_members", &cluster), 2.0);
    let restorable = samples.one("rds_cluster_latest_restorable_timestamp_seconds", &cluster);
    assert!(restorable > 1_700_000_000.0, "{restorable}");
    let age = samples.one("rds_exporter_collector_age_seconds", &[("collector", "clusters")]);
    assert!((0.0..60.0).contains(&age), "{age}");
    let age = of("rds_newest_datapoint_age_seconds", "main").unwrap();
    assert!((0.0..300.0).contains(&age), "{age}");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let event = |labels: &[(&str, &str)]| {
        samples.maybe("rds_last_event_timestamp_seconds", labels).map(|at| ((now - at) / 3_600.0).round())
    };
    assert_eq!(event(&[("dbidentifier", "main"), ("category", "failover")]), Some(1.0));
    assert_eq!(event(&[("cluster_identifier", "cl"), ("category", "maintenance")]), Some(3.0));
    assert_eq!(event(&[("category", "deletion")]), None);
}

#[tokio::test]
async fn numbers_of_clusters_come_from_cloudwatch_too() {
    let (_aws, exporter, _) = started(ALL, &[]).await;
    // Clusters may be known a moment after the first round of questions.
    exporter.reload().await.unwrap();
    let samples = integration_tests::eventually!("the volume is known", {
        let samples = exporter.scrape().await.unwrap();
        let both = ["rds_cluster_volume_used_bytes", "rds_ebs_io_balance_percent"];
        both.iter().all(|name| samples.has(name, &[])).then_some(samples)
    });
    let cluster = [("cluster_identifier", "cl")];
    assert_eq!(samples.one("rds_cluster_volume_used_bytes", &cluster), 20e9);
    assert_eq!(samples.one("rds_cluster_volume_read_iops_average", &cluster), 10.0);
    assert!(samples.has("rds_ebs_io_balance_percent", &[("dbidentifier", "main")]));
}

/// The metrics files and the page agree: what is declared is served, and nothing else is, under these labels.
#[tokio::test]
async fn the_metrics_files_say_what_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml").display().to_string();
    std::fs::write(&file, "removed-targets: [{ account: '999999999999', region: eu-west-1 }]\n").unwrap();
    let (aws, exporter, _) =
        started(ALL, &["--collect-latencies", "--collect-events", "--config", &file]).await;
    // What says why a collector fails is there while one does; the account is known by now.
    aws.fault("sts:GetCallerIdentity", Fault::Deny);
    let (queries, _) = rds_exporter::queries();
    let declared = queries
        .iter()
        .flat_map(|query| query.metrics.iter().map(move |metric| (metric.series.to_string(), query)));
    let declared: BTreeMap<String, _> = declared.collect();
    // Clusters and classes may be known a moment after the first round of questions.
    exporter.reload().await.unwrap();
    let missing = |samples: &Samples| -> Vec<String> {
        declared.keys().filter(|name| !samples.has(name, &[])).cloned().collect()
    };
    let start = std::time::Instant::now();
    let samples = loop {
        let samples = exporter.scrape().await.unwrap();
        let missing = missing(&samples);
        // Made by Prometheus about a scrape.
        if missing.iter().all(|name| !name.starts_with("rds_")) {
            break samples;
        }
        assert!(start.elapsed() < integration_tests::patience(), "declared, but not served: {missing:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    for sample in samples.iter().filter(|sample| sample.name.starts_with("rds_")) {
        let process =
            ["rds_exporter_config_", "rds_exporter_http_"].iter().any(|own| sample.name.starts_with(own));
        if process || sample.name == "rds_instance_tags" {
            continue;
        }
        let query =
            declared.get(&sample.name).unwrap_or_else(|| panic!("served, but not declared: {sample:?}"));
        let known = |label: &str| query.labels.iter().any(|own| own.to_string() == label);
        let unknown = sample.labels.keys().find(|label| !known(label) && !label.starts_with("aws_"));
        assert_eq!(unknown, None, "{sample:?}");
    }
}

#[tokio::test]
async fn cloudwatch_is_not_asked_for_what_cannot_exist() {
    let account = "instances: [{ identifier: a, engine: mysql, performance_insights: false }, { identifier: b, status: stopped }, { identifier: n, engine: neptune, cluster: n }]\nclusters: [{ identifier: n, engine: neptune }]";
    let (aws, _exporter, samples) = started(account, &["--collect-usages=false"]).await;
    // CPU, connections, memory, two of network, four of disk; swap and free space.
    assert_eq!(
        aws.billed_metrics(),
        11,
        "{:#?}",
        aws.requests().iter().filter(|one| one.metrics > 0).collect::<Vec<_>>()
    );
    assert_eq!(samples.one("rds_api_billed_metrics_total", &[("api", "cloudwatch")]), 11.0);
    assert!(!samples.has("rds_cpu_usage_percent_average", &[("dbidentifier", "b")]));
}

#[tokio::test]
async fn a_page_has_no_series_twice() {
    let aws = Aws::start(Account::fleet(100)).await.unwrap();
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    let samples = complete(&exporter).await;
    let mut known = BTreeSet::new();
    for sample in samples.iter() {
        assert!(known.insert((&sample.name, format!("{:?}", sample.labels))), "{sample:?}");
        assert!(sample.value.is_finite(), "{sample:?}");
    }
    assert!(known.len() > 3_000);
}
