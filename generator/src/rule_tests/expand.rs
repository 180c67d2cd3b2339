//! The cases that promtool runs: those of tests.yaml, and those that follow from them.

use catalogue::cases::{Case, NearMiss};
use catalogue::duration::PromDuration;
use catalogue::{Alert, Component};
use indexmap::IndexMap;

use super::changes::Changes;
use crate::promql::ast::Expr;
use crate::promql::{Promql, walk};

/// Name of the label that the injection cases add.
pub(super) const EXTRA_LABEL: &str = "dmf_extra";

/// How the chart is rendered for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// With default values.
    Plain,
    /// With `dmf_extra="x"` as a matcher of every selector and `dmf_extra` kept by every aggregation.
    Injected,
}

/// A case as promtool runs it.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The alert.
    pub alert: String,
    /// The alert whose rule is asked: the same, or one that must speak in its place.
    pub by: String,
    /// What the case shows: its name in tests.yaml, and how it was derived.
    pub name: String,
    /// How the chart is rendered.
    pub variant: Variant,
    /// Selectors with promtool's values notation.
    pub series: IndexMap<String, String>,
    /// Step of the series.
    pub interval: PromDuration,
    /// The moment that is looked at, in milliseconds from the start.
    pub at_ms: u64,
    /// Label sets that fire, without what the rule adds.
    pub fires: Vec<IndexMap<String, String>>,
    /// Annotations that must read so.
    pub texts: IndexMap<String, String>,
}

/// Rules are evaluated once a minute, or as often as the series have samples when that is more often.
pub(super) fn evaluation_ms(interval: &PromDuration) -> u64 {
    interval.milliseconds().clamp(1, 60_000)
}

/// How long nothing is fed to see that nothing fires: longer than any `for` or window.
const NO_DATA_MS: u64 = 3 * 3_600_000;

/// All cases of an alert, given and derived.
pub fn expand(component: &Component, alert: &Alert) -> Vec<Expanded> {
    let promql = Promql::of(&alert.rule).ok();
    let knows_absence = promql.is_some_and(|promql| {
        let mut absent = false;
        walk::each(&promql.tree, &mut |node, _| {
            absent |= matches!(node, Expr::Call(call) if call.func.name.starts_with("absent"));
        });
        absent
    });
    let mut cases = Vec::new();
    for case in &alert.cases {
        let given = Expanded {
            alert: alert.name.to_string(),
            by: alert.name.to_string(),
            name: case.name.clone(),
            variant: Variant::Plain,
            series: case.series.clone(),
            interval: case.interval.clone(),
            at_ms: case.at.milliseconds(),
            fires: case.fires.clone(),
            texts: case.texts.clone(),
        };
        cases.push(given.clone());
        if !case.fires.is_empty() {
            derive(case, &given, knows_absence, &mut cases);
            let changes = promql.and_then(|promql| Changes::of(component, alert, promql, case, &given));
            cases.extend(changes.iter().flat_map(Changes::cases));
        }
    }
    if !knows_absence && !alert.cases.iter().any(|case| case.series.is_empty()) {
        cases.push(Expanded {
            alert: alert.name.to_string(),
            by: alert.name.to_string(),
            name: "no data at all".to_owned(),
            variant: Variant::Plain,
            series: IndexMap::new(),
            interval: PromDuration::from_seconds(60),
            at_ms: NO_DATA_MS,
            fires: Vec::new(),
            texts: IndexMap::new(),
        });
    }
    cases
}

/// What follows from a case that fires.
fn derive(case: &Case, given: &Expanded, knows_absence: bool, cases: &mut Vec<Expanded>) {
    let derived = |how: &str| Expanded {
        name: format!("{} / {how}", given.name),
        texts: IndexMap::new(),
        ..given.clone()
    };
    let skips = |key: &str| case.skip.contains_key(key);
    let step = evaluation_ms(&given.interval);
    if !skips("onset") && given.at_ms >= step {
        cases.push(Expanded {
            at_ms: given.at_ms - step,
            fires: Vec::new(),
            ..derived("onset: not one step before")
        });
    }
    for miss in &case.near_misses {
        let how = format!("near miss: {}", miss.name);
        cases.push(Expanded { series: replaced(case, miss), fires: Vec::new(), ..derived(&how) });
    }
    // One near miss for each set of series that makes one.
    let mut seen: Vec<Vec<&String>> = Vec::new();
    for miss in case.near_misses.iter().filter(|_| !skips("neighbour")) {
        let selectors: Vec<_> = miss.series.keys().collect();
        if seen.contains(&selectors) {
            continue;
        }
        seen.push(selectors);
        for label in identity_labels(case) {
            let healthy = neighbours(&replaced(case, miss), case, &label);
            // What makes the miss must be about the neighbour alone.
            let own =
                |selector: &String| neighbours(&[(selector.clone(), String::new())].into(), case, &label);
            if !healthy.is_empty() && miss.series.keys().all(|selector| !own(selector).is_empty()) {
                let mut series = case.series.clone();
                series.extend(healthy);
                let how = format!("neighbour: another {label}, where `{}`", miss.name);
                cases.push(Expanded { series, ..derived(&how) });
            }
        }
    }
    if !skips("twin") {
        let misses = case.near_misses.iter().map(|miss| {
            let how = format!("near miss, {TWIN}: {}", miss.name);
            Expanded { series: replaced(case, miss), fires: Vec::new(), ..derived(&how) }
        });
        let cases_with_twins = std::iter::once(derived(TWIN)).chain(misses);
        for given in cases_with_twins {
            let labelled = given
                .series
                .iter()
                .map(|(selector, values)| (with_label(selector, EXTRA_LABEL, "twin"), values.clone()));
            let series: IndexMap<_, _> = given.series.clone().into_iter().chain(labelled).collect();
            let name = given.name.replace(TWIN, LABEL_TWIN);
            let labelled = Expanded { name, series, ..given.clone() };
            cases.extend((!given.series.is_empty()).then_some(labelled));
            cases.extend(twins(&given.series, &case.fires).map(|series| Expanded { series, ..given }));
        }
    }
    if !skips("label") {
        let mut fires = given.fires.clone();
        for labels in &mut fires {
            labels.insert(EXTRA_LABEL.to_owned(), "x".to_owned());
        }
        let series = with_extra(&case.series, "x");
        cases.push(Expanded {
            variant: Variant::Injected,
            series,
            fires,
            ..derived("label: an additional label survives")
        });
    }
    if !skips("selector") && !knows_absence && !case.series.is_empty() {
        let series = with_extra(&case.series, "y");
        let case = derived("selector: series outside the additional selector do not count");
        cases.push(Expanded { variant: Variant::Injected, series, fires: Vec::new(), ..case });
    }
}

/// The series of a case with those of a near miss in their place.
fn replaced(case: &Case, miss: &NearMiss) -> IndexMap<String, String> {
    let mut series = case.series.clone();
    series.extend(miss.series.clone());
    series
}

/// What a case shows in which each series comes twice.
const TWIN: &str = "twin: two exporters see the same, and nothing adds up";

/// What a case shows in which each series comes twice, with other labels.
const LABEL_TWIN: &str = "twin: all series come once more with one more label, and nothing adds up";

/// The label that tells one exporter from another.
pub(super) const INSTANCE: &str = "instance";

/// The series of a case, and each once more from another exporter. None where the exporter itself is what the alert
/// is about, or no series says from which one it is.
fn twins(
    series: &IndexMap<String, String>,
    fires: &[IndexMap<String, String>],
) -> Option<IndexMap<String, String>> {
    if fires.iter().any(|labels| labels.is_empty() || labels.contains_key(INSTANCE)) {
        return None;
    }
    let twin = |(selector, values): (&String, &String)| {
        let (before, rest) = selector.split_once("instance=\"")?;
        before.ends_with(['{', ',', ' ']).then(|| (format!("{before}instance=\"twin-{rest}"), values.clone()))
    };
    let twins: Vec<_> = series.iter().filter_map(twin).collect();
    (!twins.is_empty()).then(|| series.clone().into_iter().chain(twins).collect())
}

/// The labels that tell the firing alerts apart.
fn identity_labels(case: &Case) -> Vec<String> {
    let mut labels: Vec<_> = case.fires.iter().flat_map(|labels| labels.keys().cloned()).collect();
    labels.sort();
    labels.dedup();
    labels
}

/// The series that carry a firing value of a label, with that value changed.
fn neighbours(series: &IndexMap<String, String>, case: &Case, label: &str) -> IndexMap<String, String> {
    let mut neighbours = IndexMap::new();
    for value in case.fires.iter().filter_map(|labels| labels.get(label)) {
        let bad = format!("{label}=\"{value}\"");
        for (selector, values) in series.iter().filter(|(selector, _)| has_label(selector, &bad)) {
            neighbours
                .insert(selector.replace(&bad, &format!("{label}=\"{value}-neighbour\"")), values.clone());
        }
    }
    neighbours
}

/// Whether a selector has exactly this `label="value"`.
fn has_label(selector: &str, matcher: &str) -> bool {
    let starts = selector.match_indices(matcher).map(|(at, _)| selector[..at].chars().next_back());
    starts.flatten().any(|before| matches!(before, '{' | ',' | ' '))
}

/// Each selector with one more label.
fn with_extra(series: &IndexMap<String, String>, value: &str) -> IndexMap<String, String> {
    series
        .iter()
        .map(|(selector, values)| (with_label(selector, EXTRA_LABEL, value), values.clone()))
        .collect()
}

/// A selector with one more label.
pub(super) fn with_label(selector: &str, name: &str, value: &str) -> String {
    let extra = format!("{name}=\"{value}\"");
    match selector.trim_end().strip_suffix('}').map(str::trim_end) {
        None => format!("{selector}{{{extra}}}"),
        Some(open) if open.ends_with('{') || open.ends_with(',') => format!("{open}{extra}}}"),
        Some(open) => format!("{open},{extra}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_added_to_any_selector() {
        let series =
            ["up", "up{}", "up{a=\"b\"}", "up{a=\"b\", }"].map(|text| (text.to_owned(), "1x2".to_owned()));
        let with: Vec<_> = with_extra(&series.into_iter().collect(), "x").into_keys().collect();
        assert_eq!(
            with,
            [
                "up{dmf_extra=\"x\"}",
                "up{dmf_extra=\"x\"}",
                "up{a=\"b\",dmf_extra=\"x\"}",
                "up{a=\"b\",dmf_extra=\"x\"}"
            ]
            .into_iter()
            .collect::<indexmap::IndexSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_twin_sees_the_same_unless_the_alert_is_about_exporters() {
        let series =
            [("x{t=\"a\", instance=\"e\"}", "1x2"), ("y{t=\"a\"}", "2x2"), ("z{my_instance=\"e\"}", "3x2")]
                .map(|(selector, values)| (selector.to_owned(), values.to_owned()))
                .into_iter()
                .collect();
        let mut fires = vec![IndexMap::from([("t".to_owned(), "a".to_owned())])];
        let more = twins(&series, &fires).unwrap();
        assert_eq!((more.len(), &*more["x{t=\"a\", instance=\"twin-e\"}"]), (4, "1x2"));
        fires[0].insert("instance".to_owned(), "e".to_owned());
        assert_eq!(twins(&series, &fires), None);
    }

    #[test]
    fn a_label_is_not_found_in_the_end_of_another() {
        assert!(has_label("x{target=\"a\"}", "target=\"a\""));
        assert!(has_label("x{b=\"c\", target=\"a\"}", "target=\"a\""));
        assert!(!has_label("x{old_target=\"a\"}", "target=\"a\""));
    }
}
