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

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use integration_tests::exporter::{Builder, Exporter, Samples};
use integration_tests::postgres::Postgres;
use integration_tests::{patience, setup};
use serde::Deserialize;
use tokio_postgres::Client;

/// The collectors, each with its file.
fn collectors() -> Vec<catalogue::metric::Query> {
    let (queries, problems) = exporters::queries("postgresql");
    assert!(problems.is_empty(), "{problems:?}");
    queries.into_iter().filter(|query| !query.branches.is_empty()).collect()
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
    let standby = Postgres::major(major).standby_of(&server).start().await.unwrap();

    let exporter = everything(&server, "app").start().await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    let missing = all_worked(&samples, &exporter);
    for (name, need) in &missing {
        assert!(
            collectors().iter().any(
                |query| query.name == *name && query.needs.iter().any(|known| known.to_string() == *need)
            )
        );
    }
    let text = exporter.get("/metrics", &[]).await.unwrap().text();
    assert!(text.contains(r#"datname="o\"dd, {datname} é""#), "the odd database is there");
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
    values(&server, &standby, major).await;
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
    let kept: Vec<String> = collectors()
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

/// One situation and what the collector must say about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it is about.
    name: String,
    /// First and last major that it is for.
    #[serde(default)]
    since: u32,
    #[serde(default = "newest")]
    until: u32,
    /// Which server is scraped.
    #[serde(default)]
    on: Where,
    /// Statements before, each on its own, in database `app`; as superuser.
    #[serde(default)]
    setup: Vec<String>,
    /// Sessions that run this and stay open.
    #[serde(default)]
    sessions: Vec<String>,
    /// Sessions that are expected to hang in this.
    #[serde(default)]
    waiting: Vec<String>,
    /// Shell commands as the server's user; the data is in `data`.
    #[serde(default)]
    run: Vec<String>,
    /// Series with the value they must have: a number, a comparison such as `> 5`, or `absent`.
    expect: BTreeMap<String, serde_yaml::Value>,
    /// Statements and shell commands after.
    #[serde(default)]
    cleanup: Vec<String>,
    #[serde(default)]
    cleanup_run: Vec<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Where {
    #[default]
    Primary,
    Standby,
}

fn newest() -> u32 {
    *catalogue::metric::POSTGRESQL_MAJORS.end()
}

fn cases(collector: &str) -> Vec<Case> {
    let path = setup::root().join("integration-tests/tests/metrics").join(format!("{collector}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn values(server: &Postgres, standby: &Postgres, major: u32) {
    let mut wrong = Vec::new();
    // Such as `17.11`, without what a distribution adds.
    let version = server.sql("postgres", "SHOW server_version").await.unwrap();
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    for query in collectors() {
        for mut case in cases(&query.name) {
            let named = |(series, wanted): (String, _)| (series.replace("SERVER_VERSION", &version), wanted);
            case.expect = case.expect.into_iter().map(named).collect();
            if !(case.since..=case.until).contains(&major) {
                continue;
            }
            let what = format!("{} on PostgreSQL {major}: {}", query.name, case.name);
            let scraped = if case.on == Where::Standby { standby } else { server };
            let held = provoke(server, scraped, &case, &what).await;
            let judged = judge(scraped, &query, &case, &what).await;
            if let Some(judged) = &judged {
                eprintln!("{judged}");
            }
            wrong.extend(judged);
            drop(held);
            for statement in &case.cleanup {
                server.sql("app", statement).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
            }
            for script in &case.cleanup_run {
                scraped.run(script).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn provoke(server: &Postgres, scraped: &Postgres, case: &Case, what: &str) -> Vec<Client> {
    for statement in &case.setup {
        server.sql("app", statement).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
    }
    for script in &case.run {
        scraped.run(script).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
    }
    let mut held = Vec::new();
    for session in &case.sessions {
        let client = scraped.client("app").await.unwrap();
        client.batch_execute(session).await.unwrap_or_else(|error| panic!("{what}: `{session}`: {error:#}"));
        held.push(client);
    }
    for session in &case.waiting {
        let client = scraped.client("app").await.unwrap();
        let session = session.clone();
        // Its end is of no interest; the session ends with the connection.
        tokio::spawn(async move { client.batch_execute(&session).await });
    }
    held
}

/// Scrapes until everything is as expected; a fresh exporter each time, so that nothing comes from a cache.
async fn judge(
    scraped: &Postgres,
    query: &catalogue::metric::Query,
    case: &Case,
    what: &str,
) -> Option<String> {
    let start = std::time::Instant::now();
    loop {
        let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", scraped.dsn("app"));
        let flag = format!("--collector.{}", query.name.trim_start_matches("pg_"));
        let exporter =
            exporter.args(&["--collector.disable-defaults", "--compat", "--include-databases=app", &flag]);
        let exporter = exporter.start().await.unwrap();
        let samples = exporter.scrape().await.unwrap();
        let wrong: Vec<String> =
            case.expect.iter().filter_map(|(series, wanted)| mismatch(&samples, series, wanted)).collect();
        if wrong.is_empty() {
            return None;
        }
        if start.elapsed() > patience().min(Duration::from_secs(10)) {
            let prefix = query.metrics.first().map_or("", |metric| &*metric.series);
            let prefix = &prefix[..prefix.len().min(12)];
            let got: Vec<_> = samples.iter().filter(|sample| sample.name.starts_with(prefix)).collect();
            return Some(format!("{what}: {wrong:#?}\ngot {got:?}\n{}", exporter.log()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is wrong with a series; nothing when it is as wanted.
fn mismatch(samples: &Samples, series: &str, wanted: &serde_yaml::Value) -> Option<String> {
    let pattern = Samples::parse(&format!("{series} 0"));
    let pattern = pattern.iter().next().unwrap_or_else(|| panic!("`{series}` is not a series"));
    let labels: Vec<(&str, &str)> =
        pattern.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let found: Vec<f64> = samples.all(&pattern.name, &labels).map(|sample| sample.value).collect();
    let wanted = match wanted {
        serde_yaml::Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
    };
    let (comparison, number) = wanted.split_once(' ').unwrap_or(("=", &wanted));
    if number == "absent" {
        return (!found.is_empty()).then(|| format!("{series} is {found:?}, not absent"));
    }
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("`{wanted}` is not a number or a comparison"));
    let [value] = found.as_slice() else { return Some(format!("{series} is {found:?}, not {wanted}")) };
    let right = match comparison {
        "=" => (value - number).abs() < 1e-9,
        ">" => *value > number,
        ">=" => *value >= number,
        "<" => *value < number,
        "<=" => *value <= number,
        other => panic!("`{other}` is not a comparison"),
    };
    (!right).then(|| format!("{series} is {value}, not {wanted}"))
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
    let mut names: Vec<String> = collectors().into_iter().map(|query| query.name).collect();
    names.sort();
    assert_eq!(files, names);
    for name in names {
        assert!(!cases(&name).is_empty(), "{name}");
    }
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
