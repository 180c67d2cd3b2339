//! Cases in which something leaves for good: an exporter, the labels of its series, or what the alert is about.

use std::collections::BTreeSet;

use catalogue::cases::NearMiss;
use catalogue::component::Presence;
use catalogue::metric::{Kind, Origin};
use indexmap::IndexMap;

use super::changes::{Changes, first_of_each, metric};
use super::expand::{EXTRA_LABEL, Expanded, INSTANCE, evaluation_ms, with_label};
use super::samples::runs;

/// So long ago, an exporter was replaced.
const AGO_MS: u64 = 10 * 60_000;

/// So long after a job has left, the alert about missing targets is looked at: when no last value of anything counts
/// any longer, and shortly before the end of an hour.
const GONE_MS: [u64; 2] = [15 * 60_000, 55 * 60_000];

/// Labels with their values.
type Labels = IndexMap<String, String>;

/// All cases of one firing case, but those that it skips.
pub(super) fn cases(changes: &Changes) -> Vec<Expanded> {
    let skips = |key: &str| changes.case.skip.contains_key(key);
    let mut cases = Vec::new();
    if !skips("twin") {
        cases.extend(relabelled(changes));
    }
    let targets = targets(changes);
    if targets.is_empty() {
        return cases;
    }
    if !skips("replaced") {
        cases.extend(replaced(changes));
    }
    if let Some(presence) = &changes.component.about.presence {
        // Once for each alert: who speaks does not depend on what was wrong.
        if !skips("vanishes") && changes.is_first() {
            cases.extend(vanishes(changes, presence, &targets));
        }
        if !skips("over") && !skips("onset") {
            cases.extend(over(changes, presence, &targets));
        }
    }
    cases
}

/// What the firing alerts are about: their values of the labels that the exporter puts on every series. Nothing when
/// they are about an exporter.
fn targets(changes: &Changes) -> Vec<Labels> {
    let own = |labels: &Labels| {
        let names = changes.component.about.labels.iter().map(|(name, _)| name.to_string());
        names.map(|name| Some((name.clone(), labels.get(&name)?.clone()))).collect::<Option<Labels>>()
    };
    let mut targets: Vec<Labels> = Vec::new();
    for target in changes.case.fires.iter().filter(|labels| !labels.contains_key(INSTANCE)).filter_map(own) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// The series of [`alive`] that the case itself does not give.
fn also_alive(changes: &Changes, presence: &Presence, target: &Labels, exporter: &str) -> Vec<String> {
    let own = changes.values.keys().map(|selector| metric(selector)).collect::<BTreeSet<_>>();
    let mut selectors = alive(changes, presence, target, exporter);
    selectors.retain(|selector| !own.contains(metric(selector)));
    selectors
}

/// The series that an exporter serves for as long as it reads a target, as selectors. A label that is not the target's
/// has the values that the expression asks for.
fn alive(changes: &Changes, presence: &Presence, target: &Labels, exporter: &str) -> Vec<String> {
    let mut selectors = Vec::new();
    for (series, names) in &presence.series {
        let mut variants = vec![format!("job=\"{exporter}\",instance=\"{exporter}\"")];
        for name in names {
            let values = match target.get(&**name) {
                Some(value) => BTreeSet::from([value.clone()]),
                None => changes.promql.asked_for(series, name),
            };
            let with = |value: &String| {
                let more = format!(",{}=\"{value}\"", &**name);
                variants.iter().map(move |labels| format!("{labels}{more}")).collect::<Vec<_>>()
            };
            variants = values.iter().flat_map(with).collect();
        }
        selectors.extend(variants.into_iter().map(|labels| format!("{series}{{{labels}}}")));
    }
    selectors
}

/// The job of the exporter leaves Prometheus while another exporter lives: the alert about missing targets fires.
fn vanishes(changes: &Changes, presence: &Presence, targets: &[Labels]) -> Vec<Expanded> {
    let before = changes.given.at_ms.div_ceil(changes.interval()) + 1;
    let step = evaluation_ms(&changes.given.interval);
    let moment = |gone: u64| {
        let at = (before * changes.interval() + gone) / step * step;
        let until = |value: &str| format!("{} stale", runs(&[(value, before)]));
        // What the departed exporter says of other targets would be missed as well.
        let of_others = |selector: &str| {
            let names = changes.component.about.labels.iter().map(|(name, _)| format!("{name}=\""));
            let mut names = names.filter(|label| selector.contains(label.as_str()));
            names.any(|label| {
                let labels = targets.iter().filter_map(|target| target.get(&label[..label.len() - 2]));
                !labels.map(|value| format!("{label}{value}\"")).any(|label| selector.contains(&label))
            })
        };
        let own = changes.values.iter().filter(|(selector, _)| !of_others(selector));
        let mut series: IndexMap<_, _> =
            own.map(|(selector, value)| ((*selector).to_owned(), until(value))).collect();
        for target in targets {
            series.extend(
                also_alive(changes, presence, target, "departed")
                    .into_iter()
                    .map(|selector| (selector, until("1"))),
            );
            let other = target.keys().map(|name| (name.clone(), "another".to_owned())).collect();
            let lives = runs(&[("1", at.div_ceil(changes.interval()) + 1)]);
            let another = alive(changes, presence, &other, "another");
            series.extend(another.into_iter().map(|selector| (selector, lives.clone())));
        }
        let minutes = gone / 60_000;
        let how = format!("vanishes: its job left Prometheus {minutes} minutes ago, another exporter lives");
        Expanded {
            by: presence.alert.to_string(),
            fires: targets.to_vec(),
            ..changes.derived(&how, at, true, series)
        }
    };
    GONE_MS.into_iter().map(moment).collect()
}

/// What is wrong no longer exists one step before the alert would fire, and the exporter says so by reporting all else.
fn over(changes: &Changes, presence: &Presence, targets: &[Labels]) -> Option<Expanded> {
    let ends = |selector: &str| is_about_an_object(changes, metric(selector));
    let last = (changes.given.at_ms / changes.interval()).checked_sub(1).filter(|last| *last > 0)?;
    if !changes.values.keys().any(|selector| ends(selector)) {
        return None;
    }
    let mut series = changes.series(changes.given.at_ms, |selector| {
        ends(selector).then(|| format!("{} stale", runs(&[(changes.values[selector], last)])))
    });
    let lives = runs(&[("1", last + 3)]);
    for target in targets {
        let alive = also_alive(changes, presence, target, "exporter");
        series.extend(alive.into_iter().map(|selector| (selector, lives.clone())));
    }
    Some(changes.derived("over: what it is about is gone just before", changes.given.at_ms, false, series))
}

/// Whether a metric has series of single objects of a target, which end with these objects.
fn is_about_an_object(changes: &Changes, name: &str) -> bool {
    changes.component.metrics.iter().any(|query| {
        let objects = query.labels.iter().any(|label| &**label != "dbidentifier");
        let of_objects =
            |kind, origin: &Origin| kind != Kind::Info && matches!(origin, Origin::Sql | Origin::Api(_));
        let mut metrics = query.metrics.iter().filter(|metric| &*metric.series == name);
        objects && metrics.any(|metric| of_objects(metric.kind, &metric.origin))
    })
}

/// The exporter was replaced ten minutes ago: the fault fires as before, a near miss is as quiet.
fn replaced(changes: &Changes) -> Vec<Expanded> {
    let renamed = |selector: &str| {
        let (before, rest) = selector.split_once("instance=\"")?;
        before.ends_with(['{', ',', ' ']).then(|| format!("{before}instance=\"replacement-{rest}"))
    };
    successions(changes, &renamed, " stale", AGO_MS, "replaced: the exporter was ten minutes ago")
}

/// The series have got one more label: for a moment, old and new ones are there together.
fn relabelled(changes: &Changes) -> Vec<Expanded> {
    let renamed = |selector: &str| Some(with_label(selector, EXTRA_LABEL, "twin"));
    successions(
        changes,
        &renamed,
        "",
        2 * changes.interval(),
        "twin: all series have just got one more label",
    )
}

/// Series under new names take the place of those of the case and of its near misses, which end in this way.
fn successions(
    changes: &Changes,
    renamed: &dyn Fn(&str) -> Option<String>,
    end: &str,
    ago_ms: u64,
    how: &str,
) -> Vec<Expanded> {
    if !changes.values.keys().any(|selector| renamed(selector).is_some()) || changes.promql.reads_time() {
        return Vec::new();
    }
    let before = changes.given.at_ms.div_ceil(changes.interval()) + 1;
    let at = (before - 1) * changes.interval() + ago_ms.div_ceil(changes.interval()) * changes.interval();
    let after = at / changes.interval() - before + 2;
    let series = |miss: Option<&NearMiss>| {
        let mut series = IndexMap::new();
        for (selector, fault) in &changes.values {
            let value = match miss.filter(|miss| miss.series.contains_key(*selector)) {
                Some(miss) => changes.missed(miss, selector)?,
                None => fault,
            };
            match renamed(selector) {
                Some(new) => {
                    series.insert((*selector).to_owned(), format!("{}{end}", runs(&[(value, before)])));
                    series.insert(new, format!("_x{before} {}", runs(&[(value, after)])));
                }
                None => {
                    series.insert((*selector).to_owned(), runs(&[(value, before + after)]));
                }
            }
        }
        Some(series)
    };
    let fault = series(None).map(|series| changes.derived(how, at, true, series));
    let quiet = first_of_each(&changes.case.near_misses).into_iter().filter_map(|miss| {
        Some(changes.derived(&format!("{how}, where `{}`", miss.name), at, false, series(Some(miss))?))
    });
    fault.into_iter().chain(quiet).collect()
}
