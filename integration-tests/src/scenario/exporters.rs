//! The exporters that watch a stage: started, stopped, and scraped together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use catalogue::duration::PromDuration;
use catalogue::step::{self, Switch};

use super::page::{Observation, Page};
use crate::exporter::{Builder, Exporter};
use crate::http;

/// `target` of the server.
const TARGET: &str = "db1";

/// What exporters watch.
#[derive(Debug)]
pub enum Watched {
    /// The server with this connection string.
    Server(String),
    /// The AWS account to which these environment variables lead.
    Account(Vec<(String, String)>),
}

impl Watched {
    /// The exporter that watches it.
    fn exporter(&self) -> Builder {
        match self {
            Self::Server(dsn) => {
                Exporter::postgresql().env("DATA_SOURCE_NAME", dsn).args(&["--target-name", TARGET])
            }
            Self::Account(env) => Exporter::rds_with(env).args(&["--log.level", "debug"]),
        }
    }

    /// `job` and port, as both are by default.
    fn address(&self) -> (&'static str, u16) {
        match self {
            Self::Server(_) => ("postgresql-exporter", 9187),
            Self::Account(_) => ("rds-exporter", 9043),
        }
    }
}

/// `instance` of the exporter that every scenario has.
const MAIN: &str = "exporter";

/// How long a scrape may take unless a step says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// As often the exporters are scraped until one look is not slow.
const TRIES: usize = 4;

/// One exporter, running or not.
struct Unit {
    process: Option<Exporter>,
    query: Option<String>,
    timeout: Duration,
}

/// The exporters by name.
pub struct Exporters {
    watched: Watched,
    units: BTreeMap<String, Unit>,
}

impl Exporters {
    /// Starts the one that every scenario has.
    pub async fn start(watched: Watched) -> Result<Self> {
        let mut exporters = Self { watched, units: BTreeMap::new() };
        exporters.reset().await?;
        Ok(exporters)
    }

    /// Does a step.
    pub async fn step(&mut self, step: &step::Exporter) -> Result<()> {
        let name = step.name.as_deref().unwrap_or(MAIN);
        if step.switch == Switch::Stop {
            return self.stop(name).await;
        }
        let timeout = match step.timeout.as_deref() {
            None => TIMEOUT,
            Some(text) => {
                Duration::from_millis(PromDuration::new(text).map_err(anyhow::Error::msg)?.milliseconds())
            }
        };
        self.run(name, step.query.as_deref().map(str::to_owned), timeout).await
    }

    async fn run(&mut self, name: &str, query: Option<String>, timeout: Duration) -> Result<()> {
        self.units.remove(name);
        let mut builder = self.watched.exporter();
        // Read when it starts, and not needed afterwards.
        let folder = tempfile::tempdir()?;
        if let Some(query) = &query {
            let text = format!(
                "help: A query of the users' own\nsource: scenario\nscope: server\nmetrics:\n  \
                 value: {{ kind: gauge, help: h }}\nqueries:\n  - since: 13\n    sql: {}\n",
                serde_json::Value::from(query.as_str())
            );
            std::fs::write(folder.path().join("own_query.yaml"), text)?;
            builder = builder.arg("--metrics").arg(folder.path());
        }
        let process = Some(builder.start().await?);
        self.units.insert(name.to_owned(), Unit { process, query, timeout });
        Ok(())
    }

    async fn stop(&mut self, name: &str) -> Result<()> {
        let unit = self.units.get_mut(name).with_context(|| format!("there is no exporter `{name}`"))?;
        let mut process = unit.process.take().with_context(|| format!("exporter `{name}` does not run"))?;
        process.signal(rustix::process::Signal::KILL)?;
        process.wait().await.map(drop)
    }

    /// Starts the exporters that run anew, so that what they keep for minutes is read again.
    pub async fn refresh(&mut self) -> Result<()> {
        let running = self.units.iter().filter(|(_, unit)| unit.process.is_some());
        let running: Vec<_> =
            running.map(|(name, unit)| (name.clone(), unit.query.clone(), unit.timeout)).collect();
        for (name, query, timeout) in running {
            self.run(&name, query, timeout).await?;
        }
        Ok(())
    }

    /// Those that run.
    pub fn running(&self) -> impl Iterator<Item = &Exporter> {
        self.units.values().filter_map(|unit| unit.process.as_ref())
    }

    /// Kills every exporter; those that ran.
    pub async fn kill(&mut self) -> Result<Vec<String>> {
        let running = self.units.iter().filter(|(_, unit)| unit.process.is_some());
        let running: Vec<String> = running.map(|(name, _)| name.clone()).collect();
        for name in &running {
            self.stop(name).await?;
        }
        Ok(running)
    }

    /// Starts exporters again as they were.
    pub async fn revive(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            let unit = self.units.get(name).context("the exporter was there")?;
            let (query, timeout) = (unit.query.clone(), unit.timeout);
            self.run(name, query, timeout).await?;
        }
        Ok(())
    }

    /// Only the exporter that every scenario has is left, as it was at first.
    pub async fn reset(&mut self) -> Result<()> {
        self.units.clear();
        self.run(MAIN, None, TIMEOUT).await
    }

    /// Scrapes all exporters. How long a scrape takes goes into the samples, and time is virtual there: where no step
    /// made a scrape slow, one that was slow is done again.
    pub async fn observe(&self) -> Result<Observation> {
        for _ in 1..TRIES {
            let observation = self.scrape().await?;
            if self.slow(&observation).is_none() {
                return Ok(observation);
            }
        }
        let observation = self.scrape().await?;
        match self.slow(&observation) {
            None => Ok(observation),
            Some((name, took)) => bail!(
                "scrapes of exporter `{name}` take {:.1} s, {TRIES} times in a row, and no step makes them slow: \
                 the exporter hangs, or this machine is too busy to play scenarios",
                took.as_secs_f64()
            ),
        }
    }

    /// An exporter that took more than half of its time although it has no query that could be slow.
    fn slow<'a>(&self, observation: &'a Observation) -> Option<(&'a str, Duration)> {
        let mut took = observation.pages.iter().filter_map(|(instance, page)| {
            let name = instance.split(':').next().unwrap_or_default();
            Some((name, page.as_ref()?.took))
        });
        took.find(|(name, took)| {
            let unit = self.units.get(*name).filter(|unit| unit.query.is_none());
            unit.is_some_and(|unit| *took > unit.timeout / 2)
        })
    }

    /// Scrapes all exporters once.
    async fn scrape(&self) -> Result<Observation> {
        let at = Instant::now();
        let (job, port) = self.watched.address();
        let scrapes = self.units.iter().map(async |(name, unit)| {
            let Some(process) = &unit.process else { return Ok((format!("{name}:{port}"), None)) };
            let (address, seconds) = (process.address.clone(), unit.timeout.as_secs_f64().to_string());
            // All stages are played in one task. What another one waits for must not count here.
            let scrape = tokio::spawn(async move {
                let start = Instant::now();
                let headers = [("X-Prometheus-Scrape-Timeout-Seconds", seconds.as_str())];
                let answer = http::get(&address, "/metrics", &headers).await;
                answer.map(|answer| (answer, start.elapsed()))
            });
            let (answer, took) = scrape.await?.with_context(|| format!("exporter `{name}`"))?;
            ensure!(answer.status == 200, "exporter `{name}` answers {}: {}", answer.status, answer.text());
            Ok((format!("{name}:{port}"), Some(Page::parse(&answer.text(), took))))
        });
        let pages: Result<BTreeMap<_, _>> =
            futures_util::future::join_all(scrapes).await.into_iter().collect();
        Ok(Observation { at, job, pages: pages? })
    }
}
