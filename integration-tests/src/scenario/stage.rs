//! Where a scenario plays: a server with an application's database, exporters that watch it, open sessions, and what
//! each step does to them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use catalogue::duration::PromDuration;
use catalogue::step::{Action, Session, Sql, Step, Switch};
use catalogue::text::Text;
use indexmap::IndexMap;
use tokio_postgres::Client;

use super::page::{Act, Observation, Page};
use crate::exporter::Exporter;
use crate::patience;
use crate::postgres::Postgres;

/// Role, password and database of the application.
pub const APP: &str = "app";

/// `target` of the server.
pub const TARGET: &str = "db1";

/// `instance` of the exporter that every scenario has.
const MAIN: &str = "exporter";

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

/// An exporter of the stage.
struct Unit {
    process: Option<Exporter>,
    query: Option<String>,
    timeout: Duration,
}

/// A stage.
pub struct Stage {
    /// The server.
    pub server: Postgres,
    standby: Option<Postgres>,
    exporters: BTreeMap<String, Unit>,
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
        let (exporters, sessions) = (BTreeMap::new(), Vec::new());
        let mut stage =
            Self { server, standby: None, exporters, sessions, running: tokio::task::JoinSet::new() };
        stage.start_exporter(MAIN, None, Duration::from_secs(10)).await?;
        Ok(stage)
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
            Action::Exporter(exporter) => {
                let name = exporter.name.as_deref().unwrap_or(MAIN);
                if exporter.switch == Switch::Stop {
                    return self.stop_exporter(name).await;
                }
                let timeout = exporter.timeout.as_deref().unwrap_or("10s");
                let timeout = PromDuration::new(timeout).map_err(anyhow::Error::msg)?;
                let query = exporter.query.as_deref().map(str::to_owned);
                self.start_exporter(name, query, Duration::from_millis(timeout.milliseconds())).await
            }
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

    async fn start_exporter(&mut self, name: &str, query: Option<String>, timeout: Duration) -> Result<()> {
        self.exporters.remove(name);
        let mut builder = Exporter::postgresql().env("DATA_SOURCE_NAME", self.server.dsn("postgres"));
        builder = builder.args(&["--target-name", TARGET]);
        // Read when it starts, and not needed afterwards.
        let folder = tempfile::tempdir()?;
        if let Some(query) = &query {
            let text = format!(
                "help: A query of the users' own\nsource: scenario\nscope: server\nmetrics:\n  \
                 value: {{ kind: gauge, help: h }}\nqueries:\n  - since: 13\n    sql: {}\n",
                serde_json::Value::from(query.as_str())
            );
            std::fs::write(folder.path().join("own_query.yaml"), text)?;
            builder = builder.arg("--metrics").arg(folder.path());
        }
        let process = Some(builder.start().await?);
        self.exporters.insert(name.to_owned(), Unit { process, query, timeout });
        Ok(())
    }

    async fn stop_exporter(&mut self, name: &str) -> Result<()> {
        let unit = self.exporters.get_mut(name).with_context(|| format!("there is no exporter `{name}`"))?;
        let mut process = unit.process.take().with_context(|| format!("exporter `{name}` does not run"))?;
        process.signal(rustix::process::Signal::KILL)?;
        process.wait().await.map(drop)
    }

    /// Starts the exporters that run anew, so that what they keep for minutes is read again.
    async fn refresh(&mut self) -> Result<()> {
        let running = self.exporters.iter().filter(|(_, unit)| unit.process.is_some());
        let running: Vec<_> =
            running.map(|(name, unit)| (name.clone(), unit.query.clone(), unit.timeout)).collect();
        for (name, query, timeout) in running {
            self.start_exporter(&name, query, timeout).await?;
        }
        Ok(())
    }

    /// Kills every exporter; those that ran.
    pub async fn kill_exporters(&mut self) -> Result<Vec<String>> {
        let running = self.exporters.iter().filter(|(_, unit)| unit.process.is_some());
        let running: Vec<String> = running.map(|(name, _)| name.clone()).collect();
        for name in &running {
            self.stop_exporter(name).await?;
        }
        Ok(running)
    }

    /// Starts exporters again as they were.
    pub async fn revive(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            let unit = self.exporters.get(name).context("the exporter was there")?;
            let (query, timeout) = (unit.query.clone(), unit.timeout);
            self.start_exporter(name, query, timeout).await?;
        }
        Ok(())
    }

    /// Only the exporter that every scenario has is left, as it was at first.
    pub async fn reset_exporters(&mut self) -> Result<()> {
        self.exporters.clear();
        self.start_exporter(MAIN, None, Duration::from_secs(10)).await
    }

    /// Looks at a new state: through fresh exporters, several times.
    pub async fn act(&mut self, name: &str, times: usize) -> Result<Act> {
        self.refresh().await?;
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
            observations.push(self.observe().await?);
        }
        Ok(Act { name: name.to_owned(), observations })
    }

    /// Scrapes all exporters once.
    pub async fn observe(&self) -> Result<Observation> {
        let at = Instant::now();
        let scrapes = self.exporters.iter().map(async |(name, unit)| {
            let Some(process) = &unit.process else { return Ok((format!("{name}:9187"), None)) };
            let seconds = unit.timeout.as_secs_f64().to_string();
            let start = Instant::now();
            let answer =
                process.get("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", &seconds)]).await?;
            ensure!(answer.status == 200, "exporter `{name}` answers {}: {}", answer.status, answer.text());
            Ok((format!("{name}:9187"), Some(Page::parse(&answer.text(), start.elapsed()))))
        });
        let pages: Result<BTreeMap<_, _>> =
            futures_util::future::join_all(scrapes).await.into_iter().collect();
        Ok(Observation { at, pages: pages? })
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

    /// Ends what is left of the sessions.
    pub async fn close_all(&mut self) -> Result<()> {
        self.sessions.clear();
        self.running.abort_all();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND usename = 'app'";
        self.server.sql("postgres", end).await?;
        self.until("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename IN ('app') OR application_name = 'test' AND pid <> pg_backend_pid()", "the sessions end").await
    }
}
