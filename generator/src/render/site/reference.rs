//! The generated reference: all alerts, all metrics, the parameters of the charts, the checks.

use std::collections::{BTreeMap, HashMap};

use catalogue::metric::Query;
use catalogue::{Alert, Catalogue, Component};
use serde_json::{Value, json};

use super::body::Bodies;
use super::draft::Draft;
use super::{Material, breakable, home, inline, paths, proof, runbook};
use crate::markdown::html::escape;

/// Alerts on one page of the table.
const ALERTS_PER_PAGE: usize = 150;

/// What other pages need of the reference: its pages in the order of the menu.
pub(super) fn outlines(material: &Material) -> Vec<Draft> {
    let fixed = [(paths::ALERTS, "All alerts"), (paths::PROOF, "Proof"), (paths::METRICS, "All metrics")];
    let fixed = fixed.map(|(path, title)| Draft::new(path, title, ""));
    let charts =
        material.charts.iter().map(|(name, _)| Draft::new(paths::chart(name), format!("Chart {name}"), ""));
    let checks = (!material.checks.is_empty()).then(|| Draft::new(paths::CHECKS, "Checks", ""));
    fixed.into_iter().chain(charts).chain(checks).collect()
}

/// The drafts of the reference.
pub(super) fn drafts(catalogue: &Catalogue, bodies: &Bodies, material: &Material) -> Vec<Draft> {
    let mut drafts = alerts(catalogue);
    drafts.extend(proof::drafts(catalogue, material));
    drafts.extend(metrics(catalogue));
    for (chart, markdown) in &material.charts {
        let path = paths::chart(chart);
        let html = bodies.render(markdown, std::path::Path::new(""), &path);
        let title = format!("Chart {chart}");
        drafts.push(Draft {
            body: html.body,
            toc: html.toc,
            sections: html.sections,
            twin: Some(markdown.clone()),
            ..Draft::new(path, title, format!("The values of {chart}."))
        });
    }
    if !material.checks.is_empty() {
        drafts.push(checks(material));
    }
    drafts
}

fn alerts(catalogue: &Catalogue) -> Vec<Draft> {
    let row = |(component, group, alert): (&Component, &str, &Alert)| {
        let hold = alert.rule.params.fill(&alert.rule.hold);
        json!({
            "name": &*alert.name,
            "name_html": breakable(&alert.name),
            "href": paths::runbook(component, alert),
            "title": &*alert.rule.title,
            "summary": alert.rule.params.fill(&alert.rule.summary),
            "severity": alert.rule.severity.name(),
            "component": &*component.name,
            "component_title": &*component.about.title,
            "group": group,
            "for": (hold != "0s").then_some(hold),
        })
    };
    let rows: Vec<Value> = home::alerts(catalogue).map(row).collect();
    let components: Vec<_> = catalogue
        .components
        .iter()
        .map(|component| json!({ "name": &*component.name, "title": &*component.about.title }))
        .collect();
    let path = |number: usize| match number {
        0 => paths::ALERTS.to_owned(),
        number => paths::ALERTS.replace("index.html", &format!("{}/index.html", number + 1)),
    };
    let total = rows.len();
    let chunks: Vec<&[Value]> =
        if rows.is_empty() { vec![&[]] } else { rows.chunks(ALERTS_PER_PAGE).collect() };
    let draft = |(number, chunk): (usize, &&[Value])| {
        let title =
            if number == 0 { "All alerts".to_owned() } else { format!("All alerts, page {}", number + 1) };
        let mut draft = Draft::new(path(number), title, format!("{total} alerts, each with its runbook."));
        draft.template = "alerts";
        draft.kind = "alerts";
        draft.in_order = number == 0;
        draft.above.push(("Reference".to_owned(), None));
        draft.more.insert("alerts".to_owned(), chunk.to_vec().into());
        draft.more.insert("components".to_owned(), components.clone().into());
        if number + 1 < chunks.len() {
            let next = format!("{}{}", paths::root(&draft.path), path(number + 1));
            draft.body = format!("<p><a class=\"button\" href=\"{next}\">Next page</a></p>\n");
        }
        draft
    };
    chunks.iter().enumerate().map(draft).collect()
}

/// An index, and pages of files that belong together.
fn metrics(catalogue: &Catalogue) -> Vec<Draft> {
    let mut readers: HashMap<String, Vec<Value>> = HashMap::new();
    for (component, alert) in catalogue.alerts() {
        for series in runbook::series(alert) {
            let reader = json!({ "name": &*alert.name, "href": paths::runbook(component, alert) });
            readers.entry(series).or_default().push(reader);
        }
    }
    let mut by_page: BTreeMap<String, Vec<(Option<&Component>, &Query)>> = BTreeMap::new();
    for (component, query) in catalogue.queries() {
        by_page.entry(paths::metrics(component, query)).or_default().push((component, query));
    }
    let mut index = Draft::new(
        paths::METRICS,
        "All metrics",
        format!("{} series, by what they are about.", catalogue.series().count()),
    );
    index.above.push(("Reference".to_owned(), None));
    let mut drafts = Vec::new();
    let mut previous = None;
    for (path, queries) in by_page {
        let component = queries[0].0;
        let of = component.map_or("Prometheus", |component| &*component.about.title);
        let topic = path.rsplit('/').nth(1).unwrap_or_default().replace('_', " ");
        let title = if component.is_some() {
            format!("{of} metrics: {topic}")
        } else {
            "Metrics of Prometheus".to_owned()
        };
        let count: usize = queries.iter().map(|(_, query)| query.metrics.len()).sum();
        if previous != Some(of) {
            if previous.is_some() {
                index.body += "</ul>\n";
            }
            index.body += &format!(
                "<h2 id=\"{}\">{}</h2>\n<ul>\n",
                escape(&of.to_lowercase().replace(' ', "-")),
                escape(of)
            );
            previous = Some(of);
        }
        let about: Vec<_> = queries.iter().map(|(_, query)| &*query.help).collect();
        index.body += &format!(
            "<li><a href=\"{}{path}\">{}</a> ({count}): {}</li>\n",
            paths::root(&index.path),
            escape(if component.is_some() { &topic } else { "of Prometheus" }),
            escape(&about.join(", ")),
        );
        let mut draft = Draft::new(path, title, about.join(", "));
        draft.template = "metrics";
        draft.kind = "metrics";
        draft.in_order = false;
        draft.above =
            vec![("Reference".to_owned(), None), ("All metrics".to_owned(), Some(paths::METRICS.to_owned()))];
        let groups: Vec<_> =
            queries.iter().map(|(component, query)| group(*component, query, &readers)).collect();
        draft.sections = queries.iter().map(|(_, query)| section(query)).collect();
        draft.more.insert("groups".to_owned(), groups.into());
        drafts.push(draft);
    }
    if previous.is_some() {
        index.body += "</ul>\n";
    }
    drafts.insert(0, index);
    drafts
}

fn section(query: &Query) -> crate::markdown::html::Section {
    let text: Vec<_> = query.metrics.iter().map(|metric| &*metric.series).collect();
    crate::markdown::html::Section {
        heading: query.help.to_string(),
        anchor: paths::metrics_anchor(query),
        text: text.join(" "),
    }
}

fn group(component: Option<&Component>, query: &Query, readers: &HashMap<String, Vec<Value>>) -> Value {
    let metrics: Vec<_> = query
        .metrics
        .iter()
        .map(|metric| {
            json!({
                "name": &*metric.series,
                "id": &*metric.series,
                "kind": metric.kind.name(),
                "unit": metric.unit.as_deref(),
                "labels": [],
                "help_html": inline(&metric.help),
                "alerts": readers.get(&*metric.series).cloned().unwrap_or_default(),
            })
        })
        .collect();
    let reference = &*query.reference;
    let exporter =
        component.map_or("Prometheus".to_owned(), |component| format!("{}-exporter", component.name));
    json!({
        "title": &*query.help,
        "id": paths::metrics_anchor(query),
        "exporter": exporter,
        "source": reference,
        "source_href": reference.starts_with("https://").then_some(reference),
        "labels": query.labels.iter().map(|label| &**label).collect::<Vec<_>>(),
        "metrics": metrics,
    })
}

fn checks(material: &Material) -> Draft {
    let mut draft =
        Draft::new(paths::CHECKS, "Checks", "What dmf check finds before a rule reaches a server.");
    draft.above.push(("Reference".to_owned(), None));
    draft.body +=
        "<p><code>dmf check</code> runs them all; <code>dmf explain NAME</code> prints one.</p>\n<dl>\n";
    for (name, doc) in &material.checks {
        let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
        draft.body += &format!(
            "<dt id=\"{}\"><code>{}</code></dt>\n<dd>{}</dd>\n",
            escape(&name.replace('/', "-")),
            escape(name),
            inline(&doc)
        );
        draft.sections.push(crate::markdown::html::Section {
            heading: (*name).to_owned(),
            anchor: name.replace('/', "-"),
            text: doc,
        });
    }
    draft.body += "</dl>\n";
    draft
}
