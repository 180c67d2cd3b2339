//! The PostgreSQL exporter on servers with databases that cannot be entered, or that have more than may be served.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::too_many_lines,
    reason = "a test may panic, compares exactly and tells a whole story"
)]

use std::collections::BTreeSet;

use integration_tests::eventually;
use integration_tests::exporter::{Builder, Exporter, Samples};
use integration_tests::postgres::{MONITOR, PASSWORD, Postgres};

/// Refuses the exporter in databases whose names begin with `hba`.
const HBA: &str = "host hba1,hba2 monitor all reject\nlocal all all trust\nhost replication all all trust\nhost all \
                   postgres all trust\nhost all all all scram-sha-256\n";

/// The log of the server says each login.
async fn start(major: u32) -> Postgres {
    Postgres::major(major).hba(HBA).setting("log_connections", "on").start().await.unwrap()
}

/// Logins of the exporter that the server has seen since it started.
async fn logins(server: &Postgres, database: &str) -> usize {
    let log = server.log().await.unwrap();
    let refused = |line: &&str| line.contains("FATAL") && line.contains(&format!("\"{database}\""));
    log.lines().filter(refused).count()
}

fn exporter(server: &Postgres, database: &str) -> Builder {
    Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn(database)).args(&["--target-name", "db1"])
}

/// A query that gives so many rows in each database.
fn rows(folder: &tempfile::TempDir, rows: u32, more: &str) {
    let text = format!(
        "help: H\nsource: s\nscope: database\nlabels: [datname, i]\n{more}metrics:\n  value: {{ kind: gauge, help: h }}\n\
         queries:\n  - since: 13\n    sql: >-\n      SELECT current_database() AS datname, i::text AS i, 1 AS value\n      \
         FROM generate_series(1, {rows}) AS i ORDER BY random()\n"
    );
    std::fs::write(folder.path().join("mine.yaml"), text).unwrap();
}

/// An exporter with this query only.
fn mine(server: &Postgres, database: &str, folder: &tempfile::TempDir) -> Builder {
    let exporter = exporter(server, database).arg("--metrics").arg(folder.path());
    exporter.args(&["--collector.disable-defaults", "--collector.mine"])
}

fn read(samples: &Samples) -> BTreeSet<String> {
    samples.all("mine_value", &[]).map(|sample| sample.labels["datname"].clone()).collect()
}

/// The databases that are said to refuse, with the reason.
fn refused(samples: &Samples) -> Vec<String> {
    let all = samples.all("pg_scrape_database_refused", &[]);
    let said = |label: Option<&String>| label.cloned().unwrap_or_default();
    let mut all: Vec<_> = all
        .map(|sample| format!("{} {}", said(sample.labels.get("datname")), said(sample.labels.get("reason"))))
        .collect();
    all.sort();
    all
}

/// Databases named `NAME1` and `NAME2` in each of the states in which nobody, or not the exporter, can enter them.
async fn refusing(server: &Postgres) {
    let mut statements = Vec::new();
    for number in 1..=2 {
        for name in ["hba", "limit", "private", "half"] {
            statements.push(format!("CREATE DATABASE {name}{number}"));
        }
        statements.push(format!("ALTER DATABASE limit{number} CONNECTION LIMIT 0"));
        statements.push(format!("REVOKE CONNECT ON DATABASE private{number} FROM PUBLIC"));
        statements.push(format!("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half{number}'"));
    }
    for statement in statements {
        server.sql("postgres", &statement).await.unwrap();
    }
}

/// What the exporter counts when its own connection string leads into a refusal.
async fn counted(server: &Postgres, database: &str) -> Vec<(String, String)> {
    let exporter = exporter(server, database).start().await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(samples.one("pg_up", &[]), 0.0, "{database}");
    let label = |labels: &std::collections::BTreeMap<String, String>, name: &str| {
        labels.get(name).cloned().unwrap_or_default()
    };
    let errors = samples.all("pg_connect_errors_total", &[]);
    errors.map(|sample| (label(&sample.labels, "sqlstate"), label(&sample.labels, "reason"))).collect()
}

async fn reasons(major: u32) {
    let server = Postgres::major(major).hba(HBA).setting("max_connections", "8").start().await.unwrap();
    refusing(&server).await;
    server.sql("postgres", "CREATE DATABASE closed ALLOW_CONNECTIONS false").await.unwrap();
    for (database, sqlstate, reason) in [
        ("hba1", "28000", "pg_hba"),
        ("limit1", "53300", "database_limit"),
        ("private1", "42501", "no_connect"),
        ("half1", "55000", "invalid"),
        ("closed", "55000", "closed"),
        ("nowhere", "3D000", ""),
    ] {
        let expected = [(sqlstate.to_owned(), reason.to_owned())];
        assert_eq!(counted(&server, database).await, expected, "{database} on PostgreSQL {major}");
    }
    server.sql("postgres", &format!("ALTER ROLE {MONITOR} CONNECTION LIMIT 0")).await.unwrap();
    assert_eq!(counted(&server, "postgres").await, [("53300".to_owned(), "role_limit".to_owned())]);
    server.sql("postgres", &format!("ALTER ROLE {MONITOR} CONNECTION LIMIT -1")).await.unwrap();
    // First only the reserved connections are left, and then none.
    let full = [("53300".to_owned(), "server_full".to_owned())];
    let mut sessions = Vec::new();
    while let Ok(session) = server.client_as(MONITOR, PASSWORD, "postgres").await {
        sessions.push(session);
    }
    assert_eq!(counted(&server, "postgres").await, full, "PostgreSQL {major}");
    while let Ok(session) = server.client("postgres").await {
        sessions.push(session);
    }
    assert_eq!(counted(&server, "postgres").await, full, "PostgreSQL {major}");
}

#[tokio::test]
async fn each_reason_is_told_apart_on_postgresql_13() {
    reasons(13).await;
}

#[tokio::test]
async fn each_reason_is_told_apart_on_postgresql_15() {
    reasons(15).await;
}

#[tokio::test]
async fn each_reason_is_told_apart_on_postgresql_17() {
    reasons(17).await;
}

#[tokio::test]
async fn each_reason_is_told_apart_on_postgresql_18() {
    reasons(18).await;
}

#[tokio::test]
async fn databases_that_refuse_take_nothing_from_the_others() {
    let server = start(17).await;
    refusing(&server).await;
    for name in ["a", "m", "n", "y", "z"] {
        server.sql("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    rows(&folder, 1, "");
    let running = mine(&server, "postgres", &folder).arg("--max-connections=2").start().await.unwrap();
    let all: BTreeSet<String> = ["a", "m", "n", "y", "z", "postgres"].map(str::to_owned).into();
    let mut samples = running.scrape().await.unwrap();
    for _ in 0..6 {
        assert_eq!(read(&samples), all, "{}", running.log());
        assert_eq!(
            refused(&samples),
            [
                "half1 invalid",
                "half2 invalid",
                "hba1 pg_hba",
                "hba2 pg_hba",
                "limit1 database_limit",
                "limit2 database_limit",
                "private1 no_connect",
                "private2 no_connect"
            ]
        );
        samples = running.scrape().await.unwrap();
    }
    // Once may be chance; after the second time, they are left alone for a while.
    for name in ["limit1", "limit2", "hba1", "hba2"] {
        assert!(logins(&server, name).await <= 2, "{}", server.log().await.unwrap());
    }
    for name in ["private1", "half1"] {
        assert_eq!(logins(&server, name).await, 0, "{}", server.log().await.unwrap());
    }
    let errors = |sqlstate, reason| {
        samples.one("pg_connect_errors_total", &[("sqlstate", sqlstate), ("reason", reason)])
    };
    assert_eq!((errors("53300", "database_limit"), errors("28000", "pg_hba")), (4.0, 4.0));
    assert!(!samples.has("pg_connect_errors_total", &[("reason", "server_full")]));
    // Each refusal stands in the log with the database that it is of, once.
    for name in ["limit1", "limit2"] {
        let log = running.log();
        let said: Vec<_> =
            log.lines().filter(|line| line.contains(&format!("\"datname\":\"{name}\""))).collect();
        assert_eq!(said.len(), 1, "{log}");
        assert!(said[0].contains(&format!("too many connections for database \\\"{name}\\\"")), "{log}");
    }
    // What is put right counts with the next scrape.
    server.sql("postgres", "ALTER DATABASE limit1 CONNECTION LIMIT 5").await.unwrap();
    server.run("sed -i 's/^host hba1,hba2/host hba2/' data/pg_hba.conf").await.unwrap();
    server.control("reload").await.unwrap();
    eventually!("both are read", {
        let read = read(&running.scrape().await.unwrap());
        (read.contains("limit1") && read.contains("hba1")).then_some(())
    });
    assert!(!refused(&running.scrape().await.unwrap()).join(",").contains("limit1"));
}

#[tokio::test]
async fn a_database_that_is_full_is_read_as_soon_as_it_is_not() {
    let server = start(17).await;
    server.sql("postgres", "CREATE DATABASE small CONNECTION LIMIT 1").await.unwrap();
    let taken = server.client_as(MONITOR, PASSWORD, "small").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    rows(&folder, 1, "");
    let running = mine(&server, "postgres", &folder).start().await.unwrap();
    for _ in 0..4 {
        assert_eq!(refused(&running.scrape().await.unwrap()), ["small database_limit"]);
    }
    drop(taken);
    eventually!("it is read", read(&running.scrape().await.unwrap()).contains("small").then_some(()));
}

#[tokio::test]
async fn a_limit_of_the_role_costs_connections_and_no_database() {
    let server = start(17).await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        server.sql("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
    }
    server.sql("postgres", &format!("ALTER ROLE {MONITOR} CONNECTION LIMIT 2")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    rows(&folder, 1, "");
    let running = mine(&server, "postgres", &folder).arg("--max-connections=5").start().await.unwrap();
    for _ in 0..4 {
        let samples = running.scrape().await.unwrap();
        assert_eq!(read(&samples).len(), 7, "{}", running.log());
        assert!(samples.has("pg_connect_errors_total", &[("sqlstate", "53300"), ("reason", "role_limit")]));
        assert_eq!(refused(&samples), [""; 0], "it is no fault of a database");
    }
}

#[tokio::test]
async fn what_max_series_cuts_is_the_same_in_each_scrape() {
    let server = start(17).await;
    for name in ["a", "b", "c", "d", "e"] {
        server.sql("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
    }
    for more in ["", "interval: 1s\n", "interval: 1h\n"] {
        let folder = tempfile::tempdir().unwrap();
        rows(&folder, 60, more);
        let running = mine(&server, "postgres", &folder).arg("--max-series=150").start().await.unwrap();
        let series = |samples: Samples| -> BTreeSet<String> {
            let all = samples.all("mine_value", &[]);
            all.map(|sample| format!("{:?}", sample.labels)).collect()
        };
        let first = series(running.scrape().await.unwrap());
        assert_eq!(first.len(), 150);
        let mut runs = 0;
        eventually!("it is read several times, or served from the first time", {
            let samples = running.scrape().await.unwrap();
            let collector = [("collector", "mine")];
            assert_eq!(samples.one("pg_scrape_collector_rows", &collector), 150.0);
            let ran = samples.one("pg_scrape_collector_duration_seconds", &collector) > 0.0;
            runs += u32::from(ran || more.contains("1h"));
            assert_eq!(series(samples), first, "{more}");
            (runs == 4).then_some(())
        });
    }
}

#[tokio::test]
async fn nobody_stays_in_a_template() {
    let server = start(17).await;
    server.sql("postgres", "CREATE DATABASE mould IS_TEMPLATE true").await.unwrap();
    for template in ["template1", "mould"] {
        let running = exporter(&server, template).start().await.unwrap();
        for _ in 0..2 {
            assert_eq!(running.scrape().await.unwrap().one("pg_up", &[]), 1.0, "{}", running.log());
        }
        server
            .sql("postgres", &format!("CREATE DATABASE from_{template} TEMPLATE {template}"))
            .await
            .unwrap();
        let said = format!("`{template}`, a template: `CREATE DATABASE` fails while");
        assert_eq!(running.log().matches(&said).count(), 1, "{}", running.log());
    }
}
