//! The flags that both exporters have, under the names that Prometheus exporters share.

use std::path::PathBuf;
use std::time::Duration;

use catalogue::duration::PromDuration;
use clap::Args;

use crate::log::{Format, Level};
use crate::serve::{Listening, Reloads};

/// Flags of the web server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Web")]
pub struct Web {
    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", visible_alias = "metrics-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    pub telemetry_path: String,
    /// File with TLS, client certificates and users, in the format of Prometheus' exporter-toolkit.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config: Option<PathBuf>,
    /// Take the sockets from systemd instead of listening.
    #[arg(long = "web.systemd-socket")]
    pub systemd_socket: bool,
    /// Who may call `/-/reload`.
    #[command(flatten)]
    pub reloads: Reloads,
}

impl Web {
    /// Where to listen.
    pub fn listening(&self, addresses: &[String], grace: Duration) -> Listening {
        Listening {
            addresses: addresses.to_vec(),
            systemd_socket: self.systemd_socket,
            web_config: self.web_config.clone(),
            tls: None,
            telemetry_path: self.telemetry_path.clone(),
            reloads: self.reloads,
            grace,
        }
    }
}

/// Flags of the log.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Log")]
pub struct Log {
    /// How much is logged.
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value = "info")]
    pub level: Level,
    /// How a line is written.
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value = "logfmt")]
    pub format: Format,
}

/// A duration such as `10s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = PromDuration::new(text)?;
    match duration.milliseconds() {
        0 => Err("it must be longer than nothing".to_owned()),
        milliseconds => Ok(Duration::from_millis(milliseconds)),
    }
}

/// A path for the metrics.
pub fn telemetry_path(text: &str) -> Result<String, String> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if text.starts_with('/')
        && text.chars().all(valid)
        && !["/probe", "/-/"].iter().any(|own| text.starts_with(own))
    {
        Ok(text.to_owned())
    } else {
        Err("a path starts with `/`, has only letters, digits and -_.~/, and is not one of the exporter's own".to_owned())
    }
}
