//! AWS answers half: single results, pages and bodies without end, APIs that a region lacks.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use std::time::Duration;

use integration_tests::aws::{Account, Aws, Fault, Rule};
use integration_tests::eventually;
use integration_tests::exporter::Exporter;

use crate::world::{aws, broken, complete, success};

const TWO: &str = "instances: [{ identifier: a }, { identifier: b }]";

fn count(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn a_result_that_aws_did_not_finish_is_no_success() {
    for status in ["InternalError", "Forbidden", "PartialData"] {
        let aws = aws(TWO).await;
        let fault = Fault::Result(status.to_owned());
        aws.rule(Rule::new("cloudwatch:GetMetricData", fault).instance("b"));
        let exporter = Exporter::rds(&aws).start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), ["instance_metrics"], "{status}");
        let labels = [("collector", "instance_metrics")];
        assert_eq!(samples.one("rds_exporter_errors_total", &labels), 1.0, "{status}");
        assert!(samples.has("rds_cpu_usage_percent_average", &[("dbidentifier", "a")]), "{status}");
        assert!(!samples.has("rds_cpu_usage_percent_average", &[("dbidentifier", "b")]), "{status}");
        // Once, however often it is the same.
        exporter.reload().await.unwrap();
        eventually!("it is asked again", {
            let samples = exporter.scrape().await.unwrap();
            (samples.one("rds_exporter_errors_total", &labels) >= 2.0).then_some(())
        });
        assert_eq!(count(&exporter.log(), &format!("\"code\":\"{status}\"")), 1, "{}", exporter.log());
        aws.mend_all();
        exporter.reload().await.unwrap();
        eventually!("the series is there", {
            let samples = exporter.scrape().await.unwrap();
            let has = samples.has("rds_cpu_usage_percent_average", &[("dbidentifier", "b")]);
            (has && broken(&samples).is_empty()).then_some(())
        });
    }
}

#[tokio::test]
async fn a_portion_that_is_throttled_is_one_call_and_not_four() {
    let aws = Aws::start(Account::fleet(200)).await.unwrap();
    aws.rule(Rule::new("cloudwatch:GetMetricData", Fault::Throttle).instance("db-00003"));
    let exporter = Exporter::rds(&aws).args(&["--collect-usages=false"]).start().await.unwrap();
    let samples = complete(&exporter).await;
    assert_eq!(broken(&samples), ["instance_metrics"]);
    let calls = aws.calls("cloudwatch", "GetMetricData");
    assert_eq!(aws.count(|request| request.service == "cloudwatch" && request.status == 200), calls - 1);
    assert!(!samples.has("rds_cpu_usage_percent_average", &[("dbidentifier", "db-00003")]));
    assert!(samples.has("rds_cpu_usage_percent_average", &[("dbidentifier", "db-00180")]));
}

#[tokio::test]
async fn late_data_is_served_with_its_age() {
    for (arguments, served) in [(&[][..], true), (&["--metrics-lateness=5m"][..], false)] {
        let aws = aws(&format!("{TWO}\nmetric_delay: 12m")).await;
        let exporter = Exporter::rds(&aws).args(arguments).start().await.unwrap();
        let samples = complete(&exporter).await;
        let labels = [("dbidentifier", "a")];
        assert_eq!(samples.has("rds_cpu_usage_percent_average", &labels), served, "{arguments:?}");
        assert_eq!(broken(&samples), [""; 0]);
        if served {
            let age = samples.one("rds_newest_datapoint_age_seconds", &labels);
            assert!((700.0..900.0).contains(&age), "{age}");
        }
    }
}

#[tokio::test]
async fn a_region_without_quotas_is_no_error() {
    for code in ["NoSuchResourceException", "UnknownOperationException"] {
        let aws = aws(TWO).await;
        aws.fault("servicequotas", Fault::Error { code: code.to_owned(), status: 400 });
        let exporter = Exporter::rds(&aws).start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), [""; 0], "{code}");
        assert_eq!(samples.one("rds_exporter_errors_total", &[("collector", "quotas")]), 0.0, "{code}");
        assert!(!samples.has("rds_quota_max_dbinstances_average", &[]), "{code}");
        assert!(samples.has("rds_usage_db_instances_average", &[]), "{code}");
        assert_eq!(count(&exporter.log(), "call failed"), 0, "{}", exporter.log());
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_exist_is_an_api_that_the_region_lacks() {
    let aws = aws(TWO).await;
    let nowhere = ("AWS_ENDPOINT_URL_SERVICE_QUOTAS", "http://servicequotas.nowhere.invalid");
    let exporter = Exporter::rds(&aws).env(nowhere.0, nowhere.1).start().await.unwrap();
    let samples = eventually!("the absence is known", {
        let samples = complete(&exporter).await;
        (success(&samples, "quotas") == 1.0).then_some(samples)
    });
    assert!(!samples.has("rds_quota_max_dbinstances_average", &[]));
}

#[tokio::test]
async fn pages_and_bodies_without_end_are_errors_of_their_call_alone() {
    for (action, fault, part) in [
        ("rds:DescribeDBClusters", Fault::Endless, "clusters"),
        ("rds:DescribePendingMaintenanceActions", Fault::Flood, "maintenances"),
        ("ec2:DescribeInstanceTypes", Fault::Flood, "instance_types"),
        ("cloudwatch:GetMetricData", Fault::Flood, "instance_metrics"),
        ("rds:DescribeDBMajorEngineVersions", Fault::Long("Engine".to_owned()), "engine_support"),
    ] {
        let aws = aws(&format!("{TWO}\nclusters: [{{ identifier: c }}]")).await;
        aws.fault(action, fault.clone());
        let exporter = Exporter::rds(&aws).args(&["--collect-usages=false"]).start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), [part], "{action} {fault:?}");
        assert_eq!(samples.one("rds_exporter_target_instances", &[]), 2.0);
        assert!(exporter.log().contains("\"code\":\"answer\""), "{}", exporter.log());
        let memory = samples.one("process_resident_memory_bytes", &[]);
        assert!(memory < 250e6, "{action} {fault:?}: {memory}");
        assert!(exporter.log().lines().all(|line| line.len() < 10_000), "{action} {fault:?}");
    }
}

#[tokio::test]
async fn log_files_of_a_large_fleet_are_asked_for_slowly() {
    let aws = Aws::start(Account::fleet(300)).await.unwrap();
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    complete(&exporter).await;
    let calls = aws.calls("rds", "DescribeDBLogFiles");
    assert!((1..=30).contains(&calls), "{calls}");
    let within = Duration::from_secs(5);
    let samples = exporter.scrape_within(within).await.unwrap();
    assert_eq!(success(&samples, "log_files"), 1.0);
    // The next ones, not the same again.
    exporter.reload().await.unwrap();
    eventually!(
        "the next ones are asked for",
        (aws.calls("rds", "DescribeDBLogFiles") > calls).then_some(())
    );
}
