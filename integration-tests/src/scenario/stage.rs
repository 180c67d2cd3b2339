//! Where a scenario plays: a server with an application's database, exporters that watch it, open sessions, and what
//! each step does to them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use catalogue::step::{Action, Session, Sql, Step, Switch};
use catalogue::text::Text;
use indexmap::IndexMap;
use tokio_postgres::Client;

use super::exporters::Exporters;
use super::page::Act;
use crate::patience;
use crate::postgres::Postgres;

/// Role, password and database of the application.
pub const APP: &str = "app";

/// Time between two observations of one state.
const PAUSE: Duration = Duration::from_millis(600);

/// What a server may not keep from a scenario: everything that somebody made or set.
const FINGERPRINT: &str = "\
    SELECT string_agg(line, '; ' ORDER BY line) FROM (\
      SELECT 'setting ' || name || ' = ' || setting AS line FROM pg_settings \
       WHERE source = 'configuration file' OR pending_restart \
      UNION ALL SELECT 'role ' || rolname || ' ' || rolconnlimit || ' ' || rolcanlogin || ' ' || md5(coalesce(rolpassword, '')) \
        FROM pg_authid WHERE rolname NOT LIKE 'pg\\_%' \
      UNION ALL SELECT 'database ' || datname || ' ' || datconnlimit || ' ' || datallowconn FROM pg_database \
      UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots \
      UNION ALL SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts \
      UNION ALL SELECT 'session of ' || application_name FROM pg_stat_activity \
       WHERE backend_type = 'client backend' AND usename <> 'monitor' AND application_name <> 'test' \
      UNION ALL SELECT 'object ' || oid::regclass FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'i', 'S', 'v', 'm', 'p') \
    ) AS lines";

/// A stage.
pub struct Stage {
    /// The server.
    pub server: Postgres,
    standby: Option<Postgres>,
    /// What watches it.
    pub exporters: Exporters,
    /// Open sessions, by application.
    sessions: Vec<(String, Client)>,
    /// Statements that run in sessions.
    running: tokio::task::JoinSet<()>,
}

impl Stage {
    /// Sets one up with a server of a major version.
    pub async fn new(major: u32) -> Result<Self> {
        let server = Postgres::major(major).start().await?;
        server.sql("postgres", &format!("CREATE ROLE {APP} LOGIN PASSWORD '{APP}'")).await?;
        server.sql("postgres", &format!("CREATE DATABASE {APP} OWNER {APP}")).await?;
        let exporters = Exporters::start(server.dsn("postgres")).await?;
        let running = tokio::task::JoinSet::new();
        Ok(Self { server, standby: None, exporters, sessions: Vec::new(), running })
    }

    /// What the server holds, to be compared.
    pub async fn fingerprint(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for database in ["postgres", APP] {
            let text = self.server.sql(database, FINGERPRINT).await?;
            lines.extend(text.split("; ").map(|line| format!("{line} (seen from {database})")));
        }
        Ok(lines)
    }

    /// Does some steps.
    pub async fn perform(&mut self, section: &str, steps: &[Step]) -> Result<()> {
        for step in steps {
            let (line, _) = step.place.line_and_column();
            let what = || format!("{section}, line {line} (`{}`)", step.action);
            self.step(&step.action).await.with_context(what)?;
        }
        Ok(())
    }

    async fn step(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::Settings(settings) => self.set(settings).await,
            Action::Sql(sql) => self.sql(sql).await,
            Action::Session(session) => self.open(session).await,
            Action::Close(application) => self.close(application).await,
            Action::Wal(bytes) => self.move_wal(*bytes).await,
            Action::Restart => self.server.control("-m fast restart").await.map(drop),
            Action::Stop => self.server.control("-m immediate stop").await.map(drop),
            Action::Start => self.server.control("start").await.map(drop),
            Action::Standby(Switch::Start) => {
                self.standby =
                    Some(Postgres::major(self.server.major).standby_of(&self.server).start().await?);
                Ok(())
            }
            Action::Standby(Switch::Stop) => self.standby.take().map(drop).context("no standby was started"),
            Action::Exporter(exporter) => self.exporters.step(exporter).await,
            Action::Aws(_) => bail!("this player has no AWS account yet"),
        }
    }

    async fn set(&self, settings: &IndexMap<String, Option<Text>>) -> Result<()> {
        for (name, value) in settings {
            let text = match value {
                Some(value) => format!("ALTER SYSTEM SET {name} = '{}'", value.replace('\'', "''")),
                None => format!("ALTER SYSTEM RESET {name}"),
            };
            self.server.sql("postgres", &text).await?;
        }
        let before = self.server.sql("postgres", "SELECT pg_conf_load_time()").await?;
        self.server.sql("postgres", "SELECT pg_reload_conf()").await?;
        self.until(&format!("SELECT pg_conf_load_time() > '{before}'"), "the settings are read").await
    }

    async fn sql(&self, sql: &Sql) -> Result<()> {
        let done = self.server.sql(sql.database.as_deref().unwrap_or(APP), &sql.run).await;
        match (&sql.fails, done) {
            (None, done) => done.map(drop),
            (Some(expected), Ok(_)) => bail!("it does not fail with `{}`", &**expected),
            (Some(expected), Err(error)) => {
                let said = format!("{error:?}");
                ensure!(said.contains(&**expected), "it does not fail with `{}`: {said}", &**expected);
                Ok(())
            }
        }
    }

    async fn open(&mut self, session: &Session) -> Result<()> {
        let database = session.database.as_deref().unwrap_or(APP);
        for _ in 0..session.count {
            let client = self.server.session(APP, APP, database, &session.application).await?;
            if session.running {
                let sql = session.sql.to_string();
                self.running.spawn(async move {
                    // It ends with an error when the session is ended.
                    let _ = client.simple_query(&sql).await;
                });
            } else {
                client.simple_query(&session.sql).await?;
                self.sessions.push((session.application.to_string(), client));
            }
        }
        if session.running {
            let name = session.application.replace('\'', "''");
            let runs = format!(
                "SELECT count(*) >= {} FROM pg_stat_activity WHERE application_name = '{name}' AND state = 'active' \
                 AND query_start < clock_timestamp() - interval '1 second'",
                session.count
            );
            self.until(&runs, "the sessions run their statement").await?;
        }
        Ok(())
    }

    async fn close(&mut self, application: &str) -> Result<()> {
        let name = application.replace('\'', "''");
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}'"
        );
        self.server.sql("postgres", &end).await?;
        self.sessions.retain(|(known, _)| known != application);
        let gone = format!("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = '{name}'");
        self.until(&gone, &format!("the sessions of `{application}` end")).await
    }

    /// Moves the WAL position with `pg_resetwal`: nothing is written, so nobody can read what is in between.
    async fn move_wal(&self, bytes: u64) -> Result<()> {
        const SEGMENT: u64 = 16 << 20;
        let position = self.server.sql("postgres", "SELECT (pg_current_wal_lsn() - '0/0')::bigint").await?;
        let segment = (position.parse::<u64>()? + bytes) / SEGMENT;
        let file = format!("{:08X}{:08X}{:08X}", 1, segment >> 8, segment & 0xff);
        self.server.control("-m fast stop").await?;
        self.server.run(&format!("pg_resetwal -l {file} -D data")).await?;
        self.server.control("start").await.map(drop)
    }

    /// Looks at a new state: through fresh exporters, several times.
    pub async fn act(&mut self, name: &str, times: usize) -> Result<Act> {
        self.exporters.refresh().await?;
        self.look(name, times).await
    }

    /// Looks at a state through the exporters as they are.
    pub async fn look(&mut self, name: &str, times: usize) -> Result<Act> {
        let mut observations = Vec::new();
        for time in 0..times {
            if time > 0 {
                // Rates and ages need time to show.
                tokio::time::sleep(PAUSE).await;
            }
            observations.push(self.exporters.observe().await?);
        }
        Ok(Act { name: name.to_owned(), observations })
    }

    /// Waits until a query says true.
    pub async fn until(&self, query: &str, what: &str) -> Result<()> {
        let start = Instant::now();
        while self.server.sql("postgres", query).await? != "t" {
            ensure!(start.elapsed() < patience(), "never: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
