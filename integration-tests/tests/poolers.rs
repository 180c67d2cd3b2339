//! The PostgreSQL exporter behind PgBouncer: it works, and who comes after it finds a connection as new.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic, and compares exactly")]

use std::time::Duration;

use integration_tests::eventually;
use integration_tests::exporter::{Builder, Exporter};
use integration_tests::pgbouncer::{PgBouncer, SHARED};
use integration_tests::postgres::Postgres;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Ways in which a session of the server goes from one client to the next.
const WAYS: [&[(&str, &str)]; 4] = [
    &[("pool_mode", "transaction")],
    &[("pool_mode", "session")],
    &[("pool_mode", "session"), ("server_reset_query", "")],
    &[("pool_mode", "statement")],
];

async fn server() -> Postgres {
    let server = Postgres::major(17).start().await.unwrap();
    let setup = format!(
        "CREATE ROLE {SHARED} LOGIN PASSWORD '{SHARED}' IN ROLE pg_monitor; CREATE TABLE orders (id int); \
         GRANT ALL ON orders TO {SHARED}"
    );
    server.sql("postgres", &setup).await.unwrap();
    server
}

fn exporter(pooler: &PgBouncer, database: &str) -> Builder {
    Exporter::postgresql().env("DATA_SOURCE_NAME", pooler.dsn(database)).args(&[
        "--target-name",
        "db1",
        "--include-databases",
        "postgres",
    ])
}

/// Rows of texts.
async fn rows(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).await.unwrap();
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
        }
        _ => None,
    };
    messages.iter().filter_map(row).collect()
}

/// Everything that one client of a session may have left to another: the process, its settings, what was prepared.
async fn session(client: &Client) -> Vec<Vec<Option<String>>> {
    let question = "SELECT 'process', pg_backend_pid()::text UNION ALL SELECT name, setting FROM pg_settings \
                    UNION ALL SELECT 'prepared', name FROM pg_prepared_statements UNION ALL \
                    SELECT 'listens', l FROM pg_listening_channels() AS l UNION ALL \
                    SELECT 'temporary', relname FROM pg_class WHERE relpersistence = 't' ORDER BY 1";
    rows(client, question).await
}

#[tokio::test]
async fn who_comes_next_finds_a_session_as_new() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let text = "help: H\nsource: s\nscope: server\nlabels: [lock, statement, path, readonly]\nmetrics:\n  value: { kind: gauge, help: h }\n\
                queries:\n  - since: 13\n    sql: |\n      SELECT current_setting('lock_timeout') AS lock, \
                current_setting('statement_timeout') <> '0' AS statement, current_setting('search_path') AS path, \
                current_setting('transaction_read_only') AS readonly, 0.5::numeric AS value -- said\n";
    std::fs::write(folder.path().join("own.yaml"), text).unwrap();
    for way in WAYS {
        let pooler = PgBouncer::start(&server, way).await.unwrap();
        let before = session(&pooler.client("postgres").await.unwrap()).await;
        let running =
            exporter(&pooler, "postgres").arg("--metrics").arg(folder.path()).start().await.unwrap();
        for _ in 0..3 {
            let samples = running.scrape().await.unwrap();
            assert_eq!(samples.one("pg_up", &[]), 1.0, "{way:?}: {}", running.log());
            let failed: Vec<_> = samples
                .all("pg_scrape_collector_success", &[])
                .filter(|sample| sample.value == 0.0)
                .collect();
            assert!(failed.is_empty(), "{way:?}: {failed:?} {}", running.log());
            assert!(
                samples.has("pg_connections_used", &[]) && samples.has("pg_settings_max_connections", &[])
            );
            // The exporter is as careful as without a pooler.
            let own = [("lock", "100ms"), ("statement", "true"), ("path", "pg_catalog"), ("readonly", "on")];
            assert_eq!(samples.one("own_value", &own), 0.5, "{way:?}");
        }
        // In session mode, the session is only free when the exporter is gone.
        drop(running);
        let client = pooler.client("postgres").await.unwrap();
        assert_eq!(session(&client).await, before, "{way:?}");
        client.simple_query("INSERT INTO orders VALUES (1)").await.unwrap();
    }
}

#[tokio::test]
async fn an_application_that_goes_on_between_scrapes_notices_nothing() {
    let server = server().await;
    let pooler = PgBouncer::start(&server, &[("pool_mode", "transaction")]).await.unwrap();
    let client = pooler.client("postgres").await.unwrap();
    let before = session(&client).await;
    let exporter = exporter(&pooler, "postgres").start().await.unwrap();
    for _ in 0..5 {
        let (samples, written) =
            tokio::join!(exporter.scrape(), client.simple_query("INSERT INTO orders VALUES (1)"));
        assert_eq!(samples.unwrap().one("pg_up", &[]), 1.0, "{}", exporter.log());
        written.unwrap();
        assert_eq!(session(&client).await, before);
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_cancelled_behind_a_pooler_too() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let text = "help: H\nsource: s\nscope: server\ntimeout: 300ms\nmetrics:\n  value: { kind: gauge, help: h }\nqueries:\n  - \
                since: 13\n    sql: SELECT 1 AS value FROM (SELECT pg_sleep(60)) AS s\n";
    std::fs::write(folder.path().join("slow.yaml"), text).unwrap();
    let pooler = PgBouncer::start(&server, &[("pool_mode", "transaction")]).await.unwrap();
    let before = session(&pooler.client("postgres").await.unwrap()).await;
    let exporter = exporter(&pooler, "postgres").arg("--metrics").arg(folder.path()).start().await.unwrap();
    let samples = exporter.scrape_within(Duration::from_secs(5)).await.unwrap();
    let slow = [("collector", "slow"), ("sqlstate", "57014")];
    assert!(samples.one("pg_scrape_collector_errors_total", &slow) >= 1.0, "{}", exporter.log());
    assert_eq!(samples.one("pg_up", &[]), 1.0);
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state <> 'idle' AND pid <> pg_backend_pid()";
    eventually!("nothing sleeps on", (server.sql("postgres", running).await.unwrap() == "0").then_some(()));
    // A pooler may have closed the session in which it was cancelled; then there is another process, as new.
    let after = session(&pooler.client("postgres").await.unwrap()).await;
    let state = |rows: Vec<Vec<Option<String>>>| {
        let is_state = |row: &Vec<Option<String>>| row[0].as_deref() != Some("process");
        rows.into_iter().filter(is_state).collect::<Vec<_>>()
    };
    assert_eq!(state(after), state(before));
}

#[tokio::test]
async fn the_console_is_called_what_it_is() {
    let server = server().await;
    let pooler = PgBouncer::start(&server, &[]).await.unwrap();
    let exporter = exporter(&pooler, "pgbouncer").start().await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(samples.one("pg_up", &[]), 0.0);
    assert!(samples.has("pg_connect_errors_total", &[("sqlstate", "0A000")]), "{}", exporter.log());
    assert!(exporter.log().contains("the console of PgBouncer"), "{}", exporter.log());
}
