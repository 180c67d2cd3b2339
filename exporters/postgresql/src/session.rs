//! One connection to one database: opened in bounded time, harmless while it lives, cancelled when it is too slow.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use catalogue::metric::Query;
use catalogue::need::with_schemas;
use futures_util::{StreamExt as _, TryFutureExt as _};
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::collector::Collector;
use super::dsn::{Dsn, Environment};
use super::rows::Columns;
use super::tls::{Expiry, Mode, client_config};
use exporter_core::sample::{Limits, Skipped, Table};
use exporter_core::scrape::Deadline;

/// How long a TCP connection may take to come about, unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server may take from the TCP connection to the end of the login. A login that is stuck is waited for
/// instead of being tried again, so that stuck logins do not pile up on the server.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a cancelled statement may take to end before its connection is given up.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(250);

/// What a session may do on the server. No lock is waited for longer than a blink; nothing is ever written; a
/// session that lost its client ends by itself.
const SETUP: &str = "\
    SET default_transaction_read_only = on; \
    SET lock_timeout = '100ms'; \
    SET idle_in_transaction_session_timeout = '10s'; \
    SET search_path = pg_catalog; \
    SET jit = off; ";

/// Databases to visit.
const DATABASES: &str = "\
    SELECT datname::text FROM pg_catalog.pg_database \
    WHERE datallowconn AND NOT datistemplate AND pg_catalog.has_database_privilege(oid, 'CONNECT')";

/// How to log in to a server.
#[derive(Debug, Clone)]
pub struct Login {
    dsn: Dsn,
    environment: Environment,
    /// A file with the password, read at each login.
    password_file: Option<std::path::PathBuf>,
    config: Config,
    mode: Mode,
    /// No statement runs longer on the server, whatever happens to this process.
    statement_timeout: Duration,
    /// When the server's certificate expires.
    pub expiry: Expiry,
}

/// Why there is no connection, or no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The server's SQLSTATE; class 08 when it did not answer.
    pub sqlstate: String,
    /// One line without secrets.
    pub message: String,
}

impl Failure {
    /// One that no server reported.
    pub fn new(sqlstate: &str, message: impl Into<String>) -> Self {
        Self { sqlstate: sqlstate.to_owned(), message: message.into() }
    }

    /// The time was over: `query_canceled`.
    pub fn timeout(what: &str) -> Self {
        Self::new("57014", format!("{what} took longer than it may"))
    }

    fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(answer) = error.as_db_error() {
            let detail = answer.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
            return Self::new(answer.code().code(), format!("{}{detail}", answer.message()));
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !message.contains(&cause_text) {
                message = format!("{message}: {cause_text}");
            }
            source = cause.source();
        }
        // 08001: could not connect; 08006: connected, then lost; 08P01: what came was not the protocol, or not TLS.
        let text = message.to_lowercase();
        let sqlstate = match () {
            () if error.is_closed() => "08006",
            () if text.contains("tls") || text.contains("certificate") => "08P01",
            () if text.contains("connecting to server") || text.contains("timed out") => "08001",
            () if text.contains("authentication") || text.contains("password missing") => "28000",
            () => "08006",
        };
        Self::new(sqlstate, message)
    }
}

impl Login {
    /// Prepares a login; whatever is wrong with the parameters or their files is an error here.
    pub fn new(
        dsn: Dsn,
        environment: Environment,
        password_file: Option<std::path::PathBuf>,
        statement_timeout: Duration,
    ) -> Result<Self, String> {
        let mode = Mode::of(&dsn)?;
        let expiry = Expiry::default();
        if mode != Mode::Disable {
            client_config(&dsn, mode, &expiry)?;
        }
        if let Some(path) = &password_file {
            exporter_core::config::secret(path)?;
        }
        let config = connection(&dsn, mode)?;
        Ok(Self { dsn, environment, password_file, config, mode, statement_timeout, expiry })
    }

    /// Whether another login leads to the same server in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        self.dsn == other.dsn
            && self.environment == other.environment
            && self.password_file == other.password_file
            && self.statement_timeout == other.statement_timeout
    }

    /// The database that the connection string names.
    pub fn database(&self) -> &str {
        self.dsn.get("dbname").unwrap_or("postgres")
    }

    /// The role that logs in.
    pub fn user(&self) -> &str {
        self.dsn.get("user").unwrap_or("postgres")
    }

    /// Logs in to a database.
    pub async fn open(&self, database: &str) -> Result<Session, Failure> {
        let mut config = self.config.clone();
        config.dbname(database);
        let password = match &self.password_file {
            Some(path) => {
                Some(exporter_core::config::secret(path).map_err(|error| Failure::new("28000", error))?)
            }
            None => self.dsn.password(&self.environment),
        };
        if let Some(password) = password {
            config.password(password);
        }
        let opened = tokio::time::timeout(LOGIN_TIMEOUT, self.log_in(config, database));
        opened.await.unwrap_or_else(|_| Err(Failure::new("08006", "the server does not answer to the login")))
    }

    async fn log_in(&self, config: Config, database: &str) -> Result<Session, Failure> {
        let failed = |error| Failure::of(&error);
        let (client, connection, version, tls) = if self.mode == Mode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            let version = connection.parameter("server_version").map(str::to_owned);
            (client, tokio::spawn(connection.unwrap_or_else(|_| ())), version, None)
        } else {
            let tls = client_config(&self.dsn, self.mode, &self.expiry)
                .map_err(|error| Failure::new("08P01", error))?;
            let tls = MakeRustlsConnect::new(tls);
            let (client, connection) = config.connect(tls.clone()).await.map_err(failed)?;
            let version = connection.parameter("server_version").map(str::to_owned);
            (client, tokio::spawn(connection.unwrap_or_else(|_| ())), version, Some(tls))
        };
        let statement_timeout = format!("SET statement_timeout = {}", self.statement_timeout.as_millis());
        client.batch_execute(&format!("{SETUP}{statement_timeout}")).await.map_err(failed)?;
        // Such as `17.11 (Debian 17.11-1)` or `18beta1`.
        let version = version.unwrap_or_default();
        let major = version.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse().ok());
        Ok(Session {
            client,
            connection: connection.abort_handle(),
            tls,
            database: database.to_owned(),
            major: major.unwrap_or(0),
            prepared: HashMap::new(),
            schemas: HashMap::new(),
        })
    }
}

/// The parameters that tokio-postgres knows.
fn connection(dsn: &Dsn, mode: Mode) -> Result<Config, String> {
    let mut config = Config::new();
    let list = |name: &'static str| dsn.get(name).into_iter().flat_map(|value| value.split(','));
    let wrong = |name: &str| format!("connection parameter `{name}` has a value that it cannot have");
    let number = |name: &str| -> Result<Option<u64>, String> {
        dsn.get(name).map(|text| text.parse().map_err(|_| wrong(name))).transpose()
    };
    for host in list("host") {
        config.host(host);
    }
    for address in list("hostaddr") {
        config.hostaddr(address.parse().map_err(|_| wrong("hostaddr"))?);
    }
    for port in list("port") {
        config.port(port.parse().map_err(|_| wrong("port"))?);
    }
    let names = config.get_hosts().len().max(config.get_hostaddrs().len());
    if config.get_ports().len() > 1 && config.get_ports().len() != names {
        return Err(format!("{} ports for {names} hosts", config.get_ports().len()));
    }
    config.user(dsn.get("user").unwrap_or("postgres"));
    config.application_name(dsn.get("application_name").unwrap_or("postgresql-exporter"));
    if let Some(options) = dsn.get("options") {
        config.options(options);
    }
    config.ssl_mode(match mode {
        Mode::Disable => SslMode::Disable,
        Mode::Prefer => SslMode::Prefer,
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
    });
    match dsn.get("channel_binding") {
        None | Some("prefer") => {}
        Some("disable") => drop(config.channel_binding(tokio_postgres::config::ChannelBinding::Disable)),
        Some("require") => drop(config.channel_binding(tokio_postgres::config::ChannelBinding::Require)),
        Some(_) => return Err(wrong("channel_binding")),
    }
    match dsn.get("target_session_attrs") {
        None | Some("any") => {}
        Some("read-write" | "primary") => drop(config.target_session_attrs(TargetSessionAttrs::ReadWrite)),
        Some("read-only" | "standby") => drop(config.target_session_attrs(TargetSessionAttrs::ReadOnly)),
        Some(_) => return Err(wrong("target_session_attrs")),
    }
    let timeout = number("connect_timeout")?.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    config.connect_timeout(timeout.unwrap_or(CONNECT_TIMEOUT));
    // A server that went away without a word is noticed within half a minute.
    config.keepalives_idle(Duration::from_secs(number("keepalives_idle")?.unwrap_or(15)));
    config.keepalives_interval(Duration::from_secs(number("keepalives_interval")?.unwrap_or(5)));
    config.keepalives_retries(
        number("keepalives_count")?.and_then(|count| u32::try_from(count).ok()).unwrap_or(3),
    );
    config.tcp_user_timeout(Duration::from_millis(number("tcp_user_timeout")?.unwrap_or(30_000)));
    if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) && !config.get_hosts().is_empty() {
        config.ssl_mode(SslMode::Disable);
    }
    Ok(config)
}

/// An open connection. Dropping it closes it.
pub struct Session {
    client: Client,
    connection: AbortHandle,
    tls: Option<MakeRustlsConnect>,
    /// The database.
    pub database: String,
    /// The server's major version.
    pub major: u32,
    /// Statements by the name of their metrics file.
    prepared: HashMap<String, (Statement, Columns)>,
    /// Schemas of extensions that are installed here.
    pub schemas: HashMap<String, String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("database", &self.database)
            .field("major", &self.major)
            .finish_non_exhaustive()
    }
}

/// The result of one query.
#[derive(Debug)]
pub struct Rows {
    /// The samples.
    pub table: Table,
    /// What was left out of them.
    pub skipped: Skipped,
}

impl Session {
    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed() || self.connection.is_finished()
    }

    /// Runs a query of a metrics file. It ends with its timeout or the deadline, whichever comes first; it is then
    /// cancelled on the server.
    pub async fn run(
        &mut self,
        collector: &Collector,
        limits: Limits,
        deadline: &Deadline,
    ) -> Result<Rows, Failure> {
        let token = self.client.cancel_token();
        let tls = self.tls.clone();
        let result = {
            let mut work = Box::pin(self.rows(collector, limits));
            let limited = deadline.within(tokio::time::timeout(collector.timeout(), &mut work)).await;
            if let Some(Ok(result)) = limited {
                drop(work);
                if result.is_err() {
                    // Something may have changed since it was prepared, such as the version of an extension.
                    self.prepared.remove(collector.name());
                }
                return result;
            }
            let cancel = async {
                let _ = match tls {
                    Some(tls) => token.cancel_query(tls).await,
                    None => token.cancel_query(NoTls).await,
                };
            };
            tokio::time::timeout(CANCEL_TIMEOUT, async { tokio::join!(cancel, &mut work) }).await
        };
        // A statement that did not end makes the connection useless, but the server ends it by itself.
        if result.is_err() {
            self.give_up();
        }
        Err(Failure::timeout("the query"))
    }

    /// Closes the connection, whatever still runs on it.
    pub fn give_up(&self) {
        self.connection.abort();
    }

    async fn rows(&mut self, collector: &Collector, limits: Limits) -> Result<Rows, Failure> {
        let failed = |error| Failure::of(&error);
        let (statement, columns) = self.prepared(&collector.query).await?;
        let stream = self.client.query_raw(&statement, std::iter::empty::<i32>()).await.map_err(failed)?;
        let mut stream = std::pin::pin!(stream);
        let mut builder = Table::builder(Arc::clone(&collector.families), limits);
        let mut scratch = Vec::new();
        while let Some(row) = stream.next().await {
            columns.take(&row.map_err(failed)?, &mut builder, &mut scratch);
        }
        let (table, skipped) = builder.finish();
        Ok(Rows { table, skipped })
    }

    async fn prepared(&mut self, query: &Query) -> Result<(Statement, Columns), Failure> {
        if let Some((statement, columns)) = self.prepared.get(&query.name) {
            return Ok((statement.clone(), columns.clone()));
        }
        let branch = query.branch(self.major);
        let branch =
            branch.ok_or_else(|| Failure::new("0A000", "this version of PostgreSQL has no such thing"))?;
        let sql =
            with_schemas(&branch.sql, |name| quoted(self.schemas.get(name).map_or("public", String::as_str)));
        let statement = self.client.prepare(&sql).await.map_err(|error| Failure::of(&error))?;
        let columns = Columns::find(query, &statement).map_err(|error| Failure::new("42703", error))?;
        self.prepared.insert(query.name.clone(), (statement.clone(), columns.clone()));
        Ok((statement, columns))
    }

    /// The databases that the role may connect to. Templates are left alone: a connection to one would be in the way
    /// of `CREATE DATABASE`.
    pub async fn databases(&self, deadline: &Deadline) -> Result<Vec<String>, Failure> {
        let rows = self.ask(DATABASES, deadline).await?;
        Ok(rows.into_iter().filter_map(|mut row| row.pop().flatten()).collect())
    }

    /// Whether the server is a standby; with its databases, in one round trip.
    pub async fn greet(&self, deadline: &Deadline) -> Result<(bool, Vec<String>), Failure> {
        let question = format!("SELECT pg_catalog.pg_is_in_recovery()::text UNION ALL {DATABASES}");
        let rows = self.ask(&question, deadline).await?;
        let mut texts = rows.into_iter().filter_map(|mut row| row.pop().flatten());
        let in_recovery = texts.next().is_some_and(|text| text == "true");
        Ok((in_recovery, texts.collect()))
    }

    /// Rows of texts, for the exporter's own questions; within the deadline.
    pub async fn ask(&self, sql: &str, deadline: &Deadline) -> Result<Vec<Vec<Option<String>>>, Failure> {
        let rows = deadline.within(self.client.query(sql, &[])).await;
        let rows = rows.ok_or_else(|| Failure::new("08006", "the server does not answer"))?;
        let rows = rows.map_err(|error| Failure::of(&error))?;
        let text =
            |row: &tokio_postgres::Row| (0..row.len()).map(|at| row.try_get(at).ok().flatten()).collect();
        Ok(rows.iter().map(text).collect())
    }
}

/// An identifier in quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
