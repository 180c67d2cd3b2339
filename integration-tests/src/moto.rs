//! The `moto` server: a fake AWS that others wrote, for a second opinion.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::{http, patience, setup};

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct Moto {
    _child: Child,
    address: String,
}

/// The key of the account that moto has from the start, 123456789012.
pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

impl Moto {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(setup::root().join("tools/bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().context("moto is missing: `just setup` installs it")?;
        let moto = Self { _child: child, address: format!("127.0.0.1:{port}") };
        let start = std::time::Instant::now();
        while http::get(&moto.address, "/moto-api/", &[]).await.is_err() {
            ensure!(start.elapsed() < patience(), "moto does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(moto)
    }

    /// Environment variables that lead a process with an AWS SDK here.
    pub fn env(&self, region: &str) -> Vec<(String, String)> {
        let url = format!("http://{}", self.address);
        let pairs = [
            ("AWS_ENDPOINT_URL", &*url),
            ("AWS_REGION", region),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", "mock"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Calls an action of a service with the Query protocol; the XML of the answer.
    pub async fn call(
        &self,
        key: &str,
        region: &str,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let scope = format!("Credential={key}/20260101/{region}/{service}/aws4_request");
        let signed = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let answer = http::get(&self.address, &format!("/?{query}"), &[("Authorization", &signed)]).await?;
        ensure!(answer.status == 200, "{parameters:?}: {} {}", answer.status, answer.text());
        Ok(answer.text())
    }
}
