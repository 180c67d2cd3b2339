//! values.yaml: every switch with its default and its meaning.

use std::fmt::Write as _;

use catalogue::param::Param;
use catalogue::{Alert, Catalogue, Component};

use super::scalar;

/// A switch that is not about one alert.
pub(super) struct Switch {
    /// Path with dots.
    pub(super) key: &'static str,
    /// The default as YAML; `None` is worked out from the component.
    pub(super) default: Option<&'static str>,
    /// What it does.
    pub(super) help: &'static str,
}

/// The switches of every chart, in the order of values.yaml.
pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        key: "nameOverride",
        default: Some("\"\""),
        help: "Name of the chart in labels and object names.",
    },
    Switch { key: "fullnameOverride", default: Some("\"\""), help: "Full name of the created objects." },
    Switch {
        key: "namespaceOverride",
        default: Some("\"\""),
        help: "Namespace of the PrometheusRule; that of the release when empty.",
    },
    Switch { key: "commonLabels", default: Some("{}"), help: "Labels of all created objects." },
    Switch { key: "commonAnnotations", default: Some("{}"), help: "Annotations of all created objects." },
    Switch {
        key: "format",
        default: Some("PrometheusRuleCRD"),
        help: "PrometheusRuleCRD for the Prometheus operator, PrometheusConfigurationFile for a rule file, or \
               AlertmanagerConfigurationFile for inhibition rules in the notation of Alertmanager.",
    },
    Switch { key: "rulesGroupName", default: None, help: "Name of the rule group in Prometheus." },
    Switch {
        key: "defaultRunbookUrl",
        default: None,
        help: "Runbook link of each alert. `{{alertName}}`, `{{alertNameLower}}`, `{{chartVersion}}`, `{{group}}` and \
               `{{severity}}` are replaced, with or without blanks; empty means no link.",
    },
    Switch {
        key: "defaultKeepFiringFor",
        default: Some("\"\""),
        help: "How long alerts go on firing after their condition ended, such as 5m; 0s means not at all, also where the \
               chart has a time of its own, for operators before 0.64 that do not know it.",
    },
    Switch {
        key: "splitByGroup",
        default: Some("false"),
        help: "Each group of alerts as a rule group `<rulesGroupName>.<group>` of its own, for rulers that limit the rules of \
               a group (Mimir: 20).",
    },
    Switch {
        key: "additionalPrometheusRuleLabels",
        default: Some("{}"),
        help: "Labels of the PrometheusRule object: what the operator's rule selector looks at. Not labels of alerts.",
    },
    Switch {
        key: "additionalPrometheusRuleAnnotations",
        default: Some("{}"),
        help: "Annotations of the PrometheusRule object.",
    },
    Switch {
        key: "severityLabel",
        default: Some("severity"),
        help: "Name of the label that carries the severity.",
    },
    Switch {
        key: "severityMap",
        default: Some("{}"),
        help: "Your words for the severities, such as `{critical: P1, warning: P3}`; a severity of your own that a rule has \
               may stand there too.",
    },
    Switch {
        key: "alertNamespace",
        default: Some("\"\""),
        help: "Label `namespace` of every alert, by which the routes of an AlertmanagerConfig in that namespace find them; \
               `{{ .Release.Namespace }}` is that of the release. Empty means that alerts keep the one of their series.",
    },
    Switch {
        key: "alertmanagerConfig.enabled",
        default: Some("false"),
        help: "An AlertmanagerConfig beside the PrometheusRule, in which an alert mutes the weaker one about the same thing. \
               The operator lets it see alerts of its own namespace only: set alertNamespace, too.",
    },
    Switch {
        key: "alertmanagerConfig.labels",
        default: Some("{}"),
        help: "Labels of that object: what the operator's alertmanagerConfigSelector looks at.",
    },
    Switch {
        key: "global.additionalExprLabels",
        default: Some("[]"),
        help: "Matchers added to every selector of every rule, such as `environment=\"production\"` or \
               `environment=\"{{ .Values.global.env }}\"`.",
    },
    Switch {
        key: "global.additionalAggregationLabels",
        default: Some("[]"),
        help: "Labels that every aggregation and join keeps, such as `cluster`, so that alerts carry them.",
    },
    Switch { key: "global.additionalRuleLabels", default: Some("{}"), help: "Labels of every alert." },
    Switch {
        key: "global.additionalRuleAnnotations",
        default: Some("{}"),
        help: "Annotations of every alert.",
    },
];

/// Switches behind the alerts.
pub(super) const EXTRAS: &[Switch] = &[
    Switch {
        key: "extraRules",
        default: Some("[]"),
        help: "Rules of your own in the notation of Prometheus, added to the rule group.",
    },
    Switch {
        key: "extraGroups",
        default: Some("[]"),
        help: "Rule groups of your own in the notation of Prometheus.",
    },
    Switch {
        key: "extraManifests",
        default: Some("[]"),
        help: "Kubernetes objects of your own; templates in them are expanded. Not in a rule file.",
    },
];

/// The default of a switch for a component.
pub(super) fn default(switch: &Switch, catalogue: &Catalogue, component: &Component) -> String {
    switch.default.map_or_else(
        || match switch.key {
            "rulesGroupName" => scalar(&component.about.rule_group),
            _ => scalar(&runbook_url(catalogue, component)),
        },
        str::to_owned,
    )
}

/// The default link to a runbook.
pub(super) fn runbook_url(catalogue: &Catalogue, component: &Component) -> String {
    format!("{}/{{{{chartVersion}}}}/runbooks/{}/{{{{alertName}}}}", &*catalogue.site.url, component.name)
}

/// Renders values.yaml.
pub(super) fn render(catalogue: &Catalogue, component: &Component) -> String {
    let mut text = format!(
        "# Values of {}.\n# Everything about one alert stands under `rules.<alert>`; all its keys are in README.md.\n\n",
        &*component.about.chart
    );
    let mut section = "";
    for switch in SWITCHES {
        let (parent, key) = switch.key.split_once('.').unwrap_or(("", switch.key));
        if parent != section {
            let _ = writeln!(text, "{parent}:");
            section = parent;
        }
        let indent = if parent.is_empty() { "" } else { "  " };
        let default = default(switch, catalogue, component);
        let _ = write!(
            text,
            "{indent}# -- {}\n{indent}{key}: {default}\n{}",
            switch.help,
            if parent.is_empty() { "\n" } else { "" }
        );
    }
    // Helm 3 drops a parent's mapping in silence where a list is the default.
    text = text.replace("  additionalExprLabels: []", "  # additionalExprLabels: []");
    text += "\n# Groups of alerts. Further keys: labels, annotations, runbookUrl, interval, limit, queryOffset (the last three make\n\
             # it a rule group of its own in Prometheus; queryOffset needs Prometheus 2.53 or newer; a rule with more alerts\n\
             # than limit fails, and Prometheus drops them all).\ngroups:\n";
    for (group, title) in &component.about.groups {
        let _ = write!(text, "  # -- {}\n  {group}:\n    enabled: true\n", &**title);
    }
    text += "\n# The alerts. Further keys: keepFiringFor, labels, annotations, runbookUrl, expr, pintComments, additionalExprLabels. A\n\
             # name that is not listed here is a rule of your own and needs `expr`.\nrules:\n";
    for alert in component.in_order() {
        text += &rule(alert);
    }
    for switch in EXTRAS {
        let _ = write!(
            text,
            "\n# -- {}\n{}: {}\n",
            switch.help,
            switch.key,
            default(switch, catalogue, component)
        );
    }
    text
}

fn rule(alert: &Alert) -> String {
    let rule = &alert.rule;
    let mut text = format!(
        "  # -- {}\n  {}:\n    enabled: true\n    severity: {}\n    for: {}\n",
        &*rule.summary,
        alert.name,
        rule.severity,
        hold(alert),
    );
    if !rule.params.is_empty() {
        text += "    params:\n";
    }
    for param in rule.params.iter() {
        let _ = write!(text, "      # -- {}\n      {}: {}\n", about(param), param.name, value(param));
    }
    text
}

/// The default of `for`; empty where it comes from a parameter, so that the parameter counts.
fn hold(alert: &Alert) -> String {
    let is_param = alert.rule.hold.contains("${");
    scalar(if is_param { "" } else { &alert.rule.hold })
}

/// The default of a parameter as YAML.
pub(super) fn value(param: &Param) -> String {
    if param.unit.is_number() { param.value.to_string() } else { scalar(&param.value) }
}

/// What a parameter means, with its unit and range.
pub(super) fn about(param: &Param) -> String {
    let bounds = match (param.min, param.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        (Some(min), None) => format!(", at least {min}"),
        (None, Some(max)) => format!(", at most {max}"),
        (None, None) => String::new(),
    };
    let mut help = param.help.to_string();
    // A word such as `scrape_timeout` is a name and stays as it is.
    let is_word = help.split(' ').next().is_some_and(|word| word.chars().all(char::is_alphabetic));
    if let Some(first) = help.get_mut(0..1).filter(|_| is_word) {
        first.make_ascii_uppercase();
    }
    format!("{} ({}{bounds})", help.trim_end_matches('.'), param.unit.name())
}
