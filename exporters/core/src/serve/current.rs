//! The web configuration as it was last read; its files are looked at every second.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio_rustls::TlsAcceptor;

use super::auth::Doorkeeper;
use super::tls::server_config;
use super::web_config::WebConfig;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// The web configuration, read again whenever one of its files has changed.
pub(super) struct Web {
    origin: Origin,
    pub(super) door: Doorkeeper,
    state: Mutex<State>,
}

/// Where the web configuration comes from.
pub(super) enum Origin {
    /// Plain HTTP for all.
    Nothing,
    /// The file of the toolkit.
    File(PathBuf),
    /// TLS, and nothing else.
    Files { certificate: PathBuf, key: PathBuf },
}

struct State {
    current: Arc<Current>,
    /// The files, and what they looked like when they were last read.
    files: Vec<(PathBuf, Stamp)>,
}

/// One reading of the web configuration.
pub(super) struct Current {
    pub(super) config: WebConfig,
    pub(super) tls: Option<TlsAcceptor>,
}

type Stamp = Option<(SystemTime, u64)>;

impl Web {
    /// Reads it for the first time.
    pub(super) fn new(origin: Origin) -> Result<Self, String> {
        let state = Mutex::new(State::read(&origin)?);
        Ok(Self { origin, door: Doorkeeper::new(), state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last reading.
    pub(super) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.state().current)
    }

    /// Looks at the files again and again, on a thread where that may take its time.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let web = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || web.look()).await;
            if looked.is_err() {
                return;
            }
        }
    }

    /// Reads the files again if one has changed.
    fn look(&self) {
        let before = self.state().files.clone();
        let now: Vec<_> = before.iter().map(|(path, _)| (path.clone(), stamp(path))).collect();
        if before == now {
            return;
        }
        match State::read(&self.origin) {
            Ok(state) => {
                tracing::info!("web configuration read again");
                *self.state() = state;
            }
            Err(error) => {
                tracing::error!(%error, "web configuration not read, the old one stays");
                self.state().files = now;
            }
        }
    }
}

impl State {
    fn read(origin: &Origin) -> Result<Self, String> {
        let (current, files) = Current::read(origin)?;
        let files = files.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        Ok(Self { current: Arc::new(current), files })
    }
}

impl Current {
    /// The configuration, and all files that it was read from.
    fn read(origin: &Origin) -> Result<(Self, Vec<PathBuf>), String> {
        let (path, (config, files)) = match origin {
            Origin::Nothing => return Ok((Self { config: WebConfig::plain(), tls: None }, Vec::new())),
            Origin::File(path) => (path, WebConfig::read(path)?),
            Origin::Files { certificate, key } => (certificate, WebConfig::with_tls(certificate, key)?),
        };
        let tls = config.tls.as_ref().map(|tls| server_config(tls, config.http2)).transpose();
        let tls = tls.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((Self { config, tls: tls.map(|tls| TlsAcceptor::from(Arc::new(tls))) }, files))
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Whether a web configuration file can be used; the error says what is wrong.
pub fn check(path: Option<&Path>) -> Result<(), String> {
    Current::read(&path.map_or(Origin::Nothing, |path| Origin::File(path.to_path_buf()))).map(drop)
}
