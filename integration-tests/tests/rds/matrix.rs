//! What fails, and what still stands: each failure takes only its own part down.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use std::time::Duration;

use integration_tests::aws::{Aws, Fault, Rule};
use integration_tests::eventually;
use integration_tests::exporter::{Exporter, Samples};

use crate::world::{aws, broken, complete, started, success};

/// Twenty instances, members of a cluster among them.
fn twenty() -> String {
    let singles: String =
        (0..18).map(|at| format!("- {{ identifier: db{at:02}, version: '14.9' }}\n")).collect();
    format!(
        "clusters: [{{ identifier: cl }}]\ninstances:\n{singles}\
         - {{ identifier: member1, engine: aurora-postgresql, cluster: cl }}\n\
         - {{ identifier: member2, engine: aurora-postgresql, cluster: cl }}\n"
    )
}

/// One series of each part, all of which are there when nothing fails.
const PARTS: [(&str, &str); 9] = [
    ("instances", "rds_allocated_storage_bytes"),
    ("clusters", "rds_cluster_info"),
    ("maintenances", "rds_maintenance_opted_in"),
    ("instance_metrics", "rds_cpu_usage_percent_average"),
    ("log_files", "rds_instance_log_files_size_bytes"),
    ("instance_types", "rds_instance_vcpu_average"),
    ("quotas", "rds_quota_max_dbinstances_average"),
    ("usages", "rds_usage_db_instances_average"),
    ("engine_support", "rds_standard_support_engine_remaining_days"),
];

fn account() -> String {
    twenty().replace("db00,", "db00, maintenance: [{ action: system-update }],")
}

/// The parts that are served.
fn served(samples: &Samples) -> Vec<&'static str> {
    PARTS.iter().filter(|(_, name)| samples.has(name, &[])).map(|(part, _)| *part).collect()
}

fn without(part: &str) -> Vec<&'static str> {
    PARTS.iter().map(|(name, _)| *name).filter(|name| *name != part).collect()
}

/// What is served with a fault from the start, and by which exporter.
async fn with(rules: Vec<Rule>) -> (Aws, Exporter, Samples) {
    let aws = aws(&account()).await;
    for rule in rules {
        aws.rule(rule);
    }
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    let samples = complete(&exporter).await;
    (aws, exporter, samples)
}

#[tokio::test]
async fn everything_is_served_when_nothing_fails() {
    let (_aws, _exporter, samples) = with(Vec::new()).await;
    assert_eq!(served(&samples), without(""));
    assert_eq!(broken(&samples), [""; 0]);
}

#[tokio::test]
async fn log_files_of_one_instance() {
    for fault in [Fault::Throttle, Fault::Deny] {
        let rule = Rule::new("rds:DescribeDBLogFiles", fault).instance("db03");
        let (_aws, exporter, samples) = with(vec![rule]).await;
        assert_eq!(served(&samples), without(""));
        assert_eq!(broken(&samples), ["log_files"]);
        assert!(!samples.has("rds_instance_log_files_size_bytes", &[("dbidentifier", "db03")]));
        assert_eq!(samples.all("rds_instance_log_files_size_bytes", &[]).count(), 19);
        assert_eq!(samples.one("rds_exporter_errors_total", &[("collector", "log_files")]), 1.0);
        let log = exporter.log();
        let line = log.lines().find(|line| line.contains("call failed")).unwrap();
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&event["collector"], &event["operation"]),
            (&"log_files".into(), &"DescribeDBLogFiles".into())
        );
        assert_eq!((&event["instance"], &event["region"]), (&"db03".into(), &"eu-west-3".into()));
    }
}

#[tokio::test]
async fn an_instance_that_is_gone_or_not_ready_is_no_failure() {
    for (code, status) in [("DBInstanceNotFound", 404), ("DBInstanceNotReady", 400)] {
        let fault = Fault::Error { code: code.to_owned(), status };
        let (_aws, _exporter, samples) =
            with(vec![Rule::new("rds:DescribeDBLogFiles", fault).instance("db03")]).await;
        assert_eq!(broken(&samples), [""; 0], "{code}");
        assert!(!samples.has("rds_instance_log_files_size_bytes", &[("dbidentifier", "db03")]), "{code}");
    }
}

#[tokio::test]
async fn a_denied_call_takes_only_its_own_part_down() {
    for (action, part) in [
        ("rds:DescribePendingMaintenanceActions", "maintenances"),
        ("rds:DescribeDBClusters", "clusters"),
        ("rds:DescribeDBLogFiles", "log_files"),
        ("rds:DescribeDBMajorEngineVersions", "engine_support"),
        ("ec2:DescribeInstanceTypes", "instance_types"),
        ("servicequotas:GetServiceQuota", "quotas"),
    ] {
        let (aws, _exporter, samples) = with(vec![Rule::new(action, Fault::Deny)]).await;
        assert_eq!(served(&samples), without(part), "{action}");
        assert_eq!(broken(&samples), [part], "{action}");
        // One attempt for each thing, not one per instance or scrape.
        let calls = aws.calls(action.split_once(':').unwrap().0, action.split_once(':').unwrap().1);
        assert!(calls <= 20, "{action}: {calls} calls");
    }
}

#[tokio::test]
async fn the_label_says_when_maintenance_and_clusters_are_unknown() {
    let deny = |action: &str| Rule::new(action, Fault::Deny);
    let rules = vec![deny("rds:DescribePendingMaintenanceActions"), deny("rds:DescribeDBClusters")];
    let (_aws, _exporter, samples) = with(rules).await;
    let labels = [("dbidentifier", "member1"), ("pending_maintenance", "unknown"), ("role", "unknown")];
    assert_eq!(samples.one("rds_instance_info", &labels), 1.0);
}

#[tokio::test]
async fn cloudwatch_gone_leaves_the_inventory() {
    let (_aws, exporter, samples) = with(vec![Rule::new("cloudwatch:GetMetricData", Fault::Deny)]).await;
    assert_eq!(broken(&samples), ["instance_metrics", "usages"]);
    assert!(
        !samples.has("rds_cpu_usage_percent_average", &[])
            && !samples.has("rds_usage_db_instances_average", &[])
    );
    assert_eq!(samples.all("rds_instance_info", &[]).count(), 20);
    assert!(exporter.log().contains("GetMetricData"));
}

#[tokio::test]
async fn an_unknown_class_is_one_class() {
    let aws = aws(&account().replace("db05,", "db05, class: db.zz9.huge,")).await;
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    let samples = complete(&exporter).await;
    assert_eq!((served(&samples), broken(&samples)), (without(""), Vec::new()));
    assert!(!samples.has("rds_instance_vcpus", &[("dbidentifier", "db05")]));
    assert_eq!(samples.one("rds_instance_vcpus", &[("dbidentifier", "db06")]), 2.0);
    // The volume's own limit is still known.
    assert!(samples.has("rds_max_disk_iops_average", &[("dbidentifier", "db05")]));
}

#[tokio::test]
async fn a_thousand_unknown_classes_are_few_calls() {
    let all: String =
        (0..1_000).map(|at| format!("- {{ identifier: db{at}, class: db.zz{at}.huge }}\n")).collect();
    let (aws, _exporter, samples) =
        started(&format!("instances:\n{all}"), &["--collect-logs-size=false"]).await;
    assert_eq!(success(&samples, "instance_types"), 1.0);
    assert_eq!(aws.calls("ec2", "DescribeInstanceTypes"), 10);
    assert_eq!(samples.one("rds_exporter_target_instances", &[]), 1_000.0);
}

#[tokio::test]
async fn a_throttled_call_is_repeated_and_counted() {
    let rule = Rule::new("rds:DescribeDBMajorEngineVersions", Fault::Throttle).times(2);
    let (aws, _exporter, samples) = with(vec![rule]).await;
    assert_eq!((served(&samples), broken(&samples)), (without(""), Vec::new()));
    let api = [("api", "rds")];
    assert_eq!(samples.one("rds_api_throttled_total", &api), 2.0);
    assert_eq!(samples.one("rds_api_retries_total", &api), 2.0);
    assert_eq!(samples.one("rds_api_errors_total", &api), 2.0);
    let calls = aws.count(|request| request.service == "rds");
    assert_eq!(samples.one("rds_api_call_total", &api), calls as f64);
}

#[tokio::test]
async fn a_storm_of_throttling_never_reaches_a_scrape() {
    let aws = aws(&account()).await;
    aws.fault("*", Fault::Throttle);
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    for _ in 0..20 {
        let samples = exporter.scrape_within(Duration::from_secs(1)).await.unwrap();
        assert!(!samples.has("rds_exporter_target_instances", &[]) && !samples.has("rds_instance_info", &[]));
    }
    let before = aws.requests().len();
    for _ in 0..20 {
        exporter.scrape_within(Duration::from_secs(1)).await.unwrap();
    }
    // Eight collectors with four attempts each, however often it is scraped.
    assert!(aws.requests().len() <= 40, "{} then {}", before, aws.requests().len());
}

#[tokio::test]
async fn an_answer_without_a_field_ends_nobody() {
    let fields = [
        "StorageType",
        "AllocatedStorage",
        "DBInstanceClass",
        "DBInstanceStatus",
        "DbiResourceId",
        "Engine",
        "EngineVersion",
        "DBInstanceArn",
        "BackupRetentionPeriod",
        "ParameterApplyStatus",
        "Size",
        "DBClusterArn",
        "DbClusterResourceId",
        "ClusterCreateTime",
        "ResourceIdentifier",
        "Value",
        "Label",
        "InstanceCreateTime",
        "DBClusterMembers",
        "PendingMaintenanceActionDetails",
        "MajorEngineVersion",
        "SupportedEngineLifecycles",
        "vCpuInfo",
        "ebsInfo",
        "networkInfo",
        "TagList",
        "DBParameterGroups",
        "CertificateDetails",
        "Timestamps",
        "Values",
        "Id",
    ];
    let aws = aws(&account()).await;
    for field in fields {
        aws.fault("*", Fault::Drop(field.to_owned()));
    }
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    let samples = complete(&exporter).await;
    assert_eq!(samples.one("rds_exporter_target_instances", &[]), 20.0);
    assert_eq!(samples.all("rds_instance_info", &[]).count(), 20);
    let zeros: Vec<_> = samples
        .iter()
        .filter(|sample| sample.name.starts_with("rds_quota") || sample.name == "rds_instance_vcpus")
        .collect();
    assert!(zeros.is_empty(), "{zeros:?}");
}

#[tokio::test]
async fn an_answer_without_anything_is_a_failure_and_not_an_empty_account() {
    let aws = aws(&account()).await;
    aws.fault("*", Fault::Empty);
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    eventually!(
        "the empty answer is told",
        exporter.log().contains("the answer has no `DBInstances`").then_some(())
    );
    let samples = exporter.scrape().await.unwrap();
    assert!(!samples.has("rds_exporter_target_instances", &[]));
    assert_eq!(success(&samples, "instances"), 0.0);
}

/// What was known stays when it fails later, and the failure is told.
#[tokio::test]
async fn the_last_good_value_stays() {
    let faults = [
        Fault::Deny,
        Fault::Garble,
        Fault::Half,
        Fault::Cut,
        Fault::Status(500),
        Fault::Expired,
        Fault::Empty,
    ];
    futures_util::future::join_all(faults.map(stays)).await;
}

async fn stays(fault: Fault) {
    let (aws, exporter, before) = with(Vec::new()).await;
    aws.fault("*", fault.clone());
    assert_eq!(exporter.reload().await.unwrap(), 200);
    let samples = eventually!(format!("everything fails: {fault:?}"), {
        let samples = exporter.scrape().await.unwrap();
        (broken(&samples).len() == 10).then_some(samples)
    });
    assert_eq!(served(&samples), without(""), "{fault:?}");
    assert_eq!(stable(&samples), stable(&before), "{fault:?}");
    aws.mend_all();
    exporter.reload().await.unwrap();
    eventually!("everything works again", broken(&exporter.scrape().await.unwrap()).is_empty().then_some(()));
    assert!(exporter.log().contains("works again"), "{fault:?}");
}

/// What is served about AWS, but for ages and for what a later round adds.
fn stable(samples: &Samples) -> Vec<String> {
    let moves = ["exporter", "_api_", "age_seconds", "_ebs_", "_volume_", "_aurora_replica_lag_"];
    let own = |name: &str| name.starts_with("rds_") && !moves.iter().any(|part| name.contains(part));
    let own = samples.iter().filter(|sample| own(&sample.name));
    let mut all: Vec<_> = own.map(|sample| format!("{sample:?}")).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_call_that_hangs_ends_by_itself_and_hurts_nobody() {
    let aws = aws(&account()).await;
    aws.fault("rds:DescribeDBClusters", Fault::Hang);
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    eventually!("the other parts are served", {
        // An attempt at a call takes 10 seconds.
        let samples = exporter.scrape_within(Duration::from_secs(5)).await.unwrap();
        (served(&samples) == without("clusters")).then_some(())
    });
    assert_eq!(success(&exporter.scrape().await.unwrap(), "clusters"), 0.0);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_failure_like_any_other() {
    let aws = aws("").await;
    let exporter =
        Exporter::rds(&aws).env("AWS_ENDPOINT_URL", "http://nothing.invalid").start().await.unwrap();
    eventually!("the failure is told", exporter.log().contains("\"code\":\"dns\"").then_some(()));
    let samples = exporter.scrape_within(Duration::from_secs(1)).await.unwrap();
    assert_eq!(success(&samples, "instances"), 0.0);
    assert_eq!(exporter.get("/-/ready", &[]).await.unwrap().status, 503);
    assert_eq!(exporter.get("/-/healthy", &[]).await.unwrap().status, 200);
}
