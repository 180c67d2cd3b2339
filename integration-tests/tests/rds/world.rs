//! An AWS with an exporter.

#![allow(clippy::unwrap_used, reason = "this is all test code")]

use integration_tests::aws::{Account, Aws};
use integration_tests::eventually;
use integration_tests::exporter::{Exporter, Samples};

/// Starts an AWS with this account.
pub(crate) async fn aws(yaml: &str) -> Aws {
    Aws::start(Account::from_yaml(yaml).unwrap()).await.unwrap()
}

/// Whether every collector ended a run, one way or the other.
pub(crate) fn is_complete(samples: &Samples) -> bool {
    let ended = |labels: &std::collections::BTreeMap<String, String>| {
        let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        samples.has("rds_exporter_collector_duration_seconds", &labels)
    };
    let mut all = samples.all("rds_exporter_collector_success", &[]).peekable();
    all.peek().is_some() && all.all(|sample| ended(&sample.labels))
}

/// What is served when it was tried to list the instances, which others wait for.
pub(crate) async fn tried(exporter: &Exporter) -> Samples {
    eventually!(format!("the instances were asked for: {}", exporter.log()), {
        let samples = exporter.scrape().await.unwrap();
        let ended = samples.has("rds_exporter_collector_duration_seconds", &[("collector", "instances")]);
        ended.then_some(samples)
    })
}

/// What is served when every collector ended a run.
pub(crate) async fn complete(exporter: &Exporter) -> Samples {
    eventually!(format!("every collector has run: {}", exporter.log()), {
        let samples = exporter.scrape().await.unwrap();
        is_complete(&samples).then_some(samples)
    })
}

/// An AWS, an exporter with these arguments, and its first complete page.
pub(crate) async fn started(yaml: &str, arguments: &[&str]) -> (Aws, Exporter, Samples) {
    let aws = aws(yaml).await;
    let exporter = Exporter::rds(&aws).args(arguments).start().await.unwrap();
    let samples = complete(&exporter).await;
    (aws, exporter, samples)
}

/// The success of a collector.
pub(crate) fn success(samples: &Samples, collector: &str) -> f64 {
    samples.one("rds_exporter_collector_success", &[("collector", collector)])
}

/// The collectors that do not work.
pub(crate) fn broken(samples: &Samples) -> Vec<String> {
    let all = samples.all("rds_exporter_collector_success", &[]);
    let mut broken: Vec<_> =
        all.filter(|sample| sample.value == 0.0).map(|sample| sample.labels["collector"].clone()).collect();
    broken.sort();
    broken
}
