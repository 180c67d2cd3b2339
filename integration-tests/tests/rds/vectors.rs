//! Values as they must be, and, with `--compat`, as the exporter that came before gave them.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use integration_tests::exporter::Samples;

use crate::world::started;

const ACCOUNT: &str = "
instances:
- { identifier: gp2, class: db.m5.large, storage_type: gp2, storage: 400, version: '14.9' }
- { identifier: gp3, class: db.t3.large, storage_type: gp3, storage: 100, iops: 3000, throughput: 125 }
- { identifier: gp3-plain, class: db.t3.large, storage_type: gp3, storage: 100, iops: 3000, omit: [StorageThroughput] }
- { identifier: io1, class: db.r5.24xlarge, storage_type: io1, storage: 4000, iops: 48000 }
- { identifier: io2, class: db.r6g.16xlarge, storage_type: io2, storage: 4000, iops: 20000 }
- { identifier: aurora, class: db.r6g.large, engine: aurora-postgresql, cluster: plain }
- { identifier: serverless, class: db.serverless, engine: aurora-postgresql, cluster: scaling }
- { identifier: x2g, class: db.x2g.large, storage_type: gp3, storage: 100, iops: 3000, throughput: 125 }
- { identifier: mysql, engine: mysql, version: 8.0.35 }
- identifier: forced
  maintenance:
  - { action: system-update, forced_apply: 2030-01-01 }
  - { action: db-upgrade, auto_applied_after: 2029-01-01 }
clusters:
- { identifier: plain }
- { identifier: scaling, serverless: { min: 0.5, max: 16 } }
lifecycles:
- { engine: postgres, major: '14', standard_end: in 98d, extended_end: in 1194d }
- { engine: mysql, major: '8.0', standard_end: 1d ago, extended_end: in 100d }
";

const MIB: f64 = 1_048_576.0;

/// IOPS and throughput of the volume, and what volume and class can do together.
fn limits(samples: &Samples, id: &str) -> [Option<f64>; 4] {
    let names = [
        "rds_allocated_disk_iops_average",
        "rds_allocated_disk_throughput_bytes",
        "rds_max_disk_iops_average",
        "rds_max_storage_throughput_bytes",
    ];
    names.map(|name| samples.maybe(name, &[("dbidentifier", id)]))
}

fn of(samples: &Samples, name: &str, id: &str) -> Option<f64> {
    samples.maybe(name, &[("dbidentifier", id)])
}

#[tokio::test]
async fn the_golden_vectors() {
    let (_aws, _exporter, samples) = started(ACCOUNT, &[]).await;
    assert_eq!(
        limits(&samples, "gp2"),
        [Some(12_000.0), Some(512.0 * MIB), Some(3_600.0), Some(81_250_000.0)]
    );
    assert_eq!(
        limits(&samples, "gp3"),
        [Some(3_000.0), Some(131_072_000.0), Some(3_000.0), Some(86_875_000.0)]
    );
    assert_eq!(limits(&samples, "gp3-plain"), [Some(3_000.0), None, Some(3_000.0), Some(86_875_000.0)]);
    assert_eq!(
        limits(&samples, "io1"),
        [Some(48_000.0), Some(786_432_000.0), Some(48_000.0), Some(786_432_000.0)]
    );
    assert_eq!(
        limits(&samples, "io2"),
        [Some(20_000.0), Some(4_194_304_000.0), Some(20_000.0), Some(2_375_000_000.0)]
    );
    assert_eq!(limits(&samples, "aurora"), [None; 4]);
    assert_eq!(limits(&samples, "serverless"), [None; 4]);
    assert_eq!(
        limits(&samples, "x2g"),
        [Some(3_000.0), Some(131_072_000.0), Some(3_000.0), Some(78_750_000.0)]
    );
    assert_eq!(of(&samples, "rds_max_network_throughput_bytes", "x2g"), Some(93_750_000.0));
    let class = [("instance_class", "db.m5.large")];
    assert_eq!(samples.one("rds_instance_baseline_network_bandwidth_bytes", &class), 93_750_000.0);
    assert_eq!(samples.one("rds_instance_baseline_throughput_bytes", &class), 81_250_000.0);
    assert_eq!(samples.one("rds_instance_memory_bytes", &class), 8_192.0 * MIB);
    assert_eq!(samples.one("rds_instance_vcpu_average", &[("instance_class", "db.x2g.large")]), 2.0);
    assert!(!samples.has("rds_instance_vcpu_average", &[("instance_class", "db.x2gd.large")]));
    assert_eq!(samples.one("rds_quota_total_storage_bytes", &[]), 1.073_741_824e14);
    assert_eq!(of(&samples, "rds_allocated_storage_bytes", "aurora"), Some(1_073_741_824.0));
    assert_eq!(of(&samples, "rds_backup_retention_period_seconds", "gp2"), Some(604_800.0));
    assert_eq!(of(&samples, "rds_standard_support_engine_remaining_days", "gp2"), Some(98.0));
    assert_eq!(of(&samples, "rds_extended_support_engine_remaining_days", "gp2"), Some(1_194.0));
    assert_eq!(of(&samples, "rds_standard_support_engine_remaining_days", "mysql"), Some(-1.0));
    let info = [("dbidentifier", "forced"), ("pending_maintenance", "forced")];
    assert_eq!(samples.one("rds_instance_info", &info), 1.0);
    for (name, plain, scaling) in
        [("rds_cluster_acu_min_average", None, 0.5), ("rds_cluster_acu_max_average", None, 16.0)]
    {
        assert_eq!(samples.maybe(name, &[("cluster_identifier", "plain")]), plain, "{name}");
        assert_eq!(samples.one(name, &[("cluster_identifier", "scaling")]), scaling, "{name}");
    }
    assert!(!of(&samples, "rds_instance_log_files_size_bytes", "serverless").is_some_and(|_| true));
    assert!(!samples.has("up", &[]));
}

#[tokio::test]
async fn compat_gives_the_old_values() {
    let account = format!("{ACCOUNT}faults: [{{ on: servicequotas, fault: deny }}]\n");
    let (_aws, _exporter, samples) = started(&account, &["--compat"]).await;
    assert_eq!(
        limits(&samples, "gp2"),
        [Some(1_200.0), Some(262_144_000.0), Some(1_200.0), Some(85_196_800.0)]
    );
    assert_eq!(
        limits(&samples, "gp3"),
        [Some(3_000.0), Some(131_072_000.0), Some(3_000.0), Some(91_095_040.0)]
    );
    assert_eq!(limits(&samples, "gp3-plain"), [Some(3_000.0), None, Some(3_000.0), Some(91_095_040.0)]);
    assert_eq!(
        limits(&samples, "io1"),
        [Some(48_000.0), Some(786_432_000.0), Some(48_000.0), Some(786_432_000.0)]
    );
    assert_eq!(
        limits(&samples, "io2"),
        [Some(20_000.0), Some(4_194_304_000.0), Some(20_000.0), Some(2_490_368_000.0)]
    );
    assert_eq!(limits(&samples, "aurora"), [None, None, Some(3_600.0), Some(82_575_360.0)]);
    assert_eq!(limits(&samples, "serverless"), [None; 4]);
    assert_eq!(
        limits(&samples, "x2g"),
        [Some(3_000.0), Some(131_072_000.0), Some(3_000.0), Some(131_072_000.0)]
    );
    assert_eq!(of(&samples, "rds_max_network_throughput_bytes", "x2g"), None);
    assert_eq!(samples.one("rds_instance_vcpu_average", &[("instance_class", "db.x2gd.large")]), 2.0);
    let class = [("instance_class", "db.m5.large")];
    assert_eq!(samples.one("rds_instance_baseline_network_bandwidth_bytes", &class), 7.5e8);
    assert_eq!(samples.one("rds_quota_total_storage_bytes", &[]), 0.0);
    assert_eq!(of(&samples, "rds_standard_support_engine_remaining_days", "gp2"), Some(98.0));
    assert_eq!(of(&samples, "rds_standard_support_engine_remaining_days", "mysql"), None);
    let info = [("dbidentifier", "forced"), ("pending_maintenance", "pending")];
    assert_eq!(samples.one("rds_instance_info", &info), 1.0);
    assert_eq!(samples.one("rds_cluster_acu_max_average", &[("cluster_identifier", "plain")]), 0.0);
    assert_eq!(samples.one("up", &[]), 1.0);
}
