//! Every query of the PostgreSQL exporter on every major version: on a primary and a standby, as a role that has
//! only what is documented, with objects of odd names, under locks; and its values against what was set up.
//!
//! What is set up stands in `tests/metrics/<collector>.yaml`.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::too_many_lines,
    reason = "a test may panic, compares exactly and tells a whole story"
)]

mod mutants;
mod values;

use std::path::Path;
use std::time::Duration;

use integration_tests::exporter::{Builder, Exporter, Samples};
use integration_tests::postgres::Postgres;
use integration_tests::setup;

/// All collectors, each with its file.
fn all() -> Vec<catalogue::metric::Query> {
    let (queries, problems) = postgresql_exporter::queries();
    assert!(problems.is_empty(), "{problems:?}");
    queries.into_iter().filter(|query| !query.branches.is_empty()).collect()
}

/// All, or those that the environment names (`just test-queries`).
fn collectors() -> Vec<catalogue::metric::Query> {
    let (mut queries, named) = (all(), named());
    for name in named.iter().flatten() {
        assert!(queries.iter().any(|query| query.name == *name), "there is no collector `{name}`");
    }
    queries.retain(|query| named.as_ref().is_none_or(|named| named.contains(&query.name)));
    queries
}

fn named() -> Option<Vec<String>> {
    let names = std::env::var("COLLECTORS").ok()?;
    Some(names.split_whitespace().map(str::to_owned).collect())
}

/// An exporter with every collector on.
fn everything(server: &Postgres, database: &str) -> Builder {
    let mut exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn(database)).arg("--compat");
    for collector in collectors() {
        exporter = exporter.arg(format!("--collector.{}", collector.name.trim_start_matches("pg_")));
    }
    exporter
}

/// Databases, schemas, tables and columns that need quotes everywhere.
const ODD: &str = r#"
    CREATE SCHEMA "odd ""schema"" é";
    CREATE TABLE "odd ""schema"" é"."tab
le, with a 'name' of sixty-three bytes, which is as many as it g" (id serial PRIMARY KEY, "col umn" text);
    INSERT INTO "odd ""schema"" é"."tab
le, with a 'name' of sixty-three bytes, which is as many as it g" SELECT i, 'x' FROM generate_series(1, 100) AS i;
    CREATE INDEX "in\dex" ON "odd ""schema"" é"."tab
le, with a 'name' of sixty-three bytes, which is as many as it g" ("col umn");
    CREATE ROLE "r""ole {x}" LOGIN CONNECTION LIMIT 5;
    CREATE PUBLICATION "pub,1" FOR ALL TABLES;
"#;

/// Asserts that all collectors that fit worked, and says which lack a privilege.
fn all_worked(samples: &Samples, exporter: &Exporter) -> Vec<(String, String)> {
    for success in samples.all("pg_scrape_collector_success", &[]) {
        assert!(success.value > 0.0, "{success:?}\n{}", exporter.log());
    }
    for skipped in samples.all("pg_scrape_skipped_total", &[]) {
        assert!(skipped.value < 1.0, "{skipped:?}");
    }
    let missing = samples.all("pg_scrape_collector_missing_privilege", &[]);
    missing.map(|sample| (sample.labels["collector"].clone(), sample.labels["need"].clone())).collect()
}

async fn on(major: u32) {
    let server = Postgres::major(major).start().await.unwrap();
    server.sql("postgres", "CREATE DATABASE \"o\"\"dd, {datname} é\"").await.unwrap();
    server.sql("postgres", "CREATE DATABASE empty").await.unwrap();
    server.sql("postgres", "CREATE DATABASE app").await.unwrap();
    server.sql("o\"dd, {datname} é", ODD).await.unwrap();
    // It alone archives, so that both can be seen.
    let standby = Postgres::major(major).standby_of(&server).setting("archive_mode", "always");
    let standby = standby.start().await.unwrap();

    let exporter = everything(&server, "app").start().await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    let missing = all_worked(&samples, &exporter);
    for (name, need) in &missing {
        assert!(
            all().iter().any(
                |query| query.name == *name && query.needs.iter().any(|known| known.to_string() == *need)
            )
        );
    }
    let text = exporter.get("/metrics", &[]).await.unwrap().text();
    if named().is_none() {
        assert!(text.contains(r#"datname="o\"dd, {datname} é""#), "the odd database is there");
    }
    well_formed(&text);

    drop(exporter);

    // What `check-grants` prints is all that is missing.
    let (code, grants, _) = everything(&server, "app").arg("check-grants").output().await.unwrap();
    assert_eq!(code, i32::from(!missing.is_empty()), "{grants}");
    let psql = format!(
        "psql -X -v ON_ERROR_STOP=1 -h 127.0.0.1 -p {} -U postgres -f - <<'END'\n{grants}\nEND",
        server.port
    );
    server.run(&psql).await.unwrap();
    let exporter = everything(&server, "app").start().await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(all_worked(&samples, &exporter), []);
    for query in collectors().iter().filter(|query| query.branch(major).is_some()) {
        let ran = samples.has("pg_scrape_collector_success", &[("collector", &query.name)]);
        assert!(ran || query.role.is_some(), "{} did not run", query.name);
    }
    let replayed = format!(
        "SELECT pg_last_wal_replay_lsn() >= '{}'",
        server.sql("postgres", "SELECT pg_current_wal_lsn()").await.unwrap()
    );
    integration_tests::eventually!("the standby has the grants", {
        (standby.sql("postgres", &replayed).await.unwrap() == "t").then_some(())
    });
    let replica = everything(&standby, "app").start().await.unwrap();
    let samples = replica.scrape().await.unwrap();
    assert_eq!(all_worked(&samples, &replica), []);
    well_formed(&replica.get("/metrics", &[]).await.unwrap().text());

    drop((exporter, replica));
    locked(&server).await;
    values::hold(&server, &standby, major).await;
}

/// While every table of a database is locked, no query fails and none waits.
async fn locked(server: &Postgres) {
    server
        .sql("app", "CREATE TABLE locked_1 (id serial PRIMARY KEY); CREATE TABLE locked_2 (id int)")
        .await
        .unwrap();
    let locker = server.client("app").await.unwrap();
    locker.batch_execute("BEGIN; LOCK TABLE locked_1, locked_2 IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let fresh = everything(server, "app").start().await.unwrap();
    let start = std::time::Instant::now();
    let samples = fresh.scrape().await.unwrap();
    all_worked(&samples, &fresh);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(locker);
    server.sql("app", "DROP TABLE locked_1, locked_2").await.unwrap();
}

/// What `promtool check metrics` finds wrong besides names that are kept on purpose.
fn well_formed(text: &str) {
    let kept: Vec<String> = all()
        .iter()
        .filter(|query| query.allow.contains_key("metric/name") || query.compat)
        .flat_map(|query| query.metrics.iter().map(|metric| metric.series.to_string()).collect::<Vec<_>>())
        .collect();
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), text).unwrap();
    let promtool = setup::root().join("tools/bin/promtool-3");
    let output = std::process::Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(path.reopen().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let wrong = said.lines().filter(|line| {
        let name = line.split_whitespace().next().unwrap_or_default();
        !line.is_empty() && !kept.iter().any(|kept| kept == name)
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn every_collector_has_values_and_every_value_a_collector() {
    let mut files: Vec<String> = std::fs::read_dir(setup::root().join("integration-tests/tests/metrics"))
        .unwrap()
        .map(|entry| {
            Path::new(&entry.unwrap().file_name()).file_stem().unwrap().to_string_lossy().into_owned()
        })
        .collect();
    files.sort();
    let mut names: Vec<String> = all().into_iter().map(|query| query.name).collect();
    names.sort();
    assert_eq!(files, names);
    for name in names {
        assert!(!values::Book::of(&name).cases.is_empty(), "{name}");
    }
}

#[test]
fn every_series_is_expected_somewhere() {
    let books = all().into_iter().map(|query| (values::Book::of(&query.name), query));
    let missing: Vec<String> = books
        .flat_map(|(book, query)| {
            let series = query.metrics.iter().map(|metric| metric.series.to_string());
            series.filter(|series| !book.has(series)).collect::<Vec<_>>()
        })
        .collect();
    assert!(missing.is_empty(), "no case has a value of {}", missing.join(", "));
}

#[tokio::test]
async fn on_postgresql_13() {
    on(13).await;
}

#[tokio::test]
async fn on_postgresql_15() {
    on(15).await;
}

#[tokio::test]
async fn on_postgresql_17() {
    on(17).await;
}

#[tokio::test]
async fn on_postgresql_18() {
    on(18).await;
}
