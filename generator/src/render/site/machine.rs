//! The same knowledge for machines: rule files, JSON, feed, sitemap, texts for assistants, the search index.

use catalogue::{Alert, Catalogue, Component};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::{Material, home, paths, proof, rule, runbook, search};
use crate::markdown::html::escape;
use crate::tree::Sink;

/// What follows from the catalogue alone.
pub(super) fn of_catalogue(catalogue: &Catalogue, material: &Material, out: &dyn Sink) -> Result<(), String> {
    for component in &catalogue.components {
        let path = format!("downloads/{}-rules.yaml", component.name);
        out.add(path.into(), rule::file(component, &format!("{}/runbooks", material.url)).into())?;
    }
    out.add("alerts.json".into(), list(material, "alerts", &alerts(catalogue, material)).into())?;
    Ok(out.add("metrics.json".into(), list(material, "metrics", &metrics(catalogue)).into())?)
}

/// What lists the pages.
pub(super) fn of_pages(
    catalogue: &Catalogue,
    material: &Material,
    drafts: &[Draft],
    out: &dyn Sink,
) -> Result<(), String> {
    let url = material.url;
    let index = search::index(drafts).map_err(|error| error.to_string())?;
    out.add("search-index.js".into(), index.into())?;
    out.add("sitemap.xml".into(), sitemap(material, drafts).into())?;
    let robots = format!("User-agent: *\nAllow: /\nSitemap: {url}/sitemap.xml\n");
    out.add("robots.txt".into(), robots.into())?;
    out.add("llms.txt".into(), llms(catalogue, material, drafts).into())?;
    Ok(out.add(paths::FEED.into(), feed(catalogue, material, drafts).into())?)
}

/// A file with the version and a list, whose items are texts already: as values, all of them would take much memory.
fn list(material: &Material, name: &str, items: &[String]) -> String {
    let mut text = format!("{{\n  \"version\": {},\n  \"{name}\": [", Value::from(material.version));
    for (number, item) in items.iter().enumerate() {
        text.push_str(if number == 0 { "" } else { "," });
        for line in item.lines() {
            text.push_str("\n    ");
            text.push_str(line);
        }
    }
    text + "\n  ]\n}\n"
}

fn alerts(catalogue: &Catalogue, material: &Material) -> Vec<String> {
    let alerts: Vec<_> = home::alerts(catalogue).collect();
    let alert = |(component, group, alert): &(&Component, &str, &Alert)| {
        let rule = &alert.rule;
        let params = rule.params.iter().map(|param| {
            let about = json!({
                "value": param.number().map_or_else(|| Value::from(&*param.value), Value::from),
                "unit": param.unit.name(), "min": param.min, "max": param.max, "help": &*param.help,
            });
            (param.name.to_string(), about)
        });
        let about = json!({
            "name": &*alert.name,
            "aliases": rule.aliases.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
            "component": &*component.name,
            "group": group,
            "title": &*rule.title,
            "severity": rule.severity.name(),
            "expr": rule.params.fill(&rule.expr),
            "for": rule.params.fill(&rule.hold),
            "params": params.collect::<Map<_, _>>(),
            "summary": rule.params.fill(&rule.summary),
            "description": rule.params.fill(&rule.description),
            "series": runbook::series(alert),
            "proof": proof::summary(&material.evidence, alert),
            "runbook": paths::canonical(material.url, &paths::runbook(component, alert)),
        });
        format!("{about:#}")
    };
    alerts.par_iter().map(alert).collect()
}

fn metrics(catalogue: &Catalogue) -> Vec<String> {
    let mut readers: std::collections::HashMap<String, Vec<&str>> = std::collections::HashMap::new();
    for (_, alert) in catalogue.alerts() {
        for series in runbook::series(alert) {
            readers.entry(series).or_default().push(&alert.name);
        }
    }
    catalogue
        .series()
        .map(|(component, query, metric)| {
            let about = json!({
                "name": &*metric.series,
                "exporter": component.map(|component| format!("{}-exporter", component.name)),
                "kind": metric.kind.name(),
                "unit": metric.unit.as_deref(),
                "labels": query.labels.iter().map(|label| &**label).collect::<Vec<_>>(),
                "help": metric.help.split_whitespace().collect::<Vec<_>>().join(" "),
                "alerts": readers.get(&*metric.series).cloned().unwrap_or_default(),
            });
            format!("{about:#}")
        })
        .collect()
}

fn sitemap(material: &Material, drafts: &[Draft]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for draft in drafts {
        let date = draft.file.as_ref().and_then(|file| material.history.get(file));
        let date = date.map_or(String::new(), |change| format!("<lastmod>{}</lastmod>", change.date));
        text += &format!(
            "<url><loc>{}</loc>{date}</url>\n",
            escape(&paths::canonical(material.url, &draft.path))
        );
    }
    text + "</urlset>\n"
}

fn llms(catalogue: &Catalogue, material: &Material, drafts: &[Draft]) -> String {
    let mut text = format!("# {}\n\n> {}\n\n", &*catalogue.site.title, &*catalogue.site.description);
    for (title, kind) in [("Pages", "page"), ("Runbooks", "runbook")] {
        text += &format!("## {title}\n\n");
        for draft in drafts.iter().filter(|draft| draft.kind == kind && draft.twin.is_some()) {
            let twin = format!("{}/{}", material.url, draft.path.replace("index.html", "index.md"));
            text += &format!("- [{}]({twin}): {}\n", draft.title, draft.description);
        }
        text.push('\n');
    }
    text + &format!("## Data\n\n- [Alerts]({0}/alerts.json)\n- [Metrics]({0}/metrics.json)\n", material.url)
}

/// Entries of a feed.
const NEWEST: usize = 50;

/// The runbooks that changed last. Without git nobody knows, and the feed is empty.
fn feed(catalogue: &Catalogue, material: &Material, drafts: &[Draft]) -> String {
    let mut changed: Vec<_> = drafts
        .iter()
        .filter_map(|draft| Some((material.history.get(draft.file.as_ref()?)?, draft)))
        .collect();
    changed.sort_by(|(a, first), (b, second)| b.date.cmp(&a.date).then_with(|| first.path.cmp(&second.path)));
    let url = material.url;
    let updated = changed.first().map_or("1970-01-01", |(change, _)| &change.date);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<title>{}</title>\n\
         <id>{url}/</id>\n<link href=\"{url}/\"/>\n<link rel=\"self\" href=\"{url}/{}\"/>\n<updated>{updated}T00:00:00Z</updated>\n\
         <author><name>{0}</name></author>\n",
        escape(&catalogue.site.title),
        paths::FEED,
    );
    for (change, draft) in changed.into_iter().take(NEWEST) {
        let link = escape(&paths::canonical(url, &draft.path));
        text += &format!(
            "<entry><title>{}</title><id>{link}</id><link href=\"{link}\"/><updated>{}T00:00:00Z</updated><summary>{}</summary></entry>\n",
            escape(&draft.title),
            change.date,
            escape(&draft.description),
        );
    }
    text + "</feed>\n"
}
