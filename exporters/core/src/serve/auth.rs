//! Who may read: bcrypt users and the rate limit.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::web_config::RateLimit;

/// A hash of cost 10 that no password has, so that an unknown user takes as long as a wrong password.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuIMMPCMCvt6UpgEHNrxqU8k9qBWYlHaK";

/// Verdicts that are remembered, for bcrypt is slow on purpose.
const REMEMBERED: usize = 100;

/// Checks passwords, and remembers what it found.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    salt: [u8; 16],
    accepted: Mutex<HashSet<[u8; 32]>>,
    bucket: Mutex<Bucket>,
    /// One password at a time, so that guessing cannot take the processor away from scraping.
    turn: tokio::sync::Mutex<()>,
}

impl Doorkeeper {
    /// One that knows nobody yet.
    pub(super) fn new() -> Self {
        let mut salt = [0; 16];
        // Without randomness the digests are merely unsalted; they never leave the process.
        let _ = SystemRandom::new().fill(&mut salt);
        Self {
            salt,
            accepted: Mutex::default(),
            bucket: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Whether the `Authorization` header names a user with the right password.
    pub(super) async fn admits(&self, users: &HashMap<String, String>, authorization: Option<&str>) -> bool {
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        let hash = users.get(&user).map_or(NOBODY, String::as_str).to_owned();
        let known = users.contains_key(&user);
        let mut seen = self.salt.to_vec();
        for part in [&user, &hash, &password] {
            seen.extend(part.len().to_le_bytes());
            seen.extend(part.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, &seen).as_ref());
        let remembered = || self.accepted.lock().unwrap_or_else(PoisonError::into_inner).contains(&key);
        if remembered() {
            return true;
        }
        let _turn = self.turn.lock().await;
        if remembered() {
            return true;
        }
        let verify = move || bcrypt::verify(password, &hash).unwrap_or(false);
        let right = tokio::task::spawn_blocking(verify).await.unwrap_or(false) && known;
        if right {
            let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
            if accepted.len() >= REMEMBERED {
                accepted.clear();
            }
            accepted.insert(key);
        }
        right
    }

    /// Whether a request may come now.
    pub(super) fn within(&self, limit: RateLimit) -> bool {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(limit)
    }
}

/// A token bucket: the tokens it had, and when. A new one is full.
#[derive(Debug, Default)]
pub(super) struct Bucket(Option<(f64, Instant)>);

impl Bucket {
    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, limit: RateLimit) -> bool {
        if limit.interval == Duration::ZERO {
            return true;
        }
        let now = Instant::now();
        let burst = f64::from(limit.burst.max(1));
        let (tokens, since) = self.0.unwrap_or((burst, now));
        let made = now.duration_since(since).as_secs_f64() / limit.interval.as_secs_f64();
        let tokens = (tokens + made).min(burst);
        let admitted = tokens >= 1.0;
        self.0 = Some((if admitted { tokens - 1.0 } else { tokens }, now));
        admitted
    }
}

/// User and password of a `Basic` authorization (RFC 7617).
fn credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| base64(encoded.trim()))??;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use data_encoding::{BASE64, BASE64_NOPAD};
    BASE64.decode(text.as_bytes()).or_else(|_| BASE64_NOPAD.decode(text.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(password: &str) -> HashMap<String, String> {
        HashMap::from([("prometheus".to_owned(), bcrypt::hash(password, 4).unwrap())])
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()))
    }

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let door = Doorkeeper::new();
        let users = users("s:e cret");
        for _ in 0..2 {
            assert!(door.admits(&users, Some(&basic("prometheus:s:e cret"))).await);
            assert!(!door.admits(&users, Some(&basic("prometheus:wrong"))).await);
            assert!(!door.admits(&users, Some(&basic("nobody:s:e cret"))).await);
            assert!(!door.admits(&users, Some("Bearer x")).await);
            assert!(!door.admits(&users, None).await);
        }
        // A changed password counts at once, whatever was remembered.
        assert!(!door.admits(&self::users("other"), Some(&basic("prometheus:s:e cret"))).await);
    }

    #[test]
    fn the_bucket_runs_dry_and_fills_again() {
        let door = Doorkeeper::new();
        let limit = RateLimit { interval: Duration::from_millis(20), burst: 2 };
        assert!(door.within(limit) && door.within(limit));
        assert!(!door.within(RateLimit { interval: Duration::from_hours(1), burst: 2 }));
        std::thread::sleep(Duration::from_millis(40));
        assert!(door.within(limit));
    }
}
