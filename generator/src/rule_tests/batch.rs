//! promtool's test files: rules, and what is expected of each in some cases.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use catalogue::{Alert, Catalogue, Component};
use serde_json::{Map, Value, json};

use super::expand::{Expanded, evaluation_ms};
use crate::render::chart::{Release, runbook_url};

/// What a rule adds to its alerts, as content says it: the chart must render the same.
#[derive(Debug)]
pub(super) struct Added {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Added {
    /// What the rule of an alert adds. A description with values of the alert is for the case to say.
    pub(super) fn of(catalogue: &Catalogue, component: &Component, alert: &Alert) -> Self {
        let rule = &alert.rule;
        let own = rule.labels.iter().map(|(name, value)| (name.clone(), value.to_string()));
        let severity = ("severity".to_owned(), rule.severity.name().to_owned());
        let annotations = [
            ("summary", rule.params.fill(&rule.summary)),
            ("description", rule.params.fill(rule.description.trim_end())),
            ("runbook_url", runbook_url(catalogue, component, alert, Release::default())),
        ];
        Self {
            labels: own.chain([severity]).collect(),
            annotations: annotations.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
        }
    }
}

/// One test file with one rule file: an alert in one variant with one evaluation interval.
#[derive(Debug)]
pub(super) struct Batch {
    name: String,
    step_ms: u64,
    rules: Vec<Value>,
    tests: Vec<Value>,
}

impl Batch {
    /// A file without tests, for cases like this one.
    pub(super) fn new(name: &str, case: &Expanded, rules: Vec<Value>) -> Self {
        Self { name: name.to_owned(), step_ms: evaluation_ms(&case.interval), rules, tests: Vec::new() }
    }

    /// The name of the file that a case belongs to.
    pub(super) fn name(case: &Expanded) -> String {
        format!("{}-{:?}-{}", case.by, case.variant, evaluation_ms(&case.interval)).to_lowercase()
    }

    /// Adds a case, which all of the rules must do.
    pub(super) fn add(&mut self, index: usize, case: &Expanded, added: &Added) {
        let names: Vec<_> = self.rules.iter().filter_map(|rule| rule["alert"].as_str()).collect();
        let test = test(index, case, added, &names);
        self.tests.push(test);
    }

    /// Adds to each test a question that fails: where it does not, the test was broken off.
    pub(super) fn mark_ends(&mut self) {
        for test in &mut self.tests {
            let name = test["name"].as_str().unwrap_or_default();
            let mark = json!({ "expr": format!("vector(0) # {name}"), "eval_time": "0s", "exp_samples": [] });
            if let Some(tests) = test["promql_expr_test"].as_array_mut() {
                tests.push(mark);
            }
        }
    }

    /// Writes both files and returns the name of the one for promtool.
    pub(super) fn write(&self, folder: &Path) -> Result<PathBuf, String> {
        let rule_file = format!("{}.rules.json", self.name);
        let test_file = format!("{}.tests.json", self.name);
        let rules = json!({ "groups": [{ "name": "test", "rules": self.rules }] });
        let tests = json!({
            "rule_files": [rule_file],
            "evaluation_interval": format!("{}ms", self.step_ms),
            "tests": self.tests,
        });
        for (file, value) in [(&rule_file, &rules), (&test_file, &tests)] {
            let path = folder.join(file);
            let text = format!("{value:#}");
            fs::write(&path, text).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        }
        Ok(PathBuf::from(test_file))
    }
}

/// One test of promtool for rules of these names. Its number stands in the name and, because promtool prints no
/// name there, as a comment in the expression.
fn test(index: usize, case: &Expanded, added: &Added, names: &[&str]) -> Value {
    let at = format!("{}ms", case.at_ms);
    let series: Vec<_> =
        case.series.iter().map(|(series, values)| json!({ "series": series, "values": values })).collect();
    let firing = |name: &str| {
        let samples = case.fires.iter().map(|labels| {
            let mut all = BTreeMap::from([("alertname", name), ("alertstate", "firing")]);
            for (name, value) in added.labels.iter().chain(labels) {
                all.insert(name, value);
            }
            let labels: Vec<_> =
                all.iter().map(|(name, value)| format!("{name}={}", Value::from(*value))).collect();
            json!({ "labels": format!("ALERTS{{{}}}", labels.join(",")), "value": 1 })
        });
        let samples: Vec<_> = samples.collect();
        let expr = format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}} # case {index}");
        json!({ "expr": expr, "eval_time": at, "exp_samples": samples })
    };
    let mut test = json!({
        "name": format!("case {index}"),
        "interval": case.interval.to_string(),
        "input_series": series,
        "promql_expr_test": names.iter().map(|name| firing(name)).collect::<Vec<_>>(),
    });
    if let (false, [labels]) = (case.texts.is_empty(), case.fires.as_slice()) {
        let merged = |texts: &BTreeMap<String, String>, more: &indexmap::IndexMap<String, String>| {
            let texts = texts.iter().chain(more);
            texts.map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect::<Map<_, _>>()
        };
        let alert = json!({
            "exp_labels": merged(&added.labels, labels),
            "exp_annotations": merged(&added.annotations, &case.texts),
        });
        let texts = |name: &&str| json!({ "alertname": name, "eval_time": at, "exp_alerts": [alert] });
        test["alert_rule_test"] = names.iter().map(texts).collect::<Vec<_>>().into();
    }
    test
}
