//! One account and region: a task for each collector, on its own schedule. Whatever fails, the others go on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::aws::{Access, Aws, Calls, Lasting};
use super::claims::{Claims, Token};
use super::collect::{Failures, Outcome};
use super::config::Account;
use super::model::Instance;
use super::questions::Metric;
use super::state::{Collector, Run, Selection, State};

/// After a failure the next attempt comes at least this early.
const RETRY: Duration = Duration::from_mins(1);

/// A failure that does not pass by itself is asked about again after twice as long each time, up to this, or up to the
/// interval of the collector when that is longer.
const RARELY: Duration = Duration::from_hours(6);

/// The same without which nothing is known, so that a new permission counts soon.
const ESSENTIAL: Duration = Duration::from_mins(5);

/// How long a failure that goes on is not logged again.
const SILENCE: Duration = Duration::from_hours(1);

/// How long the first run of a collector lets others go before it.
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
    /// How old the newest value of CloudWatch may be; three periods of its metric at least.
    pub lateness: Duration,
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
    access: Access,
    pub(super) metrics: Arc<[Metric]>,
    pub(super) claims: Arc<Claims>,
    token: Token,
    state: Mutex<State>,
    /// Counts complete inventories, for the collectors that need one.
    pub(super) inventory: watch::Sender<u64>,
    /// Counts selections by tags that AWS answered.
    pub(super) selected: watch::Sender<u64>,
    /// Changes when everything is to be looked at again.
    again: watch::Sender<()>,
    /// Changes after each run of a collector.
    ran: watch::Sender<()>,
}

impl Target {
    /// One that nothing is known about yet but what its configuration says.
    pub fn new(account: Account, choice: Choice, metrics: Arc<[Metric]>, claims: &Arc<Claims>) -> Arc<Self> {
        // The account stands in the ARN of the role: arn:aws:iam::123456789012:role/…
        let known = account.role_arn.as_deref().and_then(account_in).map(str::to_owned);
        let selection = (!account.tags.is_empty()).then(Selection::default);
        let region = account.region.clone();
        let mut state = State { account: known, region, selection, ..State::default() };
        state.runs = choice.collectors.iter().map(|collector| (*collector, Run::default())).collect();
        Arc::new(Self {
            account,
            choice,
            calls: Arc::default(),
            access: Access::default(),
            metrics,
            claims: Arc::clone(claims),
            token: Token::default(),
            state: Mutex::new(state),
            inventory: watch::channel(0).0,
            selected: watch::channel(0).0,
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
        let aws = Aws::new(&self.account, &self.calls, &self.access).await?;
        self.state().region = Some(aws.region.clone());
        for collector in &self.choice.collectors {
            let (target, aws, collector) = (Arc::clone(self), aws.clone(), *collector);
            tasks.spawn_on(async move { target.keep_up(&aws, collector).await }, on);
        }
        Ok(())
    }

    /// Makes every collector run now, as after a change of permissions, with credentials that are read anew.
    pub fn look_again(&self) {
        self.access.renew();
        self.state().look_again();
        self.again.send_replace(());
    }

    /// Account and region, as far as it is known which they are.
    pub fn place(&self) -> Option<(String, String)> {
        let state = self.state();
        state.account.clone().zip(state.region.clone())
    }

    /// Whether another target serves this account and region already.
    pub fn is_double(&self) -> bool {
        self.place().is_some_and(|(account, region)| !self.claims.claim(&account, &region, &self.token))
    }

    async fn keep_up(&self, aws: &Aws, collector: Collector) {
        self.wait_for_what_it_needs(collector).await;
        let (mut again, mut inventory) = (self.again.subscribe(), self.inventory.subscribe());
        // How often in a row there was nothing but failures that do not pass by themselves.
        let mut lasting = 0;
        loop {
            again.mark_unchanged();
            let start = Instant::now();
            let (wait, failed) = if self.is_double() {
                self.tell_double();
                (RETRY, true)
            } else {
                let outcome = self.run(aws, collector).await;
                let lasts = |outcome: &Outcome| {
                    let mut all = outcome.failures.iter();
                    !outcome.failures.is_empty() && all.all(|(_, one)| one.lasting() != Lasting::No)
                };
                // Log files have a schedule for each instance.
                let counts = collector != Collector::LogFiles && lasts(&outcome);
                lasting = if counts { lasting + 1 } else { 0 };
                let failed = !outcome.failures.is_empty();
                let wait = wait(collector, failed, lasting);
                self.note(collector, start, wait, outcome);
                (wait, failed)
            };
            inventory.borrow_and_update();
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(start + wait) => break,
                    _ = again.changed() => break,
                    // A class or an engine that was never seen is looked up at once.
                    _ = inventory.changed(), if !failed => if self.has_news(collector) { break },
                }
            }
        }
    }

    /// Says once that this target is left out.
    fn tell_double(&self) {
        let mut state = self.state();
        let told = (Collector::Identity, String::new(), "double".to_owned());
        if state.told.insert(told, Instant::now()).is_none() {
            tracing::error!(
                account = state.account,
                region = state.region,
                role = self.account.role_arn,
                profile = self.account.profile,
                "two targets are the same account and region: this one is left out; remove it from `targets`"
            );
        }
    }

    /// Nothing about instances can be asked before it is known which there are. Log files take a call for each
    /// instance, behind which the others would wait for their turn, so they come last.
    async fn wait_for_what_it_needs(&self, collector: Collector) {
        use Collector::{Clusters, EngineSupport, InstanceMetrics, InstanceTypes, Instances, LogFiles};
        let selects = !self.account.tags.is_empty();
        let needed = match collector {
            Instances if selects => &self.selected,
            Clusters if selects => &self.inventory,
            InstanceMetrics | LogFiles | InstanceTypes | EngineSupport => &self.inventory,
            _ => return,
        };
        // The senders live as long as this.
        let _ = needed.subscribe().wait_for(|count| *count > 0).await;
        let is_first = |other: Collector| match collector {
            LogFiles => other != LogFiles,
            // Clusters say what each member is, and so what there is to ask.
            InstanceMetrics => other == Clusters,
            _ => false,
        };
        let ran = || self.state().runs.iter().all(|(other, run)| run.runs > 0 || !is_first(*other));
        let mut runs = self.ran.subscribe();
        // One that hangs does not hold up the others for long.
        let _ = tokio::time::timeout(HEAD_START, runs.wait_for(|()| ran())).await;
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

    fn note(&self, collector: Collector, start: Instant, wait: Duration, outcome: Outcome) {
        let Outcome { failures, lacks } = outcome;
        let mut state = self.state();
        let (account, region) =
            (state.account.clone().unwrap_or_default(), state.region.clone().unwrap_or_default());
        let run = state.runs.entry(collector).or_default();
        run.took = start.elapsed();
        run.wait = wait;
        let failed_before = run.runs > 0 && !run.complete;
        run.runs += 1;
        // Where there is nothing to ask, nothing is missing.
        let absent = failures.iter().all(|(_, failure)| failure.lasting() == Lasting::Absent);
        let failed = !failures.is_empty() && (collector.is_essential() || !absent);
        run.complete = !failed && !lacks;
        run.failures += u64::from(failed);
        // What an earlier run did not get is still missing for the same reason.
        if failed {
            run.codes = failures.iter().map(|(_, failure)| failure.code.clone()).collect();
        } else if run.complete {
            run.codes.clear();
        }
        if run.complete {
            run.last = Some(Instant::now());
            if failed_before {
                tracing::info!(collector = collector.name(), account, region, "works again");
            }
        }
        tracing::debug!(
            collector = collector.name(),
            account,
            region,
            complete = run.complete,
            seconds = run.took.as_secs_f64(),
            "collector ran"
        );
        if failures.is_empty() && !lacks {
            state.told.retain(|(other, ..), _| *other != collector);
        }
        let news = news(&mut state, collector, failures);
        drop(state);
        self.ran.send_replace(());
        for (thing, failure) in news.iter().take(LOGGED) {
            let (operation, code, error) = (failure.operation, &*failure.code, &*failure.message);
            let (collector, instance) = (collector.name(), &**thing);
            if failed {
                tracing::warn!(collector, account, region, operation, instance, code, error, "call failed");
            } else {
                let text = "there is nothing to ask here; it is tried again rarely";
                tracing::info!(collector, account, region, operation, instance, code, error, "{text}");
            }
        }
        if let Some(more) = news.len().checked_sub(LOGGED + 1) {
            let more = more + 1;
            tracing::warn!(collector = collector.name(), account, region, more, "more calls failed");
        }
    }
}

/// The failures that are not in the log yet.
fn news(state: &mut State, collector: Collector, mut failures: Failures) -> Failures {
    failures.retain(|(thing, failure)| {
        let key = (collector, thing.clone(), failure.code.clone());
        let is_new = state.told.get(&key).is_none_or(|since| since.elapsed() >= SILENCE);
        if is_new {
            state.told.insert(key, Instant::now());
        }
        is_new
    });
    failures
}

/// How long after the start of a run the next one comes.
fn wait(collector: Collector, failed: bool, lasting: u32) -> Duration {
    let interval = collector.interval();
    let most = if collector.is_essential() { ESSENTIAL } else { RARELY }.max(interval);
    match lasting.checked_sub(1) {
        Some(times) => RETRY.saturating_mul(2_u32.saturating_pow(times)).min(most),
        None if failed => interval.min(RETRY),
        None => interval,
    }
}

/// The account in an ARN.
pub(super) fn account_in(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_asked_about_rarely() {
        let minutes = |collector, lasting| wait(collector, true, lasting).as_secs() / 60;
        let waits: Vec<_> = [1, 2, 3, 4, 10, 40].map(|lasting| minutes(Collector::Quotas, lasting)).into();
        assert_eq!(waits, [1, 2, 4, 8, 360, 360]);
        assert_eq!(minutes(Collector::Instances, 20), 5);
        assert_eq!(minutes(Collector::EngineSupport, 40), 24 * 60);
        assert_eq!(
            (minutes(Collector::Quotas, 0), wait(Collector::Quotas, false, 0)),
            (1, Duration::from_hours(1))
        );
    }
}
