//! Chart.yaml.

use catalogue::{Catalogue, Component};
use serde::Serialize;

use super::Release;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Chart<'a> {
    api_version: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    version: &'a str,
    app_version: &'a str,
    kube_version: &'a str,
    description: &'a str,
    keywords: [&'a str; 4],
    home: &'a str,
    icon: &'a str,
    sources: [&'a str; 1],
    maintainers: Vec<Maintainer<'a>>,
    annotations: indexmap::IndexMap<&'a str, String>,
}

#[derive(Serialize)]
struct Maintainer<'a> {
    name: &'a str,
    url: &'a str,
}

/// Renders Chart.yaml.
pub(super) fn render(catalogue: &Catalogue, component: &Component, release: Release) -> String {
    let site = &catalogue.site;
    let links =
        [("documentation", &*site.url), ("source", &*site.repository), ("support", &*site.repository)];
    let links: String = links.iter().map(|(name, url)| format!("- name: {name}\n  url: {url}\n")).collect();
    let chart = Chart {
        api_version: "v2",
        name: &component.about.chart,
        kind: "application",
        version: release.version,
        app_version: release.version,
        kube_version: &site.kube_version,
        description: &component.about.description,
        keywords: [&component.name, "alerts", "prometheus", "runbooks"],
        home: &site.url,
        icon: &site.icon,
        sources: [&site.repository],
        maintainers: site.maintainers.iter().map(|m| Maintainer { name: &m.name, url: &m.url }).collect(),
        annotations: indexmap::IndexMap::from([
            ("artifacthub.io/category", "monitoring-logging".to_owned()),
            ("artifacthub.io/changes", changes(release.changelog)),
            ("artifacthub.io/license", "MIT".to_owned()),
            ("artifacthub.io/links", links),
        ]),
    };
    serde_saphyr::to_string(&chart).unwrap_or_default()
}

/// The newest section of the changelog as Artifact Hub wants it: a list of kinds and descriptions.
fn changes(changelog: &str) -> String {
    let mut kind = "changed";
    let mut entries: Vec<String> = Vec::new();
    let section = changelog.split("\n## ").nth(1).unwrap_or_default();
    for line in section.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            kind = match heading {
                "Added" => "added",
                "Deprecated" => "deprecated",
                "Removed" => "removed",
                "Fixed" => "fixed",
                "Security" => "security",
                _ => "changed",
            };
        } else if let Some(text) = line.strip_prefix("- ") {
            entries.push(format!("- kind: {kind}\n  description: {text}"));
        } else if let Some(entry) = entries.last_mut().filter(|_| line.starts_with("  ")) {
            *entry += &format!(" {}", line.trim());
        }
    }
    let quote = |entry: String| {
        let (head, text) = entry.split_once("description: ").unwrap_or((&entry, ""));
        format!("{head}description: {}\n", serde_json::Value::from(text))
    };
    entries.into_iter().map(quote).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_section_becomes_a_list() {
        let text = "# Changelog\n\n## 2.0.0\n\n### Added\n\n- One: a\n  long one.\n\n### Fixed\n\n- Two.\n\n## 1.0.0\n\n- Old.\n";
        assert_eq!(
            changes(text),
            "- kind: added\n  description: \"One: a long one.\"\n- kind: fixed\n  description: \"Two.\"\n"
        );
    }
}
