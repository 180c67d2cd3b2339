//! The way to a server: a socket, TLS on it where that is wanted, the reader that watches the login, and the bounds of
//! what may come.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Client, Config, Connection};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::auth_request::{Methods, Reader};
use super::bounded::{Allowance, Bounded, Seen};
use super::session::Failure;

/// `SSLRequest` (manual, "Message Formats"): length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Read at once during the login, in bytes.
const PIECE: usize = 4096;

/// How to reach one server.
#[derive(Clone)]
pub struct Wire {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    methods: Methods,
}

/// What is read from a server, and how far.
type Guarded = Bounded<Watched>;

/// A connection of tokio-postgres, to be driven.
pub type Driver = Connection<Guarded, Guarded>;

impl Wire {
    /// The way to the one host of a configuration; without `tls`, there is none on it. `methods` are answered.
    pub fn new(config: Config, tls: Option<MakeRustlsConnect>, methods: Methods) -> Self {
        Self { config, tls, methods }
    }

    /// Logs in.
    pub async fn open(
        &self,
        allowance: Arc<Allowance>,
        seen: &Arc<Seen>,
    ) -> Result<(Client, Driver), Failure> {
        let line = Watched::new(self.line().await?, self.methods.clone());
        let line = Bounded::new(line, allowance, Arc::clone(seen));
        let mut config = self.config.clone();
        // TLS is settled; as if it were, tokio-postgres asks the line for its channel binding.
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        let opened = config.connect_raw(line, Settled).await;
        opened.map_err(|error| match seen.excess() {
            Some(excess) => Failure::excess(excess),
            None => Failure::of(&error),
        })
    }

    /// Asks the server to cancel what runs on a connection.
    pub async fn cancel(&self, token: CancelToken) {
        if let Ok(line) = self.line().await {
            let line = Watched::new(line, Methods::default());
            let line = Bounded::new(line, Arc::default(), Arc::default());
            let _ = token.cancel_query_raw(line, Settled).await;
        }
    }

    /// Connects, and agrees with the server on TLS.
    async fn line(&self) -> Result<Line, Failure> {
        let failed = |error: io::Error| Failure::new("08001", format!("error connecting to server: {error}"));
        let mut socket = self.socket().await.map_err(failed)?;
        let mode = self.config.get_ssl_mode();
        let (Some(tls), false) = (&self.tls, mode == SslMode::Disable) else {
            return Ok(Line::Plain(socket));
        };
        if self.config.get_ssl_negotiation() == SslNegotiation::Postgres {
            let lost = |error| Failure::new("08006", format!("error communicating with the server: {error}"));
            socket.write_all(&SSL_REQUEST).await.map_err(lost)?;
            match socket.read_u8().await.map_err(lost)? {
                b'S' => {}
                b'N' if mode == SslMode::Prefer => return Ok(Line::Plain(socket)),
                b'N' => return Err(Failure::new("08P01", "the server does not support TLS")),
                _ => {
                    let message = "the server does not answer to the question for TLS as PostgreSQL does";
                    return Err(Failure::new("08P01", message));
                }
            }
        }
        let failed =
            |error: io::Error| Failure::new("08P01", format!("error performing TLS handshake: {error}"));
        let name = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            _ => self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        let handshake = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls.clone(), &name);
        let handshake = handshake.map_err(|error| failed(io::Error::other(error)))?;
        Ok(Line::Tls(Box::new(handshake.connect(socket).await.map_err(failed)?)))
    }

    async fn socket(&self) -> io::Result<Socket> {
        let config = &self.config;
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let address = config.get_hostaddrs().first();
        let addresses = match (address, config.get_hosts().first()) {
            (Some(address), _) => vec![(*address, port).into()],
            (None, Some(Host::Unix(folder))) => {
                return within(config, UnixStream::connect(socket_file(folder, port)))
                    .await
                    .map(|stream| Box::new(stream) as Socket);
            }
            (None, Some(Host::Tcp(name))) => tokio::net::lookup_host((name.as_str(), port)).await?.collect(),
            (None, None) => Vec::new(),
        };
        let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
        for address in addresses {
            match within(config, TcpStream::connect(address)).await {
                Ok(stream) => {
                    keep_alive(config, &stream)?;
                    return Ok(Box::new(stream));
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }
}

fn socket_file(folder: &Path, port: u16) -> std::path::PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

async fn within<T>(config: &Config, connect: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let Some(timeout) = config.get_connect_timeout() else { return connect.await };
    let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "connection timed out");
    tokio::time::timeout(*timeout, connect).await.unwrap_or_else(|_| Err(timed_out()))
}

/// A server that went away without a word is noticed.
fn keep_alive(config: &Config, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    if config.get_keepalives() {
        let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// TCP or a Unix socket.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One of them.
pub type Socket = Box<dyn Stream>;

/// A socket with or without TLS.
pub enum Line {
    /// Without.
    Plain(Socket),
    /// With.
    Tls(Box<<MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>),
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl TlsStream for Line {
    fn channel_binding(&self) -> ChannelBinding {
        match self {
            Self::Plain(_) => ChannelBinding::none(),
            Self::Tls(stream) => stream.channel_binding(),
        }
    }
}

/// A line whose login is watched: what a server asks for is read before anything is answered.
pub struct Watched {
    line: Line,
    reader: Reader,
    /// What the reader let through and nobody took yet.
    seen: Bytes,
}

impl Watched {
    fn new(line: Line, methods: Methods) -> Self {
        Self { line, reader: Reader::new(methods), seen: Bytes::new() }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { line, reader, seen } = self.get_mut();
        while seen.is_empty() {
            if reader.is_done() {
                return Pin::new(line).poll_read(context, buffer);
            }
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut *line).poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            *seen = reader.take(piece.filled())?;
        }
        let part = seen.len().min(buffer.remaining());
        buffer.put_slice(&seen[..part]);
        seen.advance(part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.line).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(context)
    }
}

impl TlsStream for Watched {
    fn channel_binding(&self) -> ChannelBinding {
        self.line.channel_binding()
    }
}

/// TLS that is there, or is not wanted, before tokio-postgres sees the stream.
struct Settled;

impl TlsConnect<Guarded> for Settled {
    type Stream = Guarded;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Guarded>>;

    fn connect(self, line: Guarded) -> Self::Future {
        std::future::ready(Ok(line))
    }
}
