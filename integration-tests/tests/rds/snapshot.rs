//! Scrapes and AWS have nothing to do with each other: all get the last snapshot, at once.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use std::time::Duration;

use integration_tests::aws::{Account, Aws, Maintenance};
use integration_tests::eventually;
use integration_tests::exporter::{Clock, Exporter};
use integration_tests::promtool::Promtool;
use rustix::process::Signal;

use crate::world::{aws, broken, complete, started};

#[tokio::test]
async fn all_pages_are_read() {
    let aws = Aws::start(Account::fleet(250)).await.unwrap();
    aws.change(|account| {
        let many = account.instances.iter().find_map(|instance| instance.log_files.clone());
        account.instances.iter_mut().find(|instance| instance.identifier == "db-00000").unwrap().log_files =
            many;
        for (at, instance) in account.instances.iter_mut().enumerate() {
            instance.maintenance = vec![Maintenance::default()];
            instance.maintenance[0].action = format!("action-{}", at % 7);
        }
    });
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    let samples = complete(&exporter).await;
    assert_eq!(samples.one("rds_exporter_target_instances", &[]), 250.0);
    assert_eq!(samples.all("rds_maintenance_opted_in", &[]).count(), 250);
    assert!(samples.all("rds_instance_info", &[("pending_maintenance", "pending")]).count() == 250);
    // 130 files of 4 KiB each are two pages. Log files come after everything else.
    let size = eventually!("the size of log files", {
        let samples = exporter.scrape().await.unwrap();
        samples.maybe("rds_instance_log_files_size_bytes", &[("dbidentifier", "db-00000")])
    });
    assert_eq!(size, 130.0 * 4_096.0);
    assert_eq!(
        samples.one("rds_api_billed_metrics_total", &[("api", "cloudwatch")]) + 3.0,
        aws.billed_metrics() as f64
    );
    assert!(aws.peak_concurrency() <= 16);
}

#[tokio::test]
async fn scrapers_cost_nothing_and_wait_for_nobody() {
    let (aws, exporter, _) = started("instances: [{ identifier: a }, { identifier: b }]", &[]).await;
    let before = aws.requests().len();
    aws.latency(Duration::from_secs(20));
    // Half of what a call takes: enough for a busy machine, too little for one that waits for AWS.
    let scrapes = (0..50).map(|_| exporter.scrape_within(Duration::from_secs(10)));
    for samples in futures_util::future::join_all(scrapes).await {
        assert_eq!(samples.unwrap().one("rds_exporter_target_instances", &[]), 2.0);
    }
    assert_eq!(aws.requests().len(), before);
}

#[tokio::test]
async fn promtool_accepts_the_page_but_for_the_names_that_stay() {
    let aws = Aws::start(Account::fleet(60)).await.unwrap();
    let exporter =
        Exporter::rds(&aws).args(&["--collect-latencies", "--collect-events"]).start().await.unwrap();
    complete(&exporter).await;
    let page = exporter.get("/metrics", &[]).await.unwrap().text();
    // Names of the existing exporter that dashboards read.
    let names = ["rds_extended_support_engine_remaining_days", "rds_standard_support_engine_remaining_days"];
    for promtool in Promtool::all().unwrap() {
        let complaints = promtool.check_metrics(&page).unwrap();
        let complained: Vec<_> = complaints.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(complained, names, "{complaints:#?}");
    }
}

#[tokio::test]
async fn a_reload_keeps_what_is_known_and_looks_again() {
    let (aws, exporter, _) = started("instances: [{ identifier: a }]", &[]).await;
    aws.latency(Duration::from_secs(2));
    aws.change(|account| account.instance_mut("a").status = "storage-full".to_owned());
    exporter.signal(Signal::HUP).unwrap();
    eventually!("the reload is done", exporter.log().contains("configuration read again").then_some(()));
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(samples.one("rds_instance_status", &[("dbidentifier", "a")]), 1.0);
    eventually!("the new status is served", {
        let samples = exporter.scrape().await.unwrap();
        (samples.one("rds_instance_status", &[("dbidentifier", "a")]) == -7.0).then_some(())
    });
    assert!(!exporter.log().contains("call failed"));
}

#[tokio::test]
async fn instances_come_and_go_without_rest() {
    let (aws, exporter, _) = started("instances: [{ identifier: a }, { identifier: b }]", &[]).await;
    aws.change(|account| {
        account.instances.retain(|instance| instance.identifier == "b");
        account.instances.push(integration_tests::aws::Instance::new("c"));
    });
    exporter.reload().await.unwrap();
    let samples = eventually!("c is served", {
        let samples = exporter.scrape().await.unwrap();
        samples.has("rds_instance_info", &[("dbidentifier", "c")]).then_some(samples)
    });
    assert!(!samples.iter().any(|sample| sample.labels.get("dbidentifier").is_some_and(|id| id == "a")));
}

#[tokio::test]
async fn it_stops_in_order_while_aws_hangs() {
    let (aws, mut exporter, _) = started("instances: [{ identifier: a }]", &[]).await;
    aws.latency(Duration::from_secs(20));
    exporter.reload().await.unwrap();
    exporter.signal(Signal::TERM).unwrap();
    assert_eq!(exporter.wait().await.unwrap(), 0);
}

#[tokio::test]
async fn a_clock_that_jumps_changes_nothing() {
    let aws = aws("instances: [{ identifier: a }]").await;
    let clock = Clock::new().unwrap();
    let exporter = Exporter::rds(&aws).clock(&clock).start().await.unwrap();
    let before = complete(&exporter).await;
    for (offset, status, value) in [("-1d", "storage-full", -7.0), ("+1d", "available", 1.0)] {
        clock.set(offset).unwrap();
        aws.change(|account| account.instance_mut("a").status = status.to_owned());
        exporter.reload().await.unwrap();
        let after = eventually!("the new status is served", {
            let samples = complete(&exporter).await;
            (samples.one("rds_instance_status", &[("dbidentifier", "a")]) == value).then_some(samples)
        });
        assert_eq!(broken(&after), Vec::<String>::new(), "{offset}: {}", exporter.log());
        let lengths = after.iter().filter(|sample| {
            let name = &sample.name;
            name.starts_with("rds_exporter_") && name.ends_with("_seconds") && !name.contains("timestamp")
        });
        for sample in lengths {
            assert!((0.0..3_600.0).contains(&sample.value), "{offset}: {sample:?}");
        }
        let inventory = |samples: &integration_tests::exporter::Samples| {
            samples.iter().filter(|sample| sample.name.starts_with("rds_instance_")).count()
        };
        assert_eq!(inventory(&after), inventory(&before), "{offset}");
    }
}
