//! The web server that both exporters share: who asks, what is answered, how it ends.
//!
//! In reading order: [`web_config`] is the file and `current` its last reading, [`listen()`] accepts `connections`,
//! [`tls`] and `auth` decide who comes in, the router below answers, `reload` reads the configuration again.

mod auth;
mod connections;
mod current;
mod listen;
mod reload;
pub mod tls;
pub mod web_config;

use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
pub use axum::http::StatusCode;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

pub use self::current::check;
pub use self::listen::{Listening, listen};
use self::reload::Gate;
pub use self::reload::Reloads;
use crate::exposition::{Format, Own, Page};
use crate::scrape::budget;

/// An answer that takes time.
pub type Future_<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an exporter does for the web server.
pub trait Exporter: Send + Sync + 'static {
    /// What it is, for the landing page.
    fn about(&self) -> About;
    /// All samples; `query` are the parameters of the request.
    fn metrics<'a>(
        &'a self,
        query: &'a [(String, String)],
        budget: Duration,
    ) -> Future_<'a, Result<Page, Refusal>>;
    /// The samples of one target that the request names.
    fn probe<'a>(
        &'a self,
        query: &'a [(String, String)],
        budget: Duration,
    ) -> Future_<'a, Result<Page, Refusal>>;
    /// Whether it can answer; the error says what it waits for.
    fn ready(&self) -> Result<(), String>;
    /// Reads the configuration again; on an error the old one stays.
    fn reload(&self) -> Future_<'_, Result<(), String>>;
    /// What it says about its own process.
    fn own(&self) -> &Own;
}

/// What the landing page says.
#[derive(Debug, Clone)]
pub struct About {
    /// Name of the program.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Whether it answers `/probe`.
    pub probes: bool,
    /// The longest time that a request may take when the scraper says nothing.
    pub timeout: Duration,
}

/// Why a request gets no samples.
#[derive(Debug)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// One sentence.
    pub message: String,
}

impl Refusal {
    /// The request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// The request may be right, but cannot be answered now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, self.message + "\n").into_response()
    }
}

/// The routes of an exporter.
pub fn router(exporter: Arc<dyn Exporter>, telemetry_path: &str, reloads: Reloads) -> Router {
    let mut router = Router::new()
        .route(telemetry_path, get(metrics))
        .route("/-/healthy", get(async || "OK\n"))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload));
    if exporter.about().probes {
        router = router.route("/probe", get(probe));
    }
    if telemetry_path != "/" {
        let path = telemetry_path.to_owned();
        let page = async move |State(shared): State<Shared>| Html(landing(&shared.exporter.about(), &path));
        router = router.route("/", get(page));
    }
    router.with_state(Shared { exporter, zipped: Arc::default(), gate: Arc::new(Gate::new(reloads)) })
}

type Parameters = Query<Vec<(String, String)>>;

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    exporter: Arc<dyn Exporter>,
    zipped: Arc<Zipped>,
    gate: Arc<Gate>,
}

async fn metrics(State(shared): State<Shared>, headers: HeaderMap, Query(query): Parameters) -> Response {
    let budget = budget(&headers, shared.exporter.about().timeout);
    let page = shared.exporter.metrics(&query, budget).await;
    shared.answer("/metrics", page, &headers, || shared.exporter.own().page())
}

async fn probe(State(shared): State<Shared>, headers: HeaderMap, Query(query): Parameters) -> Response {
    let budget = budget(&headers, shared.exporter.about().timeout);
    let page = shared.exporter.probe(&query, budget).await;
    shared.answer("/probe", page, &headers, Page::default)
}

impl Shared {
    fn answer(
        &self,
        path: &str,
        page: Result<Page, Refusal>,
        headers: &HeaderMap,
        own: impl FnOnce() -> Page,
    ) -> Response {
        let response = match page {
            Ok(page) => self.samples(page, headers, own),
            Err(refusal) => refusal.into_response(),
        };
        self.exporter.own().answered(path, response.status().as_u16());
        response
    }

    /// The page in the format and encoding that the scraper asked for.
    fn samples(&self, mut page: Page, headers: &HeaderMap, own: impl FnOnce() -> Page) -> Response {
        let header = |name| {
            let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.collect::<Vec<_>>().join(",")
        };
        let format = Format::negotiate(&header(ACCEPT));
        let zip = accepts_gzip(&header(ACCEPT_ENCODING));
        let body = if zip {
            stream(self.zipped.pieces(page, format, own))
        } else {
            page.extend(own());
            stream(page.pieces(format).map(Bytes::from))
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        if zip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Whether an `Accept-Encoding` header allows gzip (RFC 9110, 12.5.3).
fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|part| part.trim_start_matches("q=").parse() == Ok(0.0))
    })
}

fn stream(pieces: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    Body::from_stream(futures_util::stream::iter(pieces.map(Ok::<_, std::convert::Infallible>)))
}

/// The last page as it was compressed: who asked at the same time gets the same bytes, and they are made once.
#[derive(Default)]
struct Zipped(Mutex<Option<Last>>);

/// One compressed page.
struct Last {
    key: Vec<u64>,
    format: Format,
    at: Instant,
    pieces: Arc<OnceLock<Arc<[Bytes]>>>,
}

impl Last {
    /// What the exporter says about itself changes although no other sample does, so a page does not live long.
    const LIFE: Duration = Duration::from_secs(1);
}

impl Zipped {
    fn pieces(
        &self,
        mut page: Page,
        format: Format,
        own: impl FnOnce() -> Page,
    ) -> impl Iterator<Item = Bytes> + 'static {
        let key = page.key();
        let cell = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fits =
                |last: &&mut Last| last.key == key && last.format == format && last.at.elapsed() < Last::LIFE;
            if let Some(last) = last.as_mut().filter(fits) {
                Arc::clone(&last.pieces)
            } else {
                let pieces = Arc::default();
                *last = Some(Last { key, format, at: Instant::now(), pieces: Arc::clone(&pieces) });
                pieces
            }
        };
        let pieces = cell.get_or_init(|| {
            page.extend(own());
            zip(page.pieces(format))
        });
        let pieces = Arc::clone(pieces);
        (0..pieces.len()).map(move |at| pieces[at].clone())
    }
}

/// Compresses piece by piece.
fn zip(pieces: impl Iterator<Item = String>) -> Arc<[Bytes]> {
    let mut zipped: Vec<Bytes> = Vec::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for piece in pieces {
        // Writing to a `Vec` does not fail.
        let _ = encoder.write_all(piece.as_bytes());
        if encoder.get_ref().len() >= 16 * 1024 {
            zipped.push(std::mem::take(encoder.get_mut()).into());
        }
    }
    zipped.extend(encoder.finish().ok().map(Bytes::from));
    zipped.into()
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.exporter.ready() {
        Ok(()) => "OK\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n").into_response(),
    }
}

async fn reload(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    shared.gate.reload(&*shared.exporter, &headers).await
}

fn landing(about: &About, telemetry_path: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let About { name, description, .. } = about;
    let mut links = format!("<li><a href=\".{telemetry_path}\">Metrics</a></li>\n");
    for (path, what) in [("/-/healthy", "Alive?"), ("/-/ready", "Ready?")] {
        let _ = writeln!(links, "<li><a href=\".{path}\">{what}</a></li>");
    }
    if about.probes {
        links += "<li>One target: <code>/probe?target=NAME</code></li>\n";
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{name}</title>\n<style>:root {{ color-scheme: light dark }} body \
         {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>\n\
         </head>\n<body>\n<h1>{name}</h1>\n<p>{description}</p>\n<p>Version {version}</p>\n<ul>\n{links}</ul>\n\
         </body>\n</html>\n"
    )
}
