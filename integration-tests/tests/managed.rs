//! The PostgreSQL exporter on servers that lack what their version has, as managed services do: real servers, of which
//! the functions and views that metrics files declare under `works_if` are replaced by some that raise an error.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use std::collections::{BTreeMap, BTreeSet};

use catalogue::metric::Query;
use catalogue::works_if::Dependency;
use integration_tests::eventually;
use integration_tests::exporter::{Exporter, Samples};
use integration_tests::postgres::Postgres;

fn queries(major: u32) -> Vec<Query> {
    let (mut queries, _) = postgresql_exporter::queries();
    queries.retain(|query| query.branch(major).is_some());
    queries
}

/// All that may be missing on this version, by name.
fn dependencies(major: u32) -> BTreeMap<String, Dependency> {
    let used = |query: Query| {
        let sql = query.branch(major).unwrap().sql.to_string();
        let used = query.works_if.into_iter().filter(move |dependency| dependency.is_in(&sql));
        used.map(|dependency| (dependency.name.to_string(), dependency))
    };
    queries(major).into_iter().flat_map(used).collect()
}

/// Replaces a function of the catalogue by one that raises an error. The old one goes on under another name: what is
/// built in cannot be replaced in its place, and views use it.
fn without_function(name: &str, sqlstate: &str) -> String {
    let bare = name.trim_end_matches("()").trim_start_matches("pg_catalog.");
    format!(
        "SET allow_system_table_mods = on;
         DO $do$ DECLARE f record; BEGIN
           SELECT pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
             INTO STRICT f FROM pg_proc AS p WHERE p.oid = to_regprocedure('{name}');
           ALTER FUNCTION {name} RENAME TO {bare}_real;
           EXECUTE format($f$CREATE FUNCTION pg_catalog.{bare}(%s) RETURNS %s LANGUAGE plpgsql AS $b$ BEGIN
             RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = 'Function {bare}() is currently not supported';
           END $b$ $f$, f.arguments, f.result);
         END $do$"
    )
}

/// Replaces a view of the catalogue by one that raises an error.
fn without_view(name: &str, sqlstate: &str) -> String {
    format!(
        "SET allow_system_table_mods = on;
         CREATE FUNCTION {name}_broken() RETURNS SETOF {name} LANGUAGE plpgsql AS $b$ BEGIN
           RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = 'Function of {name} is currently not supported';
         END $b$;
         CREATE OR REPLACE VIEW {name} AS SELECT * FROM {name}_broken()"
    )
}

async fn take(server: &Postgres, dependency: &Dependency, sqlstate: &str) {
    let make = if dependency.is_function() { without_function } else { without_view };
    server.sql("postgres", &make(&dependency.name, sqlstate)).await.unwrap();
}

/// An exporter with every collector on.
async fn everything(server: &Postgres) -> Exporter {
    let mut exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres")).arg("--compat");
    for query in queries(server.major) {
        exporter = exporter.arg(format!("--collector.{}", query.name.trim_start_matches("pg_")));
    }
    exporter.start().await.unwrap()
}

fn names(samples: &Samples) -> BTreeSet<String> {
    samples.iter().map(|sample| sample.name.clone()).collect()
}

/// Collectors of which something is missing, with what it is.
fn missing(samples: &Samples) -> BTreeSet<(String, String)> {
    let all = samples.all("pg_scrape_collector_missing_function", &[]);
    all.map(|sample| (sample.labels["collector"].clone(), sample.labels["function"].clone())).collect()
}

fn none_failed(samples: &Samples, exporter: &Exporter) {
    assert_eq!(samples.one("pg_up", &[]), 1.0);
    for success in samples.all("pg_scrape_collector_success", &[]) {
        assert_eq!(success.value, 1.0, "{success:?}\n{}", exporter.log());
    }
    assert!(!samples.has("pg_scrape_collector_errors_total", &[]), "{}", exporter.log());
}

/// How often the server was asked for something that it does not have.
async fn refusals(server: &Postgres) -> usize {
    server.log().await.unwrap().matches("is currently not supported").count()
}

async fn replayed(server: &Postgres, standby: &Postgres) {
    let lsn = server.sql("postgres", "SELECT pg_current_wal_lsn()").await.unwrap();
    let question = format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'");
    eventually!("the standby is as its primary", {
        (standby.sql("postgres", &question).await.unwrap() == "t").then_some(())
    });
}

async fn on(major: u32) {
    // Errors are counted in the log.
    let logging = || Postgres::major(major).setting("log_min_messages", "error");
    let server = logging().start().await.unwrap();
    let grants = {
        let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres"));
        exporter.arg("check-grants").output().await.unwrap().1
    };
    let psql = format!("psql -X -h 127.0.0.1 -p {} -U postgres -f - <<'END'\n{grants}\nEND", server.port);
    server.run(&psql).await.unwrap();
    let standby = logging().standby_of(&server).start().await.unwrap();
    replayed(&server, &standby).await;
    let mut before = BTreeMap::new();
    for one in [&server, &standby] {
        let exporter = everything(one).await;
        let samples = exporter.scrape().await.unwrap();
        none_failed(&samples, &exporter);
        assert_eq!(missing(&samples), BTreeSet::new());
        before.insert(one.port, names(&samples));
    }
    let mut all = dependencies(major);

    // One function alone takes only its own metric along.
    let paused = all.remove("pg_catalog.pg_is_wal_replay_paused()").unwrap();
    take(&server, &paused, "0A000").await;
    let exporter = everything(&standby).await;
    eventually!("the standby lacks it, too", {
        let samples = exporter.scrape().await.unwrap();
        none_failed(&samples, &exporter);
        let lost: BTreeSet<String> = before[&standby.port].difference(&names(&samples)).cloned().collect();
        (lost == ["pg_replication_replay_paused".to_owned()].into()).then_some(())
    });
    drop(exporter);

    // All of them: nothing fails, and what is lost is lost by collectors that say so.
    for (name, dependency) in &all {
        // `wal_level must be set to 'logical'`, as Aurora says.
        let sqlstate = if name.contains("pg_current_wal_lsn") { "55000" } else { "0A000" };
        if name != "pg_catalog.pg_last_wal_replay_lsn()" && name != "pg_catalog.pg_current_wal_lsn()" {
            take(&server, dependency, sqlstate).await;
        }
    }
    replayed(&server, &standby).await;
    for name in ["pg_catalog.pg_last_wal_replay_lsn()", "pg_catalog.pg_current_wal_lsn()"] {
        take(&server, &all[name], if name.contains("current") { "55000" } else { "0A000" }).await;
    }
    let taken = "SELECT count(*) FROM pg_proc WHERE proname = 'pg_current_wal_lsn_real'";
    eventually!(
        "the standby lacks all",
        (standby.sql("postgres", taken).await.unwrap() == "1").then_some(())
    );
    for one in [&server, &standby] {
        let exporter = everything(one).await;
        let samples = exporter.scrape().await.unwrap();
        none_failed(&samples, &exporter);
        let lacks = missing(&samples);
        let lost: BTreeSet<String> = before[&one.port].difference(&names(&samples)).cloned().collect();
        for query in queries(major) {
            let of_query = query.metrics.iter().map(|metric| metric.series.to_string());
            let lost: Vec<String> = of_query.filter(|series| lost.contains(series)).collect();
            let said = lacks.iter().any(|(collector, _)| *collector == query.name);
            assert!(lost.is_empty() || said, "{} lost {lost:?} without a word", query.name);
        }
        // Nothing is guessed, and what does not need the functions is there.
        let is_standby = f64::from(u8::from(one.port == standby.port));
        assert_eq!(samples.one("pg_replication_is_replica", &[]), is_standby);
        for guess in
            ["pg_replication_lag_seconds", "pg_replication_wal_receiver_running", "pg_replication_lag_bytes"]
        {
            assert!(!samples.has(guess, &[]), "{guess}");
        }
        assert!(samples.has("pg_connections_used", &[]));
        if is_standby > 0.0 {
            assert!(samples.has("pg_recovery_replay_blocked", &[]));
            assert!(
                !samples.has("pg_scrape_collector_success", &[("collector", "pg_wal")]),
                "nothing is left of it"
            );
        }
        // It is asked once per connection.
        let asked = refusals(one).await;
        assert!(asked > 0);
        for _ in 0..3 {
            none_failed(&exporter.scrape().await.unwrap(), &exporter);
        }
        assert_eq!(refusals(one).await, asked);
    }
}

#[tokio::test]
async fn a_server_without_functions_serves_the_rest_on_postgresql_13() {
    on(13).await;
}

#[tokio::test]
async fn a_server_without_functions_serves_the_rest_on_postgresql_15() {
    on(15).await;
}

#[tokio::test]
async fn a_server_without_functions_serves_the_rest_on_postgresql_17() {
    on(17).await;
}

#[tokio::test]
async fn a_server_without_functions_serves_the_rest_on_postgresql_18() {
    on(18).await;
}
