//! What a scrape costs, side by side with `postgres_exporter` in one run: processor time of the exporter and of the
//! server, peak memory, size, connections. Both serve what they serve by default.
//!
//! `just bench-exporter` prints a table. Each number is the mean of the scrapes in one case; the ratio is what
//! counts, for the machine is never idle.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use integration_tests::exporter::{Exporter, Process};
use integration_tests::http;
use integration_tests::postgres::{MONITOR, Postgres};
use integration_tests::setup;

/// What Prometheus 3 asks for.
const HEADERS: [(&str, &str); 3] = [
    ("Accept", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"),
    ("Accept-Encoding", "gzip"),
    ("X-Prometheus-Scrape-Timeout-Seconds", "60"),
];

struct Case {
    name: &'static str,
    databases: usize,
    tables: usize,
    scrapes: u32,
}

const CASES: [Case; 4] = [
    Case { name: "10 tables", databases: 1, tables: 10, scrapes: 100 },
    Case { name: "1,000 tables", databases: 1, tables: 1_000, scrapes: 40 },
    Case { name: "5,000 tables", databases: 1, tables: 5_000, scrapes: 10 },
    Case { name: "20 databases x 50", databases: 20, tables: 50, scrapes: 30 },
];

struct Cost {
    exporter: Duration,
    server: Duration,
    wall: Duration,
    peak: u64,
    series: usize,
    connections: String,
}

async fn server(case: &Case) -> Result<Postgres> {
    let server =
        Postgres::major(17).setting("autovacuum", "off").setting("max_locks_per_transaction", "2000");
    let server = server.start().await?;
    for number in 1..=case.databases {
        let name = format!("app{number}");
        server.sql("postgres", &format!("CREATE DATABASE {name}")).await?;
        let tables = format!(
            "DO $$ BEGIN FOR i IN 1..{} LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, v int)', i); \
             EXECUTE format('CREATE INDEX ON t%s (v)', i); \
             EXECUTE format('INSERT INTO t%s SELECT g, g FROM generate_series(1, 10) AS g', i); END LOOP; END $$",
            case.tables
        );
        server.sql(&name, &tables).await?;
    }
    Ok(server)
}

async fn measure(server: &Postgres, address: &str, process: Process, scrapes: u32) -> Result<Cost> {
    let scrape = async || http::get(address, "/metrics", &HEADERS).await;
    for _ in 0..3 {
        scrape().await?;
    }
    let (exporter, postgres, start) = (process.cpu()?, server.cpu().await?, Instant::now());
    for _ in 0..scrapes {
        scrape().await?;
    }
    let wall = start.elapsed() / scrapes;
    let (exporter, postgres) =
        (process.cpu()?.saturating_sub(exporter), server.cpu().await?.saturating_sub(postgres));
    let peak = process.memory("VmHWM")?;
    let page = http::get(address, "/metrics", &HEADERS[2..]).await?.text();
    let connections = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{MONITOR}'");
    Ok(Cost {
        exporter: exporter / scrapes,
        server: postgres / scrapes,
        wall,
        peak,
        series: page.lines().filter(|line| !line.starts_with('#')).count(),
        connections: server.sql("postgres", &connections).await?,
    })
}

/// Eight scrapes at once, in processor time of the exporter for all of them.
async fn eight(address: &str, process: Process) -> Result<Duration> {
    let before = process.cpu()?;
    let scrapes = (0..8).map(|_| http::get(address, "/metrics", &HEADERS));
    for answer in futures_util::future::join_all(scrapes).await {
        answer?;
    }
    Ok(process.cpu()?.saturating_sub(before))
}

fn print(case: &str, who: &str, cost: &Cost) {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    println!(
        "| {case} | {who} | {} | {} | {} | {:.1} | {} | {} |",
        ms(cost.exporter),
        ms(cost.server),
        ms(cost.wall),
        cost.peak as f64 / 1_048_576.0,
        cost.series,
        cost.connections
    );
}

#[tokio::main]
async fn main() -> Result<()> {
    println!(
        "| case | exporter | CPU ms | server CPU ms | wall ms | peak RSS MiB | series | connections kept |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for case in CASES {
        let server = server(&case).await?;
        let dsn = server.dsn("app1") + "?sslmode=disable";

        let address = {
            let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            format!("127.0.0.1:{port}")
        };
        let mut command = tokio::process::Command::new(setup::root().join("tools/bin/postgres_exporter"));
        command
            .args(["--web.listen-address", &address, "--config.file=/dev/null"])
            .env("DATA_SOURCE_NAME", &dsn);
        let child =
            command.stderr(Stdio::null()).kill_on_drop(true).spawn().context("`just setup` installs it")?;
        let process = Process(child.id().unwrap_or_default());
        while http::get(&address, "/", &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let theirs = measure(&server, &address, process, case.scrapes).await?;
        print(case.name, "postgres_exporter 0.19.1", &theirs);
        let theirs_eight = eight(&address, process).await?;
        drop(child);

        let exporter = Exporter::postgresql_optimized().env("DATA_SOURCE_NAME", &dsn).start().await?;
        let process = Process(exporter.pid());
        let ours = measure(&server, &exporter.address, process, case.scrapes).await?;
        print(case.name, "postgresql-exporter", &ours);
        let ours_eight = eight(&exporter.address, process).await?;
        println!(
            "| {} | ratio | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | |",
            case.name,
            ours.exporter.as_secs_f64() / theirs.exporter.as_secs_f64(),
            ours.server.as_secs_f64() / theirs.server.as_secs_f64(),
            ours.wall.as_secs_f64() / theirs.wall.as_secs_f64(),
            ours.peak as f64 / theirs.peak as f64,
            ours.series as f64 / theirs.series as f64,
        );
        println!(
            "| {} | eight at once: {:.1} ms against {:.1} ms | | | | | | |",
            case.name,
            ours_eight.as_secs_f64() * 1000.0,
            theirs_eight.as_secs_f64() * 1000.0
        );
    }
    Ok(())
}
