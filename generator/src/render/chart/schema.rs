//! values.schema.json: refuses what would be ignored in silence.
//!
//! It knows keys, types and bounds. What a text must look like is asked by the templates (`CHART.like`), because
//! a schema can only show its pattern.

use catalogue::param::{Param, Unit};
use catalogue::{Alert, Component};
use serde_json::{Map, Value, json};

use super::values::about;

/// Draft 7 is what every Helm 3 and 4 reads.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// Renders values.schema.json.
pub(super) fn render(component: &Component) -> String {
    let groups = component.about.groups.iter().map(|(name, title)| (name.clone(), group(title)));
    let rules = component.in_order().into_iter().map(|alert| (alert.name.to_string(), rule(alert)));
    let mut rules = closed(rules.collect());
    // Any other name is a rule of the user, which is whole when it has an expression.
    rules["additionalProperties"] = json!({ "$ref": "#/definitions/ownRule" });
    let mut global = closed(properties(&[
        ("additionalExprLabels", "matchers"),
        ("additionalAggregationLabels", "list"),
        ("additionalRuleLabels", "texts"),
        ("additionalRuleAnnotations", "texts"),
    ]));
    // Charts around this one may have global values of their own.
    global["additionalProperties"] = json!(true);
    let mut top = properties(&[
        ("nameOverride", "text"),
        ("fullnameOverride", "text"),
        ("namespaceOverride", "text"),
        ("commonLabels", "texts"),
        ("commonAnnotations", "texts"),
        ("rulesGroupName", "name"),
        ("defaultRunbookUrl", "text"),
        ("defaultKeepFiringFor", "duration"),
        ("additionalPrometheusRuleLabels", "texts"),
        ("additionalPrometheusRuleAnnotations", "texts"),
        ("severityLabel", "text"),
        ("severityMap", "texts"),
        ("alertNamespace", "text"),
        ("splitByGroup", "flag"),
        ("extraRules", "objects"),
        ("extraGroups", "objects"),
        ("extraManifests", "manifests"),
        // Set by charts that depend on this one with `condition: <chart>.enabled`.
        ("enabled", "flag"),
    ]);
    top.insert("format".to_owned(), json!({ "enum": ["PrometheusRuleCRD", "PrometheusConfigurationFile", "AlertmanagerConfigurationFile"] }));
    top.insert("global".to_owned(), global);
    let alertmanager = closed(properties(&[("enabled", "flag"), ("labels", "texts")]));
    top.insert("alertmanagerConfig".to_owned(), alertmanager);
    top.insert("groups".to_owned(), closed(groups.collect()));
    top.insert("rules".to_owned(), rules);
    let mut schema = closed(top);
    // Helm drops a key whose value is null; without these two nothing sensible can be rendered.
    schema["required"] = json!(["format", "rulesGroupName"]);
    schema["$schema"] = json!(DRAFT);
    schema["title"] = json!(format!("Values of {}", &*component.about.chart));
    schema["definitions"] = definitions();
    format!("{schema:#}\n")
}

/// An object that has these properties and no others.
fn closed(properties: Map<String, Value>) -> Value {
    let mut object = json!({ "type": ["object", "null"], "additionalProperties": false });
    object["properties"] = properties.into();
    object
}

fn properties(names: &[(&str, &str)]) -> Map<String, Value> {
    let properties = names
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), json!({ "$ref": format!("#/definitions/{kind}") })));
    properties.collect()
}

fn group(title: &str) -> Value {
    let mut group = closed(properties(&[
        ("enabled", "flag"),
        ("labels", "texts"),
        ("annotations", "texts"),
        ("runbookUrl", "text"),
        ("interval", "duration"),
        ("limit", "count"),
        ("queryOffset", "duration"),
    ]));
    group["description"] = json!(title);
    group
}

/// The keys that every rule has.
const RULE: [(&str, &str); 11] = [
    ("enabled", "flag"),
    ("severity", "text"),
    ("for", "duration"),
    ("keepFiringFor", "duration"),
    ("labels", "texts"),
    ("annotations", "texts"),
    ("runbookUrl", "text"),
    ("expr", "text"),
    ("pintComments", "list"),
    ("additionalExprLabels", "matchers"),
    ("additionalRuleLabels", "labelsOrMatchers"),
];

fn rule(alert: &Alert) -> Value {
    let mut keys = properties(&RULE);
    let params = alert.rule.params.iter().map(|param| (param.name.to_string(), parameter(param)));
    keys.insert("params".to_owned(), closed(params.collect()));
    let mut rule = closed(keys);
    rule["description"] = json!(&*alert.rule.summary);
    rule
}

fn parameter(param: &Param) -> Value {
    let mut schema = match param.unit {
        Unit::Duration => json!({ "type": ["string", "number", "null"] }),
        Unit::Regex => json!({ "type": ["string", "null"] }),
        _ => json!({ "type": ["number", "null"] }),
    };
    if let Some(min) = param.min {
        schema["minimum"] = number(min);
    }
    if let Some(max) = param.max {
        schema["maximum"] = number(max);
    }
    schema["description"] = json!(about(param));
    schema
}

/// Whole numbers without a point.
fn number(value: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)]
    let whole = value as i64;
    #[allow(clippy::cast_precision_loss)]
    if (whole as f64).to_bits() == value.to_bits() { json!(whole) } else { json!(value) }
}

fn definitions() -> Value {
    let scalar = json!({ "type": ["string", "number", "boolean", "null"] });
    let mut own = properties(&RULE);
    own.insert("record".to_owned(), json!({ "type": "string", "minLength": 1 }));
    own.insert("expr".to_owned(), json!({ "type": "string", "minLength": 1 }));
    let mut own_rule = closed(own);
    own_rule["type"] = json!("object");
    own_rule["description"] =
        json!("A rule of your own: it needs expr. Or the name of an alert is misspelt.");
    json!({
        "flag": { "type": ["boolean", "null"] },
        "text": { "type": ["string", "null"] },
        "list": { "type": ["array", "null"], "items": { "type": "string" } },
        "texts": { "type": ["object", "null"], "additionalProperties": scalar },
        "name": { "type": "string", "minLength": 1 },
        "count": { "type": ["integer", "null"], "minimum": 0 },
        "duration": { "type": ["string", "number", "null"] },
        "matchers": {
            "type": ["array", "object", "null"],
            "items": { "type": "string", "minLength": 1 },
            "additionalProperties": scalar
        },
        "labelsOrMatchers": {
            "type": ["array", "object", "null"],
            "items": { "type": "string" },
            "additionalProperties": scalar
        },
        "objects": { "type": ["array", "null"], "items": { "type": "object" } },
        "manifests": {
            "type": ["array", "object", "null"],
            "items": { "type": ["object", "string"] },
            "additionalProperties": { "type": ["object", "string", "null"] }
        },
        "ownRule": own_rule
    })
}
