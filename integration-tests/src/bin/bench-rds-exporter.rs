//! What the RDS exporter costs and how fast it is, on a fake AWS that takes 30 ms for each call; beside it the figures
//! of the exporter that came before, measured in the same way.
//!
//! `just bench-rds-exporter` prints a table. Its last columns need some minutes of ordinary running (`--minutes`).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use integration_tests::aws::{Account, Aws};
use integration_tests::exporter::{Exporter, Process, Samples};

/// A scrape of the exporter that came before, with 30 ms a call: seconds, calls, MiB.
const BEFORE: [(usize, f64, u32, u32); 3] =
    [(1, 0.19, 10, 39), (100, 3.54, 113, 45), (1_000, 34.8, 1_060, 79)];

/// What it costs, USD of CloudWatch per instance and month, one scraper a minute.
const BEFORE_USD: f64 = 9.20;

/// What one call takes.
const LATENCY: Duration = Duration::from_millis(30);

/// Longer than a page is served again, so that each scrape makes its own.
const PAUSE: Duration = Duration::from_millis(1_050);

#[derive(Debug, Parser)]
struct Args {
    /// How long the calls are counted. The slowest metrics are asked for every ten minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// How many scrapes are timed.
    #[arg(long, default_value_t = 60)]
    scrapes: u32,
}

struct Case {
    count: usize,
    aws: Aws,
    exporter: Exporter,
    inventory: f64,
    everything: f64,
    times: Vec<f64>,
    /// Memory before and after 10,000 scrapes, MiB.
    memory: (f64, f64),
    log_calls: usize,
}

/// Whether every collector works, log files left out or not.
fn works(samples: &Samples, with_logs: bool) -> bool {
    let mut all = samples.all("rds_exporter_collector_success", &[]).peekable();
    let good = |name: &str, value: f64| value > 0.0 || name == "log_files" && !with_logs;
    all.peek().is_some() && all.all(|sample| good(&sample.labels["collector"], sample.value))
}

async fn until(exporter: &Exporter, with_logs: bool, start: Instant) -> Result<f64> {
    loop {
        if works(&exporter.scrape().await?, with_logs) {
            return Ok(start.elapsed().as_secs_f64());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Milliseconds of one scrape. A plain socket, so that the time is the exporter's and not that of a client which is
/// built for tests.
fn scrape(address: &str) -> Result<f64> {
    let mut page = Vec::with_capacity(32 << 20);
    let start = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
    stream.read_to_end(&mut page)?;
    let time = start.elapsed();
    ensure!(page.starts_with(b"HTTP/1.1 200 "), "the exporter does not serve its page");
    Ok(time.as_secs_f64() * 1_000.0)
}

async fn case(count: usize, scrapes: u32) -> Result<Case> {
    let mut account = Account::fleet(count);
    // The log files of a server that is being made cannot be read.
    account.instances.iter_mut().for_each(|instance| "available".clone_into(&mut instance.status));
    let aws = Aws::start(account).await?;
    aws.latency(LATENCY);
    // This builds it, when it is not there.
    let exporter = Exporter::rds_optimized(&aws.env());
    let start = Instant::now();
    let exporter = exporter.start().await?;
    let inventory = until(&exporter, false, start).await?;
    let everything = until(&exporter, true, start).await?;
    let mut times = Vec::new();
    for _ in 0..scrapes {
        tokio::time::sleep(PAUSE).await;
        let address = exporter.address.clone();
        times.push(tokio::task::spawn_blocking(move || scrape(&address)).await??);
    }
    times.sort_by(f64::total_cmp);
    let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    let before = mebibytes(exporter.memory()?);
    if count <= 100 {
        for _ in 0..10_000 {
            exporter.get("/metrics", &[]).await?;
        }
    }
    let memory = (before, mebibytes(exporter.memory()?));
    let log_calls = aws.calls("rds", "DescribeDBLogFiles");
    Ok(Case { count, aws, exporter, inventory, everything, times, memory, log_calls })
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut cases = Vec::new();
    for (count, ..) in BEFORE {
        eprintln!("{count} instances");
        cases.push(case(count, args.scrapes).await?);
    }
    eprintln!("counting calls for {} minutes", args.minutes);
    for case in &cases {
        case.aws.reset_counts();
    }
    tokio::time::sleep(Duration::from_mins(u64::from(args.minutes))).await;
    println!(
        "| instances | exporter | /metrics p99 ms | first snapshot s | with log sizes s | calls a minute | \
         USD per instance and month | RSS MiB | peak RSS MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (case, (_, seconds, calls, memory)) in cases.iter().zip(BEFORE) {
        let count = case.count;
        println!(
            "| {count} | existing | {:.0} | {seconds} | {seconds} | {calls} | {BEFORE_USD:.2} | {memory} | |",
            seconds * 1_000.0
        );
        let minutes = f64::from(args.minutes);
        // Log files are read every 15 minutes, which may lie outside of the window.
        let others = case.aws.count(|request| request.action != "DescribeDBLogFiles") as f64;
        let calls = others / minutes + case.log_calls as f64 / 15.0;
        let usd = case.aws.billed_metrics() as f64 / minutes * 43_800.0 * 0.01 / 1_000.0 / count as f64;
        let last = case.times.len().saturating_sub(1) * 99 / 100;
        let p99 = case.times.get(last).context("there are scrapes")?;
        let peak = Process(case.exporter.pid()).memory("VmHWM")? as f64 / 1_048_576.0;
        println!(
            "| {count} | rds-exporter | {p99:.1} | {:.2} | {:.2} | {calls:.1} | {usd:.2} | {:.1} | {peak:.1} |",
            case.inventory,
            case.everything,
            case.exporter.memory()? as f64 / 1_048_576.0,
        );
        if count <= 100 {
            println!(
                "| {count} | 10,000 scrapes: {:.1} MiB before, {:.1} MiB after | | | | | | | |",
                case.memory.0, case.memory.1
            );
        }
    }
    Ok(())
}
