//! Reading the configuration again over HTTP: who may ask, and how often. A signal may always.

use std::sync::Mutex;
use std::time::Duration;

use axum::http::header::{ORIGIN, REFERER, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use clap::Args;

use super::auth::Bucket;
use super::web_config::RateLimit;
use super::{Exporter, Refusal};
use crate::args::duration;

/// Reloads that may come at once: a mistake, and its corrections.
const BURST: u32 = 5;

/// Flags of `/-/reload`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Reloads {
    /// Refuses `/-/reload`; SIGHUP still reads the configuration again.
    #[arg(long = "web.disable-reload", help_heading = "Web")]
    pub disabled: bool,
    /// The time between two calls of `/-/reload`, after five that may come at once.
    #[arg(long = "web.reload-interval", value_name = "DURATION", default_value = "15s", value_parser = duration, help_heading = "Web")]
    pub interval: Duration,
}

/// Lets reloads through, one at a time.
#[derive(Debug)]
pub(super) struct Gate {
    reloads: Reloads,
    bucket: Mutex<Bucket>,
}

impl Gate {
    pub(super) fn new(reloads: Reloads) -> Self {
        Self { reloads, bucket: Mutex::default() }
    }

    /// The answer to a request that is not heard.
    fn refuse(&self, headers: &HeaderMap) -> Option<Response> {
        let said = |status, message: &str| Refusal { status, message: message.to_owned() }.into_response();
        if self.reloads.disabled {
            let message = "`/-/reload` is switched off (--web.disable-reload): send SIGHUP";
            return Some(said(StatusCode::FORBIDDEN, message));
        }
        // Browsers add these to what a page sends, whether its name belongs to us or was made to point here.
        let fetched = headers.get("sec-fetch-site").is_some_and(|site| site != "none");
        if fetched || headers.contains_key(ORIGIN) || headers.contains_key(REFERER) {
            let message = "no page in a browser may send this: use curl or SIGHUP";
            return Some(said(StatusCode::FORBIDDEN, message));
        }
        let limit = RateLimit { interval: self.reloads.interval, burst: BURST };
        let mut bucket = self.bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !bucket.take(limit) {
            let seconds = self.reloads.interval.as_secs().max(1);
            let message = format!(
                "too many reloads: one in {seconds} seconds (--web.reload-interval); SIGHUP is not limited"
            );
            let mut response = said(StatusCode::TOO_MANY_REQUESTS, &message);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            return Some(response);
        }
        None
    }

    /// The answer to a request.
    pub(super) async fn reload(&self, exporter: &dyn Exporter, headers: &HeaderMap) -> Response {
        if let Some(refusal) = self.refuse(headers) {
            return refusal;
        }
        match reload_now(exporter).await {
            Ok(()) => "OK\n".into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error + "\n").into_response(),
        }
    }
}

/// Reads the configuration again and says in log and metrics how it went. Two never run at the same time.
pub(super) async fn reload_now(exporter: &dyn Exporter) -> Result<(), String> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = TURN.lock().await;
    let result = exporter.reload().await;
    exporter.own().reloaded(result.is_ok());
    match &result {
        Ok(()) => tracing::info!("configuration read again"),
        Err(error) => tracing::error!(%error, "configuration not read, the old one stays"),
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(gate: &Gate, headers: &[(&'static str, &'static str)]) -> u16 {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        gate.refuse(&headers.collect()).map_or(200, |refusal| refusal.status().as_u16())
    }

    #[test]
    fn pages_are_refused_and_do_not_use_up_what_others_have() {
        let gate = Gate::new(Reloads { disabled: false, interval: Duration::from_hours(1) });
        for _ in 0..5 {
            for header in [
                ("origin", "http://evil.example"),
                ("origin", "null"),
                ("origin", "http://localhost:9187"),
                ("referer", "http://evil.example/"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
            ] {
                assert_eq!(status(&gate, &[header]), 403, "{header:?}");
            }
        }
        assert_eq!(status(&gate, &[("sec-fetch-site", "none")]), 200);
        let statuses = [(); 5].map(|()| status(&gate, &[]));
        assert_eq!(statuses, [200, 200, 200, 200, 429]);
        let off = Gate::new(Reloads { disabled: true, interval: Duration::from_hours(1) });
        assert_eq!(status(&off, &[]), 403);
    }
}
