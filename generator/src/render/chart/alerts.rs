//! `_alerts.tpl`: each rule as Go template definitions.

use std::fmt::Write as _;

use catalogue::param::Unit;
use catalogue::{Alert, Catalogue, Component, interpolate};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::values::runbook_url;
use crate::inhibition;
use crate::promql::Promql;
use crate::promql::sites::{Part, Slot};

/// Renders the definitions of a chart.
pub(super) fn render(catalogue: &Catalogue, component: &Component) -> String {
    let chart = &*component.about.chart;
    let alerts = component.in_order();
    let mut text = format!(
        "{{{{/* What the chart knows of each alert, in the order of the rules. Made by dmf. */}}}}\n\
         {{{{- define \"{chart}.alerts\" -}}}}\n[\n"
    );
    let facts: Vec<_> =
        alerts.iter().map(|alert| format!("  {}", escape(&facts(component, alert).to_string()))).collect();
    text += &facts.join(",\n");
    text += "\n]\n{{- end -}}\n";
    let url = escape(&runbook_url(catalogue, component));
    let _ = write!(text, "\n{{{{- define \"{chart}.runbookUrl\" -}}}}{url}{{{{- end -}}}}\n");
    let definitions = alerts.par_iter().map(|alert| {
        let define = |what: &str, text: &str| {
            format!("\n{{{{- define \"{chart}.{what}.{}\" -}}}}\n{text}\n{{{{- end -}}}}\n", alert.name)
        };
        define("expr", &expr(alert)) + &define("alert", &texts(alert))
    });
    text + &definitions.collect::<String>()
}

/// What does not depend on parameters.
fn facts(component: &Component, alert: &Alert) -> Value {
    let rule = &alert.rule;
    let labels: serde_json::Map<_, _> =
        rule.labels.iter().map(|(name, value)| (name.clone(), Value::from(&**value))).collect();
    let params: serde_json::Map<_, _> =
        rule.params.iter().map(|param| (param.name.to_string(), Value::from(&*param.value))).collect();
    let durations = rule.params.iter().filter(|param| param.unit == Unit::Duration);
    let durations: Vec<_> = durations.map(|param| &*param.name).collect();
    let pint: Vec<_> = rule.pint_comments.iter().map(|comment| &**comment).collect();
    let inhibited = inhibition::of_alert(component, alert).into_iter();
    let inhibited: Vec<_> =
        inhibited.map(|rule| json!({ "alert": rule.source, "equal": rule.equal })).collect();
    json!({
        "name": &*alert.name,
        "group": &*rule.group,
        "severity": rule.severity.name(),
        "labels": labels,
        "params": params,
        "durations": durations,
        "pintComments": pint,
        "inhibitedBy": inhibited,
    })
}

/// What may hold parameters, as JSON with actions inside its strings.
fn texts(alert: &Alert) -> String {
    let rule = &alert.rule;
    let keep = rule.keep_firing_for.as_ref().map_or("", |text| &**text);
    format!(
        "{{\"for\": {}, \"keepFiringFor\": {},\n \"annotations\": {{\n  \"summary\": {},\n  \"description\": {}\n }}}}",
        string(&rule.hold),
        string(keep),
        string(&rule.summary),
        string(rule.description.trim_end()),
    )
}

/// A JSON string in which parameters are actions. Their values come escaped (`CHART.escaped`).
fn string(text: &str) -> String {
    let quoted = |text: &str| {
        let json = Value::from(text).to_string();
        escape(&json[1..json.len() - 1])
    };
    let mut string = String::from("\"");
    let mut done = 0;
    for found in interpolate::uses(text) {
        string += &quoted(&text[done..found.range.start]);
        string += &param(found.name);
        done = found.range.end;
    }
    string + &quoted(&text[done..]) + "\""
}

/// The expression with an action at each parameter and each place for injection. What is no PromQL stays as it is: a
/// check refuses it before it comes anywhere.
fn expr(alert: &Alert) -> String {
    let Ok(promql) = Promql::of(&alert.rule) else { return escape(&alert.rule.expr) };
    let parts = promql.parts().into_iter().map(|part| match part {
        Part::Text(text) => escape(text),
        Part::Param(name) => param(name),
        Part::Slot(slot) => format!("{{{{ .{} }}}}", slot_name(slot)),
    });
    let mut text = String::new();
    for part in parts {
        // `{{{` would open the action one brace too early.
        if part.starts_with("{{") && text.ends_with('{') {
            text.pop();
            text += "{{ \"{\" }}";
        }
        text += &part;
    }
    text.truncate(text.trim_end().len());
    text
}

fn param(name: &str) -> String {
    format!("{{{{ .params.{name} }}}}")
}

fn slot_name(slot: Slot) -> &'static str {
    match slot {
        Slot::Braces => "braces",
        Slot::Matchers => "matchers",
        Slot::MoreMatchers => "moreMatchers",
        Slot::By => "by",
        Slot::Labels => "labels",
        Slot::MoreLabels => "moreLabels",
    }
}

/// Text that Helm must leave alone.
fn escape(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}
