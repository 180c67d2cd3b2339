//! One connection to one database: opened in bounded time, harmless while it lives, cancelled when it is too slow.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use catalogue::metric::Query;
use catalogue::need::with_schemas;
use futures_util::{StreamExt as _, TryFutureExt as _};
use tokio::task::AbortHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::absent::Absent;
use super::auth_request::Methods;
use super::bounded::{Allowance, Seen};
use super::collector::Collector;
use super::connect::{Route, Wanted, connect_timeout, order, routes, ways};
use super::dsn::{Dsn, Environment, Place};
use super::refusal::Reason;
use super::rows::{Columns, Texts};
use super::tls::{Expiry, Mode, client_config};
use super::wire::Wire;
use exporter_core::sample::{Builder, Limits, Skipped, Table};
use exporter_core::scrape::Deadline;

/// How long a server may take from the TCP connection to the end of the login. A login that is stuck is waited for
/// instead of being tried again, so that stuck logins do not pile up on the server.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a cancelled statement may take to end before its connection is given up.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(250);

/// What the exporter may do on the server. No lock is waited for longer than a blink; a session that lost its client
/// ends by itself; numbers come as they are. Besides, nothing is ever written, and no statement runs for ever.
const SETTINGS: [(&str, &str); 5] = [
    ("lock_timeout", "'100ms'"),
    ("idle_in_transaction_session_timeout", "'10s'"),
    ("search_path", "pg_catalog"),
    ("jit", "off"),
    ("extra_float_digits", "1"),
];

/// Rows that an answer to one of the exporter's own questions may have, such as the one for the databases.
const ANSWER: usize = 20_000;

/// Bytes of a message in a log or an error.
const LONGEST: usize = 1_000;

/// How to log in to a server.
#[derive(Debug, Clone)]
pub struct Login {
    dsn: Dsn,
    environment: Environment,
    /// A file with the password, read at each login.
    password_file: Option<std::path::PathBuf>,
    routes: Vec<Route>,
    /// The one of them that led to a server last.
    taken: Arc<Mutex<Option<usize>>>,
    mode: Mode,
    /// Which requests of a server are answered.
    methods: Methods,
    /// No statement runs longer on the server, whatever happens to this process.
    statement_timeout: Duration,
    /// When the server's certificate expires.
    pub expiry: Expiry,
    /// What may still be read from the server, on all connections of this login.
    pub allowance: Arc<Allowance>,
}

/// Why there is no connection, or no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The server's SQLSTATE; class 08 when it did not answer.
    pub sqlstate: String,
    /// One line without secrets.
    pub message: String,
    /// Why a login was refused, when the server says so.
    pub reason: Option<Reason>,
}

impl Failure {
    /// One that no server reported.
    pub fn new(sqlstate: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST {
            message.truncate(message.floor_char_boundary(LONGEST));
            message.push('…');
        }
        Self { sqlstate: sqlstate.to_owned(), message, reason: None }
    }

    /// The server sent what it may not: `program_limit_exceeded`.
    pub fn excess(message: &str) -> Self {
        Self::new("54000", message)
    }

    /// The time was over: `query_canceled`.
    pub fn timeout(what: &str) -> Self {
        Self::new("57014", format!("{what} took longer than it may"))
    }

    /// Whether a login to another database may work all the same. Not when the connection, the resources of the
    /// server, what it sent or the operator are the cause: classes 08, 53, 54, 57 and 58.
    pub fn is_of_database(&self) -> bool {
        let common = || ["08", "53", "54", "57", "58"].iter().any(|class| self.sqlstate.starts_with(class));
        self.reason.map_or_else(|| !common(), Reason::is_of_database)
    }

    /// One that tokio-postgres reports.
    pub fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(answer) = error.as_db_error() {
            let detail = answer.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
            let failure = Self::new(answer.code().code(), format!("{}{detail}", answer.message()));
            let reason = Reason::of(&failure.sqlstate, answer.routine());
            return Self { reason, ..failure };
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
        let routes = routes(&dsn)?;
        let methods = dsn.get("require_auth").map_or_else(|| Ok(Methods::default()), Methods::parse)?;
        let (taken, allowance) = (Arc::default(), Arc::default());
        Ok(Self {
            dsn,
            environment,
            password_file,
            routes,
            taken,
            mode,
            methods,
            statement_timeout,
            expiry,
            allowance,
        })
    }

    /// The same login, which answers only to these requests.
    #[must_use]
    pub fn answering(self, methods: Methods) -> Self {
        Self { methods: methods.and(&self.methods), ..self }
    }

    /// Whether another login leads to the same server in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        self.dsn == other.dsn
            && self.environment == other.environment
            && self.password_file == other.password_file
            && self.methods == other.methods
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

    /// Host and port of each server.
    pub fn address(&self) -> String {
        self.dsn.address()
    }

    /// The server that the connections lead to, where the connection string names several.
    pub fn place(&self) -> Option<String> {
        let taken = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.filter(|_| self.routes.len() > 1).map(|at| self.routes[at].place.to_string())
    }

    /// Logs in to a database. The one of the connection string is looked for on each server, the others on the server
    /// where it was found.
    pub async fn open(&self, database: &str) -> Result<Session, Failure> {
        let taken = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let order = match taken {
            Some(at) if database != self.database() => vec![at],
            _ => order(self.routes.len(), &self.dsn),
        };
        // A login that hangs is no reason to wait where there is another server.
        let patience = if order.len() > 1 { connect_timeout(&self.dsn) } else { LOGIN_TIMEOUT };
        let mut failures: Vec<String> = Vec::new();
        let mut last = Failure::new("08001", "no server");
        for wanted in Wanted::of(&self.dsn) {
            for at in &order {
                let route = &self.routes[*at];
                let opened = tokio::time::timeout(patience, self.open_at(route, database, wanted)).await;
                last = match opened {
                    Ok(Ok(session)) => {
                        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(*at);
                        return Ok(session);
                    }
                    Ok(Err(failure)) => failure,
                    Err(_) => Failure::new("08006", "the server does not answer to the login"),
                };
                // As in libpq, a server that answers and says no is not passed over, unless it is only starting.
                if !last.sqlstate.starts_with("08") && last.sqlstate != "57P03" {
                    return Err(last);
                }
                failures.push(format!("{}: {}", route.place, last.message));
            }
        }
        if failures.len() > 1 {
            last.message = failures.join("; ");
        }
        Err(last)
    }

    /// Logs in at a server, with or without TLS, or first one and then the other.
    async fn open_at(&self, route: &Route, database: &str, wanted: Wanted) -> Result<Session, Failure> {
        let mut config = route.config.clone();
        config.dbname(database);
        if let Some(password) = self.password(&route.place, database).await? {
            config.password(password);
        }
        let mut first: Option<Failure> = None;
        for way in ways(self.mode, &route.place) {
            config.ssl_mode(*way);
            let seen = Expiry::default();
            let failure = match self.log_in(config.clone(), database, wanted, &seen).await {
                Ok(session) => return Ok(session),
                Err(failure) => failure,
            };
            if let Some(first) = first {
                let message = format!("{}; tried again the other way: {}", first.message, failure.message);
                return Err(Failure { message, ..failure });
            }
            // A server that has no TLS was asked without, in the same go; one that cannot be reached is not asked again.
            let refused =
                failure.sqlstate.starts_with("28") && (seen.get().is_some() || *way == SslMode::Disable);
            let broken = *way == SslMode::Prefer && ["08006", "08P01"].contains(&failure.sqlstate.as_str());
            let other_way = refused || broken;
            first = Some(failure);
            if !other_way {
                break;
            }
        }
        Err(first.unwrap_or_else(|| Failure::new("08001", "no way to the server")))
    }

    /// The password, from its file where it has one.
    async fn password(&self, place: &Place, database: &str) -> Result<Option<String>, Failure> {
        let (login, place, database) = (self.clone(), place.clone(), database.to_owned());
        let read = move || match &login.password_file {
            Some(path) => exporter_core::config::secret(path).map(Some),
            None => Ok(login.dsn.password(&login.environment, &place, &database)),
        };
        exporter_core::config::off_thread(read).await.map_err(|error| Failure::new("28000", error))
    }

    /// What TLS needs on the way to a server; `None` where there is none.
    async fn tls(&self, config: &Config, seen: &Expiry) -> Result<Option<MakeRustlsConnect>, Failure> {
        if config.get_ssl_mode() == SslMode::Disable {
            return Ok(None);
        }
        let (login, seen) = (self.clone(), seen.clone());
        let read = move || client_config(&login.dsn, login.mode, &seen);
        let tls = exporter_core::config::off_thread(read).await;
        Ok(Some(MakeRustlsConnect::new(tls.map_err(|error| Failure::new("08P01", error))?)))
    }

    async fn log_in(
        &self,
        config: Config,
        database: &str,
        wanted: Wanted,
        seen: &Expiry,
    ) -> Result<Session, Failure> {
        let tls = self.tls(&config, seen).await?;
        let session = self.log_in_at(Wire::new(config, tls, self.methods.clone()), database).await;
        // Also when there is no login: perhaps that is why.
        if let Some(expiry) = seen.get() {
            self.expiry.set(expiry);
        }
        let session = session?;
        if !wanted.is(&session.client).await.map_err(|error| session.failure(&error))? {
            return Err(Failure::new("08001", "the server is not what `target_session_attrs` asks for"));
        }
        session.set_up().await
    }

    async fn log_in_at(&self, wire: Wire, database: &str) -> Result<Session, Failure> {
        let seen = Arc::new(Seen::default());
        let (client, connection) = wire.open(Arc::clone(&self.allowance), &seen).await?;
        // Such as `17.11 (Debian 17.11-1)` or `18beta1`.
        let version = connection.parameter("server_version").unwrap_or_default().to_owned();
        let connection = tokio::spawn(connection.unwrap_or_else(|_| ())).abort_handle();
        if version.ends_with("/bouncer") {
            return Err(Failure::new(
                "0A000",
                "this is the console of PgBouncer, which has no metrics: name a database of the server in `dbname`",
            ));
        }
        let major = version.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse().ok());
        let mut session = Session {
            client,
            connection,
            wire,
            seen,
            database: database.to_owned(),
            major: major.unwrap_or(0),
            statement_timeout: self.statement_timeout,
            is_pooled: false,
            prepared: HashMap::new(),
            schemas: HashMap::new(),
            absent: Absent::default(),
        };
        // A pooler names a process of its own, for it does not know yet which one will serve.
        let process = session.texts("SELECT pg_catalog.pg_backend_pid()").await?;
        let process = process.first().and_then(|row| row.first()?.as_deref());
        session.is_pooled = process != Some(session.seen.process().to_string().as_str());
        Ok(session)
    }
}

/// An open connection. Dropping it closes it.
pub struct Session {
    client: Client,
    connection: AbortHandle,
    wire: Wire,
    seen: Arc<Seen>,
    /// The database.
    pub database: String,
    /// The server's major version.
    pub major: u32,
    statement_timeout: Duration,
    /// Whether a pooler is in between, so that the next statement may run in another session of the server, and the one
    /// of this statement may serve somebody else. Then nothing is left in a session: no setting, no prepared statement.
    is_pooled: bool,
    /// Statements by the name of their metrics file.
    prepared: HashMap<String, (Statement, Columns)>,
    /// Schemas of extensions that are installed here.
    pub schemas: HashMap<String, String>,
    /// What does not work here.
    pub absent: Absent,
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

    /// Runs a query of a metrics file. It ends with its timeout or the deadline, whichever comes first. The server is
    /// then asked to cancel it, but not through a pooler, of which some versions end with such a request
    /// (PgBouncer 1.18): there the statement has brought its timeout along.
    pub async fn run(
        &mut self,
        collector: &Collector,
        limits: Limits,
        deadline: &Deadline,
    ) -> Result<Rows, Failure> {
        let timeout = collector.timeout().min(deadline.left());
        let (token, wire) = (self.client.cancel_token(), self.wire.clone());
        let is_pooled = self.is_pooled;
        let result = {
            let mut work = Box::pin(self.rows(collector, limits, timeout));
            let limited = deadline.within(tokio::time::timeout(timeout, &mut work)).await;
            if let Some(Ok(result)) = limited {
                drop(work);
                if result.is_err() {
                    // Something may have changed since it was prepared, such as the version of an extension.
                    self.prepared.remove(collector.name());
                }
                return result;
            }
            let cancelled = async {
                if !is_pooled {
                    wire.cancel(token).await;
                }
            };
            tokio::time::timeout(CANCEL_TIMEOUT, async { tokio::join!(cancelled, &mut work) }).await
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

    /// Forgets something about what does not work here, and the statements that were made without it.
    pub fn forget_absent(&mut self, forget: impl FnOnce(&mut Absent) -> bool) {
        if forget(&mut self.absent) {
            self.prepared.clear();
        }
    }

    async fn rows(
        &mut self,
        collector: &Collector,
        limits: Limits,
        timeout: Duration,
    ) -> Result<Rows, Failure> {
        let mut builder = Table::builder(Arc::clone(&collector.families), limits);
        if self.is_pooled {
            self.take_texts(&collector.query, &mut builder, timeout).await?;
        } else {
            self.take_values(&collector.query, &mut builder).await?;
        }
        let (table, mut skipped) = builder.finish();
        skipped.label += self.seen.take_dropped_rows();
        Ok(Rows { table, skipped })
    }

    /// Runs a prepared statement, whose values come as they are in memory.
    async fn take_values(&mut self, query: &Query, builder: &mut Builder) -> Result<(), Failure> {
        let (statement, columns) = self.prepared(query).await?;
        let stream = self.client.query_raw(&statement, std::iter::empty::<i32>()).await;
        let mut stream = std::pin::pin!(stream.map_err(|error| self.failure(&error))?);
        let mut scratch = Vec::new();
        while let Some(row) = stream.next().await {
            columns.take(&row.map_err(|error| self.failure(&error))?, builder, &mut scratch);
        }
        Ok(())
    }

    /// Runs a statement that leaves nothing behind, whose values come as text.
    async fn take_texts(
        &mut self,
        query: &Query,
        builder: &mut Builder,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let texts = Texts::of(query, self.absent.of(query).flat_map(|dependency| &dependency.absent));
        let sql = texts.question(&self.sql(query)?);
        let stream = self.client.simple_query_raw(&in_passing(&sql, timeout)).await;
        let mut stream = std::pin::pin!(stream.map_err(|error| self.failure(&error))?);
        let mut scratch = Vec::new();
        while let Some(message) = stream.next().await {
            if let SimpleQueryMessage::Row(row) = message.map_err(|error| self.failure(&error))? {
                texts.take(&row, builder, &mut scratch).map_err(|error| Failure::new("42703", error))?;
            }
        }
        Ok(())
    }

    /// The SQL of a query on this server.
    fn sql(&self, query: &Query) -> Result<String, Failure> {
        let branch = query.branch(self.major);
        let branch =
            branch.ok_or_else(|| Failure::new("0A000", "this version of PostgreSQL has no such thing"))?;
        let schema = |name: &str| quoted(self.schemas.get(name).map_or("public", String::as_str));
        Ok(self.absent.without(query, with_schemas(&branch.sql, schema)))
    }

    async fn prepared(&mut self, query: &Query) -> Result<(Statement, Columns), Failure> {
        if let Some((statement, columns)) = self.prepared.get(&query.name) {
            return Ok((statement.clone(), columns.clone()));
        }
        let sql = self.sql(query)?;
        let statement = self.client.prepare(&sql).await.map_err(|error| self.failure(&error))?;
        let mut columns = Columns::find(query, &statement).map_err(|error| Failure::new("42703", error))?;
        columns.leave_out(query, self.absent.of(query).flat_map(|dependency| &dependency.absent));
        self.prepared.insert(query.name.clone(), (statement.clone(), columns.clone()));
        Ok((statement, columns))
    }

    /// Settles what the exporter may do for the whole session, where it is one.
    async fn set_up(self) -> Result<Self, Failure> {
        if self.is_pooled {
            tracing::info!(
                database = self.database,
                "a pooler is in between: statements are sent one by one, and leave nothing in its sessions"
            );
        } else {
            let settings = format!(
                "SET default_transaction_read_only = on; {}",
                settings("SET", self.statement_timeout)
            );
            self.client.batch_execute(&settings).await.map_err(|error| self.failure(&error))?;
        }
        Ok(self)
    }

    fn failure(&self, error: &tokio_postgres::Error) -> Failure {
        self.seen.excess().map_or_else(|| Failure::of(error), Failure::excess)
    }

    /// Rows of texts, for the exporter's own questions; within the deadline.
    pub async fn ask(&self, sql: &str, deadline: &Deadline) -> Result<Vec<Vec<Option<String>>>, Failure> {
        let sql = if self.is_pooled { in_passing(sql, self.statement_timeout) } else { sql.to_owned() };
        let rows = deadline.within(self.texts(&sql)).await;
        rows.unwrap_or_else(|| Err(Failure::new("08006", "the server does not answer")))
    }

    async fn texts(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
        let stream = self.client.simple_query_raw(sql).await;
        let mut stream = std::pin::pin!(stream.map_err(|error| self.failure(&error))?);
        let mut rows = Vec::new();
        while let Some(message) = stream.next().await {
            let SimpleQueryMessage::Row(row) = message.map_err(|error| self.failure(&error))? else {
                continue;
            };
            if rows.len() == ANSWER {
                self.give_up();
                return Err(Failure::excess(&format!("the server answered with more than {ANSWER} rows")));
            }
            let text = |at| row.try_get(at).ok().flatten().map(str::to_owned);
            rows.push((0..row.len()).map(text).collect());
        }
        Ok(rows)
    }
}

fn settings(set: &str, timeout: Duration) -> String {
    let settings = SETTINGS.map(|(name, value)| format!("{set} {name} = {value}; ")).concat();
    // 0 would be no limit.
    format!("{settings}{set} statement_timeout = {}; ", timeout.as_millis().max(1))
}

/// A statement in one message with its settings. Such a message is a transaction: what is `LOCAL` ends with it.
fn in_passing(sql: &str, timeout: Duration) -> String {
    format!("SET LOCAL transaction_read_only = on; {}{sql}", settings("SET LOCAL", timeout))
}

/// An identifier in quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
