//! A real PostgreSQL: built, started, hurt and brought back by the tests.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::exporter::cpu_of;
use crate::images::Image;
use crate::machine::Machine;
use crate::patience;

/// What makes a server quick to start and its statistics quick to see; what the scenarios need switched on.
const SETTINGS: [(&str, &str); 15] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", "/tmp"),
    ("fsync", "off"),
    ("password_encryption", "scram-sha-256"),
    ("shared_buffers", "16MB"),
    ("dynamic_shared_memory_type", "mmap"),
    ("max_wal_size", "64MB"),
    ("wal_level", "logical"),
    ("max_prepared_transactions", "10"),
    ("autovacuum_naptime", "1s"),
    ("deadlock_timeout", "100ms"),
    ("track_io_timing", "on"),
    ("shared_preload_libraries", "pg_stat_statements"),
    ("log_min_messages", "log"),
    ("logging_collector", "off"),
];

/// Who may log in how: the superuser without a password, everybody else with one.
const HBA: &str = "local all all trust\nhost replication all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n";

/// The role of the exporter: member of `pg_monitor`, nothing else.
pub const MONITOR: &str = "monitor";

/// Its password.
pub const PASSWORD: &str = "s3cret";

/// A server to be started.
#[derive(Debug, Clone)]
pub struct Builder {
    major: u32,
    settings: Vec<(String, String)>,
    hba: Option<String>,
    files: Vec<(String, String)>,
    primary: Option<Primary>,
    port: Option<u16>,
}

/// What a standby streams from.
#[derive(Debug, Clone)]
struct Primary {
    port: u16,
    /// The slot that is there; none when it makes its own.
    slot: Option<String>,
}

impl Builder {
    /// Sets a parameter of postgresql.conf.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces `pg_hba.conf`.
    #[must_use]
    pub fn hba(mut self, text: &str) -> Self {
        self.hba = Some(text.to_owned());
        self
    }

    /// Puts a file into the data folder, readable for the server alone.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Makes it a streaming standby of another server, through a slot named `standby`.
    #[must_use]
    pub fn standby_of(mut self, primary: &Postgres) -> Self {
        self.primary = Some(Primary { port: primary.port, slot: None });
        self
    }

    /// Makes it a streaming standby of another server, through a slot that is there. Copying the primary leaves the slot
    /// as it is.
    #[must_use]
    pub fn standby_through(mut self, primary: &Postgres, slot: &str) -> Self {
        self.primary = Some(Primary { port: primary.port, slot: Some(slot.to_owned()) });
        self
    }

    /// Listens on this port rather than on one that is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Starts it, and waits until it answers.
    pub async fn start(self) -> Result<Postgres> {
        let what = format!("PostgreSQL {}", self.major);
        let mut tries = if self.port.is_some() { 1 } else { 3 };
        loop {
            tries -= 1;
            let port = self.port.map_or_else(free_port, Ok)?;
            let error = match self.clone().start_on(port).await {
                Ok(server) => return Ok(server),
                Err(error) => error,
            };
            // A port that was free may be taken a moment later.
            if !format!("{error:#}").contains("Address already in use") {
                return Err(error.context(what));
            } else if tries == 0 {
                return Err(error.context(format!("port {port} is taken by another program")).context(what));
            }
        }
    }

    async fn start_on(self, port: u16) -> Result<Postgres> {
        let image = Image::of(self.major)?;
        // Asking the engine takes a moment, in which others go on.
        let programs = tokio::task::spawn_blocking(move || image.programs()).await??;
        let machine = Machine::start(&programs).await?;
        let home = format!("/tmp/dmf-{port}");
        let mut script = format!("set -e\nmkdir {home}\ncd {home}\n");
        match &self.primary {
            None => {
                script += "initdb -D data -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --data-checksums -N > initdb.log\n";
            }
            Some(Primary { port, slot }) => {
                let own = if slot.is_none() { " -C -S standby" } else { "" };
                let _ = writeln!(
                    script,
                    "pg_basebackup -h 127.0.0.1 -p {port} -U postgres -D data -R -c fast{own}"
                );
            }
        }
        let own = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        script += "cat >> data/postgresql.conf <<'END'\n";
        let slot = self.primary.as_ref().and_then(|primary| primary.slot.clone());
        let slot = slot.map(|slot| ("primary_slot_name".to_owned(), slot));
        let more = [("port".to_owned(), port.to_string())].into_iter().chain(slot);
        for (name, value) in own.chain(self.settings).chain(more) {
            let _ = writeln!(script, "{name} = '{}'", value.replace('\'', "''"));
        }
        let _ = write!(
            script,
            "END\ncat > data/pg_hba.conf <<'END'\n{}END\n",
            self.hba.as_deref().unwrap_or(HBA)
        );
        for (name, text) in &self.files {
            let _ = write!(script, "cat > data/{name} <<'END'\n{text}\nEND\nchmod 600 data/{name}\n");
        }
        script += "pg_ctl -D data -l log -w -t 60 start > start.log || { cat log >&2; exit 1; }\n";
        // From here on it is taken down whatever happens.
        let server = Postgres { machine, port, major: self.major, home };
        server.machine.run(&script).await.context("the server does not start")?;
        if self.primary.is_none() {
            server
                .sql(
                    "postgres",
                    &format!("CREATE ROLE {MONITOR} LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor"),
                )
                .await?;
        }
        Ok(server)
    }
}

/// A running server.
pub struct Postgres {
    machine: Machine,
    /// Port on the loopback interface.
    pub port: u16,
    /// Major version.
    pub major: u32,
    home: String,
}

impl Postgres {
    /// A server of a major version.
    pub fn major(major: u32) -> Builder {
        Builder { major, settings: Vec::new(), hba: None, files: Vec::new(), primary: None, port: None }
    }

    /// A connection string for the monitoring role.
    pub fn dsn(&self, database: &str) -> String {
        format!("postgresql://{MONITOR}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection as superuser.
    pub async fn client(&self, database: &str) -> Result<Client> {
        self.client_as("postgres", "", database).await
    }

    /// A connection as some role.
    pub async fn client_as(&self, user: &str, password: &str, database: &str) -> Result<Client> {
        self.session(user, password, database, "test").await
    }

    /// A connection of some application.
    pub async fn session(&self, user: &str, password: &str, database: &str, name: &str) -> Result<Client> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(user).password(password).dbname(database);
        config.application_name(name).connect_timeout(patience());
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Runs statements as superuser; the first column of the last row that came back.
    pub async fn sql(&self, database: &str, text: &str) -> Result<String> {
        let client = self.client(database).await?;
        let messages = client.simple_query(text).await.with_context(|| format!("in `{text}`"))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(rows.last().unwrap_or_default())
    }

    /// Runs a shell script as the server's user, in the folder above its data.
    pub async fn run(&self, script: &str) -> Result<String> {
        self.machine.run(&format!("cd {}\n{script}", self.home)).await
    }

    /// `pg_ctl` with these arguments.
    pub async fn control(&self, arguments: &str) -> Result<String> {
        self.run(&format!("pg_ctl -D data -l log -w -t 60 {arguments} > control.log")).await
    }

    /// Sends a signal to the postmaster and all its children.
    pub async fn signal_all(&self, signal: &str) -> Result<()> {
        let pids: Vec<String> = self.processes().await?.into_iter().map(|process| process.pid).collect();
        self.run(&format!("kill -{signal} {}", pids.join(" "))).await.map(drop)
    }

    /// Processor time of the server and all its processes, also those that ended.
    pub async fn cpu(&self) -> Result<Duration> {
        let processes = self.processes().await?;
        // The postmaster's own line has the time of its children that ended.
        processes.iter().map(|process| cpu_of(&process.stat, if process.is_main { 4 } else { 2 })).sum()
    }

    /// The postmaster and its children.
    async fn processes(&self) -> Result<Vec<Process>> {
        let main = self.run("head -n 1 data/postmaster.pid").await?;
        let stats = self.machine.processes().await?;
        let process = |stat: String| {
            let (pid, rest) = stat.split_once(' ')?;
            let parent = rest.rsplit_once(") ")?.1.split(' ').nth(1)?;
            let is_main = pid == main;
            (is_main || parent == main).then(|| Process { pid: pid.to_owned(), is_main, stat: stat.clone() })
        };
        Ok(stats.into_iter().filter_map(process).collect())
    }

    /// What the server logged.
    pub async fn log(&self) -> Result<String> {
        self.run("cat log").await
    }
}

struct Process {
    pid: String,
    is_main: bool,
    stat: String,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A container takes everything with it; a folder does not.
        if let Machine::Folder(folder) = &self.machine {
            let home = folder.join(self.home.trim_start_matches('/'));
            let pid = std::fs::read_to_string(home.join("data/postmaster.pid")).unwrap_or_default();
            if let Some(pid) = pid.lines().next() {
                let _ = std::process::Command::new("kill").args(["-QUIT", pid]).status();
                let _ = std::process::Command::new("kill").args(["-CONT", pid]).status();
                let gone = || !std::path::Path::new("/proc").join(pid).exists();
                for _ in 0..100 {
                    if gone() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            let _ = std::fs::remove_dir_all(home);
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
