//! How fast an API may be asked: a bucket of tokens for each, and a bound on calls at the same time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::Api;

/// Calls at the same time, over all APIs of one account and region.
const CONCURRENT: usize = 16;

/// Buckets of tokens.
#[derive(Debug)]
pub struct Limiter {
    buckets: Mutex<BTreeMap<Api, Bucket>>,
    concurrent: Semaphore,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    since: Instant,
}

/// Calls per second that an API is asked at most, and how many may come at once. RDS throttles an account, not a
/// program: what is left is for people and tools.
fn rate(api: Api) -> (f64, f64) {
    match api {
        Api::Rds => (20.0, 40.0),
        Api::CloudWatch | Api::Usage => (25.0, 50.0),
        Api::Ec2 => (5.0, 20.0),
        Api::ServiceQuotas | Api::Tag | Api::Sts => (5.0, 10.0),
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self { buckets: Mutex::default(), concurrent: Semaphore::new(CONCURRENT) }
    }
}

impl Limiter {
    /// Waits for the turn of a call; it ends when the permit is dropped.
    pub async fn turn(&self, api: Api) -> Option<SemaphorePermit<'_>> {
        let at = self.next(api);
        tokio::time::sleep_until(at).await;
        self.concurrent.acquire().await.ok()
    }

    /// Takes a token; when there is none, the time at which it will be there.
    fn next(&self, api: Api) -> Instant {
        let (rate, burst) = rate(api);
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(api).or_insert(Bucket { tokens: burst, since: now });
        let made = now.saturating_duration_since(bucket.since).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + made).min(burst) - 1.0;
        bucket.since = now;
        let missing = (-bucket.tokens).max(0.0);
        now + std::time::Duration::from_secs_f64(missing / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_the_rest_waits() {
        let limiter = Limiter::default();
        let start = Instant::now();
        for _ in 0..40 {
            drop(limiter.turn(Api::Rds).await);
        }
        assert_eq!(start.elapsed().as_millis(), 0);
        for _ in 0..20 {
            drop(limiter.turn(Api::Rds).await);
        }
        assert!((950..1100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
        drop(limiter.turn(Api::Ec2).await);
    }
}
