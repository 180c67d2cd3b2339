//! The web server of the preview: files from memory, and a stream of events for the pages that are open.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, LOCATION};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::shown::Shown;

/// Where the preview's own files are. No page of a site starts with a dot.
const OWN: &str = "/.dmf/";

/// How long what is being sent when the preview ends may take. Streams of events never end by themselves.
const FAREWELL: Duration = Duration::from_millis(200);

/// A stream says that it lives, so that a browser that went away is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Answers until SIGINT or SIGTERM.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn serve(listener: TcpListener, shown: &Arc<Shown>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let connections = hyper_util::server::graceful::GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        };
        let Ok((stream, _)) = accepted else {
            // One that went away, or too many: the next one may do better.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let shown = Arc::clone(shown);
        let answer = service_fn(move |request| {
            let answer = answer(&request, &shown);
            async { Ok::<_, Infallible>(answer) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), answer);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, connections.shutdown()).await;
    Ok(())
}

/// What is sent.
enum Sent {
    File(Option<Bytes>),
    Events(mpsc::Receiver<Bytes>),
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::File(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => {
                events.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::File(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

fn plain(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Response<Sent> {
    let mut response = Response::new(Sent::File(Some(bytes.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // The browser asks again each time; an unchanged file is not sent again.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

fn answer(request: &Request<Incoming>, shown: &Arc<Shown>) -> Response<Sent> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "only GET and HEAD are answered\n";
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", text);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let path = request.uri().path();
    if let Some(own) = path.strip_prefix(OWN) {
        return match own {
            "live.js" => plain(StatusCode::OK, "text/javascript; charset=utf-8", include_str!("live.js")),
            "live.css" => plain(StatusCode::OK, "text/css; charset=utf-8", include_str!("live.css")),
            "events" if request.method() == Method::GET => events(shown),
            _ => plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "there is no such file\n"),
        };
    }
    let Some(file) = file_of(path) else { return not_found(shown) };
    if let Some((bytes, tag)) = shown.file(&file) {
        return found(request, &file, bytes, &tag);
    }
    // A folder without its slash: links on its page are relative, so the browser must know.
    let is_folder = !path.ends_with('/') && shown.file(&file.join("index.html")).is_some();
    let query = request.uri().query().map_or(String::new(), |query| format!("?{query}"));
    match HeaderValue::try_from(format!("{path}/{query}")) {
        Ok(location) if is_folder => {
            let mut response = plain(StatusCode::PERMANENT_REDIRECT, "text/plain; charset=utf-8", "");
            response.headers_mut().insert(LOCATION, location);
            response
        }
        _ => not_found(shown),
    }
}

/// The file that a path of a request names. Files come from memory, so a way out leads nowhere.
fn file_of(path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let inside = path.split('/').all(|part| !matches!(part, "." | ".."));
    let index = if path.is_empty() || path.ends_with('/') { "index.html" } else { "" };
    (inside && !path.starts_with('/')).then(|| PathBuf::from(format!("{path}{index}")))
}

fn found(request: &Request<Incoming>, file: &Path, bytes: Vec<u8>, tag: &str) -> Response<Sent> {
    let kind = kind(file);
    let known = request.headers().get_all(IF_NONE_MATCH).iter().any(|tags| {
        tags.to_str().is_ok_and(|tags| tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag))
    });
    let response = if known {
        plain(StatusCode::NOT_MODIFIED, kind, "")
    } else if kind.starts_with("text/html") {
        plain(StatusCode::OK, kind, live(bytes, tag))
    } else {
        plain(StatusCode::OK, kind, bytes)
    };
    tagged(response, tag)
}

fn tagged(mut response: Response<Sent>, tag: &str) -> Response<Sent> {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn not_found(shown: &Shown) -> Response<Sent> {
    let page = shown.file(Path::new("404.html"));
    let (bytes, tag) = page.unwrap_or_else(|| (EMPTY.into(), "\"none\"".to_owned()));
    let kind = "text/html; charset=utf-8";
    tagged(plain(StatusCode::NOT_FOUND, kind, live(bytes, &tag)), &tag)
}

/// What is shown as long as there is no site.
const EMPTY: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>No site yet</title>\n</head>\n\
                     <body><h1>No site yet</h1><p>It appears when the content can be read.</p></body>\n</html>\n";

/// A page with the script that keeps it up to date. A page that only leads to another has no need of it.
fn live(page: Vec<u8>, tag: &str) -> Vec<u8> {
    let script = format!(
        "<link rel=\"stylesheet\" href=\"{OWN}live.css\">\n<script defer src=\"{OWN}live.js\" data-tag=\"{}\"></script>\n",
        tag.trim_matches('"')
    );
    match String::from_utf8(page) {
        Ok(html) if html.contains("http-equiv=\"refresh\"") => html.into_bytes(),
        Ok(html) => html.replacen("</head>", &format!("{script}</head>"), 1).into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

fn kind(file: &Path) -> &'static str {
    if file.file_name().is_some_and(|name| name == "feed.xml") {
        return "application/atom+xml; charset=utf-8";
    }
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "xml" => "application/xml",
        "md" => "text/markdown; charset=utf-8",
        "yaml" | "yml" => "application/yaml; charset=utf-8",
        "txt" | "sql" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// What is wrong, now and after each change. A page asks itself whether it is still the newest.
fn events(shown: &Arc<Shown>) -> Response<Sent> {
    let (send, events) = mpsc::channel(4);
    let shown = Arc::clone(shown);
    tokio::spawn(async move {
        let mut changes = shown.follow();
        loop {
            changes.mark_unchanged();
            let event = format!("event: state\ndata: {}\n\n", shown.wrong());
            if send.send(event.into()).await.is_err() {
                return;
            }
            while tokio::time::timeout(HEARTBEAT, changes.changed()).await.is_err() {
                if send.send(Bytes::from_static(b":\n\n")).await.is_err() {
                    return;
                }
            }
        }
    });
    let mut response = Response::new(Sent::Events(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_file_inside() {
        let name = |path| file_of(path).map(|file| file.to_string_lossy().into_owned());
        assert_eq!(name("/").as_deref(), Some("index.html"));
        assert_eq!(name("/a%20b/").as_deref(), Some("a b/index.html"));
        assert_eq!(name("/a.css").as_deref(), Some("a.css"));
        for out in ["/../etc/passwd", "/a/%2e%2e/b", "//etc/passwd", "/%2fetc/passwd", "/%ff", "*"] {
            assert_eq!(name(out), None, "{out}");
        }
    }

    #[test]
    fn the_script_comes_into_pages_but_not_into_redirects() {
        let page = live(b"<head></head>".to_vec(), "\"ab\"");
        assert!(String::from_utf8_lossy(&page).contains("data-tag=\"ab\"></script>\n</head>"));
        let redirect = b"<head><meta http-equiv=\"refresh\"></head>".to_vec();
        assert_eq!(live(redirect.clone(), "x"), redirect);
    }
}
