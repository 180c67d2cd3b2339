//! Logs: one line per event to standard error, as logfmt or JSON.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Everything, each query too.
    Debug,
    /// What changes.
    Info,
    /// What is wrong but goes on.
    Warn,
    /// What failed.
    Error,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `ts=… level=info msg=…`
    Logfmt,
    /// One JSON object per line.
    Json,
    /// Logfmt under the name that older exporters use.
    #[value(hide = true)]
    Text,
}

/// Starts logging to standard error.
pub fn start(level: Level, format: Format) {
    let level = match level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    // The libraries below speak of every packet; only this program's own words count.
    let crates = ["exporter_core", "postgresql_exporter", "rds_exporter"];
    let targets = tracing_subscriber::filter::Targets::new().with_targets(crates.map(|name| (name, level)));
    let registry = tracing_subscriber::registry().with(targets);
    match format {
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
            registry.with(layer.with_writer(std::io::stderr)).init();
        }
        Format::Logfmt | Format::Text => {
            let layer = tracing_logfmt::builder().with_target(false).with_timestamp(true).layer();
            registry.with(layer.with_writer(std::io::stderr)).init();
        }
    }
}
