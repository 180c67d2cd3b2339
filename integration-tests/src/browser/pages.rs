//! A folder served as a static host does it: below a sub-path, with the folder's own page for what is not there.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri, header};

/// A server that lives as long as the process.
#[derive(Debug, Clone)]
pub struct Pages {
    /// `http://127.0.0.1:port`.
    pub origin: String,
    /// The address of the folder, with a slash at its end.
    pub url: String,
}

/// Where the folder is on the server.
const BELOW: &str = "/docs/1.0.0/";

impl Pages {
    /// Serves a folder on a free port.
    pub fn serve(folder: PathBuf) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let origin = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).context("a listener")?;
                let routes = Router::new().fallback(answer).with_state(Arc::new(folder));
                axum::serve(listener, routes).await.context("a server")
            })
        });
        Ok(Self { url: format!("{origin}{BELOW}"), origin })
    }
}

async fn answer(State(folder): State<Arc<PathBuf>>, uri: Uri) -> Response<Body> {
    let path = uri.path().strip_prefix(BELOW).filter(|path| !path.split('/').any(|part| part == ".."));
    let file = path.map(|path| {
        if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() }
    });
    let found = file.and_then(|file| Some((std::fs::read(folder.join(&file)).ok()?, file)));
    let mut response = Response::new(Body::empty());
    let (bytes, name) = found.unwrap_or_else(|| {
        *response.status_mut() = StatusCode::NOT_FOUND;
        (std::fs::read(folder.join("404.html")).unwrap_or_default(), "404.html".to_owned())
    });
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "text/plain; charset=utf-8",
    };
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    *response.body_mut() = Body::from(bytes);
    response
}
