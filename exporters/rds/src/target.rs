//! One account and region: a task for each collector, on its own schedule. Whatever fails, the others go on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::aws::{Aws, Calls, Failure};
use super::config::Account;
use super::model::Instance;
use super::questions::Metric;
use super::state::{Collector, Run, State};

/// After a failure the next attempt comes at least this early.
const RETRY: Duration = Duration::from_mins(1);

/// How long the first reading of log files lets all others go before it.
const HEAD_START: Duration = Duration::from_secs(5);

/// Failures of one run that are logged; more say nothing new.
const LOGGED: usize = 10;

/// What is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The collectors that are on.
    pub collectors: BTreeSet<Collector>,
    /// Whether the tags of instances are served.
    pub tags: bool,
    /// Whether log files of db.serverless are asked for, which keeps it from pausing.
    pub serverless_logs: bool,
    /// Whether values are those of the exporter that came before, mistakes included.
    pub compat: bool,
}

/// An account and region.
#[derive(Debug)]
pub struct Target {
    /// Where it is.
    pub account: Account,
    /// What is collected.
    pub choice: Choice,
    /// What AWS was asked.
    pub calls: Arc<Calls>,
    pub(super) metrics: Arc<[Metric]>,
    state: Mutex<State>,
    /// Counts complete inventories, for the collectors that need one.
    pub(super) inventory: watch::Sender<u64>,
    /// Counts selections by tags that AWS answered.
    pub(super) selection: watch::Sender<u64>,
    /// Changes when everything is to be looked at again.
    again: watch::Sender<()>,
    /// Changes after each run of a collector.
    ran: watch::Sender<()>,
}

impl Target {
    /// One that nothing is known about yet but what its configuration says.
    pub fn new(account: Account, choice: Choice, metrics: Arc<[Metric]>) -> Arc<Self> {
        // The account stands in the ARN of the role: arn:aws:iam::123456789012:role/…
        let known = account.role_arn.as_deref().and_then(account_in).map(str::to_owned);
        let mut state = State { account: known, region: account.region.clone(), ..State::default() };
        state.runs = choice.collectors.iter().map(|collector| (*collector, Run::default())).collect();
        Arc::new(Self {
            account,
            choice,
            calls: Arc::default(),
            metrics,
            state: Mutex::new(state),
            inventory: watch::channel(0).0,
            selection: watch::channel(0).0,
            again: watch::channel(()).0,
            ran: watch::channel(()).0,
        })
    }

    /// What is known now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the collectors on a runtime; they end when the set is dropped.
    pub async fn start(self: &Arc<Self>, tasks: &mut JoinSet<()>, on: &Handle) -> Result<(), String> {
        let aws = Aws::new(&self.account, &self.calls).await?;
        self.state().region = Some(aws.region.clone());
        for collector in &self.choice.collectors {
            let (target, aws, collector) = (Arc::clone(self), aws.clone(), *collector);
            tasks.spawn_on(async move { target.keep_up(&aws, collector).await }, on);
        }
        Ok(())
    }

    /// Makes every collector run now, as after a change of permissions.
    pub fn look_again(&self) {
        self.state().asked.clear();
        self.again.send_replace(());
    }

    async fn keep_up(&self, aws: &Aws, collector: Collector) {
        self.wait_for_what_it_needs(collector).await;
        let (mut again, mut inventory) = (self.again.subscribe(), self.inventory.subscribe());
        loop {
            again.mark_unchanged();
            let start = Instant::now();
            let failures = self.run(aws, collector).await;
            self.note(collector, start, &failures);
            let interval = collector.interval();
            let until = start + if failures.is_empty() { interval } else { interval.min(RETRY) };
            inventory.borrow_and_update();
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(until) => break,
                    _ = again.changed() => break,
                    // A class or an engine that was never seen is looked up at once.
                    _ = inventory.changed(), if failures.is_empty() => if self.has_news(collector) { break },
                }
            }
        }
    }

    /// Nothing about instances can be asked before it is known which there are. Log files take a call for each
    /// instance, behind which the others would wait for their turn, so they come last.
    async fn wait_for_what_it_needs(&self, collector: Collector) {
        use Collector::{Clusters, EngineSupport, InstanceMetrics, InstanceTypes, Instances, LogFiles};
        let needed = match collector {
            Instances | Clusters if !self.account.tags.is_empty() => &self.selection,
            InstanceMetrics | LogFiles | InstanceTypes | EngineSupport => &self.inventory,
            _ => return,
        };
        // The senders live as long as this.
        let _ = needed.subscribe().wait_for(|count| *count > 0).await;
        if collector == LogFiles {
            let ran = || self.state().runs.iter().all(|(other, run)| *other == LogFiles || run.runs > 0);
            let mut runs = self.ran.subscribe();
            // One that hangs does not hold up the sizes for long.
            let _ = tokio::time::timeout(HEAD_START, runs.wait_for(|()| ran())).await;
        }
    }

    fn has_news(&self, collector: Collector) -> bool {
        let state = self.state();
        let Some(instances) = state.instances() else { return false };
        match collector {
            Collector::InstanceTypes => {
                instances.iter().filter_map(Instance::machine).any(|name| !state.machines.contains_key(&name))
            }
            Collector::EngineSupport => {
                instances.iter().any(|instance| !state.lifecycles.contains_key(&instance.engine))
            }
            _ => false,
        }
    }

    fn note(&self, collector: Collector, start: Instant, failures: &[(String, Failure)]) {
        let mut state = self.state();
        let (account, region) =
            (state.account.clone().unwrap_or_default(), state.region.clone().unwrap_or_default());
        let run = state.runs.entry(collector).or_default();
        run.took = start.elapsed();
        let failed_before = run.runs > 0 && !run.complete;
        run.runs += 1;
        run.complete = failures.is_empty();
        if run.complete {
            run.last = Some(Instant::now());
            if failed_before {
                tracing::info!(collector = collector.name(), account, region, "works again");
            }
        } else {
            run.failures += 1;
        }
        tracing::debug!(
            collector = collector.name(),
            account,
            region,
            complete = run.complete,
            seconds = run.took.as_secs_f64(),
            "collector ran"
        );
        drop(state);
        self.ran.send_replace(());
        for (thing, failure) in failures.iter().take(LOGGED) {
            tracing::warn!(
                collector = collector.name(),
                account,
                region,
                operation = failure.operation,
                instance = thing,
                code = failure.code,
                error = failure.message,
                "call failed"
            );
        }
        if let Some(more) = failures.len().checked_sub(LOGGED + 1) {
            tracing::warn!(
                collector = collector.name(),
                account,
                region,
                more = more + 1,
                "more calls failed"
            );
        }
    }
}

/// The account in an ARN.
pub(super) fn account_in(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}
