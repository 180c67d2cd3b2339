//! An AWS account in which scenarios play, with the RDS exporter that watches it.
//!
//! The exporter looks anew in each state. Where time passes within a state, it is told to look again: once stands for a
//! minute of virtual time, or for five while metrics move, which is how often it asks for those that move.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use catalogue::Problems;
use catalogue::alert::Alert;
use catalogue::scenario::{Mitigation, Show};
use catalogue::step::{self, Action, Step};
use serde_json::Value;

use super::account::{Draft, refuse};
use super::exporters::{Exporters, Watched};
use super::page::Act;
use super::runbook::Results;
use super::scene::Scene;
use crate::aws::{Aws, Fault, Rule};
use crate::exporter::Exporter;
use crate::patience;

/// Minutes from one look to the next while metrics move.
const PACE: usize = 5;

/// The collector that finds out which instances there are.
const INVENTORY: &str = "instances";

/// Those that wait for it.
const WAITING: [&str; 4] = ["instance_metrics", "log_files", "instance_types", "engine_support"];

/// An AWS account with exporters.
pub struct Cloud {
    aws: Aws,
    account: Draft,
    /// What it was before the fault.
    healthy: Draft,
    exporters: Exporters,
    /// Names of the exporter's collectors.
    collectors: BTreeSet<String>,
}

impl Cloud {
    /// Sets up the healthy account.
    pub async fn new() -> Result<Self> {
        let account = Draft::healthy()?;
        let aws = Aws::start(account.account(0)?).await?;
        let exporters = Exporters::start(Watched::Account(aws.env())).await?;
        let page = exporters.observe().await?;
        let samples = page.pages.into_values().flatten().flat_map(|page| page.samples);
        let collectors = samples
            .filter(|sample| sample.name == "rds_exporter_collector_success")
            .filter_map(|sample| sample.labels.get("collector").cloned())
            .collect();
        Ok(Self { aws, healthy: account.clone(), account, exporters, collectors })
    }

    /// The account is what the steps made of it, so many minutes later.
    fn show(&self, minute: usize) -> Result<()> {
        let account = self.account.account(minute)?;
        self.aws.change(|old| *old = account);
        Ok(())
    }

    /// Whether there is a fault that hits a certain number of calls, and goes on.
    fn wears_off(&self) -> bool {
        let goes_on = |rule: &Rule| rule.times.is_some_and(|times| times > 0);
        self.exporters.running().next().is_some()
            && self.aws.change(|account| account.faults.iter().any(goes_on))
    }

    /// Waits until every collector of every exporter has run.
    async fn fresh(&self) -> Result<()> {
        self.ran(&BTreeMap::new(), |_| true).await
    }

    /// Makes the exporters look again, and waits until what they look for is there.
    async fn again(&self, moves: bool) -> Result<()> {
        let before = self.exporters.running().map(|exporter| (exporter.pid(), runs(exporter))).collect();
        for exporter in self.exporters.running() {
            let status = exporter.reload().await?;
            ensure!(status == 200, "the exporter answers {status} when it is told to look again");
        }
        // Quotas are asked for at a slow rate; while metrics move, nothing else changes.
        self.ran(&before, |collector| !moves || collector == "instance_metrics").await
    }

    /// Waits until each wanted collector of each exporter has run once more.
    async fn ran(&self, before: &BTreeMap<u32, Runs>, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let start = Instant::now();
        for exporter in self.exporters.running() {
            let before = before.get(&exporter.pid());
            loop {
                let now = runs(exporter);
                let knows = now.get(INVENTORY).is_some_and(|run| run.complete > 0);
                let runs_now = |name: &str| knows || !WAITING.contains(&name);
                let count = |runs: &Runs, name: &str| runs.get(name).map_or(0, |run| run.all);
                let has_run = |name: &str| count(&now, name) > before.map_or(0, |runs| count(runs, name));
                let missing =
                    self.collectors.iter().find(|name| runs_now(name) && wanted(name) && !has_run(name));
                let Some(missing) = missing else { break };
                let log = || exporter.log();
                ensure!(
                    start.elapsed() < patience(),
                    "never: `{missing}` runs; the exporter says\n{}",
                    log()
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }
}

/// How often a collector ran.
#[derive(Debug, Default)]
struct Run {
    all: usize,
    complete: usize,
}

type Runs = BTreeMap<String, Run>;

/// How often each collector ran, as the exporter logs.
fn runs(exporter: &Exporter) -> Runs {
    let mut runs = Runs::new();
    for line in exporter.log().lines().filter(|line| line.contains("collector ran")) {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let run = runs.entry(event["collector"].as_str().unwrap_or_default().to_owned()).or_default();
        run.all += 1;
        run.complete += usize::from(event["complete"] == true);
    }
    runs
}

impl Scene for Cloud {
    fn plays(&self, versions: &[u32]) -> bool {
        versions.is_empty()
    }

    async fn step(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::Aws(step::Aws::Healthy) => self.account = self.healthy.clone(),
            Action::Aws(step::Aws::Change(node)) => {
                let mut problems = Problems::default();
                self.account.merge(node, &mut problems);
                refuse(problems)?;
            }
            Action::Exporter(exporter) => return self.exporters.step(exporter).await,
            _ => bail!("an AWS account is no server"),
        }
        self.show(0)
    }

    async fn fingerprint(&self) -> Result<Vec<String>> {
        let (healthy, now) = (self.healthy.lines(), self.account.lines());
        let lost = healthy
            .iter()
            .filter(|line| !now.contains(line))
            .map(|line| format!("the account without {line}"));
        let new =
            now.iter().filter(|line| !healthy.contains(line)).map(|line| format!("the account with {line}"));
        Ok(lost.chain(new).collect())
    }

    async fn begin(&mut self, steps: &[Step]) -> Result<()> {
        self.account = Draft::healthy()?;
        self.perform("healthy", steps).await?;
        self.healthy = self.account.clone();
        self.show(0)
    }

    async fn act(&mut self, name: &str, times: usize) -> Result<Act> {
        self.exporters.refresh().await?;
        self.fresh().await?;
        let moves_for = self.account.moves_for();
        let moves = moves_for > 0;
        // What depends on the class of an instance is asked for only in the second round.
        let (looks, pace) = if moves { (moves_for.div_ceil(PACE) + 1, PACE) } else { (times.max(2), 1) };
        let mut observations = vec![self.exporters.observe().await?];
        let mut goes_on = self.wears_off();
        while observations.len() < looks || goes_on {
            goes_on = self.wears_off();
            let minute = observations.len() * pace;
            if moves {
                self.show(minute)?;
            }
            self.again(moves).await.with_context(|| format!("{name}, after {minute} minutes"))?;
            observations.push(self.exporters.observe().await?);
        }
        self.show(0)?;
        Ok(Act { name: name.to_owned(), observations, pace: Some(pace) })
    }

    async fn without_exporter(&mut self, name: &str) -> Result<Act> {
        let killed = self.exporters.kill().await?;
        let observations = vec![self.exporters.observe().await?];
        self.exporters.revive(&killed).await?;
        Ok(Act { name: name.to_owned(), observations, pace: Some(1) })
    }

    /// AWS refuses everything but the question who asks, which needs no permission. A fresh exporter shows what one
    /// that runs on shows as soon as all that it kept is too old: the worst case.
    async fn without_target(&mut self, name: &str) -> Result<Act> {
        for service in ["rds", "cloudwatch", "ec2", "servicequotas", "tag"] {
            self.aws.rule(Rule::new(service, Fault::Deny));
        }
        self.exporters.refresh().await?;
        self.fresh().await?;
        let mut observations = vec![self.exporters.observe().await?];
        self.again(false).await?;
        observations.push(self.exporters.observe().await?);
        self.show(0)?;
        Ok(Act { name: name.to_owned(), observations, pace: Some(1) })
    }

    async fn reset(&mut self) -> Result<()> {
        self.exporters.reset().await
    }

    /// Its commands are those of AWS' own program, and its SQL is for databases: both have tests of their own.
    async fn diagnose(&self, _: &Alert, _: &[Show]) -> Result<Results> {
        Ok(Results::new())
    }

    async fn mitigate(&self, _: &Alert, _: &[Mitigation], _: &Results) -> Result<()> {
        bail!("nothing of a runbook runs in an AWS account")
    }

    async fn everyday(&mut self, name: &str) -> Result<Act> {
        self.act(name, 2).await
    }
}
