//! A real Prometheus: scrapes exporters, evaluates rules, and tells an Alertmanager.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::exporter::{Builder, Exporter};
use crate::{patience, setup};

/// A Prometheus to be started.
#[derive(Debug, Default)]
pub struct Config {
    /// Rule files.
    pub rules: Vec<String>,
    /// What is scraped: the job and the address.
    pub jobs: Vec<(&'static str, String)>,
    /// Address of the Alertmanager.
    pub alertmanager: String,
    /// Time between two scrapes, and between two evaluations.
    pub interval: Duration,
}

/// A running Prometheus. It ends when this is dropped, and what it stored is gone.
#[derive(Debug)]
pub struct Prometheus {
    process: Exporter,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one on a free port.
    pub async fn start(config: &Config) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let interval = format!("{}ms", config.interval.as_millis());
        let mut files = Vec::new();
        for (number, text) in config.rules.iter().enumerate() {
            let name = format!("rules-{number}.yaml");
            std::fs::write(folder.path().join(&name), text)?;
            files.push(name);
        }
        let job = |(job, address): &(&str, String)| json!({ "job_name": job, "static_configs": [{ "targets": [address] }] });
        let jobs: Vec<_> = config.jobs.iter().map(job).collect();
        let text = json!({
            "global": { "scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval },
            "rule_files": files,
            "scrape_configs": jobs,
            "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": [config.alertmanager] }] }] },
        });
        // JSON is YAML.
        std::fs::write(folder.path().join("prometheus.yaml"), text.to_string())?;
        let builder = Builder::of(&setup::program("prometheus")?).folder(folder.path());
        let builder = builder.args(&["--config.file", "prometheus.yaml", "--storage.tsdb.path", "data"]);
        let process = builder.start().await.context("Prometheus does not start")?;
        // It listens before it has read what it stored.
        let start = std::time::Instant::now();
        while process.get("/-/ready", &[]).await.is_ok_and(|answer| answer.status != 200) {
            ensure!(start.elapsed() < patience(), "Prometheus does not get ready: {}", process.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { process, _folder: folder })
    }

    /// The alerts that wait or fire, as its API tells them.
    pub async fn alerts(&self) -> Result<Value> {
        self.ask("/api/v1/alerts").await
    }

    /// The targets, as its API tells them.
    pub async fn targets(&self) -> Result<Value> {
        self.ask("/api/v1/targets").await
    }

    async fn ask(&self, path: &str) -> Result<Value> {
        let answer = self.process.get(path, &[]).await?;
        ensure!(answer.status == 200, "Prometheus answers {}: {}", answer.status, answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
