//! Time: what a scrape may take, and one scrape for all who ask at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long Prometheus will wait, in seconds.
const HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// Kept for sending the answer; of a very short time, a quarter.
const MARGIN: Duration = Duration::from_millis(500);

/// The time that a scrape may take: what the scraper waits, less a margin, and at most `limit`.
pub fn budget(headers: &HeaderMap, limit: Duration) -> Duration {
    let seconds =
        headers.get(HEADER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let wait = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let wait = wait.filter(|wait| !wait.is_zero()).unwrap_or(limit);
    wait.saturating_sub(MARGIN.min(wait / 4)).min(limit)
}

/// When a scrape must be over. A second scraper that has less time moves it forward for all.
#[derive(Debug, Clone)]
pub struct Deadline(watch::Receiver<Instant>);

impl Deadline {
    /// A deadline that nobody moves.
    pub fn after(budget: Duration) -> Self {
        Self(watch::channel(Instant::now() + budget).1)
    }

    /// The time left.
    pub fn left(&self) -> Duration {
        self.0.borrow().saturating_duration_since(Instant::now())
    }

    /// Ends when the time is over.
    pub async fn passed(&self) {
        let mut receiver = self.0.clone();
        loop {
            let at = *receiver.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(at) => return,
                changed = receiver.changed() => if changed.is_err() {
                    return tokio::time::sleep_until(at).await;
                }
            }
        }
    }

    /// The result of some work, unless the time is over first.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            result = work => Some(result),
            () = self.passed() => None,
        }
    }
}

/// Runs a piece of work once for all who ask for it while it runs. It goes on when they leave, so that it ends in
/// order; what it costs is bounded by its deadline.
#[derive(Debug)]
pub struct SingleFlight<K, T> {
    running: Arc<Mutex<HashMap<K, Flight<T>>>>,
}

#[derive(Debug)]
struct Flight<T> {
    deadline: watch::Sender<Instant>,
    result: watch::Receiver<Option<Arc<T>>>,
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: std::hash::Hash + Eq + Clone + Send + 'static,
    T: Send + Sync + 'static,
{
    /// The result of the running work for `key`, or of `work`, which is started. `None` when the work panicked.
    pub async fn join<F>(&self, key: K, budget: Duration, work: impl FnOnce(Deadline) -> F) -> Option<Arc<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut result = self.start(key, budget, work);
        loop {
            if let Some(result) = result.borrow_and_update().as_ref() {
                return Some(Arc::clone(result));
            }
            result.changed().await.ok()?;
        }
    }

    fn start<F>(
        &self,
        key: K,
        budget: Duration,
        work: impl FnOnce(Deadline) -> F,
    ) -> watch::Receiver<Option<Arc<T>>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let at = Instant::now() + budget;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = running.get(&key) {
            flight.deadline.send_if_modified(|deadline| {
                let earlier = at < *deadline;
                *deadline = at.min(*deadline);
                earlier
            });
            return flight.result.clone();
        }
        let (deadline, receiver) = watch::channel(at);
        let (sender, result) = watch::channel(None);
        running.insert(key.clone(), Flight { deadline, result: result.clone() });
        let work = work(Deadline(receiver));
        let landing = Landing { running: Arc::clone(&self.running), key };
        tokio::spawn(async move {
            let value = Arc::new(work.await);
            drop(landing);
            sender.send_replace(Some(value));
        });
        result
    }
}

/// Takes a flight off the board, also when it crashes.
struct Landing<K: std::hash::Hash + Eq, T> {
    running: Arc<Mutex<HashMap<K, Flight<T>>>>,
    key: K,
}

impl<K: std::hash::Hash + Eq, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Waiting times after failures: none after the first, then 1, 2, 4 seconds and so on up to a limit.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    const LIMIT: Duration = Duration::from_secs(30);

    /// Whether it is too early to try again.
    pub fn waits(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Notes a failure.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        let wait = match self.failures {
            1 => Duration::ZERO,
            failures => Duration::from_secs(1 << (failures - 2).min(5)).min(Self::LIMIT),
        };
        self.until = Some(Instant::now() + wait);
    }

    /// Notes a success.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn asked(seconds: &str) -> Duration {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, seconds.parse().unwrap());
        budget(&headers, Duration::from_mins(1))
    }

    #[test]
    fn the_budget_leaves_time_for_the_answer() {
        assert_eq!(asked("10"), Duration::from_millis(9_500));
        assert_eq!(asked("0.4"), Duration::from_millis(300));
        assert_eq!(asked("3600"), Duration::from_mins(1));
        for odd in ["", "-1", "NaN", "inf", "0", "x", "1e300"] {
            assert_eq!(asked(odd), Duration::from_millis(59_500), "{odd}");
        }
        assert_eq!(budget(&HeaderMap::new(), Duration::from_secs(10)), Duration::from_millis(9_500));
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_at_once_share_one_run_and_the_shortest_time() {
        let flight = SingleFlight::default();
        let runs = Arc::new(AtomicU32::new(0));
        let work = |deadline: Deadline| {
            let runs = Arc::clone(&runs);
            async move {
                runs.fetch_add(1, Ordering::SeqCst);
                deadline.within(tokio::time::sleep(Duration::from_mins(1))).await.is_some()
            }
        };
        let start = Instant::now();
        let (slow, quick) = tokio::join!(
            flight.join("a", Duration::from_secs(10), work),
            flight.join("a", Duration::from_secs(2), work)
        );
        assert_eq!((slow.as_deref(), quick.as_deref()), (Some(&false), Some(&false)));
        assert_eq!(start.elapsed().as_secs(), 2);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        flight.join("a", Duration::from_secs(1), work).await;
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_crash_does_not_block_the_next() {
        let flight: SingleFlight<_, ()> = SingleFlight::default();
        let crash = |_| async { panic!("as intended by the test") };
        assert!(flight.join(1, Duration::from_secs(1), crash).await.is_none());
        assert!(flight.join(1, Duration::from_secs(1), |_| async {}).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_tried_again_more_and_more_rarely() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            backoff.failed();
            let start = Instant::now();
            while backoff.waits() {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            waits.push(start.elapsed().as_secs());
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30]);
        backoff.succeeded();
        assert!(!backoff.waits());
    }
}
