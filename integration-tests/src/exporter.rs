//! An exporter as a real process, and what it serves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::aws::Aws;
use crate::http::{self, Answer};
use crate::{patience, setup};

/// An exporter to be started.
#[derive(Debug)]
pub struct Builder {
    command: Command,
}

impl Builder {
    /// Any program that takes the flags of the exporters for its address and its log, as those of Prometheus do.
    pub fn of(program: &std::path::Path) -> Self {
        let mut command = Command::new(program);
        command.env_clear();
        Self { command }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Takes an environment variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Works in a folder.
    #[must_use]
    pub fn folder(mut self, folder: &std::path::Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it a clock of its own; how fast time goes by stays as it is.
    #[must_use]
    pub fn clock(self, clock: &Clock) -> Self {
        self.env("LD_PRELOAD", setup::root().join("tools/bin/libfaketime.so.1"))
            .env("FAKETIME_TIMESTAMP_FILE", clock.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Runs it to its end: exit code, standard output, standard error.
    pub async fn output(mut self) -> Result<(i32, String, String)> {
        let output = self.command.output().await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr)))
    }

    /// Starts it on a free port, and waits until it listens.
    pub async fn start(mut self) -> Result<Exporter> {
        self.command.args(["--web.listen-address", "127.0.0.1:0", "--log.format", "json"]);
        let mut child =
            self.command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stderr = child.stderr.take().context("the exporter has a standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let add = |line: &str, log: &Mutex<String>| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(line);
            log.push('\n');
        };
        let address = loop {
            let line = tokio::time::timeout(patience(), lines.next_line()).await;
            let Some(line) = line.context("the exporter does not listen")?? else {
                let log = log.lock().unwrap_or_else(PoisonError::into_inner);
                bail!("the exporter ended: {log}");
            };
            add(&line, &log);
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            // Prometheus first says what it was asked for.
            if let Some(address) = event["address"].as_str().filter(|address| !address.ends_with(":0")) {
                break address.to_owned();
            }
        };
        let rest = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                add(&line, &rest);
            }
        });
        Ok(Exporter { child, address, log })
    }
}

/// A clock that can be set while a program runs with it.
#[derive(Debug)]
pub struct Clock(tempfile::TempDir);

impl Clock {
    /// A clock that is right.
    pub fn new() -> Result<Self> {
        let clock = Self(tempfile::tempdir()?);
        clock.set("+0")?;
        Ok(clock)
    }

    /// Sets it off by so much, such as `-1d`.
    pub fn set(&self, offset: &str) -> Result<()> {
        // A file is replaced, so that nobody reads half a line.
        let new = self.0.path().join("new");
        std::fs::write(&new, offset)?;
        Ok(std::fs::rename(new, self.file())?)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("clock")
    }
}

/// A running exporter.
#[derive(Debug)]
pub struct Exporter {
    child: Child,
    /// Host and port.
    pub address: String,
    log: Arc<Mutex<String>>,
}

impl Exporter {
    /// The PostgreSQL exporter, with an empty environment.
    pub fn postgresql() -> Builder {
        Self::binary("postgresql-exporter", false)
    }

    /// The same as it is released, to be measured.
    pub fn postgresql_optimized() -> Builder {
        Self::binary("postgresql-exporter", true)
    }

    /// The RDS exporter, in an environment that leads to a fake AWS.
    pub fn rds(aws: &Aws) -> Builder {
        Self::rds_with(&aws.env())
    }

    /// The RDS exporter with these environment variables alone.
    pub fn rds_with(env: &[(String, String)]) -> Builder {
        // Each reload stands for minutes of a test.
        let builder = Self::binary("rds-exporter", false).arg("--web.reload-interval=1ms");
        env.iter().fold(builder, |builder, (name, value)| builder.env(name, value))
    }

    /// The same as it is released, to be measured.
    pub fn rds_optimized(env: &[(String, String)]) -> Builder {
        env.iter().fold(Self::binary("rds-exporter", true), |builder, (name, value)| builder.env(name, value))
    }

    fn binary(name: &str, optimized: bool) -> Builder {
        Builder::of(&binaries(optimized).join(name))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        http::get(&self.address, path, headers).await
    }

    /// Makes it read its configuration again; the status of the answer.
    pub async fn reload(&self) -> Result<u16> {
        let stream = tokio::net::TcpStream::connect(&self.address).await?;
        Ok(http::request(stream, "POST", "/-/reload", &[]).await?.status)
    }

    /// Scrapes it as Prometheus would with a timeout of 10 seconds.
    pub async fn scrape(&self) -> Result<Samples> {
        self.scrape_within(Duration::from_secs(10)).await
    }

    /// Scrapes it with a timeout, and fails when the answer takes longer than that.
    pub async fn scrape_within(&self, timeout: Duration) -> Result<Samples> {
        let seconds = timeout.as_secs_f64().to_string();
        let start = Instant::now();
        let answer = self.get("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", &seconds)]).await?;
        let took = start.elapsed();
        if took > timeout {
            bail!("the scrape took {took:?} of {timeout:?}");
        }
        if answer.status != 200 {
            bail!("status {}: {}", answer.status, answer.text());
        }
        Ok(Samples::parse(&answer.text()))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.context("the exporter runs")?, signal)?;
        Ok(())
    }

    /// Waits for its end; the exit code.
    pub async fn wait(&mut self) -> Result<i32> {
        let status = tokio::time::timeout(patience(), self.child.wait())
            .await
            .context("the exporter does not end")??;
        Ok(status.code().unwrap_or(-1))
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> Result<u64> {
        Process(self.pid()).memory("VmRSS")
    }
}

/// What the kernel knows about a process.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// A number of `/proc/*/status` in bytes, such as `VmRSS` or, for the peak, `VmHWM`.
    pub fn memory(self, what: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix(what)).context("no such line")?;
        let kilobytes: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Processor time so far.
    pub fn cpu(self) -> Result<Duration> {
        cpu_of(&std::fs::read_to_string(format!("/proc/{}/stat", self.0))?, 2)
    }
}

/// Processor time in a line of `/proc/*/stat`: with 2 fields that of the process, with 4 also that of its children
/// that ended.
pub fn cpu_of(stat: &str, fields: usize) -> Result<Duration> {
    /// What the kernel counts in, for programs (`man 5 proc`).
    const TICK: Duration = Duration::from_millis(10);
    let (_, rest) = stat.rsplit_once(") ").context("a stat line has a name in brackets")?;
    let ticks: Vec<u32> =
        rest.split(' ').skip(11).take(fields).filter_map(|field| field.parse().ok()).collect();
    Ok(TICK * ticks.iter().sum::<u32>())
}

/// The folder of the exporters, which are built first when they are not up to date; `optimized` as for a release.
fn binaries(optimized: bool) -> &'static PathBuf {
    static FOLDERS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    FOLDERS[usize::from(optimized)].get_or_init(|| {
        let mut build = setup::cargo();
        build.args(["build", "--quiet", "--locked", "--bins"]);
        // The whole workspace has the features that its tests have: the AWS SDKs take minutes to compile twice.
        build.args(if optimized {
            ["--package=postgresql-exporter", "--package=rds-exporter", "--release"].as_slice()
        } else {
            &["--workspace"]
        });
        let status = build.status();
        assert!(status.is_ok_and(|status| status.success()), "the exporters do not build");
        // The programs of the tests are in target/debug, the tests in target/debug/deps.
        let own = std::env::current_exe().expect("a program knows its own path");
        let target =
            own.ancestors().find(|folder| folder.ends_with("debug")).and_then(std::path::Path::parent);
        let target = target.expect("the tests are built without --release");
        target.join(if optimized { "release" } else { "debug" })
    })
}

/// The samples of a page.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Sample>);

/// One sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Name of the series.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

impl Samples {
    /// Reads the text format.
    pub fn parse(text: &str) -> Self {
        Self(
            text.lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty())
                .filter_map(sample)
                .collect(),
        )
    }

    /// All samples of a series whose labels include these; an empty label is one that is not there.
    pub fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| {
            let fits = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).map_or("", String::as_str) == *value
            };
            sample.name == name && labels.iter().all(fits)
        })
    }

    /// The value of the only such sample; panics with what is there otherwise.
    #[track_caller]
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found: Vec<_> = self.all(name, labels).collect();
        match found.as_slice() {
            [sample] => sample.value,
            _ => panic!("{} samples of {name} {labels:?}: {found:#?}", found.len()),
        }
    }

    /// Whether there is such a sample.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.all(name, labels).next().is_some()
    }

    /// The value of the only such sample, if there is one; panics when there are several.
    #[track_caller]
    pub fn maybe(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.has(name, labels).then(|| self.one(name, labels))
    }

    /// All samples.
    pub fn iter(&self) -> impl Iterator<Item = &Sample> {
        self.0.iter()
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels_found = BTreeMap::new();
    let mut rest = labels;
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    c => value.push(c),
                },
                (_, c) => value.push(c),
            }
        };
        labels_found.insert(label.trim_start_matches(',').to_owned(), value);
        rest = &after[end + 1..];
    }
    Some(Sample { name: name.to_owned(), labels: labels_found, value: value.parse().ok()? })
}
