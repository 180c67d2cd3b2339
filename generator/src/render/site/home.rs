//! The start page, and the pages of components and groups.

use catalogue::severity::Severity;
use catalogue::{Alert, Catalogue, Component};
use serde_json::{Value, json};

use super::draft::Draft;
use super::{breakable, paths};
use crate::markdown::html::escape;

/// Alerts that a page lists at most; with more, it lists groups.
const LISTED: usize = 200;

/// Makes a page the start page.
pub(super) fn dress(catalogue: &Catalogue, draft: &mut Draft) {
    draft.template = "home";
    draft.kind = "home";
    let few = catalogue.alerts().count() <= LISTED;
    let components: Vec<_> = catalogue.components.iter().map(|component| about(component, few)).collect();
    let actions: Vec<Value> = Vec::new();
    draft.more.insert("home".to_owned(), json!({ "actions": actions, "components": components }));
}

fn about(component: &Component, few: bool) -> Value {
    let count = |severity| component.alerts.iter().filter(|alert| alert.rule.severity == severity).count();
    let groups: Vec<_> = groups(component)
        .into_iter()
        .filter(|_| few)
        .map(|(_, title, alerts)| json!({ "title": title, "alerts": alerts.into_iter().map(|alert| entry(component, alert)).collect::<Vec<_>>() }))
        .collect();
    json!({
        "name": &*component.name,
        "title": &*component.about.title,
        "description": &*component.about.description,
        "href": paths::component(component),
        "total": component.alerts.len(),
        "critical": count(Severity::Critical),
        "warning": count(Severity::Warning),
        "info": count(Severity::Info),
        "groups": groups,
    })
}

fn entry(component: &Component, alert: &Alert) -> Value {
    json!({
        "name": &*alert.name,
        "name_html": breakable(&alert.name),
        "href": paths::runbook(component, alert),
        "severity": alert.rule.severity.name(),
    })
}

/// A group: name, title, alerts.
pub(super) type Group<'a> = (&'a str, &'a str, Vec<&'a Alert>);

/// The groups of a component that have alerts.
pub(super) fn groups(component: &Component) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for alert in component.in_order() {
        match groups.last_mut() {
            Some((name, _, alerts)) if *name == &*alert.rule.group => alerts.push(alert),
            _ => {
                let title =
                    component.about.groups.get(&*alert.rule.group).map_or(&*alert.rule.group, |title| title);
                groups.push((&alert.rule.group, title, vec![alert]));
            }
        }
    }
    groups
}

/// All alerts in the order of the menu, each with its component and the title of its group.
pub(super) fn alerts(catalogue: &Catalogue) -> impl Iterator<Item = (&Component, &str, &Alert)> {
    catalogue.components.iter().flat_map(|component| {
        let groups = groups(component).into_iter();
        groups.flat_map(move |(_, title, alerts)| {
            alerts.into_iter().map(move |alert| (component, title, alert))
        })
    })
}

/// A page for each component and for each of its groups.
pub(super) fn sections(catalogue: &Catalogue) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for component in &catalogue.components {
        let mut draft = Draft::new(
            paths::component(component),
            format!("{} runbooks", &*component.about.title),
            &*component.about.description,
        );
        draft.kind = "section";
        draft.place = Some((component.name.to_string(), None));
        draft.above.push(("Runbooks".to_owned(), Some(paths::ALERTS.to_owned())));
        draft.in_order = false;
        for (name, title, alerts) in groups(component) {
            let path = paths::group(component, name);
            let href = format!("{}{path}", paths::root(&draft.path));
            draft.body +=
                &format!("<h2 id=\"{}\"><a href=\"{href}\">{}</a></h2>\n", escape(name), escape(title));
            if component.alerts.len() <= LISTED {
                draft.body += &cards(component, &alerts, &draft.path);
            } else {
                draft.body += &format!("<p>{} alerts.</p>\n", alerts.len());
            }
            drafts.extend(group(component, name, title, &alerts));
        }
        drafts.push(draft);
    }
    drafts
}

/// The pages of a group; a large one has several.
fn group(component: &Component, name: &str, title: &str, alerts: &[&Alert]) -> Vec<Draft> {
    let first = paths::group(component, name);
    let path = |number: usize| match number {
        0 => first.clone(),
        number => first.replace("index.html", &format!("{}/index.html", number + 1)),
    };
    let chunks: Vec<_> = alerts.chunks(LISTED).collect();
    let draft = |(number, chunk): (usize, &&[&Alert])| {
        let full = match number {
            0 => title.to_owned(),
            number => format!("{title}, page {}", number + 1),
        };
        let about = format!("{}: {} alerts.", &*component.about.title, alerts.len());
        let mut draft = Draft::new(path(number), full, about);
        draft.kind = "section";
        draft.in_order = false;
        draft.place = Some((component.name.to_string(), Some(name.to_owned())));
        draft.above.push(("Runbooks".to_owned(), Some(paths::ALERTS.to_owned())));
        draft.above.push((component.about.title.to_string(), Some(paths::component(component))));
        draft.body = cards(component, chunk, &draft.path);
        if number + 1 < chunks.len() {
            let next = format!("{}{}", paths::root(&draft.path), path(number + 1));
            draft.body += &format!("<p><a class=\"button\" href=\"{next}\">More</a></p>\n");
        }
        draft
    };
    chunks.iter().enumerate().map(draft).collect()
}

fn cards(component: &Component, alerts: &[&Alert], page: &str) -> String {
    let card = |alert: &&Alert| {
        let severity = alert.rule.severity.name();
        format!(
            "<li><a href=\"{}{}\">{}</a><p><span class=\"badge severity-{severity}\"><svg class=\"icon\" aria-hidden=\"true\">\
             <use href=\"#i-{severity}\"/></svg>{severity}</span> {}</p></li>\n",
            paths::root(page),
            paths::runbook(component, alert),
            breakable(&alert.name),
            escape(&alert.rule.params.fill(&alert.rule.summary)),
        )
    };
    format!("<ul class=\"cards\">\n{}</ul>\n", alerts.iter().map(card).collect::<String>())
}
