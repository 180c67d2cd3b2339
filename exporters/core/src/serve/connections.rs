//! Connections of clients: how many, how long, and whose place is given to somebody else.
//!
//! A connection on which no request is answered may wait a few seconds, whatever phase of TLS or HTTP it is in, and
//! gives way to a new one when there are too many. So those that say nothing never keep anybody out.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

/// Connections at once.
const CONNECTIONS: usize = 512;

/// Requests that are answered at once; the other connections are for those who ask whether the exporter lives.
const REQUESTS: usize = 256;

/// How long a connection may be without a request.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// All connections that are open.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, watch::Sender<Phase>>,
    requests: usize,
}

/// What a connection does.
#[derive(Debug, Clone, Default)]
struct Phase {
    /// Whether it has to go.
    displaced: bool,
    /// When its last request ended, or it came about.
    idle_since: Option<Instant>,
    /// Requests that are worked on, or that are being answered until then.
    requests: HashMap<u64, Option<Instant>>,
}

impl Phase {
    /// When the connection is over. While we work on a request, its client waits for us.
    fn end(&self) -> Option<Instant> {
        match (self.displaced, self.requests.is_empty()) {
            (true, _) => Some(Instant::now()),
            (false, true) => self.idle_since.map(|since| since + PATIENCE),
            (false, false) => self.requests.values().flatten().min().copied(),
        }
    }
}

impl Connections {
    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection. When there is none, the one that has had no request for longest has to go.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let mut open = self.open();
        if open.by_number.len() >= CONNECTIONS {
            let idle = open.by_number.iter().filter(|(_, phase)| {
                let phase = phase.borrow();
                phase.requests.is_empty() && !phase.displaced
            });
            if let Some((_, longest)) =
                idle.min_by_key(|(number, phase)| (phase.borrow().idle_since, **number))
            {
                longest.send_modify(|phase| phase.displaced = true);
            }
        }
        let number = open.next;
        open.next += 1;
        let phase = Phase { idle_since: Some(Instant::now()), ..Phase::default() };
        open.by_number.insert(number, watch::channel(phase).0);
        Place { all: Arc::clone(self), number }
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Phase)) {
        if let Some(phase) = self.open().by_number.get(&number) {
            phase.send_modify(change);
        }
    }
}

/// The place of one connection; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Connections>,
    number: u64,
}

impl Place {
    /// Ends when the connection has to go.
    pub(super) async fn over(&self) {
        let phase = self.all.open().by_number.get(&self.number).map(watch::Sender::subscribe);
        let Some(mut phase) = phase else { return };
        loop {
            let end = phase.borrow_and_update().end();
            let over = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                changed = phase.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Begins a request; `None` when too many are being answered.
    pub(super) fn begin(&self) -> Option<Asked> {
        let mut open = self.all.open();
        if open.requests >= REQUESTS {
            return None;
        }
        open.requests += 1;
        let request = open.next;
        open.next += 1;
        drop(open);
        self.all.change(self.number, |phase| {
            phase.requests.insert(request, None);
        });
        Some(Asked { all: Arc::clone(&self.all), connection: self.number, request })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.open().by_number.remove(&self.number);
    }
}

/// A request, from its beginning to the last byte of its answer.
#[derive(Debug)]
pub(super) struct Asked {
    all: Arc<Connections>,
    connection: u64,
    request: u64,
}

impl Asked {
    /// The answer, which its reader has to take within a time.
    pub(super) fn answered(self, response: Response<Body>, within: Duration) -> Response<Body> {
        let end = Instant::now() + within;
        self.all.change(self.connection, |phase| {
            phase.requests.insert(self.request, Some(end));
        });
        response.map(|body| Body::new(Answer { body, _asked: self }))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.all.open().requests -= 1;
        self.all.change(self.connection, |phase| {
            phase.requests.remove(&self.request);
            phase.idle_since = Some(Instant::now());
        });
    }
}

/// A body that knows when it was sent.
struct Answer {
    body: Body,
    _asked: Asked,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_over(place: &Place) -> bool {
        tokio::time::timeout(Duration::from_millis(1), place.over()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_goes_and_who_waits_for_us_stays() {
        let all = Arc::new(Connections::default());
        let (silent, asking, slow) = (all.enter(), all.enter(), all.enter());
        let asked = asking.begin().unwrap();
        let _answer = slow.begin().unwrap().answered(Response::new(Body::empty()), Duration::from_mins(1));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!is_over(&silent).await && !is_over(&asking).await && !is_over(&slow).await);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(is_over(&silent).await && !is_over(&asking).await && !is_over(&slow).await);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(!is_over(&asking).await && is_over(&slow).await);
        drop(asked);
        assert!(!is_over(&asking).await);
        tokio::time::advance(PATIENCE).await;
        assert!(is_over(&asking).await);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_always_room_for_one_more() {
        let all = Arc::new(Connections::default());
        let busy: Vec<_> = std::iter::repeat_with(|| all.enter()).take(REQUESTS).collect();
        let _asked: Vec<_> = busy.iter().map(|place| place.begin().unwrap()).collect();
        let idle: Vec<_> = std::iter::repeat_with(|| all.enter()).take(CONNECTIONS - REQUESTS).collect();
        assert!(idle[0].begin().is_none());
        assert!(!is_over(&idle[0]).await);
        let (one, more) = (all.enter(), all.enter());
        assert!(is_over(&idle[0]).await && is_over(&idle[1]).await && !is_over(&idle[2]).await);
        assert!(!is_over(&one).await && !is_over(&more).await && !is_over(&busy[0]).await);
    }
}
