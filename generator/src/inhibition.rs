//! Which alert need not be sent while another one fires: inhibition rules of Alertmanager, from `suppressed_by`.

use catalogue::{Alert, Component};
use serde_json::{Value, json};

/// While an alert fires, another one about the same thing is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inhibition<'a> {
    /// The alert that is sent.
    pub source: &'a str,
    /// The one that is not.
    pub target: &'a str,
    /// Labels that are the same where both are about the same thing.
    pub equal: Vec<&'a str>,
}

/// The inhibition rules of a component. Where two alerts have no label in common, there is none: it would mute the
/// second everywhere.
pub fn of(component: &Component) -> Vec<Inhibition<'_>> {
    let alerts = component.in_order().into_iter();
    alerts.flat_map(|alert| of_alert(component, alert)).collect()
}

/// Those that mute an alert.
pub fn of_alert<'a>(component: &'a Component, alert: &'a Alert) -> Vec<Inhibition<'a>> {
    let louder = alert.rule.suppressed_by.iter();
    let louder = louder.filter_map(|name| component.alerts.iter().find(|other| *other.name == **name));
    let common = |other: &'a Alert| {
        let others = labels(other);
        labels(alert).into_iter().filter(|label| others.contains(label)).collect()
    };
    let rules =
        louder.map(|other| Inhibition { source: &other.name, target: &alert.name, equal: common(other) });
    rules.filter(|rule| !rule.equal.is_empty()).collect()
}

/// The labels that an alert always carries, as its rule tests show with each Prometheus.
fn labels(alert: &Alert) -> Vec<&str> {
    let mut fires = alert.cases.iter().flat_map(|case| &case.fires);
    let Some(first) = fires.next() else { return Vec::new() };
    let mut labels: Vec<_> = first.keys().map(String::as_str).collect();
    labels.retain(|label| fires.clone().all(|other| other.contains_key(*label)));
    labels
}

impl Inhibition<'_> {
    /// As it stands in Alertmanager's configuration, in JSON, which YAML reads.
    pub fn rule(&self) -> Value {
        let matcher = |name: &str| json!([format!("alertname=\"{name}\"")]);
        json!({
            "source_matchers": matcher(self.source),
            "target_matchers": matcher(self.target),
            "equal": self.equal,
        })
    }
}
