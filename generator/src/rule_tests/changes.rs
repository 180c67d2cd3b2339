//! Cases in which something changes: the fault begins, ends, or values stop coming. All follow from a case that
//! fires and its near misses, as long as nothing in them changes by itself.

use std::collections::BTreeSet;

use catalogue::cases::{Case, NearMiss};
use catalogue::duration::PromDuration;
use catalogue::{Alert, Component};
use indexmap::IndexMap;

use super::departures;
use super::expand::{Expanded, evaluation_ms};
use super::samples::{constant, runs};
use crate::promql::Promql;
use crate::promql::presence::Reading;

/// What derived cases are made from.
pub(super) struct Changes<'a> {
    pub(super) component: &'a Component,
    alert: &'a Alert,
    pub(super) promql: &'a Promql,
    pub(super) case: &'a Case,
    pub(super) given: &'a Expanded,
    /// The value of each series.
    pub(super) values: IndexMap<&'a str, &'a str>,
    hold_ms: u64,
}

impl<'a> Changes<'a> {
    /// Nothing when a series changes by itself.
    pub(super) fn of(
        component: &'a Component,
        alert: &'a Alert,
        promql: &'a Promql,
        case: &'a Case,
        given: &'a Expanded,
    ) -> Option<Self> {
        let steps = steps(given);
        let values =
            case.series.iter().map(|(selector, values)| Some((&**selector, constant(values, steps)?)));
        let values = values.collect::<Option<_>>()?;
        let hold_ms = PromDuration::new(&alert.rule.params.fill(&alert.rule.hold)).ok()?.milliseconds();
        Some(Self { component, alert, promql, case, given, values, hold_ms })
    }

    /// All cases, but those that the case skips.
    pub(super) fn cases(&self) -> Vec<Expanded> {
        let mut cases = Vec::new();
        let skips = |key: &str| self.case.skip.contains_key(key);
        let metrics: BTreeSet<_> = self.values.keys().map(|selector| metric(selector)).collect();
        // Where the time of day counts, a value that stays does not mean the same later.
        let misses = if self.promql.reads_time() { &[] } else { self.case.near_misses.as_slice() };
        for miss in misses {
            if !skips("begins") {
                cases.extend(self.begins(miss));
            }
            if !skips("resolves") {
                cases.extend(self.resolves(miss));
            }
            if !skips("silence") {
                cases.extend(self.silence_ends(miss));
            }
        }
        let first_misses = first_of_each(misses);
        for metric in metrics.iter().filter(|_| !skips("history") && !self.promql.reads_time()) {
            cases.extend(self.history(metric, &first_misses));
        }
        for metric in &metrics {
            if !skips("lasts") {
                cases.extend(self.lasts(metric));
            }
            if !skips("ends") {
                cases.extend(self.ends(metric, &metrics));
            }
        }
        cases.extend(departures::cases(self));
        cases
    }

    /// Whether it is the first case of its alert that fires.
    pub(super) fn is_first(&self) -> bool {
        let first = self.alert.cases.iter().find(|case| !case.fires.is_empty());
        first.is_some_and(|case| std::ptr::eq(case, self.case))
    }

    pub(super) fn interval(&self) -> u64 {
        self.given.interval.milliseconds().max(1)
    }

    pub(super) fn derived(
        &self,
        how: &str,
        at_ms: u64,
        fires: bool,
        series: IndexMap<String, String>,
    ) -> Expanded {
        Expanded {
            name: format!("{} / {how}", self.given.name),
            at_ms,
            fires: if fires { self.given.fires.clone() } else { Vec::new() },
            texts: IndexMap::new(),
            series,
            ..self.given.clone()
        }
    }

    /// The value of a series in a near miss.
    pub(super) fn missed<'b>(&self, miss: &'b NearMiss, selector: &str) -> Option<&'b str> {
        constant(miss.series.get(selector)?, steps(self.given))
    }

    /// All series with what `other` says of some; the rest keeps its value for as long as it takes.
    pub(super) fn series(
        &self,
        at_ms: u64,
        other: impl Fn(&str) -> Option<String>,
    ) -> IndexMap<String, String> {
        let count = at_ms.div_ceil(self.interval()) + 1;
        let values = |(selector, value): (&&str, &&str)| {
            let values = other(selector).unwrap_or_else(|| runs(&[(*value, count)]));
            ((*selector).to_owned(), values)
        };
        self.values.iter().map(values).collect()
    }

    /// How long the values that a near miss replaces count, when what they were before counts no longer.
    fn memory(&self, miss: &NearMiss) -> Option<u64> {
        let memories = miss.series.keys().map(|selector| {
            self.missed(miss, selector)?;
            match self.promql.reading(metric(selector))? {
                Reading::Now => Some(0),
                Reading::Last(length) => Some(length),
                Reading::Otherwise => None,
            }
        });
        memories.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The near miss becomes the fault: it fires as if nothing had been before.
    fn begins(&self, miss: &NearMiss) -> Option<Expanded> {
        let before = self.memory(miss)?.div_ceil(self.interval()) + 2;
        if self.given.at_ms != self.hold_ms {
            return None;
        }
        let at = before * self.interval() + self.given.at_ms;
        let count = self.given.at_ms.div_ceil(self.interval()) + 1;
        let series = self.series(at, |selector| {
            let miss = self.missed(miss, selector)?;
            Some(runs(&[(miss, before), (self.values[selector], count)]))
        });
        Some(self.derived(&format!("begins: after `{}`", miss.name), at, true, series))
    }

    /// The fault becomes the near miss: it is quiet at once.
    fn resolves(&self, miss: &NearMiss) -> Option<Expanded> {
        self.memory(miss).filter(|_| self.alert.rule.keep_firing_for.is_none())?;
        let before = self.given.at_ms.div_ceil(self.interval()) + 1;
        let at = before * self.interval();
        let series = self.series(at, |selector| {
            let miss = self.missed(miss, selector)?;
            Some(runs(&[(self.values[selector], before), (miss, 1)]))
        });
        Some(self.derived(&format!("resolves: then `{}`", miss.name), at, false, series))
    }

    /// What a metric was before does not count, however large or small, in the fault and in near misses.
    fn history(&self, name: &str, misses: &[&NearMiss]) -> Vec<Expanded> {
        let Some(Reading::Last(length)) = self.promql.reading(name) else { return Vec::new() };
        let before = (self.hold_ms + length).div_ceil(self.interval()) + 2;
        let turn = before * self.interval();
        let mut cases = Vec::new();
        for is_high in [true, false] {
            let series = |miss: Option<&NearMiss>, at: u64| {
                self.series(at, |selector| {
                    let value =
                        miss.and_then(|miss| self.missed(miss, selector)).unwrap_or(self.values[selector]);
                    let count = at.div_ceil(self.interval()) + 1;
                    let extreme = extreme(value, is_high)?;
                    let own = metric(selector) == name;
                    Some(if own {
                        runs(&[(&extreme, before), (value, count - before)])
                    } else {
                        runs(&[(value, count)])
                    })
                })
            };
            let size = if is_high { "large" } else { "small" };
            if self.given.at_ms == self.hold_ms {
                let at = turn + self.given.at_ms;
                let how = format!("history: `{name}` was very {size} before");
                cases.push(self.derived(&how, at, true, series(None, at)));
            }
            let quiet = misses.iter().filter(|miss| {
                let constant = miss.series.keys().all(|selector| self.missed(miss, selector).is_some());
                constant && self.alert.rule.keep_firing_for.is_none()
            });
            cases.extend(quiet.map(|miss| {
                let how = format!("history: `{}` after `{name}` was very {size}", miss.name);
                self.derived(&how, turn, false, series(Some(miss), turn))
            }));
        }
        cases
    }

    /// A near miss is quiet because of a metric that ends: it silences until its last value is too old.
    fn silence_ends(&self, miss: &NearMiss) -> Vec<Expanded> {
        let mut metrics: Vec<_> = miss.series.keys().map(|selector| metric(selector)).collect();
        metrics.dedup();
        let ([metric], Some(length)) = (metrics.as_slice(), self.memory(miss)) else { return Vec::new() };
        if length == 0 || self.given.at_ms != self.hold_ms || !self.promql.only_silences(metric) {
            return Vec::new();
        }
        let whole = self.values.keys().filter(|selector| self::metric(selector) == *metric);
        if whole.count() != miss.series.len() {
            return Vec::new();
        }
        let step = evaluation_ms(&self.given.interval);
        let fires_at = 2 * self.interval() + length + self.hold_ms;
        // Prometheus 2 counts a value a moment longer than Prometheus 3.
        [(fires_at - step, false), (fires_at + step, true)]
            .into_iter()
            .map(|(at, fires)| {
                let series = self.series(at, |selector| Some(runs(&[(self.missed(miss, selector)?, 3)])));
                let how = if fires { "fires when `{}` is over" } else { "no sooner than `{}` is over" };
                self.derived(&format!("silence: {}", how.replace("{}", &miss.name)), at, fires, series)
            })
            .collect()
    }

    /// A moment at which a value that stopped coming has just become too old, while all else says that it fires.
    fn later(&self, length: u64) -> u64 {
        let least = (length + 3 * self.interval()).max(self.given.at_ms);
        least.div_ceil(self.interval()) * self.interval()
    }

    fn ending(&self, name: &str, at_ms: u64, count: u64) -> IndexMap<String, String> {
        self.series(at_ms, |selector| {
            (metric(selector) == name).then(|| runs(&[(self.values[selector], count)]))
        })
    }

    /// A metric stops coming, but its last value is not yet too old.
    fn lasts(&self, name: &str) -> Option<Expanded> {
        let Some(Reading::Last(length)) = self.promql.reading(name) else { return None };
        let at = self.later(length);
        let last = (at - length) / self.interval() + 1;
        let series = self.ending(name, at, last + 1);
        Some(self.derived(&format!("lasts: `{name}` has just stopped coming"), at, true, series))
    }

    /// A metric without which nothing can fire stops coming, and its last value is too old.
    fn ends(&self, name: &str, metrics: &BTreeSet<&str>) -> Option<Expanded> {
        let Some(Reading::Last(length)) = self.promql.reading(name) else { return None };
        let others = metrics.iter().copied().filter(|metric| *metric != name).collect();
        if self.alert.rule.keep_firing_for.is_some() || !self.promql.is_empty_with(&others) {
            return None;
        }
        let at = self.later(length);
        let last = ((at - length) / self.interval()).saturating_sub(1);
        let mut series = self.ending(name, at, last + 1);
        for (_, values) in series.iter_mut().filter(|(selector, _)| metric(selector) == name) {
            values.push_str(" stale");
        }
        Some(self.derived(&format!("ends: `{name}` no longer comes"), at, false, series))
    }
}

/// The first near miss for each set of series that makes one.
pub(super) fn first_of_each(misses: &[NearMiss]) -> Vec<&NearMiss> {
    let mut first: Vec<&NearMiss> = Vec::new();
    for miss in misses {
        if !first.iter().any(|known| known.series.keys().eq(miss.series.keys())) {
            first.push(miss);
        }
    }
    first
}

/// A value far above another, or far below.
fn extreme(value: &str, is_high: bool) -> Option<String> {
    let value: f64 = value.parse().ok()?;
    let far = value.abs() * 1000.0 + 1000.0;
    let low = if value > 0.0 { 0.0 } else { -far };
    Some(if is_high { far } else { low }.to_string())
}

/// How many steps of the series a case takes.
fn steps(given: &Expanded) -> u64 {
    given.at_ms.div_ceil(given.interval.milliseconds().max(1))
}

/// The name in a selector.
pub(super) fn metric(selector: &str) -> &str {
    selector.split('{').next().unwrap_or_default().trim()
}
