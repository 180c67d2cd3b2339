//! Goes through a scenario on a stage, and records what the exporters served in each state.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use catalogue::alert::Alert;
use catalogue::scenario::Play;

use super::page::Act;
use super::runbook::Results;
use super::scene::Scene;

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
    /// The fault, and no answer from what is watched.
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
pub async fn play(stage: &mut impl Scene, alert: &Alert, play: &Play, watch: Watch<'_>) -> Result<Recording> {
    let start = Instant::now();
    let before = stage.fingerprint().await?;
    stage.begin(&play.healthy).await?;
    let healthy = seen(stage.act("healthy", 2).await?, watch);
    let mut misses = Vec::new();
    for miss in &play.near_misses {
        if !stage.plays(&miss.versions) {
            continue;
        }
        let name = format!("near miss: {}", &*miss.name);
        stage.perform(&name, &miss.steps).await?;
        misses.push(seen(stage.act(&name, 2).await?, watch));
        let recover = miss.recover.as_ref().unwrap_or(&play.recover);
        stage.perform(&format!("recover from {name}"), recover).await?;
        stage.reset().await?;
    }

    stage.perform("provoke", &play.provoke).await?;
    let fault = seen(stage.act("fault", 2).await?, watch);
    let results = stage.diagnose(alert, &play.runbook.shows).await?;
    let exporter_gone = seen(stage.without_exporter("exporter gone").await?, watch);
    let mitigated = if play.runbook.mitigate.is_empty() {
        None
    } else {
        stage.mitigate(alert, &play.runbook.mitigate, &results).await?;
        Some(seen(stage.act("mitigated", 1).await?, watch))
    };
    stage.perform("recover", &play.recover).await?;
    let first = seen(stage.act("recovered", 1).await?, watch);

    stage.perform("provoke again", &play.provoke).await?;
    let again = seen(stage.act("fault again", 2).await?, watch);
    let target_gone = seen(stage.without_target("target gone").await?, watch);
    stage.perform("recover again", &play.recover).await?;
    // Where the runbook ended the first fault, only this recovery had something to do.
    let recovered = if mitigated.is_some() { stage.act("recovered", 1).await? } else { first };
    stage.reset().await?;
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

/// Everything is what it was before.
async fn leaves_nothing(stage: &impl Scene, before: &[String]) -> Result<()> {
    let after = stage.fingerprint().await?;
    let more: Vec<_> =
        after.iter().filter(|line| !before.contains(line)).map(|line| format!("leaves {line}")).collect();
    let less: Vec<_> =
        before.iter().filter(|line| !after.contains(line)).map(|line| format!("loses {line}")).collect();
    ensure!(more.is_empty() && less.is_empty(), "`recover` {}", [more, less].concat().join("; "));
    Ok(())
}
