//! What is selected and what it is: tags, roles, targets that are the same.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use integration_tests::aws::{Aws, Fault};
use integration_tests::eventually;
use integration_tests::exporter::{Exporter, Samples};

use crate::world::{aws, broken, complete, started};

/// Starts with a configuration file.
async fn with(account: &str, file: &str) -> (Aws, tempfile::TempDir, Exporter) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yaml");
    std::fs::write(&path, file).unwrap();
    let aws = aws(account).await;
    let exporter = Exporter::rds(&aws).arg("--config").arg(&path).args(&["--collect-events"]);
    let exporter = exporter.start().await.unwrap();
    (aws, folder, exporter)
}

fn role(samples: &Samples, id: &str) -> String {
    samples.all("rds_instance_info", &[("dbidentifier", id)]).next().unwrap().labels["role"].clone()
}

const TAGGED: &str = "
clusters:
- { identifier: cl, writer: w, serverless: { min: 1, max: 8 }, maintenance: [{ action: os-upgrade }] }
- { identifier: other, maintenance: [{ action: os-upgrade }] }
instances:
- { identifier: w, engine: aurora-postgresql, class: db.serverless, cluster: cl, tags: { team: a } }
- { identifier: r, engine: aurora-postgresql, class: db.serverless, cluster: cl, tags: { team: a } }
- { identifier: x, engine: aurora-postgresql, cluster: other, maintenance: [{ action: system-update }] }
- { identifier: s, tags: { team: a }, maintenance: [{ action: system-update }] }
events:
- { source: x, message: gone, categories: [failover] }
- { source: s, message: here, categories: [failover] }
- { source: cl, source_type: db-cluster, message: gone, categories: [failover] }
maintenance: { 'shard-group:one': [{ action: system-update }] }
";

#[tokio::test]
async fn what_is_not_selected_is_not_served_but_says_what_its_members_are() {
    let (aws, _folder, exporter) =
        with(TAGGED, "tag-selections: { team: [a] }\ncollect-events: true\n").await;
    let samples = complete(&exporter).await;
    assert_eq!(broken(&samples), [""; 0]);
    let mut ids: Vec<_> =
        samples.all("rds_instance_info", &[]).map(|one| one.labels["dbidentifier"].clone()).collect();
    ids.sort();
    assert_eq!(ids, ["r", "s", "w"]);
    assert_eq!((role(&samples, "w"), role(&samples, "r")), ("writer".to_owned(), "reader".to_owned()));
    let writer = [("dbidentifier", "w")];
    assert_eq!(samples.one("rds_instance_vcpus", &writer), 2.0);
    assert_eq!(samples.one("rds_instance_physical_memory_bytes", &writer), 16.0 * 1_073_741_824.0);
    for name in ["rds_cluster_info", "rds_cluster_members", "rds_cluster_acu_max_average"] {
        assert!(!samples.has(name, &[]), "{name}");
    }
    let about = |name: &str| -> Vec<String> {
        samples
            .all(name, &[])
            .map(|one| one.labels.get("dbidentifier").cloned().unwrap_or_default())
            .collect()
    };
    assert_eq!(about("rds_maintenance_opted_in"), ["s"]);
    assert_eq!(about("rds_last_event_timestamp_seconds"), ["s"]);
    let clusters = aws.count(|request| request.action == "GetMetricData");
    exporter.reload().await.unwrap();
    eventually!("it is asked again", {
        (aws.count(|request| request.action == "GetMetricData") > clusters).then_some(())
    });
    assert!(!exporter.scrape().await.unwrap().has("rds_cluster_volume_used_bytes", &[]));
}

#[tokio::test]
async fn a_role_that_is_not_known_is_never_primary() {
    let account = "clusters: [{ identifier: cl }]\ninstances: [{ identifier: w, engine: aurora-postgresql, cluster: cl }, { identifier: s }]";
    for (fault, arguments) in [
        (None, &["--collect-cluster-metrics=false"][..]),
        (Some(Fault::Drop("DBClusterMembers".to_owned())), &[][..]),
        (Some(Fault::Drop("IsClusterWriter".to_owned())), &[][..]),
        (Some(Fault::Deny), &[][..]),
    ] {
        let aws = aws(account).await;
        if let Some(fault) = fault.clone() {
            aws.fault("rds:DescribeDBClusters", fault);
        }
        let exporter = Exporter::rds(&aws).args(arguments).start().await.unwrap();
        let samples = complete(&exporter).await;
        let roles = (role(&samples, "w"), role(&samples, "s"));
        assert_eq!(roles, ("unknown".to_owned(), "primary".to_owned()), "{fault:?} {arguments:?}");
    }
}

#[tokio::test]
async fn replicas_of_clusters_volumes_and_pending_changes() {
    let account = "
instances:
- { identifier: r, replica_of_cluster: multi-az, metrics: { ReplicaLag: 7 } }
- { identifier: o, engine: oracle-ee, storage: 100, volumes: [200, 300], pending_logs: [] }
- { identifier: p, class: db.r5.4xlarge.tpc2.mem2x, engine: oracle-ee, pending_logs: [alert] }
- { identifier: t, tags: { a__b: '1', cost__center_: '2', foo.bar: dot, foo-bar: dash } }
maintenance: { 'shard-group:one': [{ action: system-update }], 'shard-group:two': [{ action: system-update }] }
";
    let (_aws, _exporter, samples) = started(account, &[]).await;
    let of = |name: &str, id: &str| samples.maybe(name, &[("dbidentifier", id)]);
    assert_eq!(role(&samples, "r"), "replica");
    let info = samples.all("rds_instance_info", &[("dbidentifier", "r")]).next().unwrap();
    assert_eq!(info.labels["source_dbidentifier"], "multi-az");
    assert_eq!(of("rds_replica_lag_seconds", "r"), Some(7.0));
    assert_eq!(of("rds_allocated_storage_bytes", "o"), Some(600.0 * 1_073_741_824.0));
    assert_eq!(of("rds_allocated_disk_iops_average", "o"), Some(9_000.0));
    let pending = ["o", "p"].map(|id| of("rds_instance_pending_modifications", id));
    assert_eq!(pending, [Some(0.0), Some(1.0)]);
    assert_eq!(of("rds_instance_physical_memory_bytes", "p"), Some(256.0 * 1_073_741_824.0));
    assert_eq!(of("rds_instance_vcpus", "p"), Some(16.0));
    let tags = &samples.all("rds_instance_tags", &[("dbidentifier", "t")]).next().unwrap().labels;
    for (label, value) in
        [("tag_a__b", "1"), ("tag_cost__center_", "2"), ("tag_foo_bar", "dash"), ("tag_foo_bar_2", "dot")]
    {
        assert_eq!(tags.get(label).map(String::as_str), Some(value), "{label}");
    }
    for name in ["shard-group:one", "shard-group:two"] {
        assert!(samples.has("rds_maintenance_opted_in", &[("resource", name)]), "{name}");
    }
}

#[tokio::test]
async fn two_targets_that_turn_out_to_be_one_are_served_once() {
    let account = "
instances: [{ identifier: a }]
roles: [{ name: monitor, account: '123456789012' }]
";
    let file = "
targets:
- region: eu-west-3
- region: eu-west-3
  role-arn: arn:aws:iam::123456789012:role/monitor
";
    let (aws, _folder, exporter) = with(account, file).await;
    let samples = complete(&exporter).await;
    let mut known = std::collections::BTreeSet::new();
    for sample in samples.iter() {
        assert!(known.insert((&sample.name, format!("{:?}", sample.labels))), "{sample:?}");
    }
    assert_eq!(samples.all("rds_exporter_target_instances", &[]).count(), 1);
    let log = eventually!("it is said", {
        let log = exporter.log();
        log.contains("two targets are the same account and region").then_some(log)
    });
    assert!(log.contains("\"account\":\"123456789012\""), "{log}");
    assert_eq!(exporter.get("/-/ready", &[]).await.unwrap().status, 200);
    let metrics = aws.billed_metrics();
    exporter.reload().await.unwrap();
    eventually!("it is asked again", (aws.billed_metrics() > metrics).then_some(()));
    assert_eq!(exporter.scrape().await.unwrap().all("rds_exporter_target_info", &[]).count(), 1);
}
