//! A real Alertmanager, and the webhook that it calls: what people's pagers get.

use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::exporter::{Builder, Exporter};
use crate::setup;

/// A running Alertmanager that sends each alert by itself, at once. It ends when this is dropped.
#[derive(Debug)]
pub struct Alertmanager {
    process: Exporter,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts one on a free port.
    pub async fn start(webhook: &Webhook) -> Result<Self> {
        Self::inhibiting(webhook, &json!([])).await
    }

    /// Starts one with these `inhibit_rules`.
    pub async fn inhibiting(webhook: &Webhook, rules: &serde_json::Value) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let receiver = json!({ "url": format!("http://{}/", webhook.address), "send_resolved": true });
        let text = json!({
            "route": {
                "receiver": "test",
                // Not one message for many alerts.
                "group_by": ["..."],
                "group_wait": "0s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [{ "name": "test", "webhook_configs": [receiver] }],
            "inhibit_rules": rules,
        });
        let file = folder.path().join("alertmanager.yaml");
        std::fs::write(&file, text.to_string())?;
        let builder = Builder::of(&setup::program("alertmanager")?);
        // The one that `just setup` installs finds its templates where it is started.
        let templates = setup::root().join("tools/alertmanager");
        let builder = if templates.is_dir() { builder.folder(&templates) } else { builder };
        let builder = builder.arg("--config.file").arg(&file).arg("--storage.path").arg(folder.path());
        // Alone: no gossip with others.
        let process =
            builder.arg("--cluster.listen-address=").start().await.context("Alertmanager does not start")?;
        Ok(Self { process, _folder: folder })
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.process.address
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// One alert as Alertmanager sends it.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// `firing` or `resolved`.
    pub status: String,
    /// Labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Summary, description, runbook.
    pub annotations: std::collections::BTreeMap<String, String>,
}

impl Message {
    /// The name of the alert.
    pub fn alert(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// Whether it says that this alert has this status.
    pub fn says(&self, alert: &str, status: &str) -> bool {
        self.alert() == alert && self.status == status
    }
}

/// Gets what Alertmanager sends. It ends when this is dropped.
#[derive(Debug)]
pub struct Webhook {
    address: String,
    messages: Arc<Mutex<Vec<Message>>>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Webhook {
    /// Listens on a free port.
    pub async fn start() -> Result<Self> {
        #[derive(Deserialize)]
        struct Body {
            alerts: Vec<Message>,
        }
        let messages = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&messages);
        let receive = async move |body: Bytes| match serde_json::from_slice::<Body>(&body) {
            Ok(body) => {
                list.lock().unwrap_or_else(PoisonError::into_inner).extend(body.alerts);
                Ok(())
            }
            Err(error) => Err((axum::http::StatusCode::BAD_REQUEST, error.to_string())),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let server =
            tokio::spawn(axum::serve(listener, Router::new().route("/", post(receive))).into_future());
        Ok(Self { address, messages, server })
    }

    /// All messages so far, in order.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.server.abort();
    }
}
