//! The ways to the servers of a connection string: in which order, with and without TLS, and which of them will do.
//!
//! Manual: "Specifying Multiple Hosts", "Parameter Key Words".

use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};
use tokio_postgres::{Client, Config};

use super::dsn::{Dsn, Place};
use super::tls::Mode;

/// How long a TCP connection may take to come about, unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server, and the parameters that tokio-postgres takes for it.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where it is.
    pub place: Place,
    /// All but database, password and TLS.
    pub config: Config,
}

/// What a server must be, in the words of `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Anything.
    Any,
    /// A session may write.
    ReadWrite,
    /// A session may not write.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
}

impl Wanted {
    /// What is looked for, and what is looked for next where no server is that.
    pub fn of(dsn: &Dsn) -> Vec<Self> {
        match dsn.get("target_session_attrs") {
            Some("read-write") => vec![Self::ReadWrite],
            Some("read-only") => vec![Self::ReadOnly],
            Some("primary") => vec![Self::Primary],
            Some("standby") => vec![Self::Standby],
            Some("prefer-standby") => vec![Self::Standby, Self::Any],
            _ => vec![Self::Any],
        }
    }

    /// Whether a server is that, in a session with its defaults.
    pub async fn is(self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        let (question, good) = match self {
            Self::Any => return Ok(true),
            Self::ReadWrite => ("SHOW transaction_read_only", "off"),
            Self::ReadOnly => ("SHOW transaction_read_only", "on"),
            Self::Primary => ("SELECT pg_catalog.pg_is_in_recovery()", "f"),
            Self::Standby => ("SELECT pg_catalog.pg_is_in_recovery()", "t"),
        };
        let answer = client.simple_query(question).await?;
        Ok(answer.iter().any(|message| {
            matches!(message, tokio_postgres::SimpleQueryMessage::Row(row) if row.get(0) == Some(good))
        }))
    }
}

/// The servers of a connection string, in their order.
pub fn routes(dsn: &Dsn) -> Result<Vec<Route>, String> {
    let route = |place: Place| Ok(Route { config: config(dsn, &place)?, place });
    dsn.places()?.into_iter().map(route).collect()
}

/// With and without TLS, in the order in which libpq tries; a socket of this machine needs none.
pub fn ways(mode: Mode, place: &Place) -> &'static [SslMode] {
    match mode {
        _ if place.is_socket() => &[SslMode::Disable],
        Mode::Disable => &[SslMode::Disable],
        Mode::Allow => &[SslMode::Disable, SslMode::Require],
        Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
    }
}

/// The parameters of one server that tokio-postgres knows.
fn config(dsn: &Dsn, place: &Place) -> Result<Config, String> {
    let mut config = Config::new();
    config.host(&place.host).port(place.port);
    if let Some(address) = &place.address {
        config.hostaddr(address.parse().map_err(|_| "`hostaddr` is not an IP address")?);
    }
    config.user(dsn.get("user").unwrap_or("postgres"));
    let name = dsn.get("application_name").or_else(|| dsn.get("fallback_application_name"));
    config.application_name(name.unwrap_or("postgresql-exporter"));
    if let Some(options) = dsn.get("options") {
        config.options(options);
    }
    if dsn.get("sslnegotiation") == Some("direct") {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    config.channel_binding(match dsn.get("channel_binding") {
        Some("disable") => ChannelBinding::Disable,
        Some("require") => ChannelBinding::Require,
        _ => ChannelBinding::Prefer,
    });
    config.connect_timeout(connect_timeout(dsn));
    // A server that went away without a word is noticed within half a minute.
    config.keepalives(dsn.get("keepalives") != Some("0"));
    config.keepalives_idle(Duration::from_secs(dsn.number("keepalives_idle").unwrap_or(15)));
    config.keepalives_interval(Duration::from_secs(dsn.number("keepalives_interval").unwrap_or(5)));
    let count = dsn.number("keepalives_count").and_then(|count| u32::try_from(count).ok());
    config.keepalives_retries(count.unwrap_or(3));
    config.tcp_user_timeout(Duration::from_millis(dsn.number("tcp_user_timeout").unwrap_or(30_000)));
    Ok(config)
}

/// How long a server may take to accept a connection; never without an end.
pub fn connect_timeout(dsn: &Dsn) -> Duration {
    let seconds = dsn.number("connect_timeout").filter(|seconds| *seconds > 0);
    seconds.map_or(CONNECT_TIMEOUT, Duration::from_secs)
}

/// The numbers below this one, shuffled where `load_balance_hosts` says so.
pub fn order(count: usize, dsn: &Dsn) -> Vec<usize> {
    use std::hash::{BuildHasher as _, RandomState};
    let mut order: Vec<usize> = (0..count).collect();
    if dsn.get("load_balance_hosts") == Some("random") {
        // Keys of a hash are the random numbers of the standard library.
        let keys = RandomState::new();
        order.sort_by_cached_key(|at| keys.hash_one(at));
    }
    order
}
