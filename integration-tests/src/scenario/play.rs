//! Goes through a scenario on a stage, and records what the exporters served in each state.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use catalogue::alert::Alert;
use catalogue::scenario::Play;

use super::page::Act;
use super::runbook::{self, Results};
use super::stage::{APP, Stage};

/// What was seen of one scenario on one version.
#[derive(Debug)]
pub struct Recording {
    /// Before anything happened.
    pub healthy: Act,
    /// States that look like the fault.
    pub misses: Vec<Act>,
    /// The fault.
    pub fault: Act,
    /// The fault, and no exporter.
    pub exporter_gone: Act,
    /// After the runbook's mitigation, where it has one.
    pub mitigated: Option<Act>,
    /// The fault once more.
    pub again: Act,
    /// The fault, and no server.
    pub target_gone: Act,
    /// After the scenario's own recovery.
    pub recovered: Act,
    /// What the runbook's SQL showed.
    pub results: Results,
    /// How long it took.
    pub took: Duration,
}

/// Who wants to know how far it is.
pub type Watch<'a> = &'a (dyn Fn(&Act) + Sync);

/// Plays a scenario; the stage is as before afterwards, or there is an error.
pub async fn play(stage: &mut Stage, alert: &Alert, play: &Play, watch: Watch<'_>) -> Result<Recording> {
    let start = Instant::now();
    let before = stage.fingerprint().await?;
    stage.perform("healthy", &play.healthy).await?;
    let healthy = seen(stage.act("healthy", 2).await?, watch);
    let mut misses = Vec::new();
    for miss in &play.near_misses {
        let name = format!("near miss: {}", &*miss.name);
        stage.perform(&name, &miss.steps).await?;
        misses.push(seen(stage.act(&name, 2).await?, watch));
        let recover = miss.recover.as_ref().unwrap_or(&play.recover);
        stage.perform(&format!("recover from {name}"), recover).await?;
        stage.exporters.reset().await?;
    }

    stage.perform("provoke", &play.provoke).await?;
    let fault = seen(stage.act("fault", 2).await?, watch);
    let results = runbook::diagnose(stage, alert, &play.runbook.shows).await?;
    let killed = stage.exporters.kill().await?;
    let exporter_gone = seen(stage.look("exporter gone", 1).await?, watch);
    stage.exporters.revive(&killed).await?;
    let mitigated = if play.runbook.mitigate.is_empty() {
        None
    } else {
        runbook::mitigate(stage, alert, &play.runbook.mitigate, &results).await?;
        Some(seen(stage.act("mitigated", 1).await?, watch))
    };
    stage.perform("recover", &play.recover).await?;
    let first = seen(stage.act("recovered", 1).await?, watch);

    stage.perform("provoke again", &play.provoke).await?;
    let again = seen(stage.act("fault again", 2).await?, watch);
    stage.server.control("-m immediate stop").await.context("stopping the server")?;
    let target_gone = seen(stage.look("target gone", 2).await?, watch);
    stage.server.control("start").await.context("starting the server again")?;
    stage.perform("recover again", &play.recover).await?;
    // Where the runbook ended the first fault, only this recovery had something to do.
    let recovered = if mitigated.is_some() { stage.act("recovered", 1).await? } else { first };
    stage.exporters.reset().await?;
    leaves_nothing(stage, &before).await?;
    Ok(Recording {
        healthy,
        misses,
        fault,
        exporter_gone,
        mitigated,
        again,
        target_gone,
        recovered,
        results,
        took: start.elapsed(),
    })
}

fn seen(act: Act, watch: Watch<'_>) -> Act {
    watch(&act);
    act
}

/// The server holds what it held before.
async fn leaves_nothing(stage: &Stage, before: &[String]) -> Result<()> {
    let after = stage.fingerprint().await?;
    let more: Vec<_> =
        after.iter().filter(|line| !before.contains(line)).map(|line| format!("leaves {line}")).collect();
    let less: Vec<_> =
        before.iter().filter(|line| !after.contains(line)).map(|line| format!("loses {line}")).collect();
    ensure!(more.is_empty() && less.is_empty(), "`recover` {}", [more, less].concat().join("; "));
    Ok(())
}

/// A healthy server under load: what pgbench does, in small.
pub async fn load(stage: &mut Stage) -> Result<Act> {
    let tables = "\
        CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0); \
        CREATE TABLE history (account int, amount int, at timestamptz DEFAULT now()); \
        INSERT INTO accounts SELECT g FROM generate_series(1, 1000) AS g";
    let client = stage.server.client_as(APP, APP, APP).await?;
    client.batch_execute(tables).await?;
    let mut work = tokio::task::JoinSet::new();
    for number in 0..4_u32 {
        let client = stage.server.client_as(APP, APP, APP).await?;
        work.spawn(async move {
            for account in (1..=1000).cycle().skip(number as usize * 250) {
                let transfer = format!(
                    "BEGIN; UPDATE accounts SET balance = balance + 1 WHERE id = {account}; \
                     SELECT balance FROM accounts WHERE id = {account}; \
                     INSERT INTO history (account, amount) VALUES ({account}, 1); COMMIT"
                );
                if client.simple_query(&transfer).await.is_err() {
                    break;
                }
                // As many transactions as a server with other work to do can take.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    let act = stage.act("healthy under load", 3).await;
    work.shutdown().await;
    drop(client);
    stage.until("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'app'", "the load ends").await?;
    stage.server.sql(APP, "DROP TABLE accounts, history").await?;
    act
}
