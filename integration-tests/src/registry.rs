//! A real OCI registry, Debian's docker-registry, to which charts are pushed.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{http, patience, setup};

/// A running registry without a password, over plain HTTP. It ends when this is dropped, and what it stored is gone.
#[derive(Debug)]
pub struct Registry {
    /// Host and port.
    pub address: String,
    _process: Child,
    _folder: TempDir,
}

impl Registry {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let config = json!({
            "version": "0.1",
            "storage": { "filesystem": { "rootdirectory": folder.path() } },
            "http": { "addr": address },
        });
        let file = folder.path().join("config.yml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string())?;
        let mut command = Command::new(setup::program("docker-registry")?);
        command.arg("serve").arg(&file).kill_on_drop(true).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn()?;
        let start = Instant::now();
        while !http::get(&address, "/v2/", &[]).await.is_ok_and(|answer| answer.status == 200) {
            if start.elapsed() > patience() {
                bail!("the registry does not answer at {address}");
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(Self { address, _process: process, _folder: folder })
    }
}
