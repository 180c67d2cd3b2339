//! The exporters that watch a stage's server: started, stopped, and scraped together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use catalogue::duration::PromDuration;
use catalogue::step::{self, Switch};

use super::page::{Observation, Page};
use crate::exporter::Exporter;

/// `target` of the server.
const TARGET: &str = "db1";

/// `instance` of the exporter that every scenario has.
const MAIN: &str = "exporter";

/// How long a scrape may take unless a step says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One exporter, running or not.
struct Unit {
    process: Option<Exporter>,
    query: Option<String>,
    timeout: Duration,
}

/// The exporters by name.
pub struct Exporters {
    dsn: String,
    units: BTreeMap<String, Unit>,
}

impl Exporters {
    /// Starts the one that every scenario has.
    pub async fn start(dsn: String) -> Result<Self> {
        let mut exporters = Self { dsn, units: BTreeMap::new() };
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
        let mut builder = Exporter::postgresql().env("DATA_SOURCE_NAME", &self.dsn);
        builder = builder.args(&["--target-name", TARGET]);
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

    /// Scrapes all exporters once.
    pub async fn observe(&self) -> Result<Observation> {
        let at = Instant::now();
        let scrapes = self.units.iter().map(async |(name, unit)| {
            let Some(process) = &unit.process else { return Ok((format!("{name}:9187"), None)) };
            let seconds = unit.timeout.as_secs_f64().to_string();
            let start = Instant::now();
            let answer =
                process.get("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", &seconds)]).await?;
            ensure!(answer.status == 200, "exporter `{name}` answers {}: {}", answer.status, answer.text());
            Ok((format!("{name}:9187"), Some(Page::parse(&answer.text(), start.elapsed()))))
        });
        let pages: Result<BTreeMap<_, _>> =
            futures_util::future::join_all(scrapes).await.into_iter().collect();
        Ok(Observation { at, pages: pages? })
    }
}
