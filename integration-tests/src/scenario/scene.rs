//! What a scenario plays on: a server or an AWS account, with the exporters that watch it.

use anyhow::{Context as _, Result};
use catalogue::alert::Alert;
use catalogue::scenario::{Mitigation, Show};
use catalogue::step::{Action, Step};

use super::page::Act;
use super::runbook::Results;

/// What a scenario plays on.
#[expect(async_fn_in_trait, reason = "all scenes are played in one task")]
pub trait Scene {
    /// Whether something that only these majors of PostgreSQL have is played here; all when empty.
    fn plays(&self, versions: &[u32]) -> bool;

    /// Does a step.
    async fn step(&mut self, action: &Action) -> Result<()>;

    /// What there is, to be compared: a line for each thing that a scenario may not leave behind.
    async fn fingerprint(&self) -> Result<Vec<String>>;

    /// Looks at a new state: through fresh exporters, several times.
    async fn act(&mut self, name: &str, times: usize) -> Result<Act>;

    /// Looks at the state while no exporter runs.
    async fn without_exporter(&mut self, name: &str) -> Result<Act>;

    /// Looks while what is watched does not answer the exporters.
    async fn without_target(&mut self, name: &str) -> Result<Act>;

    /// Only the exporter that every scenario has is left, as it was at first.
    async fn reset(&mut self) -> Result<()>;

    /// Runs what the runbook says to look at.
    async fn diagnose(&self, alert: &Alert, shows: &[Show]) -> Result<Results>;

    /// Runs what the runbook says to end the fault.
    async fn mitigate(&self, alert: &Alert, steps: &[Mitigation], results: &Results) -> Result<()>;

    /// Looks at it while it does its everyday work.
    async fn everyday(&mut self, name: &str) -> Result<Act>;

    /// Brings about the state before the fault.
    async fn begin(&mut self, steps: &[Step]) -> Result<()> {
        self.perform("healthy", steps).await
    }

    /// Does some steps.
    async fn perform(&mut self, section: &str, steps: &[Step]) -> Result<()> {
        for step in steps {
            let (line, _) = step.place.line_and_column();
            let what = || format!("{section}, line {line} (`{}`)", step.action);
            self.step(&step.action).await.with_context(what)?;
        }
        Ok(())
    }
}
