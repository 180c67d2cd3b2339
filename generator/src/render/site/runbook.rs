//! The page of an alert: its runbook, and around it what the catalogue knows.

use std::collections::{BTreeSet, HashMap};

use catalogue::alert::Rule;
use catalogue::metric::{Metric, Query};
use catalogue::param::{Param, Unit};
use catalogue::{Alert, Catalogue, Component};
use serde_json::{Value, json};

use super::body::Bodies;
use super::draft::Draft;
use super::{Material, breakable, home, inline, paths, proof, rule, scale, timeline};
use crate::highlight::highlight;
use crate::life;
use crate::markdown::html::{Caption, Entry, escape, figure};
use crate::promql::Promql;
use crate::template::Template;

/// All runbooks, in the order of the menu.
pub(super) struct Runbooks<'a> {
    pub(super) bodies: &'a Bodies<'a>,
    pub(super) material: &'a Material<'a>,
    known: Known<'a>,
    groups: Vec<(&'a Component, home::Group<'a>)>,
    /// The group of each, and its place there.
    places: Vec<(usize, usize)>,
}

impl<'a> Runbooks<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, bodies: &'a Bodies<'a>, material: &'a Material<'a>) -> Self {
        let series = catalogue.series();
        let series = series.map(|(component, query, metric)| (&*metric.series, (component, query, metric)));
        let groups: Vec<_> = catalogue
            .components
            .iter()
            .flat_map(|component| home::groups(component).into_iter().map(move |group| (component, group)))
            .collect();
        let places = groups.iter().enumerate();
        let places =
            places.flat_map(|(group, (_, (.., alerts)))| (0..alerts.len()).map(move |at| (group, at)));
        let places = places.collect();
        let alerts = catalogue.alerts().map(|(component, alert)| (&*alert.name, (component, alert)));
        let known = Known { series: series.collect(), alerts: alerts.collect() };
        Self { bodies, material, known, groups, places }
    }

    /// What the other pages need of each.
    pub(super) fn outlines(&self) -> impl Iterator<Item = Draft> {
        self.places.iter().enumerate().map(|(number, (group, at))| {
            let (component, (.., alerts)) = &self.groups[*group];
            let alert = alerts[*at];
            Draft {
                kind: "runbook",
                file: alert.runbook.as_ref().map(|source| source.path.clone()),
                runbook: Some(number),
                ..Draft::new(paths::runbook(component, alert), &*alert.name, "")
            }
        })
    }

    /// The page of one.
    pub(super) fn draft(&self, number: usize) -> Draft {
        let (group, at) = self.places[number];
        let (component, (_, title, alerts)) = &self.groups[group];
        let related = related(&self.known, component, alerts, at);
        draft(component, alerts[at], title, &related, &self.known, self.bodies, self.material)
    }
}

/// A runbook whose `${param} bytes` are written as people say them: `5 GiB`.
fn in_units(rule: &Rule, text: &str) -> String {
    let sizes = rule.params.iter().filter(|param| param.unit == Unit::Bytes);
    sizes.filter_map(|param| Some((param, param.number()?))).fold(text.to_owned(), |text, (param, number)| {
        text.replace(&format!("${{{}}} bytes", &*param.name), &scale::bytes(number))
    })
}

type Series<'a> = (Option<&'a Component>, &'a Query, &'a Metric);

/// What all runbooks look up.
struct Known<'a> {
    series: HashMap<&'a str, Series<'a>>,
    alerts: HashMap<&'a str, (&'a Component, &'a Alert)>,
}

fn draft(
    component: &Component,
    alert: &Alert,
    group: &str,
    related: &[Value],
    known: &Known,
    bodies: &Bodies,
    material: &Material,
) -> Draft {
    let path = paths::runbook(component, alert);
    let rule = &alert.rule;
    let text = alert.runbook.as_ref().map_or("", |source| &source.text);
    let text = rule.params.fill(&in_units(rule, text));
    let html = bodies.render(&text, &alert.folder, &path);
    let mut draft = Draft {
        body: html.body,
        toc: html.toc,
        sections: html.sections,
        ..Draft::new(path, &*alert.name, rule.params.fill(&rule.summary))
    };
    let message = rule.params.fill(&rule.description);
    if let Some(first) = draft.sections.first_mut() {
        let aliases = rule.aliases.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(" ");
        first.text = format!("{} {} {aliases} {}", &*rule.title, &*rule.summary, first.text);
    }
    draft.template = "runbook";
    draft.kind = "runbook";
    draft.severity = Some(rule.severity.name());
    draft.component = Some(component.about.title.to_string());
    draft.place = Some((component.name.to_string(), Some(rule.group.to_string())));
    draft.above = vec![
        ("Runbooks".to_owned(), Some(paths::ALERTS.to_owned())),
        (component.about.title.to_string(), Some(paths::component(component))),
        (group.to_owned(), Some(paths::group(component, &rule.group))),
    ];
    draft.file = alert.runbook.as_ref().map(|source| source.path.clone());
    draft.twin = Some(text);
    let labels: BTreeSet<String> = Template::parse(&rule.description)
        .map(|template| template.labels().map(|word| word.text.to_owned()).collect())
        .unwrap_or_default();
    let matchers: String = labels.iter().map(|label| format!(" {label}=<{label}>")).collect();
    let silence = format!(
        "amtool silence add --duration=2h --comment='working on it' \\\n  alertname={}{matchers}",
        alert.name
    );
    let placeholders: Vec<_> = labels.iter().map(|label| json!({ "name": label, "example": "" })).collect();
    let runbooks = format!("{}/runbooks", material.url);
    let series: Vec<_> = series(alert).iter().map(|name| known.json(name)).collect();
    let params: Vec<_> = rule.params.iter().map(|param| param_json(alert, param)).collect();
    let hold = rule.params.fill(&rule.hold);
    draft.toc.push(about(!params.is_empty(), !series.is_empty(), !related.is_empty()));
    draft.more.insert(
        "alert".to_owned(),
        json!({
            "name": &*alert.name,
            "name_html": breakable(&alert.name),
            "title": &*rule.title,
            "component": { "name": &*component.name, "title": &*component.about.title },
            "severity": rule.severity.name(),
            "summary": rule.params.fill(&rule.summary),
            "description": message_html(&message),
            "group": group,
            "aliases": rule.aliases.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
            "for": (hold != "0s").then_some(hold),
            "keep_firing_for": rule.keep_firing_for.as_ref().map(|keep| rule.params.fill(keep)),
            "expr": code("promql", None, &rule.params.fill(&rule.expr)),
            "rule": code("yaml", None, &rule::rule(component, alert, &runbooks)),
            "labels": labels.iter().map(String::as_str).chain(["severity"]).collect::<Vec<_>>(),
            "params": params,
            "series": series,
            "related": related,
            "timeline": life::of(alert, &material.evidence).map(|life| timeline::json(alert, &life)),
            "proof": proof::json(&material.evidence, alert),
            "silence": code("bash", None, &silence),
            "placeholders": placeholders,
        }),
    );
    draft
}

fn code(language: &str, title: Option<&str>, code: &str) -> String {
    let caption = title.map(|title| Caption { title, file: None });
    figure(language, caption, false, &highlight(language, code)).trim_end().to_owned()
}

/// What the page says below the runbook, for the table of contents.
fn about(params: bool, series: bool, related: bool) -> Entry {
    let entry =
        |id: &str, title: &str, children| Entry { id: id.to_owned(), title: title.to_owned(), children };
    let parts = [
        ("rule", "Rule", true),
        ("timeline", "A life of this alert", true),
        ("parameters", "Parameters", params),
        ("series", "Series it reads", series),
        ("proof", "Proof", true),
        ("silence", "Silence it", true),
        ("related", "Related alerts", related),
    ];
    let parts = parts.into_iter().filter(|(.., is_there)| *is_there);
    let parts = parts.map(|(id, title, _)| entry(id, title, Vec::new())).collect();
    entry("about-this-alert", "About this alert", parts)
}

impl Known<'_> {
    fn json(&self, name: &str) -> Value {
        match self.series.get(name) {
            Some((component, query, metric)) => json!({
                "name": name,
                "href": format!("{}#{name}", paths::metrics(*component, query)),
                "kind": metric.kind.name(),
                "help_html": inline(&metric.help),
            }),
            None => json!({ "name": name, "href": null, "kind": null, "help_html": null }),
        }
    }
}

/// The series that a rule reads, in the order in which it names them.
pub(super) fn series(alert: &Alert) -> Vec<String> {
    let Ok(promql) = Promql::of(&alert.rule) else { return Vec::new() };
    let mut names = Vec::new();
    for name in promql.selectors().into_iter().filter_map(|selector| selector.name.clone()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Labels become blanks to be filled in, other actions the word value.
fn message_html(message: &str) -> String {
    let mut html = String::new();
    let mut rest = message.trim();
    while let Some(start) = rest.find("{{") {
        html.push_str(&escape(&rest[..start]));
        let inside = &rest[start + 2..];
        let end = inside.find("}}").unwrap_or(inside.len());
        let action = inside[..end].trim_matches(['-', ' ']);
        let label = action.split("$labels.").nth(1).map(|name| {
            name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
        });
        let first = action.split_whitespace().next().unwrap_or_default();
        match label {
            _ if matches!(first, "else" | "end") => html.push_str(if first == "else" { " / " } else { "" }),
            _ if matches!(first, "if" | "with" | "range") => {}
            Some(label) => html.push_str(&format!(
                "<span class=\"placeholder\" data-name=\"{label}\">&lt;{label}&gt;</span>"
            )),
            None => html.push_str("<var>value</var>"),
        }
        rest = inside.get(end + 2..).unwrap_or_default();
    }
    html + &escape(rest)
}

fn param_json(alert: &Alert, param: &Param) -> Value {
    let range = match (param.min, param.max) {
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (Some(min), None) => Some(format!("{min} or more")),
        (None, Some(max)) => Some(format!("up to {max}")),
        (None, None) => None,
    };
    let value = if param.unit.is_number() {
        param.value.to_string()
    } else {
        format!("'{}'", param.value.replace('\'', "''"))
    };
    let set = format!("rules:\n  {}:\n    params:\n      {}: {value}", alert.name, param.name);
    let mut help = param.help.to_string();
    if let Some(first) = help.get(..1) {
        help = format!("{}{}.", first.to_uppercase(), &help[1..]);
    }
    json!({
        "name": &*param.name,
        "value": &*param.value,
        "unit": (!matches!(param.unit, Unit::Duration | Unit::Regex)).then(|| param.unit.name()),
        "range": range,
        "help": help,
        "override": code("yaml", Some("values.yaml"), &set),
    })
}

/// Those that say the same louder, and the nearest of its group.
fn related(known: &Known, component: &Component, group: &[&Alert], at: usize) -> Vec<Value> {
    let entry = |component: &Component, other: &Alert, why: &str| {
        json!({
            "name": &*other.name,
            "href": paths::runbook(component, other),
            "severity": other.rule.severity.name(),
            "title": &*other.rule.title,
            "why": if why.is_empty() { other.rule.params.fill(&other.rule.summary) } else { why.to_owned() },
        })
    };
    let alert = group[at];
    let mut related = Vec::new();
    for name in &alert.rule.suppressed_by {
        if let Some((component, other)) = known.alerts.get(&**name) {
            related.push(entry(
                component,
                other,
                "It says the same louder: when it fires, look there first.",
            ));
        }
    }
    let near = (1..group.len()).map(|step| group[(at + step) % group.len()]);
    let near = near.filter(|other| !alert.rule.suppressed_by.iter().any(|name| **name == *other.name));
    related.extend(near.take(4).map(|other| entry(component, other, "")));
    related
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_blanks_for_labels() {
        let html = message_html("{{ $labels.target }} uses {{ printf \"%.0f\" $value }}% <b>");
        assert_eq!(
            html,
            "<span class=\"placeholder\" data-name=\"target\">&lt;target&gt;</span> uses <var>value</var>% &lt;b&gt;"
        );
        assert_eq!(message_html("{{ with $labels.a }}x{{ else }}y{{ end }}"), "x / y");
    }
}
