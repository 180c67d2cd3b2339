//! README.md of a chart: how to install and change it, with every value.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use catalogue::param::Param;
use catalogue::{Catalogue, Component};

use super::values::{EXTRAS, SWITCHES, about, default, value};
use crate::promql::Promql;

/// Renders README.md.
pub(super) fn render(catalogue: &Catalogue, component: &Component) -> String {
    let site = &catalogue.site;
    let chart = &*component.about.chart;
    let (registry, url) = (&*site.charts, &*site.url);
    let mut text = format!(
        "# {chart}\n\n{} Each alert links a runbook; each is unit-tested with the engine of Prometheus.\n\n\
         ```bash\nhelm install {} {registry}/{chart}\n```\n\n\
         Without the Prometheus operator, as a rule file:\n\n\
         ```bash\nhelm template {} {registry}/{chart} --set format=PrometheusConfigurationFile > rules.yaml\n```\n\n\
         Prometheus reads only the first document of such a file, so each chart makes a file of its own: two charts of one parent are refused, \
         and so is `extraManifests`.\n\n\
         What one alert mutes in Alertmanager while it fires (`inhibit_rules`), for its configuration or, with \
         `alertmanagerConfig.enabled`, as an object of the operator:\n\n\
         ```bash\nhelm template {} {registry}/{chart} --set format=AlertmanagerConfigurationFile > inhibit-rules.yaml\n```\n\n\
         Documentation: <{url}>\n\n",
        &*component.about.description, component.name, component.name, component.name
    );
    text += "## Alerts\n\n| alert | severity | for | what it says |\n| --- | --- | --- | --- |\n";
    for alert in component.in_order() {
        let rule = &alert.rule;
        let link = format!("{url}/latest/runbooks/{}/{}", component.name, alert.name);
        let hold = rule.params.fill(&rule.hold);
        let _ =
            writeln!(text, "| [{}]({link}) | {} | {hold} | {} |", alert.name, rule.severity, &*rule.summary);
    }
    text += &what_it_needs(component);
    text += "\n## Change an alert\n\nEverything about one alert stands under its name; what you do not name stays as it is.\n\n```yaml\nrules:\n";
    let alerts = component.in_order();
    // The example moves a threshold: a number that has bounds.
    let bounded = |param: &&Param| param.unit.is_number() && param.max.is_some();
    let example = alerts.iter().find_map(|alert| Some((alert, alert.rule.params.iter().find(bounded)?)));
    if let Some((alert, param)) = example {
        let _ = writeln!(
            text,
            "  {}:\n    severity: info\n    for: 30m\n    params:\n      {}: {}\n    labels:\n      team: database",
            alert.name,
            param.name,
            param
                .number()
                .zip(param.max)
                .map_or_else(|| value(param), |(now, max)| now.midpoint(max).floor().to_string())
        );
    }
    if let Some(alert) =
        alerts.iter().rev().find(|alert| example.is_none_or(|(other, _)| other.name != alert.name))
    {
        let _ = writeln!(text, "  {}:\n    enabled: false", alert.name);
    }
    text += "  MyOwnAlert:\n    expr: my_series{[additionalExprLabels]} > 42\n    for: 10m\n    labels:\n      severity: warning\n```\n\n";
    text += "`[additionalExprLabels]` in an expression of your own is replaced by `global.additionalExprLabels`. A misspelt name or \
             key is refused by `helm lint`, `helm template` and `helm install`. In matchers, labels, annotations, links and expressions, templates that \
             read `.Values`, `.Release` or `.Chart` are expanded by Helm; all others are left to Prometheus.\n\n";
    text += "## Values\n\n| key | default | what it does |\n| --- | --- | --- |\n";
    for switch in SWITCHES.iter().chain(EXTRAS) {
        let default = default(switch, catalogue, component);
        let _ = writeln!(text, "| `{}` | `{}` | {} |", switch.key, cell(&default), cell(switch.help));
    }
    text += "| `enabled` |  | `false` switches the whole chart off. It has no default, so that `condition` and `tags` of a parent work. |\n";
    text += "\n### Groups: `groups.<group>`\n\n| group | alerts about |\n| --- | --- |\n";
    for (group, title) in &component.about.groups {
        let _ = writeln!(text, "| `{group}` | {} |", cell(title));
    }
    text += "\n| key | what it does |\n| --- | --- |\n\
        | `enabled` | Whether the alerts of the group are rendered. |\n\
        | `labels`, `annotations` | Labels and annotations of the alerts of the group. |\n\
        | `runbookUrl` | Runbook link of the group instead of `defaultRunbookUrl`. |\n\
        | `interval`, `limit`, `queryOffset` | Settings of a rule group in Prometheus; with one of them the group is rendered as `<rulesGroupName>.<group>`. `queryOffset` needs Prometheus 2.53 or newer. A rule with more alerts than `limit` fails and Prometheus drops all of its alerts, so leave room or leave it out. |\n";
    text += "\n### Alerts: `rules.<alert>`\n\n| key | what it does |\n| --- | --- |\n\
        | `enabled` | Whether the alert is rendered. |\n\
        | `severity` | The severity, before `severityMap`. |\n\
        | `record` | For a rule of your own: a recording rule of this name, with `expr` and `labels` only. |\n\
        | `for`, `keepFiringFor` | Durations of Prometheus, such as `10m`. `keepFiringFor: 0s` removes it. |\n\
        | `params.<param>` | Thresholds, windows and patterns, see below. |\n\
        | `labels`, `annotations` | Added to the alert's, or in their place. An empty text removes one. |\n\
        | `runbookUrl` | Runbook link of this alert; empty means none. |\n\
        | `expr` | An expression of your own instead of the chart's; its parameters and description do not follow it. |\n\
        | `additionalExprLabels` | Matchers for this alert only. |\n\
        | `additionalRuleLabels` | A mapping: labels. A list: matchers, as in earlier charts. |\n\
        | `pintComments` | Comments for pint, without `# pint`. |\n";
    text += "\n### Parameters: `rules.<alert>.params.<param>`\n\n| alert | param | default | what it is |\n| --- | --- | --- | --- |\n";
    for alert in component.in_order() {
        for param in alert.rule.params.iter() {
            let _ = writeln!(
                text,
                "| {} | `{}` | `{}` | {} |",
                alert.name,
                param.name,
                cell(&value(param)),
                cell(&about(param))
            );
        }
    }
    text += &format!(
        "\n## Upgrading\n\nFrom the charts published before under this name: values files go on working. Some rules read other series than before, see above. What changed in the rules, \
         and why, is on [the differences page]({url}/latest/differences). Changes of each release are in Chart.yaml \
         (`artifacthub.io/changes`).\n"
    );
    text
}

/// The series that each alert reads.
fn what_it_needs(component: &Component) -> String {
    let mut text = String::from(
        "\n## What it needs\n\nPrometheus 2.42 or newer, and an exporter that serves the series below. An alert of which nobody serves the \
             series stays quiet, so compare before you rely on it:\n\n| alert | series that it reads |\n| --- | --- |\n",
    );
    for alert in component.in_order() {
        let series: BTreeSet<_> = Promql::of(&alert.rule)
            .map(|promql| promql.selectors().iter().filter_map(|selector| selector.name.clone()).collect())
            .unwrap_or_default();
        let series: Vec<_> = series.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "| {} | {} |", alert.name, series.join(", "));
    }
    text
}

/// A text that does not end its table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
