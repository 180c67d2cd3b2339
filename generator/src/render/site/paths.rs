//! Where everything is on the site: paths from its root, always with a file name, so that they work from a disk too.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use catalogue::metric::Query;
use catalogue::page::Page;
use catalogue::{Alert, Catalogue, Component};

/// The reference page of all alerts.
pub(super) const ALERTS: &str = "reference/alerts/index.html";
/// The index of the metrics.
pub(super) const METRICS: &str = "reference/metrics/index.html";
/// The table of what was seen.
pub(super) const PROOF: &str = "reference/proof/index.html";
/// The checks.
pub(super) const CHECKS: &str = "reference/checks/index.html";
/// Everything on one page.
pub(super) const PRINT: &str = "print/index.html";
/// The feed.
pub(super) const FEED: &str = "feed.xml";

/// The values of a chart.
pub(super) fn chart(name: &str) -> String {
    format!("reference/charts/{name}/index.html")
}

/// The page of a runbook.
pub(super) fn runbook(component: &Component, alert: &Alert) -> String {
    format!("runbooks/{}/{}/index.html", component.name, alert.name)
}

/// The page of a component's runbooks.
pub(super) fn component(component: &Component) -> String {
    format!("runbooks/{}/index.html", component.name)
}

/// The page of a group of runbooks.
pub(super) fn group(component: &Component, group: &str) -> String {
    format!("runbooks/{}/groups/{group}/index.html", component.name)
}

/// The page of a component's metrics, and the anchor of a metrics file or a series is its name.
pub(super) fn metrics(component: Option<&Component>, query: &Query) -> String {
    let first = query.name.trim_start_matches("pg_").split('_').next().unwrap_or_default();
    match component {
        Some(component) => format!("reference/metrics/{}/{first}/index.html", component.name),
        None => "reference/metrics/shared/index.html".to_owned(),
    }
}

/// The anchor of a metrics file. A series has its name as its anchor, which may be that of a file.
pub(super) fn metrics_anchor(query: &Query) -> String {
    format!("file-{}", query.name)
}

/// A hand-written page.
pub(super) fn page(page: &Page) -> String {
    match &*page.name {
        "index" => "index.html".to_owned(),
        name => format!("{name}/index.html"),
    }
}

/// The way from a page to the root of the site: `../../`.
pub(super) fn root(path: &str) -> String {
    "../".repeat(path.matches('/').count())
}

/// The address of a page under the site's URL, without `index.html`.
pub(super) fn canonical(url: &str, path: &str) -> String {
    format!("{}/{}", url.trim_end_matches('/'), path.strip_suffix("index.html").unwrap_or(path))
}

/// Where the files of content are on the site.
pub(super) struct Paths {
    by_file: HashMap<PathBuf, String>,
}

impl Paths {
    /// The paths of a catalogue.
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        let mut by_file = HashMap::new();
        for one in &catalogue.pages {
            by_file.insert(one.source.path.clone(), page(one));
        }
        for (component, alert) in catalogue.alerts() {
            let path = runbook(component, alert);
            let folder = path.trim_end_matches("index.html").to_owned();
            by_file.extend(alert.runbook.iter().map(|source| (source.path.clone(), path.clone())));
            by_file.insert(alert.source.path.clone(), format!("{path}#rule"));
            for sql in &alert.sql {
                by_file.insert(sql.path.clone(), format!("{folder}{}", sql.file_name()));
            }
        }
        for source in &catalogue.shared {
            by_file.insert(source.path.clone(), format!("runbooks/shared/{}", source.file_name()));
        }
        for (component, query) in catalogue.queries() {
            by_file.insert(
                query.source.path.clone(),
                format!("{}#{}", metrics(component, query), metrics_anchor(query)),
            );
        }
        Self { by_file }
    }

    /// Where a file of content is.
    pub(super) fn of_file(&self, file: &Path) -> Option<&str> {
        self.by_file.get(file).map(String::as_str)
    }
}
