//! A real PgBouncer before a server, with one connection to each database that all its clients share.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_postgres::{Client, NoTls};

use crate::postgres::Postgres;
use crate::{patience, setup};

/// The role that all clients have on the server, and its password.
pub const SHARED: &str = "app";

/// A running pooler. It ends when this is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    _child: Child,
    _folder: tempfile::TempDir,
    /// Port on the loopback interface.
    pub port: u16,
}

impl PgBouncer {
    /// Starts one with these settings, such as `pool_mode`.
    pub async fn start(server: &Postgres, settings: &[(&str, &str)]) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        // It does not run as root, and reads its file again as who it is.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let file = folder.path().join("pgbouncer.ini");
        let mut text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user={SHARED} password={SHARED}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             admin_users = monitor\ndefault_pool_size = 1\n",
            server.port
        );
        for (name, value) in settings {
            writeln!(text, "{name} = {value}")?;
        }
        std::fs::write(&file, text)?;
        let mut command = Command::new(setup::program("pgbouncer")?);
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        let child = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let pooler = Self { _child: child.spawn()?, _folder: folder, port };
        let start = std::time::Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            anyhow::ensure!(start.elapsed() < patience(), "PgBouncer does not listen");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(pooler)
    }

    /// A connection string for the exporter.
    pub fn dsn(&self, database: &str) -> String {
        format!("postgresql://monitor@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// The connection of an application.
    pub async fn client(&self, database: &str) -> Result<Client> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(SHARED).dbname(database).application_name("app");
        let (client, connection) = config.connect(NoTls).await.context("through PgBouncer")?;
        tokio::spawn(connection);
        Ok(client)
    }
}
