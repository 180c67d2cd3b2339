//! The SQL of runbooks about AWS, whose databases are made up: it runs on every version of PostgreSQL, on a primary and a
//! standby, as a role that is no superuser, as on RDS.

use catalogue::component::Platform;
use integration_tests::images::POSTGRESQL;
use integration_tests::postgres::{MONITOR, PASSWORD, Postgres};
use integration_tests::scenario::{runbook, show};
use tokio_postgres::SimpleQueryMessage;

/// Something for each file to look at: tables, a session that blocks another one, a setting that waits.
const LIFE: &str = "CREATE EXTENSION pg_stat_statements; CREATE TABLE t (id int PRIMARY KEY, note text); \
    INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 30000) AS g; ANALYZE t; SELECT count(*) FROM t; \
    CREATE MATERIALIZED VIEW v AS SELECT id FROM t";

#[tokio::test]
async fn what_runbooks_about_aws_read_exists_on_every_version() {
    let catalogue = show::catalogue().unwrap();
    let components = catalogue.components.iter().filter(|component| component.platform() == Platform::Aws);
    let mut files = Vec::new();
    for alert in components.flat_map(|component| &component.alerts) {
        for (file, text) in runbook::reading(alert).unwrap() {
            // Several runbooks show the same file.
            if !files.iter().any(|(_, known)| *known == text) {
                files.push((format!("{}/{file}", &*alert.name), text));
            }
        }
    }
    assert!(files.len() > 15, "{files:?}");
    let runs = POSTGRESQL.map(async |major| run(major, &files).await);
    let failures: Vec<String> = futures_util::future::join_all(runs).await.concat();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What goes wrong on a version.
async fn run(major: u32, files: &[(String, String)]) -> Vec<String> {
    let primary = Postgres::major(major).start().await.unwrap();
    primary.sql("postgres", LIFE).await.unwrap();
    primary.sql("postgres", "ALTER SYSTEM SET max_files_per_process = 999").await.unwrap();
    primary.sql("postgres", "SELECT pg_reload_conf()").await.unwrap();
    let standby = Postgres::major(major).standby_of(&primary).start().await.unwrap();
    let caught_up = "SELECT count(*) > 0 FROM pg_class WHERE relname = 'v'";
    integration_tests::eventually!(
        "the standby has the tables",
        (standby.sql("postgres", caught_up).await.unwrap() == "t").then_some(())
    );
    let blocker = primary.session("postgres", "", "postgres", "blocker").await.unwrap();
    blocker.simple_query("BEGIN; UPDATE t SET note = 'y' WHERE id = 1").await.unwrap();
    let waiter = primary.session("postgres", "", "postgres", "waiter").await.unwrap();
    let waits =
        tokio::spawn(async move { waiter.simple_query("UPDATE t SET note = 'z' WHERE id = 1").await });
    let waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    integration_tests::eventually!(
        "a session waits",
        (primary.sql("postgres", waiting).await.unwrap() == "t").then_some(())
    );
    let mut failures = Vec::new();
    for (role, server) in [("primary", &primary), ("standby", &standby)] {
        let client = server.client_as(MONITOR, PASSWORD, "postgres").await.unwrap();
        for (file, text) in files {
            match client.simple_query(text).await {
                Err(error) => {
                    let said = error.as_db_error().map_or(error.to_string(), ToString::to_string);
                    failures.push(format!("`{file}` on PostgreSQL {major}, {role}: {said}"));
                }
                Ok(messages) if role == "primary" => {
                    failures
                        .extend(lacks(file, &messages).map(|what| format!("{what} on PostgreSQL {major}")));
                }
                Ok(_) => {}
            }
        }
    }
    blocker.simple_query("ROLLBACK").await.unwrap();
    waits.await.unwrap().unwrap();
    failures
}

/// The files that find a culprit must find it.
fn lacks(file: &str, messages: &[SimpleQueryMessage]) -> Option<String> {
    let (_, column, culprit) = [
        ("blocking-sessions.sql", "application_name", "blocker"),
        ("vacuum-blockers.sql", "kind", "session"),
        ("settings-waiting-for-restart.sql", "name", "max_files_per_process"),
        ("largest-tables.sql", "table_name", "t"),
        ("replicas-of-source.sql", "slot_name", "standby"),
    ]
    .into_iter()
    .find(|(name, _, _)| file.ends_with(&format!("/{name}")))?;
    let shown = messages.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(column) == Some(culprit),
        _ => false,
    });
    (!shown).then(|| format!("`{file}` does not show {culprit}"))
}
