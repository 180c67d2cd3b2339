//! Chart.yaml.

use catalogue::{Catalogue, Component};
use serde::Serialize;

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
pub(super) fn render(catalogue: &Catalogue, component: &Component, version: &str) -> String {
    let site = &catalogue.site;
    let links =
        [("documentation", &*site.url), ("source", &*site.repository), ("support", &*site.repository)];
    let links: String = links.iter().map(|(name, url)| format!("- name: {name}\n  url: {url}\n")).collect();
    let chart = Chart {
        api_version: "v2",
        name: &component.about.chart,
        kind: "application",
        version,
        app_version: version,
        kube_version: &site.kube_version,
        description: &component.about.description,
        keywords: [&component.name, "alerts", "prometheus", "runbooks"],
        home: &site.url,
        icon: &site.icon,
        sources: [&site.repository],
        maintainers: site.maintainers.iter().map(|m| Maintainer { name: &m.name, url: &m.url }).collect(),
        annotations: indexmap::IndexMap::from([
            ("artifacthub.io/category", "monitoring-logging".to_owned()),
            ("artifacthub.io/license", "MIT".to_owned()),
            ("artifacthub.io/links", links),
        ]),
    };
    serde_saphyr::to_string(&chart).unwrap_or_default()
}
