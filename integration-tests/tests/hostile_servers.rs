//! The PostgreSQL exporter beside servers that mean no good: whatever they send ends in an error of that target alone.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic, and compares exactly")]

use std::time::Duration;

use integration_tests::exporter::{Exporter, Process};
use integration_tests::hostile::{Attack, Flood, Hostile};

/// What the exporter may need besides what it needs when it starts: what is read in a scrape, as it comes and as a table.
const MEMORY: u64 = 160 << 20;

/// Scrapes a good server and a hostile one; `pg_up` of the hostile one, and the SQLSTATEs of its failures.
async fn scrape(attack: Attack) -> (f64, Vec<String>) {
    let (good, bad) = tokio::join!(Hostile::start(Attack::None), Hostile::start(attack));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("servers.yml");
    let text = format!(
        "targets:\n  - {{ name: good, dsn: \"{}\" }}\n  - {{ name: bad, dsn: \"{}\" }}\n",
        good.unwrap().dsn(),
        bad.unwrap().dsn()
    );
    std::fs::write(&file, text).unwrap();
    let metrics = folder.path().join("metrics");
    std::fs::create_dir(&metrics).unwrap();
    let text = "help: H\nsource: s\nscope: server\nmetrics:\n  value: { kind: gauge, help: h }\nqueries:\n  - since: 13\n    \
                sql: SELECT 1 AS value\n";
    std::fs::write(metrics.join("asked.yaml"), text).unwrap();
    let exporter = Exporter::postgresql()
        .arg("--config.file")
        .arg(&file)
        .arg("--metrics")
        .arg(&metrics)
        .start()
        .await
        .unwrap();
    let before = exporter.memory().unwrap();
    let mut samples = exporter.scrape_within(Duration::from_secs(20)).await.unwrap();
    for _ in 0..2 {
        samples = exporter.scrape_within(Duration::from_secs(20)).await.unwrap();
    }
    assert_eq!(samples.one("pg_up", &[("target", "good")]), 1.0, "{attack:?}");
    let peak = Process(exporter.pid()).memory("VmHWM").unwrap();
    assert!(peak < before + MEMORY, "{attack:?}: the memory went from {before} to {peak} bytes");
    let log = exporter.log();
    assert!(log.len() < 100_000, "{attack:?}: {} bytes were logged", log.len());
    let names = ["pg_connect_errors_total", "pg_scrape_collector_errors_total"];
    let states = names.iter().flat_map(|name| samples.all(name, &[("target", "bad")]));
    let states = states.map(|sample| sample.labels["sqlstate"].clone()).collect();
    (samples.one("pg_up", &[("target", "bad")]), states)
}

fn has(states: &[String], sqlstate: &str) -> bool {
    states.iter().any(|state| state == sqlstate)
}

#[tokio::test]
async fn types_that_nobody_knows_are_refused_and_not_looked_up() {
    for attack in [Attack::UnknownTypes, Attack::UnknownParameters] {
        let (up, states) = scrape(attack).await;
        assert_eq!((up, has(&states, "42703")), (1.0, true), "{attack:?}: {states:?}");
    }
}

#[tokio::test]
async fn a_login_that_does_not_end_is_given_up() {
    for flood in [Flood::Parameters, Flood::Notices, Flood::Rows, Flood::Gigabyte] {
        let (up, states) = scrape(Attack::Login(flood)).await;
        assert_eq!(up, 0.0, "{flood:?}");
        assert!(
            states.iter().any(|state| ["54000", "08006"].contains(&state.as_str())),
            "{flood:?}: {states:?}"
        );
    }
    let (up, states) = scrape(Attack::Rounds).await;
    assert_eq!((up, has(&states, "28000")), (0.0, true), "{states:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_given_up() {
    for flood in [
        Flood::Parameters,
        Flood::Notices,
        Flood::Notifications,
        Flood::Rows,
        Flood::LongRows,
        Flood::Gigabyte,
        Flood::Descriptions,
        Flood::Complete,
    ] {
        assert_eq!(scrape(Attack::Question(flood)).await.0, 0.0, "{flood:?}");
    }
}

#[tokio::test]
async fn a_result_that_does_not_end_is_given_up() {
    for flood in [
        Flood::Parameters,
        Flood::Notices,
        Flood::Rows,
        Flood::LongRows,
        Flood::Gigabyte,
        Flood::Descriptions,
        Flood::Complete,
    ] {
        let (up, states) = scrape(Attack::Query(flood)).await;
        assert!(up == 1.0 && (has(&states, "54000") || has(&states, "57014")), "{flood:?}: {states:?}");
    }
}

#[tokio::test]
async fn answers_beyond_measure_are_errors() {
    assert_eq!(scrape(Attack::Databases(200_000)).await.0, 0.0);
    for bytes in [500_000, 10 << 20] {
        assert_eq!(scrape(Attack::Error(bytes)).await.0, 0.0);
    }
    assert_eq!(scrape(Attack::Noise).await.0, 0.0);
    assert_eq!(scrape(Attack::ShortRows).await.0, 1.0);
}
