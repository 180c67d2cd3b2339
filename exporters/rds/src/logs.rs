//! Sizes of log files: a call for each instance, spread so that an account never sees many at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::aws::{Aws, Lasting};
use super::collect::{Failures, Outcome};
use super::state::{Kept, Logs};
use super::target::Target;

/// Calls a minute at most, over all regions of an account.
const A_MINUTE: usize = 30;

/// Instances that are asked for at the same time.
const AT_ONCE: usize = 8;

/// How long a size counts as new.
const EVERY: Duration = Duration::from_mins(15);

/// How long after a failure an instance is asked for again.
const RETRY: Duration = Duration::from_mins(5);

/// Throttled calls of one run after which the others wait for the next.
const THROTTLED: usize = 3;

impl Target {
    /// One run: the instances whose turn it is, those that wait longest first, as many as a minute may have.
    pub(super) async fn log_files(&self, aws: &Aws) -> Outcome {
        let ids = self.due();
        let (left, throttled) = (&AtomicUsize::new(self.share()), &AtomicUsize::new(0));
        let may = || left.load(Ordering::Relaxed) > 0 && throttled.load(Ordering::Relaxed) < THROTTLED;
        // The further pages of an instance are calls like any other.
        let spend = |calls: usize| {
            let _ = left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(calls)));
        };
        let asked = futures_util::stream::iter(ids).take_while(|_| std::future::ready(may()));
        let first_page = self.choice.compat;
        let calls = asked.map(|id| {
            spend(1);
            async move { (aws.log_files(&id, first_page).await, id) }
        });
        let mut results = std::pin::pin!(calls.buffer_unordered(AT_ONCE));
        let mut failures = Failures::new();
        while let Some((result, id)) = results.next().await {
            let mut state = self.state();
            match result {
                Ok((size, pages)) => {
                    spend(pages.saturating_sub(1));
                    let next = Instant::now() + EVERY;
                    state.logs.insert(id, Logs { size: size.map(Kept::now), next, ..Logs::never() });
                }
                Err(failure) => {
                    let logs = state.logs.entry(id.clone()).or_insert_with(Logs::never);
                    let wait = if failure.lasting() == Lasting::No {
                        RETRY
                    } else {
                        EVERY * 2_u32.pow(logs.failures.min(6))
                    };
                    logs.is_lacking = failure.lasting() != Lasting::Absent;
                    logs.failures = logs.failures.saturating_add(1);
                    logs.next = Instant::now() + wait;
                    throttled.fetch_add(usize::from(failure.is_throttle()), Ordering::Relaxed);
                    drop(state);
                    failures.push((id, failure));
                }
            }
        }
        let lacks = self.state().logs.values().any(|logs| logs.is_lacking);
        Outcome { failures, lacks }
    }

    /// The instances whose turn it is.
    fn due(&self) -> Vec<String> {
        let state = self.state();
        let instances = state.instances().into_iter().flat_map(|all| all.iter());
        let wanted = instances.filter(|instance| self.choice.serverless_logs || !instance.is_serverless());
        let next = |id: &str| state.logs.get(id).map(|logs| logs.next);
        let mut due: Vec<_> = wanted.map(|instance| (next(&instance.id), instance.id.clone())).collect();
        due.retain(|(next, _)| next.is_none_or(|next| next <= Instant::now()));
        due.sort();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Calls a minute that fall to this region of the account.
    fn share(&self) -> usize {
        let account = self.state().account.clone().unwrap_or_default();
        (A_MINUTE / self.claims.regions(&account).max(1)).max(1)
    }
}

/// How long a size is served: three times as long as it takes to ask for all of them.
pub(super) fn life(instances: usize) -> Duration {
    let minutes = u32::try_from(instances.div_ceil(A_MINUTE)).unwrap_or(u32::MAX);
    Duration::from_mins(1).saturating_mul(minutes).max(EVERY).saturating_mul(3)
}

impl Logs {
    fn never() -> Self {
        Self { size: None, next: Instant::now(), failures: 0, is_lacking: false }
    }
}
