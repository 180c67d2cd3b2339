//! Sockets: accept, shake hands, serve, and end without cutting off anybody who still reads.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::auth::Doorkeeper;
use super::connections::{Connections, PATIENCE, Place};
use super::current::{Current, Origin, Web};
use super::reload::{Reloads, reload_now};
use super::tls::has_san;
use super::web_config::WebConfig;
use super::{Exporter, router};

/// Where one asks whether the exporter lives: without a password, without a limit, and with room of its own.
const HEALTH: [&str; 2] = ["/-/healthy", "/-/ready"];

/// Requests that one HTTP/2 connection may make at once.
const STREAMS: u32 = 16;

/// Where to listen, and how.
#[derive(Debug)]
pub struct Listening {
    /// Addresses; an empty host means all interfaces.
    pub addresses: Vec<String>,
    /// Whether systemd hands over the sockets instead.
    pub systemd_socket: bool,
    /// The web configuration file.
    pub web_config: Option<PathBuf>,
    /// Certificate and key, where there is no web configuration file.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Path of the metrics.
    pub telemetry_path: String,
    /// Who may call `/-/reload`.
    pub reloads: Reloads,
    /// How long running answers may still take after a signal to stop.
    pub grace: Duration,
}

/// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration again. Whatever is wrong with the addresses or the
/// web configuration is an error before anything is answered.
pub async fn listen(exporter: Arc<dyn Exporter>, listening: Listening) -> Result<(), String> {
    // Before anybody can know that this listens: a signal without a handler would end it.
    let heard = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
    let mut terminate = heard(SignalKind::terminate())?;
    let mut interrupt = heard(SignalKind::interrupt())?;
    let mut hangup = heard(SignalKind::hangup())?;
    let web = Arc::new(Web::new(match listening.tls {
        Some((certificate, key)) => Origin::Files { certificate, key },
        None => listening.web_config.map_or(Origin::Nothing, Origin::File),
    })?);
    let listeners = sockets(&listening.addresses, listening.systemd_socket).await?;
    let app = router(Arc::clone(&exporter), &listening.telemetry_path, listening.reloads);
    let limit = exporter.about().timeout;
    let connections = Arc::new(Connections::default());
    let graceful = Arc::new(GracefulShutdown::new());
    let mut loops = tokio::task::JoinSet::new();
    loops.spawn(Arc::clone(&web).watch());
    for listener in listeners {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        tracing::info!(%address, tls = web.current().config.tls.is_some(), "listening");
        let server = Server { web: Arc::clone(&web), app: app.clone(), limit };
        loops.spawn(accept(listener, server, Arc::clone(&connections), Arc::clone(&graceful)));
    }
    let stopped = async {
        loop {
            tokio::select! {
                _ = terminate.recv() => return "SIGTERM",
                _ = interrupt.recv() => return "SIGINT",
                _ = hangup.recv() => { let _ = reload_now(&*exporter).await; }
            }
        }
    };
    let signal = stopped.await;
    tracing::info!(signal, "stopping");
    loops.shutdown().await;
    let Some(graceful) = Arc::into_inner(graceful) else { return Ok(()) };
    if tokio::time::timeout(listening.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("an answer was still running and is cut off");
    }
    Ok(())
}

async fn sockets(addresses: &[String], systemd: bool) -> Result<Vec<TcpListener>, String> {
    if systemd {
        let mut descriptors = listenfd::ListenFd::from_env();
        let mut listeners = Vec::new();
        for index in 0..descriptors.len() {
            let listener = descriptors.take_tcp_listener(index).ok().flatten();
            let listener =
                listener.ok_or_else(|| format!("socket {index} of systemd is not a TCP socket"))?;
            let nonblocking = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
            listeners.push(nonblocking.map_err(|error| format!("socket {index} of systemd: {error}"))?);
        }
        if listeners.is_empty() {
            return Err("systemd handed over no socket: start this through a .socket unit".to_owned());
        }
        return Ok(listeners);
    }
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = match address.strip_prefix(':') {
            Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
                Ok(listener) => Ok(listener),
                // A machine without IPv6.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
                Err(_) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
            },
            None => TcpListener::bind(address).await,
        };
        let listener = listener.map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// What answers on a connection.
#[derive(Clone)]
struct Server {
    web: Arc<Web>,
    app: Router,
    /// The longest time that a scrape may take, and that its reader may take for the answer.
    limit: Duration,
}

async fn accept(
    listener: TcpListener,
    server: Server,
    connections: Arc<Connections>,
    graceful: Arc<GracefulShutdown>,
) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: give the others time to close theirs.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (server, watcher) = (server.clone(), graceful.watcher());
        let place = Arc::new(connections.enter());
        tokio::spawn(async move {
            let current = server.web.current();
            let exchange = async {
                let Some(tls) = &current.tls else {
                    return server.serve(stream, &current, &place, watcher).await;
                };
                if let Some(stream) = shake_hands(stream, tls, &current.config).await {
                    server.serve(stream, &current, &place, watcher).await;
                }
            };
            tokio::select! {
                () = exchange => {}
                () = place.over() => tracing::debug!("a connection took too long, or gave way to a new one"),
            }
        });
    }
}

/// TLS, or nothing: who speaks plain HTTP is told so.
async fn shake_hands(
    mut stream: TcpStream,
    tls: &TlsAcceptor,
    config: &WebConfig,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    let peeked = tokio::time::timeout(PATIENCE, stream.peek(&mut first)).await;
    if !matches!(peeked, Ok(Ok(1))) {
        return None;
    }
    // 22 is the content type of a TLS handshake (RFC 8446, 5.1).
    if first != [22] {
        let text =
            "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTPS, not HTTP.\n";
        // What was asked is read first: closing a socket with unread bytes would reset it, and the answer be lost.
        let _ = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 4096])).await;
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
        return None;
    }
    match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let sans = config.tls.as_ref().map(|tls| tls.client_allowed_sans.as_slice()).unwrap_or_default();
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let admitted =
                sans.is_empty() || certificate.is_some_and(|certificate| has_san(certificate, sans));
            if !admitted {
                tracing::debug!("a client's certificate has none of the allowed names");
            }
            admitted.then_some(stream)
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

impl Server {
    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        connection: &Current,
        place: &Arc<Place>,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let (server, place) = (self.clone(), Arc::clone(place));
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let (server, place) = (server.clone(), Arc::clone(&place));
            async move { Ok::<_, Infallible>(server.answer(request, &place).await) }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(PATIENCE));
        builder.http2().max_concurrent_streams(STREAMS);
        if !connection.config.http2 {
            builder = builder.http1_only();
        }
        let exchange = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        if let Err(error) = exchange.await {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(&self, request: Request<hyper::body::Incoming>, place: &Place) -> Response<Body> {
        let current = self.web.current();
        let mut response = match refuse(&self.web.door, &current.config, &request).await {
            Some(refusal) => refusal,
            None if HEALTH.contains(&request.uri().path()) => self.call(request).await,
            None => match place.begin() {
                Some(asked) => asked.answered(self.call(request).await, self.limit),
                None => said(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once\n"),
            },
        };
        response.headers_mut().extend(current.config.headers.clone());
        response
    }

    async fn call(&self, request: Request<hyper::body::Incoming>) -> Response<Body> {
        let answer: Result<_, Infallible> = self.app.clone().call(request.map(Body::new)).await;
        answer.unwrap_or_else(|never| match never {})
    }
}

fn said(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// The answer to a request that is not let in. Whether it lives is no secret: the kubelet has no password.
async fn refuse<B>(door: &Doorkeeper, config: &WebConfig, request: &Request<B>) -> Option<Response<Body>> {
    if HEALTH.contains(&request.uri().path()) {
        return None;
    }
    if config.rate_limit.is_some_and(|limit| !door.within(limit)) {
        return Some(said(StatusCode::TOO_MANY_REQUESTS, "too many requests\n"));
    }
    if config.users.is_empty() {
        return None;
    }
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if door.admits(&config.users, authorization).await {
        return None;
    }
    let mut response = said(StatusCode::UNAUTHORIZED, "a user and a password are needed\n");
    let scheme = axum::http::HeaderValue::from_static("Basic realm=\"metrics\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    Some(response)
}
