//! Helm charts: one per component, with the rules as a PrometheusRule or as a file.
//!
//! The Go templates in `files/` are copied as they stand; only the chart's name is put into the names of their
//! definitions. What differs between charts is generated: Chart.yaml, values, schema, README, and `_alerts.tpl`,
//! which holds each rule with its places for injection already worked out from the syntax tree.

mod alerts;
mod metadata;
mod readme;
mod schema;
mod values;

use std::path::PathBuf;

use catalogue::duration::PromDuration;
use catalogue::{Alert, Catalogue, Component};

use crate::tree::Tree;

/// Go templates and other files that are the same in every chart.
const FILES: [(&str, &str); 14] = [
    (".helmignore", include_str!("files/helmignore")),
    ("ci/all-values.yaml", include_str!("files/ci-all.yaml")),
    ("ci/alertmanager-values.yaml", include_str!("files/ci-alertmanager.yaml")),
    ("ci/file-values.yaml", include_str!("files/ci-file.yaml")),
    ("templates/NOTES.txt", include_str!("files/NOTES.txt")),
    ("templates/_inhibition.tpl", include_str!("files/inhibition.tpl")),
    ("templates/_helpers.tpl", include_str!("files/helpers.tpl")),
    ("templates/_rules.tpl", include_str!("files/rules.tpl")),
    ("templates/_texts.tpl", include_str!("files/texts.tpl")),
    ("templates/alertmanager-config.yaml", include_str!("files/alertmanager-config.yaml")),
    ("templates/alertmanager-configuration.tpl", include_str!("files/alertmanager-configuration.tpl")),
    ("templates/extra-manifests.yaml", include_str!("files/extra-manifests.yaml")),
    ("templates/prometheus-configuration.tpl", include_str!("files/prometheus-configuration.tpl")),
    ("templates/prometheus-rule.yaml", include_str!("files/prometheus-rule.yaml")),
];

/// The licence, which every package carries.
const LICENSE: &str = include_str!("../../../../LICENSE");

/// What is stamped on the charts.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// The semantic version.
    pub version: &'a str,
    /// The changelog, whose newest section every chart carries.
    pub changelog: &'a str,
}

impl Default for Release<'_> {
    /// The workspace's version and changelog.
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), changelog: include_str!("../../../../CHANGELOG.md") }
    }
}

/// Where the runbook of an alert is, when values do not say otherwise.
pub fn runbook_url(catalogue: &Catalogue, component: &Component, alert: &Alert, release: Release) -> String {
    let url = values::runbook_url(catalogue, component);
    url.replace("{{chartVersion}}", release.version).replace("{{alertName}}", &alert.name)
}

/// The charts of all components.
pub fn render(catalogue: &Catalogue, release: Release) -> Tree {
    let mut tree = Tree::default();
    let mut index = String::from(
        "# Helm charts\n\nMade from `content/` by `dmf build`. Change the content, not these files: \
         `dmf build --check` fails when they differ.\n\n| chart | what it is |\n| --- | --- |\n",
    );
    for component in &catalogue.components {
        let chart = &*component.about.chart;
        let folder = PathBuf::from(chart);
        index += &format!("| [{chart}]({chart}/README.md) | {} |\n", &*component.about.description);
        for (path, text) in FILES {
            tree.add(folder.join(path), text.replace("CHART", chart));
        }
        tree.add(folder.join("LICENSE"), LICENSE);
        tree.add(folder.join("Chart.yaml"), metadata::render(catalogue, component, release));
        tree.add(folder.join("README.md"), readme::render(catalogue, component));
        tree.add(folder.join("templates/_alerts.tpl"), alerts::render(catalogue, component));
        tree.add(folder.join("values.schema.json"), schema::render(component));
        tree.add(folder.join("values.yaml"), values::render(catalogue, component));
    }
    tree.add("README.md", index);
    tree
}

/// A scalar as YAML that every reader understands the same way.
fn scalar(text: &str) -> String {
    let plain = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&&*text.to_lowercase());
    let duration = text != "0" && PromDuration::new(text).is_ok();
    if plain || duration { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_the_same_to_every_yaml_reader() {
        assert_eq!(scalar("10m"), "10m");
        assert_eq!(scalar("10"), "\"10\"");
        assert_eq!(scalar("no"), "\"no\"");
        assert_eq!(scalar("1_000"), "\"1_000\"");
        assert_eq!(scalar("postgresql.rules"), "postgresql.rules");
        assert_eq!(scalar("a: b"), "\"a: b\"");
        assert_eq!(scalar(""), "\"\"");
    }
}
