//! The checks. Each is one file with its explanation, its code and its tests; [`CHECKS`] is the only list.

use std::collections::{BTreeMap, BTreeSet};

use catalogue::alert::Alert;
use catalogue::problem::{KINDS, Kind};
use catalogue::source::Place;
use catalogue::{Catalogue, Component, Problem, Problems};
use rayon::prelude::*;

use crate::promql::flow::{self, Flow, SeriesLabels};
use crate::promql::{Promql, SyntaxError};

mod alert_absent;
mod alert_comparison;
mod alert_description;
mod alert_duplicate;
mod alert_for;
mod alert_group;
mod alert_labels;
mod alert_mutants;
mod alert_name;
mod alert_scenario;
mod alert_summary;
mod alert_suppressed_by;
mod alert_template;
mod alert_tests;
mod alert_unknown_series;
mod allow_unused;
mod content_unfinished;
mod metric_api_field;
mod metric_columns;
mod metric_duplicate;
mod metric_labels;
mod metric_name;
mod metric_unused;
mod metric_versions;
mod page_link;
mod page_path;
mod page_picture;
mod param_unknown;
mod param_unused;
mod promql_counter;
mod promql_fragile;
mod promql_impossible;
mod promql_many_to_many;
mod promql_nan;
mod promql_rate;
mod promql_regexp;
mod promql_syntax;
mod promql_vector_matching;
mod runbook_sections;
mod sql_syntax;
mod sql_unused;
#[cfg(test)]
mod testing;
mod tests_series;

/// All checks.
pub const CHECKS: &[&Check] = &[
    &alert_absent::CHECK,
    &alert_comparison::CHECK,
    &alert_description::CHECK,
    &alert_duplicate::CHECK,
    &alert_for::CHECK,
    &alert_group::CHECK,
    &alert_labels::CHECK,
    &alert_mutants::CHECK,
    &alert_name::CHECK,
    &alert_scenario::CHECK,
    &alert_summary::CHECK,
    &alert_suppressed_by::CHECK,
    &alert_template::CHECK,
    &alert_tests::CHECK,
    &alert_unknown_series::CHECK,
    &content_unfinished::CHECK,
    &metric_api_field::CHECK,
    &metric_columns::CHECK,
    &metric_duplicate::CHECK,
    &metric_labels::CHECK,
    &metric_name::CHECK,
    &metric_unused::CHECK,
    &metric_versions::CHECK,
    &page_link::CHECK,
    &page_path::CHECK,
    &page_picture::CHECK,
    &param_unknown::CHECK,
    &param_unused::CHECK,
    &promql_counter::CHECK,
    &promql_fragile::CHECK,
    &promql_impossible::CHECK,
    &promql_many_to_many::CHECK,
    &promql_nan::CHECK,
    &promql_rate::CHECK,
    &promql_regexp::CHECK,
    &promql_syntax::CHECK,
    &promql_vector_matching::CHECK,
    &runbook_sections::CHECK,
    &sql_syntax::CHECK,
    &sql_unused::CHECK,
    &tests_series::CHECK,
];

/// A check.
#[derive(Debug)]
pub struct Check {
    /// The name that messages and `allow` carry.
    pub name: &'static str,
    /// What it finds, why that matters, and what to do: Markdown, shown by `dmf explain`.
    pub doc: &'static str,
    /// Looks at the catalogue and reports.
    pub run: fn(&Context, &mut Problems),
}

/// Everything that has a name and an explanation: the checks and what reading content can find.
pub fn kinds() -> impl Iterator<Item = Kind> {
    let checks = CHECKS.iter().map(|check| Kind { name: check.name, doc: check.doc });
    let last = [Kind { name: allow_unused::NAME, doc: allow_unused::DOC }];
    checks.chain(last).chain(KINDS.iter().map(|kind| Kind { name: kind.name, doc: kind.doc }))
}

/// The check that finds what is not filled in.
pub const UNFINISHED: &str = content_unfinished::CHECK.name;

/// Runs all checks, silences what is allowed, and reports allowances that silence nothing.
pub fn run(catalogue: &Catalogue) -> Problems {
    let context = Context::new(catalogue);
    let found = CHECKS.par_iter().map(|check| {
        let mut problems = Problems::default();
        (check.run)(&context, &mut problems);
        problems
    });
    let mut problems = Problems::default();
    for found in found.collect::<Vec<_>>() {
        problems.extend(found);
    }
    allow_unused::apply(catalogue, problems)
}

/// What the checks look at: the catalogue, and what follows from it and is worked out once.
pub struct Context<'a> {
    /// Everything that content says.
    pub catalogue: &'a Catalogue,
    /// The alerts with their parsed expressions.
    pub rules: Vec<Parsed<'a>>,
    /// Labels of each known series.
    pub series: SeriesLabels,
}

/// An alert with its parsed expression.
pub struct Parsed<'a> {
    /// The component it belongs to.
    pub component: &'a Component,
    /// The alert.
    pub alert: &'a Alert,
    /// Its expression and the labels that flow through it.
    pub expr: Result<(&'a Promql, Flow), &'a SyntaxError>,
}

/// Labels that Prometheus puts on every scraped series.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

impl<'a> Context<'a> {
    /// Parses every expression once.
    pub fn new(catalogue: &'a Catalogue) -> Self {
        let mut series: SeriesLabels = BTreeMap::new();
        for (component, query, metric) in catalogue.series() {
            let own = query.labels.iter().map(ToString::to_string);
            let common = component.filter(|_| query.scope.has_component_labels());
            let common = common
                .iter()
                .flat_map(|component| component.about.labels.iter().map(|(name, _)| name.to_string()));
            let target = TARGET_LABELS.into_iter().map(str::to_owned);
            let labels: BTreeSet<_> = own.chain(common).chain(target).collect();
            series.entry(metric.series.to_string()).or_default().extend(labels);
        }
        let alerts: Vec<_> = catalogue.alerts().collect();
        let rules = alerts.into_par_iter().map(|(component, alert)| {
            let expr = Promql::of(&alert.rule).map(|promql| {
                let flow = flow::follow(&promql.tree, &series);
                (promql, flow)
            });
            Parsed { component, alert, expr }
        });
        Self { catalogue, rules: rules.collect(), series }
    }

    /// Looks at every alert, on all cores.
    fn each_rule(&self, problems: &mut Problems, look: impl Fn(&Parsed<'a>, &mut Problems) + Sync) {
        let found = self.rules.par_iter().map(|rule| {
            let mut problems = Problems::default();
            look(rule, &mut problems);
            problems
        });
        found.collect::<Vec<_>>().into_iter().for_each(|found| problems.extend(found));
    }

    /// The alerts whose expression parses.
    pub fn parsed(&self) -> impl Iterator<Item = (&'a Alert, &'a Promql, &Flow)> {
        self.rules.iter().filter_map(|rule| {
            let (promql, flow) = rule.expr.as_ref().ok()?;
            Some((rule.alert, *promql, flow))
        })
    }
}

/// The place of a word in an alert's expression.
fn word(alert: &Alert, promql: &Promql, word: &str) -> Place {
    alert.rule.expr.place_of(promql.find(word))
}

/// Reports the findings of one kind that the label flow made.
fn report_flow(
    context: &Context,
    problems: &mut Problems,
    check: &'static str,
    mistake: flow::Mistake,
    help: &str,
) {
    for (alert, promql, flow) in context.parsed() {
        for finding in flow.findings.iter().filter(|finding| finding.mistake == mistake) {
            let place = word(alert, promql, &finding.word);
            problems.push(Problem::error(check, place, finding.message.clone()).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_explained() {
        let kinds: Vec<_> = kinds().collect();
        let names: BTreeSet<_> = kinds.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), kinds.len());
        for kind in kinds {
            assert!(kind.doc.len() > 60 && kind.doc.ends_with('.'), "{} is explained badly", kind.name);
            let (group, name) = kind.name.split_once('/').unwrap();
            assert!(
                !group.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{}",
                kind.name
            );
        }
    }
}
