//! Sockets: accept, shake hands, serve, and end without cutting anybody off.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

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
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::auth::Doorkeeper;
use super::tls::{has_san, server_config};
use super::web_config::WebConfig;
use super::{Exporter, reload_now, router};

/// Connections that are served at once; the others wait in the kernel's queue.
const CONNECTIONS: usize = 512;

/// How long a client may take for the handshake, or for sending its request.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let app = router(Arc::clone(&exporter), &listening.telemetry_path);
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = Arc::new(GracefulShutdown::new());
    let mut loops = tokio::task::JoinSet::new();
    for listener in listeners {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        tracing::info!(%address, tls = web.current().config.tls.is_some(), "listening");
        loops.spawn(accept(
            listener,
            Arc::clone(&web),
            app.clone(),
            Arc::clone(&permits),
            Arc::clone(&graceful),
        ));
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

async fn accept(
    listener: TcpListener,
    web: Arc<Web>,
    app: Router,
    permits: Arc<Semaphore>,
    graceful: Arc<GracefulShutdown>,
) {
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: give the others time to close theirs.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (web, app, watcher) = (Arc::clone(&web), app.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _permit = permit;
            let current = web.current();
            let Some(tls) = &current.tls else {
                return serve(stream, web, current, app, watcher).await;
            };
            if let Some(stream) = shake_hands(stream, tls, &current.config).await {
                serve(stream, web, current, app, watcher).await;
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

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    web: Arc<Web>,
    connection: Arc<Current>,
    app: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let (web, mut app) = (Arc::clone(&web), app.clone());
        async move {
            let current = web.current();
            let mut response = match refuse(&web.door, &current.config, &request).await {
                Some(refusal) => refusal,
                None => app.call(request.map(Body::new)).await?,
            };
            response.headers_mut().extend(current.config.headers.clone());
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(PATIENCE));
    if !connection.config.http2 {
        builder = builder.http1_only();
    }
    let served = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The answer to a request that is not let in. Whether it lives is no secret: the kubelet has no password.
async fn refuse<B>(door: &Doorkeeper, config: &WebConfig, request: &Request<B>) -> Option<Response<Body>> {
    let answer = |status: StatusCode, text: &'static str| {
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        Some(response)
    };
    if config.rate_limit.is_some_and(|limit| !door.within(limit)) {
        return answer(StatusCode::TOO_MANY_REQUESTS, "too many requests\n");
    }
    if config.users.is_empty() || ["/-/healthy", "/-/ready"].contains(&request.uri().path()) {
        return None;
    }
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if door.admits(&config.users, authorization).await {
        return None;
    }
    let mut response = answer(StatusCode::UNAUTHORIZED, "a user and a password are needed\n")?;
    let scheme = axum::http::HeaderValue::from_static("Basic realm=\"metrics\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    Some(response)
}

/// The web configuration, read again whenever one of its files has changed.
struct Web {
    origin: Origin,
    door: Doorkeeper,
    state: Mutex<State>,
}

/// Where the web configuration comes from.
enum Origin {
    /// Plain HTTP for all.
    Nothing,
    /// The file of the toolkit.
    File(PathBuf),
    /// TLS, and nothing else.
    Files { certificate: PathBuf, key: PathBuf },
}

struct State {
    current: Arc<Current>,
    /// The files, and what they looked like when they were last read.
    files: Vec<(PathBuf, Stamp)>,
}

/// One reading of the web configuration.
struct Current {
    config: WebConfig,
    tls: Option<TlsAcceptor>,
}

type Stamp = Option<(SystemTime, u64)>;

impl Web {
    fn new(origin: Origin) -> Result<Self, String> {
        let (current, files) = Current::read(&origin)?;
        let files = files.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        Ok(Self {
            origin,
            door: Doorkeeper::new(),
            state: Mutex::new(State { current: Arc::new(current), files }),
        })
    }

    fn current(&self) -> Arc<Current> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.files.iter().any(|(path, seen)| stamp(path) != *seen) {
            for (path, seen) in &mut state.files {
                *seen = stamp(path);
            }
            match Current::read(&self.origin) {
                Ok((current, files)) => {
                    tracing::info!("web configuration read again");
                    let files = files.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
                    *state = State { current: Arc::new(current), files };
                }
                Err(error) => tracing::error!(%error, "web configuration not read, the old one stays"),
            }
        }
        Arc::clone(&state.current)
    }
}

impl Current {
    /// The configuration, and all files that it was read from.
    fn read(origin: &Origin) -> Result<(Self, Vec<PathBuf>), String> {
        let (path, (config, files)) = match origin {
            Origin::Nothing => return Ok((Self { config: WebConfig::plain(), tls: None }, Vec::new())),
            Origin::File(path) => (path, WebConfig::read(path)?),
            Origin::Files { certificate, key } => (certificate, WebConfig::with_tls(certificate, key)?),
        };
        let tls = config.tls.as_ref().map(|tls| server_config(tls, config.http2)).transpose();
        let tls = tls.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((Self { config, tls: tls.map(|tls| TlsAcceptor::from(Arc::new(tls))) }, files))
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Whether a web configuration file can be used; the error says what is wrong.
pub fn check(path: Option<&Path>) -> Result<(), String> {
    Current::read(&path.map_or(Origin::Nothing, |path| Origin::File(path.to_path_buf()))).map(drop)
}
