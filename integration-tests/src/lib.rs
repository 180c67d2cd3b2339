//! Actors for tests with the real programs: [`helm`] renders and lints, a [`registry`] keeps charts, [`promtool`] judges rules, [`postgres`] is a
//! server on a [`machine`] made from [`images`], [`exporter`] is a process that is scraped over [`http`],
//! [`prometheus`] scrapes exporters and tells an [`alertmanager`], which calls a webhook,
//! [`aws`] is an AWS account that a test makes up, [`moto`] one that others wrote, [`proxy`] stands between; [`browser`] shows the site;
//! [`scenario`] plays a scenario.yaml with all of them. [`setup`] installs programs, from [`debian`] among others.
//! [`bulk`] and [`hugo`] are for the benchmark of the site.

use std::time::Duration;

pub mod alertmanager;
pub mod aws;
pub mod browser;
pub mod bulk;
pub mod debian;
pub mod exporter;
pub mod helm;
pub mod hostile;
pub mod http;
pub mod hugo;
pub mod images;
pub mod machine;
pub mod moto;
pub mod pgbouncer;
pub mod postgres;
pub mod prometheus;
pub mod promtool;
pub mod proxy;
pub mod registry;
pub mod scenario;
pub mod setup;

/// How long the tests wait for something that must happen: `DMF_PATIENCE` seconds, 30 when it is not set.
pub fn patience() -> Duration {
    let seconds = std::env::var("DMF_PATIENCE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// Repeats a block until it gives `Some`, as long as patience lasts; then fails with what the last try said.
#[macro_export]
macro_rules! eventually {
    ($what:expr, $try:expr) => {{
        let start = std::time::Instant::now();
        loop {
            if let Some(value) = $try {
                break value;
            }
            assert!(start.elapsed() < $crate::patience(), "never: {}", $what);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }};
}
