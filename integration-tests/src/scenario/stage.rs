//! A server on which scenarios play: with an application's database, exporters that watch it, open sessions, and what
//! each step does to them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use catalogue::alert::Alert;
use catalogue::scenario::{Mitigation, Show};
use catalogue::step::{self, Action, Session, Sql, Stream, Switch};
use catalogue::text::Text;
use indexmap::IndexMap;
use tokio_postgres::Client;

use super::exporters::{Exporters, Watched};
use super::page::Act;
use super::runbook::{self, Results};
use super::scene::Scene;
use crate::patience;
use crate::postgres::Postgres;

/// Role, password and database of the application.
pub const APP: &str = "app";

/// Time between two observations of one state.
const PAUSE: Duration = Duration::from_millis(600);

/// Bytes in a file of the WAL.
const SEGMENT: u64 = 16 << 20;

/// The file of a segment, on the first timeline.
fn segment_file(segment: u64) -> String {
    format!("{:08X}{:08X}{:08X}", 1, segment >> 8, segment & 0xff)
}

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
        let exporters = Exporters::start(Watched::Server(server.dsn("postgres"))).await?;
        let running = tokio::task::JoinSet::new();
        Ok(Self { server, standby: None, exporters, sessions: Vec::new(), running })
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
        // Metrics leave out what is younger than a second: only then can a near miss be taken for the fault.
        let name = session.application.replace('\'', "''");
        let state = if session.running { "state = 'active'" } else { "state <> 'active'" };
        let old = format!(
            "SELECT count(*) >= {} FROM pg_stat_activity WHERE application_name = '{name}' AND {state} \
             AND query_start < clock_timestamp() - interval '1 second'",
            session.count
        );
        self.until(&old, "the sessions have been in their state for a second").await
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

    async fn take(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::Settings(settings) => self.set(settings).await,
            Action::Sql(sql) => self.sql(sql).await,
            Action::Session(session) => self.open(session).await,
            Action::Close(application) => self.close(application).await,
            Action::Wal(bytes) => self.move_wal(*bytes).await,
            Action::Restart => self.server.control("-m fast restart").await.map(drop),
            Action::Stop => self.server.control("-m immediate stop").await.map(drop),
            Action::Start => self.server.control("start").await.map(drop),
            Action::Stream(stream) => self.stream(stream).await,
            Action::Standby(standby) => match standby.switch {
                Switch::Start => self.start_standby(standby).await,
                Switch::Stop => self.stop_standby().await,
            },
            Action::Exporter(exporter) => self.exporters.step(exporter).await,
            Action::Aws(_) => bail!("a server is no AWS account"),
        }
    }

    /// Streams from a slot with PostgreSQL's own clients, which end when their session does.
    async fn stream(&self, stream: &Stream) -> Result<()> {
        let (slot, application) = (&*stream.slot, &*stream.application);
        let kind = format!("SELECT slot_type FROM pg_replication_slots WHERE slot_name = '{slot}'");
        let kind = self.server.sql("postgres", &kind).await?;
        let client = if kind == "logical" {
            let database = stream.database.as_deref().unwrap_or(APP);
            format!(
                "pg_recvlogical -d 'dbname={database} application_name={application}' --start -f - -o proto_version=1 -o publication_names={APP}"
            )
        } else {
            // It has all WAL before this segment, which is where it goes on.
            let before = segment_file((self.position().await? / SEGMENT).saturating_sub(1));
            self.server.run(&format!("mkdir -p stream && truncate -s {SEGMENT} stream/{before}")).await?;
            format!("pg_receivewal -d 'application_name={application}' -D stream")
        };
        let script = format!(
            "{client} -h 127.0.0.1 -p {} -U postgres -S '{slot}' --no-loop --status-interval=0 > /dev/null 2> stream.log < /dev/null &",
            self.server.port
        );
        self.server.run(&script).await?;
        let name = application.replace('\'', "''");
        // Only in the state `streaming` or `catchup` has it got past its first look at the WAL.
        let streams = format!(
            "SELECT count(*) > 0 FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid \
             WHERE slot_name = '{slot}' AND application_name = '{name}' AND state IN ('catchup', 'streaming')"
        );
        match self.until(&streams, &format!("`{application}` streams from the slot `{slot}`")).await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.server.run("cat stream.log").await?)),
        }
    }

    async fn start_standby(&mut self, standby: &step::Standby) -> Result<()> {
        ensure!(self.standby.is_none(), "there is a standby already");
        let mut builder = Postgres::major(self.server.major);
        for (name, value) in &standby.settings {
            builder = builder.setting(name, value);
        }
        let builder = match &standby.slot {
            Some(slot) => builder.standby_through(&self.server, slot),
            None => builder.standby_of(&self.server),
        };
        self.standby = Some(builder.start().await?);
        let streams = "SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'";
        self.until(streams, "the standby streams").await
    }

    async fn stop_standby(&mut self) -> Result<()> {
        let standby = self.standby.take().context("no standby was started")?;
        standby.control("-m immediate stop").await?;
        drop(standby);
        let gone = "SELECT count(*) = 0 FROM pg_stat_replication";
        self.until(gone, "the server notices that its standby is gone").await
    }

    /// Position in the WAL.
    async fn position(&self) -> Result<u64> {
        let position = self.server.sql("postgres", "SELECT (pg_current_wal_lsn() - '0/0')::bigint").await?;
        position.parse().with_context(|| format!("`{position}` is a position"))
    }

    /// Moves the WAL position with `pg_resetwal`: nothing is written, so nobody can read what is in between.
    async fn move_wal(&self, bytes: u64) -> Result<()> {
        let file = segment_file((self.position().await? + bytes) / SEGMENT);
        self.server.control("-m fast stop").await?;
        self.server.run(&format!("pg_resetwal -l {file} -D data")).await?;
        self.server.control("start").await.map(drop)
    }

    /// Looks at a state through the exporters as they are.
    async fn look(&mut self, name: &str, times: usize) -> Result<Act> {
        let mut observations = Vec::new();
        for time in 0..times {
            if time > 0 {
                // Rates and ages need time to show.
                tokio::time::sleep(PAUSE).await;
            }
            observations.push(self.exporters.observe().await?);
        }
        Ok(Act { name: name.to_owned(), observations, pace: None })
    }

    /// Runs pgbench; what it had to say is in the error.
    async fn pgbench(&self, script: &str) -> Result<()> {
        match self.server.run(script).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.context(self.server.run("cat pgbench.log").await?)),
        }
    }

    /// Waits until a query says true.
    pub async fn until(&self, query: &str, what: &str) -> Result<()> {
        self.until_in("postgres", query, what).await
    }

    async fn until_in(&self, database: &str, query: &str, what: &str) -> Result<()> {
        let start = Instant::now();
        while self.server.sql(database, query).await? != "t" {
            ensure!(start.elapsed() < patience(), "never: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Scene for Stage {
    fn plays(&self, versions: &[u32]) -> bool {
        versions.is_empty() || versions.contains(&self.server.major)
    }

    async fn fingerprint(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for database in ["postgres", APP] {
            let text = self.server.sql(database, FINGERPRINT).await?;
            lines.extend(text.split("; ").map(|line| format!("{line} (seen from {database})")));
        }
        lines.extend(self.standby.as_ref().map(|_| "a standby".to_owned()));
        Ok(lines)
    }

    async fn step(&mut self, action: &Action) -> Result<()> {
        let done = self.take(action).await;
        if done.is_err() && self.server.client("postgres").await.is_err() {
            return done.context("the server does not answer any more");
        }
        done
    }

    async fn act(&mut self, name: &str, times: usize) -> Result<Act> {
        self.exporters.refresh().await?;
        self.look(name, times).await
    }

    async fn without_exporter(&mut self, name: &str) -> Result<Act> {
        let killed = self.exporters.kill().await?;
        let act = self.look(name, 1).await;
        self.exporters.revive(&killed).await?;
        act
    }

    async fn without_target(&mut self, name: &str) -> Result<Act> {
        self.server.control("-m immediate stop").await.context("stopping the server")?;
        let act = self.look(name, 2).await;
        self.server.control("start").await.context("starting the server again")?;
        act
    }

    async fn reset(&mut self) -> Result<()> {
        self.exporters.reset().await
    }

    async fn diagnose(&self, alert: &Alert, shows: &[Show]) -> Result<Results> {
        runbook::diagnose(self, alert, shows).await
    }

    async fn mitigate(&self, alert: &Alert, steps: &[Mitigation], results: &Results) -> Result<()> {
        runbook::mitigate(self, alert, steps, results).await
    }

    /// Under pgbench, at a rate that a server with other work to do can take.
    async fn everyday(&mut self, name: &str) -> Result<Act> {
        let port = self.server.port;
        let pgbench = |options: &str| {
            format!(
                "PGPASSWORD={APP} pgbench -h 127.0.0.1 -p {port} -U {APP} {options} {APP} < /dev/null > pgbench.log 2>&1"
            )
        };
        self.pgbench(&pgbench("--initialize")).await?;
        self.pgbench(&(pgbench("--client=4 --rate=400 --time=600") + " & echo $! > pgbench.pid")).await?;
        let moves = "SELECT count(*) > 0 FROM pgbench_history";
        let act = match self.until_in(APP, moves, "pgbench moves money").await {
            Ok(()) => self.act(name, 3).await,
            Err(error) => Err(error.context(self.server.run("cat pgbench.log").await?)),
        };
        self.server.run("kill $(cat pgbench.pid)").await?;
        self.until("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'app'", "pgbench ends").await?;
        self.pgbench(&pgbench("--initialize --init-steps=d")).await?;
        act
    }
}
