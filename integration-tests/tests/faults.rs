//! The PostgreSQL exporter while its server suffers: it answers in time, says what failed, and leaves nothing behind.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::too_many_lines,
    reason = "a test may panic, compares exactly and tells a whole story"
)]

use std::time::{Duration, Instant};

use anyhow::Result;
use integration_tests::eventually;
use integration_tests::exporter::{Builder, Clock, Exporter, Samples};
use integration_tests::postgres::{MONITOR, PASSWORD, Postgres};
use tokio::net::{TcpListener, TcpStream};

fn exporter(server: &Postgres) -> Builder {
    Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres")).args(&["--target-name", "db1"])
}

fn up(samples: &Samples) -> f64 {
    samples.one("pg_up", &[("target", "db1")])
}

/// Connections of the monitoring role, as the server counts them.
async fn connections(server: &Postgres) -> Result<u32> {
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{MONITOR}'");
    Ok(server.sql("postgres", &count).await?.parse()?)
}

fn failed_logins(samples: &Samples, sqlstate: &str) -> bool {
    samples.all("pg_connect_errors_total", &[("sqlstate", sqlstate)]).any(|sample| sample.value >= 1.0)
}

/// A metrics file with one query.
fn metrics(folder: &tempfile::TempDir, name: &str, scope: &str, sql: &str, more: &str) {
    let labels = if scope == "database" { "labels: [datname]\n" } else { "" };
    let text = format!(
        "help: H\nsource: s\nscope: {scope}\n{labels}{more}metrics:\n  value: {{ kind: gauge, help: h }}\nqueries:\n  - \
         since: 13\n    sql: {sql}\n"
    );
    std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_budget_and_one_connection() {
    let server = Postgres::major(17).start().await.unwrap();
    let exporter = exporter(&server).start().await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
    server.signal_all("STOP").await.unwrap();
    for _ in 0..4 {
        let samples = exporter.scrape_within(Duration::from_millis(1500)).await.unwrap();
        assert_eq!(up(&samples), 0.0);
        assert!(samples.has("pg_scrape_collector_success", &[("collector", "pg_connections")]));
    }
    server.signal_all("CONT").await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0, "{}", exporter.log());
    eventually!("the connections of the hang go away", {
        let count = connections(&server).await.unwrap();
        (count <= 2).then_some(())
    });
}

#[tokio::test]
async fn a_server_that_dies_is_down_and_comes_back_with_the_next_scrape() {
    let server = Postgres::major(17).start().await.unwrap();
    let exporter = exporter(&server).start().await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
    server.control("-m immediate stop").await.unwrap();
    let start = Instant::now();
    let samples = exporter.scrape().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "a refused connection needs no patience");
    assert_eq!(up(&samples), 0.0);
    assert!(failed_logins(&samples, "08001"));
    assert!(!samples.has("pg_connections_used", &[]));
    server.control("start").await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
    // A restart between two scrapes is not a failure.
    server.control("-m fast restart").await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
    assert!(exporter.log().contains("server not scraped"), "{}", exporter.log());
}

#[tokio::test]
async fn an_exporter_starts_before_its_server() {
    let server = Postgres::major(17).start().await.unwrap();
    server.control("stop").await.unwrap();
    let exporter = exporter(&server).start().await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 0.0);
    server.control("start").await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
}

#[tokio::test]
async fn a_standby_that_takes_no_sessions_says_so() {
    let primary = Postgres::major(17).start().await.unwrap();
    let standby = Postgres::major(17).standby_of(&primary).start().await.unwrap();
    standby.run("echo 'hot_standby = off' >> data/postgresql.conf").await.unwrap();
    // It starts, but is never ready, so that pg_ctl must not wait for it.
    standby.control("stop").await.unwrap();
    standby.run("pg_ctl -D data -l log -W start > control.log").await.unwrap();
    let exporter = exporter(&standby).start().await.unwrap();
    eventually!("57P03 is counted", {
        let samples = exporter.scrape().await.unwrap();
        (up(&samples) == 0.0 && failed_logins(&samples, "57P03")).then_some(())
    });
}

#[tokio::test]
async fn a_full_server_is_still_seen() {
    let server = Postgres::major(17).setting("max_connections", "12").setting("reserved_connections", "2");
    let server = server.start().await.unwrap();
    let early = exporter(&server).arg("--max-connections=1").start().await.unwrap();
    assert_eq!(up(&early.scrape().await.unwrap()), 1.0);
    server.sql("postgres", "CREATE ROLE app LOGIN PASSWORD 'app'").await.unwrap();
    let mut sessions = Vec::new();
    while let Ok(session) = server.client_as("app", "app", "postgres").await {
        sessions.push(session);
    }
    let samples = early.scrape().await.unwrap();
    assert_eq!(up(&samples), 1.0);
    assert_eq!(samples.one("pg_connections_used", &[]), samples.one("pg_connections_usable", &[]));
    let late = exporter(&server).start().await.unwrap();
    let samples = late.scrape().await.unwrap();
    assert_eq!(up(&samples), 0.0);
    assert!(failed_logins(&samples, "53300"));
    // Slots that are reserved for the exporter are used by it.
    server.sql("postgres", &format!("GRANT pg_use_reserved_connections TO {MONITOR}")).await.unwrap();
    assert_eq!(up(&late.scrape().await.unwrap()), 1.0);
}

#[tokio::test]
async fn refused_logins_are_told_apart_and_leak_nothing() {
    let server = Postgres::major(17).start().await.unwrap();
    let port = server.port;
    for (dsn, sqlstate) in [
        (format!("postgresql://{MONITOR}:hunter2@127.0.0.1:{port}/postgres"), "28P01"),
        (format!("postgresql://nobody:hunter2@127.0.0.1:{port}/postgres"), "28P01"),
        (format!("postgresql://{MONITOR}:{PASSWORD}@127.0.0.1:{port}/nowhere"), "3D000"),
        (format!("postgresql://{MONITOR}:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=require"), "08P01"),
        (format!("postgresql://{MONITOR}:{PASSWORD}@127.0.0.1:1/postgres"), "08001"),
        (format!("postgresql://{MONITOR}:{PASSWORD}@no-such-host.invalid/postgres"), "08001"),
    ] {
        let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", &dsn).args(&["--target-name", "db1"]);
        let exporter = exporter.start().await.unwrap();
        let samples = exporter.scrape().await.unwrap();
        assert_eq!(up(&samples), 0.0);
        assert!(failed_logins(&samples, sqlstate), "{dsn}: {samples:?}\n{}", exporter.log());
        for secret in ["hunter2", PASSWORD] {
            assert!(!exporter.log().contains(secret), "{}", exporter.log());
        }
    }
}

#[tokio::test]
async fn a_role_without_pg_monitor_is_named() {
    let server = Postgres::major(17).start().await.unwrap();
    server.sql("postgres", &format!("REVOKE pg_monitor FROM {MONITOR}")).await.unwrap();
    let running = exporter(&server).start().await.unwrap();
    let samples = running.scrape().await.unwrap();
    assert_eq!(up(&samples), 1.0);
    let missing = [("collector", "all"), ("need", "role pg_monitor")];
    assert_eq!(samples.one("pg_scrape_collector_missing_privilege", &missing), 1.0);
    let (code, sql, _) = exporter(&server).arg("check-grants").output().await.unwrap();
    assert_eq!(code, 1);
    assert!(sql.contains(&format!("GRANT pg_monitor TO \"{MONITOR}\";")), "{sql}");
    // The SQL does what it says.
    server
        .run(&format!(
            "psql -X -v ON_ERROR_STOP=1 -h 127.0.0.1 -p {} -U postgres -f - <<'END'\n{sql}END",
            server.port
        ))
        .await
        .unwrap();
    let (code, sql, _) = exporter(&server).arg("check-grants").output().await.unwrap();
    assert_eq!((code, sql.lines().count()), (0, 1), "{sql}");
}

#[tokio::test]
async fn locked_tables_cost_nothing() {
    let server = Postgres::major(17).start().await.unwrap();
    server
        .sql("postgres", "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)")
        .await
        .unwrap();
    let exporter = exporter(&server).start().await.unwrap();
    let locker = server.client("postgres").await.unwrap();
    locker.batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let start = Instant::now();
    let samples = exporter.scrape().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    for success in samples.all("pg_scrape_collector_success", &[]) {
        assert_eq!(success.value, 1.0, "{success:?}\n{}", exporter.log());
    }
}

#[tokio::test]
async fn a_locked_catalog_stops_only_who_reads_it() {
    let server = Postgres::major(17).start().await.unwrap();
    for name in ["a", "b", "c", "d", "e", "f"] {
        server.sql("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
    }
    let exporter = exporter(&server).start().await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
    let locker = server.client("postgres").await.unwrap();
    locker.batch_execute("BEGIN; LOCK TABLE pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE").await.unwrap();
    for _ in 0..6 {
        let samples = exporter.scrape_within(Duration::from_secs(2)).await.unwrap();
        assert_eq!(up(&samples), 1.0, "{}", exporter.log());
    }
    let held: u32 = {
        let row = locker
            .query_one("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'", &[]);
        u32::try_from(row.await.unwrap().get::<_, i64>(0)).unwrap()
    };
    assert!(held <= 6, "the exporter holds {} connections", held - 1);
    locker.batch_execute("ROLLBACK").await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(
        samples.one("pg_scrape_collector_success", &[("collector", "pg_index")]),
        1.0,
        "{}",
        exporter.log()
    );
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_cancelled_and_the_others_are_served() {
    let server = Postgres::major(17).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    metrics(
        &folder,
        "a_slow",
        "server",
        "SELECT 1 AS value FROM (SELECT pg_sleep(60)) AS s",
        "timeout: 300ms\n",
    );
    metrics(
        &folder,
        "z_slow",
        "server",
        "SELECT 1 AS value FROM (SELECT pg_sleep(60)) AS s",
        "timeout: 1h\n",
    );
    let exporter = exporter(&server).arg("--metrics").arg(folder.path()).start().await.unwrap();
    for _ in 0..3 {
        let samples = exporter.scrape_within(Duration::from_secs(2)).await.unwrap();
        assert_eq!(up(&samples), 1.0);
        assert!(samples.has("pg_connections_used", &[]), "{}", exporter.log());
        for name in ["a_slow", "z_slow"] {
            let labels = [("collector", name)];
            assert_eq!(samples.one("pg_scrape_collector_success", &labels), 0.0);
            assert!(
                samples
                    .one("pg_scrape_collector_errors_total", &[("collector", name), ("sqlstate", "57014")])
                    >= 1.0
            );
        }
    }
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()";
    eventually!("nothing sleeps on", (server.sql("postgres", running).await.unwrap() == "0").then_some(()));
}

#[tokio::test]
async fn what_a_query_returns_too_much_of_is_cut_and_counted() {
    let server = Postgres::major(17).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    metrics(
        &folder,
        "many",
        "server",
        "SELECT i::text AS i, 1 AS value FROM generate_series(1, 1000000) AS i",
        "labels: [i]\n",
    );
    metrics(
        &folder,
        "twice",
        "server",
        "SELECT 'x' AS i, 1 AS value FROM generate_series(1, 3)",
        "labels: [i]\n",
    );
    metrics(
        &folder,
        "long",
        "server",
        "SELECT repeat('x', 10000) AS i, 1 AS value UNION ALL SELECT E'a\"\\n', 2",
        "labels: [i]\n",
    );
    metrics(
        &folder,
        "odd",
        "server",
        "SELECT i, value FROM (VALUES ('nan', 'NaN'::float8), ('null', NULL), ('one', 1)) AS v (i, value)",
        "labels: [i]\n",
    );
    let exporter = exporter(&server).arg("--metrics").arg(folder.path()).start().await.unwrap();
    let before = exporter.memory().unwrap();
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(samples.all("many_value", &[]).count(), 10_000, "{}", exporter.log());
    let skipped = |collector: &str, reason: &str| {
        samples.one("pg_scrape_skipped_total", &[("collector", collector), ("reason", reason)])
    };
    assert_eq!(skipped("many", "limit"), 990_000.0);
    assert_eq!((samples.one("twice_value", &[("i", "x")]), skipped("twice", "duplicate")), (1.0, 2.0));
    assert_eq!((samples.one("long_value", &[("i", "a\"\n")]), skipped("long", "label")), (2.0, 1.0));
    assert_eq!((samples.one("odd_value", &[]), skipped("odd", "nan")), (1.0, 1.0));
    let grown = exporter.memory().unwrap().saturating_sub(before);
    assert!(grown < 20 << 20, "a million rows cost {grown} bytes");
}

#[tokio::test]
async fn bad_queries_are_named_and_the_rest_is_served() {
    let server = Postgres::major(17).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    metrics(&folder, "syntax", "server", "SELEC 1 AS value", "");
    metrics(&folder, "column", "server", "SELECT 1 AS other", "");
    metrics(&folder, "type", "server", "SELECT now() AS value", "");
    metrics(&folder, "divides", "server", "SELECT 1 / (count(*) - count(*)) AS value FROM pg_class", "");
    metrics(
        &folder,
        "writes",
        "server",
        "WITH x AS (DELETE FROM t RETURNING 1) SELECT count(*) AS value FROM x",
        "",
    );
    server
        .sql(
            "postgres",
            &format!("CREATE TABLE t (i int); INSERT INTO t VALUES (1); GRANT ALL ON t TO {MONITOR}"),
        )
        .await
        .unwrap();
    let exporter = exporter(&server).arg("--metrics").arg(folder.path()).start().await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    for (name, sqlstate) in [
        ("syntax", "42601"),
        ("column", "42703"),
        ("type", "42703"),
        ("divides", "22012"),
        ("writes", "42P01"),
    ] {
        assert_eq!(samples.one("pg_scrape_collector_success", &[("collector", name)]), 0.0);
        let labels = [("collector", name), ("sqlstate", sqlstate)];
        assert!(samples.has("pg_scrape_collector_errors_total", &labels), "{name}: {}", exporter.log());
    }
    assert!(samples.has("pg_connections_used", &[]));
    assert!(
        exporter.log().contains("metric `value` is of type timestamptz: cast it to a number"),
        "{}",
        exporter.log()
    );
    // Nobody can write through it, whatever the role may do.
    metrics(
        &folder,
        "writes",
        "server",
        "WITH x AS (DELETE FROM public.t RETURNING 1) SELECT count(*) AS value FROM x",
        "",
    );
    assert_eq!(exporter.get("/-/healthy", &[]).await.unwrap().status, 200);
    let fresh = self::exporter(&server).arg("--metrics").arg(folder.path()).start().await.unwrap();
    let samples = fresh.scrape().await.unwrap();
    let labels = [("collector", "writes"), ("sqlstate", "25006")];
    assert!(samples.has("pg_scrape_collector_errors_total", &labels), "{}", fresh.log());
    assert_eq!(server.sql("postgres", "SELECT count(*) FROM t").await.unwrap(), "1");
}

#[tokio::test]
async fn many_databases_are_visited_by_few_connections() {
    let server = Postgres::major(17).setting("max_connections", "30").start().await.unwrap();
    let client = server.client("postgres").await.unwrap();
    for number in 0..500 {
        let create = format!("CREATE DATABASE d{number} TEMPLATE template0 STRATEGY file_copy");
        client.batch_execute(&create).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    metrics(&folder, "one", "database", "SELECT current_database() AS datname, 1 AS value", "interval: 1h\n");
    let start = |more: &'static str| {
        let exporter = exporter(&server).arg("--metrics").arg(folder.path());
        exporter.args(&["--collector.disable-defaults", "--collector.one", more]).start()
    };
    let exporter = start("--max-connections=4").await.unwrap();
    // What the first scrape has no time for, the next ones do.
    let mut most = 0;
    eventually!("all databases are read", {
        let samples = exporter.scrape_within(Duration::from_secs(5)).await.unwrap();
        most = most.max(connections(&server).await.unwrap());
        (samples.all("one_value", &[]).count() == 501).then_some(())
    });
    assert!(most <= 4, "{most} connections");
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(samples.one("pg_scrape_collector_duration_seconds", &[("collector", "one")]), 0.0);
    assert!(samples.one("pg_scrape_collector_age_seconds", &[("collector", "one")]) > 0.0);
    let some = start("--include-databases=d1*,postgres").await.unwrap();
    let samples = some.scrape().await.unwrap();
    assert_eq!(samples.all("one_value", &[]).count(), 112);
    // Databases come and go.
    client.batch_execute("DROP DATABASE d1 WITH (FORCE)").await.unwrap();
    client.batch_execute("CREATE DATABASE d1_new").await.unwrap();
    let samples = some.scrape().await.unwrap();
    assert!(
        samples.has("one_value", &[("datname", "d1_new")]) && !samples.has("one_value", &[("datname", "d1")])
    );
}

#[tokio::test]
async fn a_database_that_is_dropped_during_the_scrape_takes_nothing_with_it() {
    let server = Postgres::major(17).start().await.unwrap();
    for name in ["keep", "drop"] {
        server.sql("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    metrics(
        &folder,
        "slow",
        "database",
        "SELECT current_database() AS datname, 1 AS value FROM (SELECT pg_sleep(1)) AS s",
        "",
    );
    let exporter = exporter(&server).arg("--metrics").arg(folder.path());
    let exporter =
        exporter.args(&["--collector.disable-defaults", "--collector.slow"]).start().await.unwrap();
    let scrape = exporter.scrape();
    let drop = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.sql("postgres", "DROP DATABASE drop WITH (FORCE)").await.unwrap();
    };
    let (samples, ()) = tokio::join!(scrape, drop);
    let samples = samples.unwrap();
    assert!(
        samples.has("slow_value", &[("datname", "keep")])
            && !samples.has("slow_value", &[("datname", "drop")])
    );
    assert_eq!(samples.one("pg_scrape_database_failed", &[]), 1.0);
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(samples.one("pg_scrape_collector_success", &[("collector", "slow")]), 1.0);
}

#[tokio::test]
async fn the_new_primary_is_found_after_a_failover() {
    let primary = Postgres::major(17).start().await.unwrap();
    let standby = Postgres::major(17).standby_of(&primary).start().await.unwrap();
    let dsn = format!(
        "postgresql://{MONITOR}:{PASSWORD}@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        primary.port, standby.port
    );
    let exporter =
        Exporter::postgresql().env("DATA_SOURCE_NAME", dsn).args(&["--target-name", "db1"]).start();
    let exporter = exporter.await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
    primary.control("-m immediate stop").await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 0.0);
    standby.control("promote").await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0, "{}", exporter.log());
    assert_eq!(connections(&standby).await.unwrap(), 1);
}

#[tokio::test]
async fn a_proxy_that_cuts_or_swallows_is_survived() {
    let server = Postgres::major(17).start().await.unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let (mode, watch) = tokio::sync::watch::channel("pass");
    let port = server.port;
    tokio::spawn(async move {
        loop {
            let (mut client, _) = proxy.accept().await.unwrap();
            let mut watch = watch.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                loop {
                    let now = *watch.borrow_and_update();
                    match now {
                        "pass" => tokio::select! {
                            _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                            _ = watch.changed() => {}
                        },
                        "cut" => return,
                        _ => drop(watch.changed().await),
                    }
                }
            });
        }
    });
    let dsn = format!("postgresql://{MONITOR}:{PASSWORD}@{address}/postgres");
    let exporter =
        Exporter::postgresql().env("DATA_SOURCE_NAME", dsn).args(&["--target-name", "db1"]).start();
    let exporter = exporter.await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0);
    mode.send_replace("swallow");
    assert_eq!(up(&exporter.scrape_within(Duration::from_secs(1)).await.unwrap()), 0.0);
    mode.send_replace("cut");
    tokio::time::sleep(Duration::from_millis(100)).await;
    mode.send_replace("pass");
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0, "{}", exporter.log());
    // Cut between two scrapes: the next one does not even notice.
    mode.send_replace("cut");
    tokio::time::sleep(Duration::from_millis(100)).await;
    mode.send_replace("pass");
    assert_eq!(up(&exporter.scrape().await.unwrap()), 1.0, "{}", exporter.log());
}

#[tokio::test]
async fn fifty_scrapers_cost_what_one_costs() {
    let server = Postgres::major(17).start().await.unwrap();
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    metrics(&folder, "slow", "server", "SELECT 1 AS value FROM (SELECT pg_sleep(0.5)) AS fifty", "");
    let exporter = exporter(&server).arg("--metrics").arg(folder.path()).start().await.unwrap();
    let scrapes = (0..50).map(|_| exporter.scrape());
    for samples in futures_util::future::join_all(scrapes).await {
        assert_eq!(up(&samples.unwrap()), 1.0);
    }
    let calls =
        "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE '%AS fifty%' AND query NOT LIKE '%sum%'";
    let calls: u32 = server.sql("postgres", calls).await.unwrap().parse().unwrap();
    assert!(calls <= 2, "{calls} runs for 50 scrapers");
    assert!(connections(&server).await.unwrap() <= 5);
}

#[tokio::test]
async fn ten_thousand_scrapes_leave_nothing_behind() {
    let server = Postgres::major(17).start().await.unwrap();
    let exporter = exporter(&server).start().await.unwrap();
    let scrape = async |count: u32| {
        for _ in 0..count {
            let answer = exporter.get("/metrics?collect[]=connections", &[]).await.unwrap();
            assert_eq!(answer.status, 200);
        }
        exporter.scrape().await.unwrap();
        exporter.memory().unwrap()
    };
    let early = scrape(1_000).await;
    let late = scrape(9_000).await;
    assert!(late <= early + (1 << 20), "memory went from {early} to {late} bytes");
    assert!(connections(&server).await.unwrap() <= 5);
    let files = std::fs::read_dir(format!("/proc/{}/fd", exporter.pid())).unwrap().count();
    assert!(files < 40, "{files} open files");
}

#[tokio::test]
async fn a_clock_that_is_set_back_changes_nothing() {
    let server = Postgres::major(17).start().await.unwrap();
    let clock = Clock::new().unwrap();
    let exporter = exporter(&server).clock(&clock).start().await.unwrap();
    let series = |samples: &Samples| samples.iter().filter(|sample| sample.name.starts_with("pg_")).count();
    exporter.scrape().await.unwrap();
    let before = exporter.scrape().await.unwrap();
    clock.set("-1d").unwrap();
    let after = exporter.scrape().await.unwrap();
    assert_eq!(up(&after), 1.0);
    assert_eq!(series(&after), series(&before));
    for sample in after.iter().filter(|sample| sample.name.starts_with("pg_scrape_")) {
        assert!((0.0..60.0).contains(&sample.value) || !sample.name.ends_with("_seconds"), "{sample:?}");
    }
    let failed: Vec<_> =
        after.all("pg_scrape_collector_success", &[]).filter(|sample| sample.value == 0.0).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", exporter.log());
    exporter.get("/-/healthy", &[]).await.unwrap();
    // The clock was really set back: the log says yesterday.
    exporter.signal(rustix::process::Signal::HUP).unwrap();
    eventually!(
        "a line of yesterday",
        exporter.log().lines().rev().find_map(|line| {
            let day = line.split_once("\"timestamp\":\"")?.1.get(..10)?;
            (!exporter.log().lines().next()?.contains(day)).then_some(())
        })
    );
}
