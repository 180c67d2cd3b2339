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

/// Who says less than this is taken to wait this long: nothing can be asked in less, and beginning costs the server.
const FLOOR: Duration = Duration::from_millis(400);

/// The time that a scrape may take: what the scraper waits, less a margin, and at most `limit`.
pub fn budget(headers: &HeaderMap, limit: Duration) -> Duration {
    let seconds =
        headers.get(HEADER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let wait = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let wait = wait.filter(|wait| !wait.is_zero()).unwrap_or(limit).max(FLOOR);
    wait.saturating_sub(MARGIN.min(wait / 4)).min(limit)
}

/// When a scrape must be over. A second scraper that has more time puts it off; nobody moves it forward.
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
    start: Instant,
    deadline: Arc<watch::Sender<Instant>>,
    result: watch::Receiver<Option<Arc<T>>>,
}

impl<T> Clone for Flight<T> {
    fn clone(&self) -> Self {
        Self { start: self.start, deadline: Arc::clone(&self.deadline), result: self.result.clone() }
    }
}

/// Why somebody who joined a flight has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// The own time was over, and the flight goes on for others who have more.
    TimeOver,
    /// The work panicked.
    Crashed,
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
    /// The result of the running work for `key`, or of `work`, which is started. From its start it has the time of who
    /// has most; who has less leaves without it.
    pub async fn join<F>(
        &self,
        key: K,
        budget: Duration,
        work: impl FnOnce(Deadline) -> F,
    ) -> Result<Arc<T>, Missed>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let now = Instant::now();
        let at = now + budget;
        let Flight { deadline, mut result, .. } = self.start(key, now, budget, work);
        let landed = async {
            loop {
                if let Some(result) = result.borrow_and_update().as_ref() {
                    return Ok(Arc::clone(result));
                }
                result.changed().await.map_err(|_| Missed::Crashed)?;
            }
        };
        let over = async {
            tokio::time::sleep_until(at).await;
            // Whose time is that of the flight gets what there is when it ends.
            let mut moves = deadline.subscribe();
            let _ = moves.wait_for(|end| *end > at).await;
        };
        tokio::select! {
            biased;
            landed = landed => landed,
            () = over => Err(Missed::TimeOver),
        }
    }

    fn start<F>(
        &self,
        key: K,
        start: Instant,
        budget: Duration,
        work: impl FnOnce(Deadline) -> F,
    ) -> Flight<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = running.get(&key) {
            let at = flight.start + budget;
            flight.deadline.send_if_modified(|deadline| {
                let later = at > *deadline;
                *deadline = at.max(*deadline);
                later
            });
            return flight.clone();
        }
        let (deadline, receiver) = watch::channel(start + budget);
        let (sender, result) = watch::channel(None);
        let flight = Flight { start, deadline: Arc::new(deadline), result };
        running.insert(key.clone(), flight.clone());
        let work = work(Deadline(receiver));
        let landing = Landing { running: Arc::clone(&self.running), key };
        tokio::spawn(async move {
            let value = Arc::new(work.await);
            drop(landing);
            sender.send_replace(Some(value));
        });
        flight
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

/// Waiting times after failures: none after the first, then some time, twice as long and so on up to a limit.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    limit: Duration,
    failures: u32,
    until: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::between(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Backoff {
    /// One that waits for `first` after the second failure, and never longer than `limit`.
    pub fn between(first: Duration, limit: Duration) -> Self {
        Self { first, limit, failures: 0, until: None }
    }

    /// Whether it is too early to try again.
    pub fn waits(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Notes a failure.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        let wait = match self.failures {
            1 => Duration::ZERO,
            failures => self.first.saturating_mul(1 << (failures - 2).min(16)).min(self.limit),
        };
        self.until = Some(Instant::now() + wait);
    }

    /// Notes a success.
    pub fn succeeded(&mut self) {
        *self = Self::between(self.first, self.limit);
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
        assert_eq!(asked("0.001"), Duration::from_millis(300));
        for odd in ["", "-1", "NaN", "inf", "0", "x", "1e300"] {
            assert_eq!(asked(odd), Duration::from_millis(59_500), "{odd}");
        }
        assert_eq!(budget(&HeaderMap::new(), Duration::from_secs(10)), Duration::from_millis(9_500));
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_at_once_share_one_run_and_each_has_its_own_time() {
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
        let join = async |seconds| {
            let result = flight.join("a", Duration::from_secs(seconds), work).await;
            (result.map(|done| *done), start.elapsed().as_secs())
        };
        let all = tokio::join!(join(5), join(10), join(2), join(10));
        let over = Err(Missed::TimeOver);
        assert_eq!(all, ((over, 5), (Ok(false), 10), (over, 2), (Ok(false), 10)));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        let late = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            join(3).await
        };
        assert_eq!(tokio::join!(join(3), late), ((Ok(false), 13), (Ok(false), 13)));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_is_alone_gets_what_there_is_when_the_time_is_over() {
        let flight = SingleFlight::default();
        for key in 0..20 {
            let work = |deadline: Deadline| async move { deadline.passed().await };
            assert!(flight.join(key, Duration::from_millis(20), work).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_crash_does_not_block_the_next() {
        let flight: SingleFlight<_, ()> = SingleFlight::default();
        let crash = |_| async { panic!("as intended by the test") };
        assert!(flight.join(1, Duration::from_secs(1), crash).await.is_err());
        assert!(flight.join(1, Duration::from_secs(1), |_| async {}).await.is_ok());
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
