//! How long the site takes, side by side with Hugo in one run: time, peak memory, size; and how long a saved runbook
//! takes to be shown by `dmf serve`.
//!
//! `just bench-site` prints two tables. Ours is the whole `dmf build` (checks, charts, rules and site), Hugo's the site
//! alone, with a small theme that does the comparable work (see `hugo.rs`). The ratio is what counts.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use integration_tests::exporter::Process;
use integration_tests::{bulk, http, hugo, setup};
use walkdir::WalkDir;

/// Alerts of the contents beside the real one.
const SIZES: [usize; 2] = [1_000, 10_000];

/// Runs of which the fastest counts, where one is short.
const RUNS: u32 = 3;

#[derive(Debug, Parser)]
struct Args {
    /// Seconds after which Hugo is stopped.
    #[arg(long, default_value_t = 300)]
    limit: u64,
    /// The largest number of alerts.
    #[arg(long, default_value_t = 10_000)]
    largest: usize,
    /// How often a runbook is saved.
    #[arg(long, default_value_t = 30)]
    saves: usize,
}

/// What a run cost; nothing when it was stopped.
struct Cost {
    seconds: Option<f64>,
    peak: f64,
    size: f64,
    files: usize,
}

/// Runs a program to its end or to the limit, each time into a folder of its own: nothing is deleted meanwhile, because
/// ext4 goes around inodes that were deleted just before, which takes longer than to build the site.
fn measure(scratch: &Path, limit: Duration, program: impl Fn(&Path) -> Command) -> Result<Cost> {
    let mut best: Option<Cost> = None;
    for run in 0..RUNS {
        let out = scratch.join(format!("out-{run}"));
        let mut command = program(&out);
        let start = Instant::now();
        let mut child = command.stdout(Stdio::null()).spawn().context("the program does not start")?;
        let (ended, peak) = watch(&mut child, start, limit)?;
        let seconds = start.elapsed().as_secs_f64();
        let found = WalkDir::new(&out).into_iter().filter_map(Result::ok);
        let files = found.filter(|entry| entry.file_type().is_file());
        let sizes: Vec<_> = files.filter_map(|entry| Some(entry.metadata().ok()?.len())).collect();
        let size = sizes.iter().sum::<u64>() as f64 / 1_048_576.0;
        let cost = Cost { seconds: ended.then_some(seconds), peak, size, files: sizes.len() };
        let is_better = best.as_ref().and_then(|best| best.seconds).is_none_or(|best| seconds < best);
        if is_better {
            best = Some(cost);
        }
        if !ended || seconds > 10.0 {
            break;
        }
    }
    best.context("nothing was measured")
}

/// Waits for the end, whether it came in time, and the most memory meanwhile in MiB.
fn watch(child: &mut Child, start: Instant, limit: Duration) -> Result<(bool, f64)> {
    let mut peak = 0.0_f64;
    loop {
        peak = peak.max(Process(child.id()).memory("VmHWM").unwrap_or(0) as f64 / 1_048_576.0);
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "the program fails: {status}");
            return Ok((true, peak));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok((false, peak));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn row(what: &str, who: &str, cost: &Cost, limit: Duration) {
    let seconds = cost
        .seconds
        .map_or_else(|| format!("stopped after {}", limit.as_secs()), |seconds| format!("{seconds:.2}"));
    let Cost { peak, size, files, .. } = cost;
    println!("| {what} | {who} | {seconds} | {peak:.0} | {size:.1} | {files} |");
}

fn compare(content: &Path, what: &str, dmf: &Path, hugo: &Path, limit: Duration) -> Result<()> {
    let scratch = [tempfile::tempdir()?, tempfile::tempdir()?];
    let [ours, theirs] = [scratch[0].path(), scratch[1].path()];
    let catalogue = catalogue::load(content).catalogue.context("the content loads")?;
    let source = theirs.join("source");
    hugo::write(&catalogue, &source)?;
    drop(catalogue);
    let ours = measure(ours, limit, |out| {
        let mut build = Command::new(dmf);
        build.arg("--content").arg(content).arg("build");
        build.arg("--charts-out").arg(out.join("charts")).arg("--site-out").arg(out.join("site"));
        build
    })?;
    row(what, "dmf build", &ours, limit);
    let theirs = measure(theirs, limit, |out| {
        let mut build = Command::new(hugo);
        build.args(["--quiet", "--source"]).arg(&source).arg("--destination").arg(out);
        build
    })?;
    row(what, "hugo", &theirs, limit);
    let ratio = match (ours.seconds, theirs.seconds) {
        (Some(ours), Some(theirs)) => format!("{:.3}", ours / theirs),
        (Some(ours), None) => format!("below {:.3}", ours / limit.as_secs_f64()),
        (None, _) => "-".to_owned(),
    };
    let (peak, output) = (ours.peak / theirs.peak, ours.size / theirs.size);
    println!("| {what} | ratio | {ratio} | {peak:.2} | {output:.2} | |");
    Ok(())
}

/// Milliseconds from the save of a runbook to its page being there for a browser that was told, sorted.
async fn saves(content: &Path, dmf: &Path, count: usize) -> Result<Vec<f64>> {
    let mut child = Command::new(dmf)
        .arg("--content")
        .arg(content)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
    let line = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("http://")));
    let line = line.context("it says where it is")??;
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.context("it says where it is")?.to_owned();
    std::thread::spawn(move || lines.for_each(drop));
    let file = content.join("postgresql/alerts/PostgreSQLMaxConnections/runbook.md");
    let text = fs::read_to_string(&file)?;
    let mut times = Vec::new();
    for number in 0..count {
        let word = format!("saved for the {number}th time");
        let start = Instant::now();
        fs::write(&file, text.replace("## Impact", &format!("{word}\n\n## Impact")))?;
        loop {
            let page = "/runbooks/postgresql/PostgreSQLMaxConnections/";
            if http::get(&address, page, &[]).await?.text().contains(&word) {
                break;
            }
            ensure!(start.elapsed() < integration_tests::patience(), "the page does not change");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        // As somebody who writes: half of the saves come while the rest of the site is still being made.
        tokio::time::sleep(Duration::from_millis(if number % 2 == 0 { 200 } else { 3_000 })).await;
    }
    child.kill()?;
    child.wait()?;
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn optimized() -> Result<PathBuf> {
    let mut build = setup::cargo();
    build.args(["build", "--quiet", "--locked", "--release", "--package", "generator"]);
    ensure!(build.status()?.success(), "the generator does not build");
    Ok(setup::root().join("target/release/dmf"))
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let (dmf, hugo, limit) = (optimized()?, setup::hugo()?, Duration::from_secs(args.limit));
    let real = setup::root().join("content");
    println!("dmf build makes checks, charts, rules and the site; hugo {} the site alone,", setup::HUGO);
    println!("with a small theme of ours in place of hugo-book: all pages in the menu of every page.\n");
    println!("| content | program | seconds | peak MiB | output MiB | files |");
    println!("| --- | --- | --- | --- | --- | --- |");
    compare(&real, "real", &dmf, &hugo, limit)?;
    for alerts in SIZES.into_iter().filter(|alerts| *alerts <= args.largest) {
        let folder = tempfile::tempdir()?;
        let content = folder.path().join("content");
        bulk::content(&real, alerts, &content)?;
        compare(&content, &format!("{alerts} alerts"), &dmf, &hugo, limit)?;
    }
    println!("\n| content | from save to page, ms: median | 90th percentile | longest |");
    println!("| --- | --- | --- | --- |");
    for alerts in [0, SIZES[0]] {
        let folder = tempfile::tempdir()?;
        let content = folder.path().join("content");
        bulk::content(&real, alerts, &content)?;
        let times = saves(&content, &dmf, args.saves).await?;
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        let what = if alerts == 0 { "real".to_owned() } else { format!("{alerts} alerts") };
        println!("| {what} | {:.0} | {:.0} | {:.0} |", at(50), at(90), at(100));
    }
    Ok(())
}
