//! Mistakes in a rule outside its expression, and how a mistake is put into a rule.

use catalogue::Alert;
use catalogue::duration::PromDuration;
use catalogue::mutant::Operator;
use catalogue::param::Params;
use catalogue::severity::Severity;
use catalogue::text::Text;
use serde_json::Value;

use super::{Change, Mutant, duration};
use crate::promql::Promql;
use crate::rule_tests::{Variant, injected};

/// How often rules are evaluated.
const STEP_MS: u64 = 60_000;

/// The mutants of what stands around an alert's expression.
pub(super) fn mutants(alert: &Alert) -> Vec<Mutant> {
    let rule = &alert.rule;
    let mut mutants = holds(Operator::ForChanged, "for", &rule.hold, &rule.params);
    if let Some(keep) = &rule.keep_firing_for {
        mutants.extend(holds(Operator::KeepFiringForChanged, "keep_firing_for", keep, &rule.params));
    }
    let whole = || alert.rule.title.place();
    let mut push = |operator, from: &str, to: &str, place, change| {
        mutants.push(Mutant { operator, from: from.to_owned(), to: to.to_owned(), place, change });
    };
    let other = Severity::ALL.into_iter().rev().find(|severity| *severity != rule.severity);
    let severity = other.map_or("", Severity::name);
    let change = Change::Label("severity".to_owned(), severity.to_owned());
    push(Operator::SeverityChanged, rule.severity.name(), severity, whole(), change);
    for (name, value) in &rule.labels {
        let to = format!("{}-changed", &**value);
        let change = Change::Label(name.clone(), to.clone());
        push(Operator::LabelChanged, value, &to, value.place(), change);
    }
    let texts = [
        (Operator::SummaryChanged, "summary", rule.summary.place()),
        (Operator::DescriptionChanged, "description", rule.description.place()),
        (Operator::RunbookUrlChanged, "runbook_url", whole()),
    ];
    for (operator, name, place) in texts {
        push(operator, name, "another text", place, Change::Annotation(name));
    }
    mutants
}

/// A time that the condition must hold: none, one step less, one step more.
fn holds(operator: Operator, key: &'static str, text: &Text, params: &Params) -> Vec<Mutant> {
    let Ok(length) = PromDuration::new(&params.fill(text)) else { return Vec::new() };
    let length = length.milliseconds();
    let lengths = [0, length.saturating_sub(STEP_MS), length + STEP_MS];
    let mut lengths: Vec<_> = lengths.into_iter().filter(|other| *other != length).collect();
    lengths.dedup();
    let mutant = |length: u64| Mutant {
        operator,
        from: text.to_string(),
        to: duration(length),
        place: text.place(),
        change: Change::Hold(key, (length > 0).then(|| duration(length))),
    };
    lengths.into_iter().map(mutant).collect()
}

impl Change {
    /// The rule with this mistake.
    pub(super) fn apply(&self, rule: &Value, variant: Variant) -> Value {
        let mut rule = rule.clone();
        match self {
            Self::Expr(text, _) => {
                let text = text.trim_end();
                rule["expr"] = match (variant, Promql::parse(text, &Params::default())) {
                    (Variant::Injected, Ok(promql)) => injected(&promql).into(),
                    _ => text.into(),
                };
            }
            Self::Hold(key, Some(length)) => rule[key] = length.as_str().into(),
            Self::Hold(key, None) => {
                rule.as_object_mut().map(|rule| rule.remove(*key));
            }
            Self::Label(name, value) => rule["labels"][name] = value.as_str().into(),
            Self::Annotation(name) => {
                let text = rule["annotations"][name].as_str().unwrap_or_default();
                rule["annotations"][name] = format!("{text} changed").into();
            }
        }
        rule
    }
}
