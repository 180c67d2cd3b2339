//! A rule as Prometheus reads it, with the defaults of its parameters: shown on the runbook, and to download.

use std::fmt::Write as _;

use catalogue::{Alert, Component};

/// A rule file for a Prometheus without the operator: what the chart renders with its default values.
pub(super) fn file(component: &Component, runbooks: &str) -> String {
    let mut text = format!(
        "# {}\n# The default values of the chart {}.\ngroups:\n  - name: {}\n    rules:\n",
        &*component.about.description,
        &*component.about.chart,
        quoted(&component.about.rule_group)
    );
    for alert in component.in_order() {
        for line in rule(component, alert, runbooks).lines() {
            let _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "      {line}") };
        }
    }
    text
}

/// One rule as an item of a list.
pub(super) fn rule(component: &Component, alert: &Alert, runbooks: &str) -> String {
    let rule = &alert.rule;
    let fill = |text: &str| rule.params.fill(text);
    let mut text = format!("- alert: {}\n  expr: |\n", alert.name);
    for line in fill(rule.expr.trim_end()).lines() {
        let _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "    {line}") };
    }
    let hold = fill(&rule.hold);
    if hold != "0s" {
        let _ = writeln!(text, "  for: {hold}");
    }
    if let Some(keep) = &rule.keep_firing_for {
        let _ = writeln!(text, "  keep_firing_for: {}", fill(keep));
    }
    let _ = write!(text, "  labels:\n    severity: {}\n", rule.severity.name());
    for (name, value) in &rule.labels {
        let _ = writeln!(text, "    {name}: {}", quoted(value));
    }
    let _ = write!(
        text,
        "  annotations:\n    summary: {}\n    description: {}\n    runbook_url: {runbooks}/{}/{}\n",
        quoted(&fill(&rule.summary)),
        quoted(&fill(rule.description.trim_end())),
        component.name,
        alert.name
    );
    text
}

/// A text in single quotes, in which YAML knows nothing but the quote.
fn quoted(text: &str) -> String {
    if text.contains(['\n', '\t']) {
        serde_json::Value::from(text).to_string()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}
