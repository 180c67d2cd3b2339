//! Which cases can tell a rule from the alert's own, so that promtool is asked about no others.

use std::collections::BTreeMap;

use catalogue::duration::PromDuration;
use catalogue::param::Params;
use serde_json::Value;

use super::expand::{Expanded, Variant, evaluation_ms};
use super::judge::Subject;
use crate::promql::Promql;
use crate::promql::ast::Expr;
use crate::promql::evaluate::{self, Moments, Samples};

/// Labels of an alert, without what the rule adds.
type Labels = BTreeMap<String, String>;

/// A case with its samples, which are read once for all rules.
pub(super) struct Readable<'a> {
    case: &'a Expanded,
    samples: Option<Samples>,
}

impl<'a> Readable<'a> {
    /// Reads the samples of a case.
    pub(super) fn new(case: &'a Expanded) -> Self {
        let lines = case.series.iter().map(|(selector, values)| (&**selector, &**values));
        let step = i64::try_from(case.interval.milliseconds()).ok();
        Self { case, samples: step.and_then(|step| Samples::read(lines, step)) }
    }
}

/// What can be known about a rule without Prometheus.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Guess {
    /// Index of the first case that tells it from the other; those behind it are not looked at.
    pub(super) differs: Option<usize>,
    /// Indices of the cases about which only Prometheus can say.
    pub(super) unknown: Vec<usize>,
}

/// Compares a rule with the alert's own in each case.
pub(super) fn guess(own: &Subject, other: &Subject, cases: &[Readable]) -> Guess {
    let parse = |rule: &Value| Promql::parse(rule["expr"].as_str()?, &Params::default()).ok();
    let (plain, injected) = (parse(&other.plain), parse(&other.injected));
    let mut guess = Guess::default();
    for (index, readable) in cases.iter().enumerate() {
        let case = readable.case;
        let (own, rule, promql) = match case.variant {
            Variant::Plain => (&own.plain, &other.plain, &plain),
            Variant::Injected => (&own.injected, &other.injected, &injected),
        };
        let another = |key: &str| own[key] != rule[key];
        let text = another("annotations") && !case.texts.is_empty();
        let label = another("labels") && !case.fires.is_empty();
        let condition = ["expr", "for", "keep_firing_for"].into_iter().any(another);
        let tells = if condition { tells(rule, promql.as_ref(), readable) } else { Some(false) };
        // The same alerts may have other values, of which the texts tell.
        let values = own["expr"] != rule["expr"] && !case.texts.is_empty();
        match tells {
            _ if text || label => guess.differs = Some(index),
            Some(true) => guess.differs = Some(index),
            Some(false) if !values => {}
            _ => guess.unknown.push(index),
        }
        if guess.differs.is_some() {
            break;
        }
    }
    guess
}

/// Whether other alerts fire than the case expects.
fn tells(rule: &Value, promql: Option<&Promql>, readable: &Readable) -> Option<bool> {
    let length = |key: &str| match rule[key].as_str() {
        Some(text) => PromDuration::new(text).ok().map(|length| length.milliseconds()),
        None => Some(0),
    };
    let step = evaluation_ms(&readable.case.interval);
    let timing = Timing { hold: length("for")?, keep: length("keep_firing_for")?, step };
    let fires = timing.firing(&promql?.tree, readable.samples.as_ref()?, readable.case.at_ms)?;
    let expected: Vec<Labels> = readable
        .case
        .fires
        .iter()
        .map(|labels| labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
        .collect();
    Some(fires.len() != expected.len() || fires.iter().any(|labels| !expected.contains(labels)))
}

/// How a rule waits, in milliseconds.
struct Timing {
    hold: u64,
    keep: u64,
    step: u64,
}

impl Timing {
    /// What fires at a moment.
    fn firing(&self, expr: &Expr, samples: &Samples, at: u64) -> Option<Vec<Labels>> {
        let last = at / self.step;
        if self.keep > 0 {
            return self.kept(expr, samples, last);
        }
        // It must hold at each step for so long. Most often it does not hold at the last one, and all else is no matter.
        let Some(first) = last.checked_sub(self.hold.div_ceil(self.step)) else { return Some(Vec::new()) };
        let mut firing = self.holding(expr, samples, last, 1)?.remove(0);
        let before = usize::try_from(last - first).ok()?;
        if !firing.is_empty() && before > 0 {
            let held = self.holding(expr, samples, first, before)?;
            firing.retain(|labels| held.iter().all(|held| held.contains(labels)));
        }
        Some(firing)
    }

    /// The same of a rule with `keep_firing_for`, where all that was before counts.
    fn kept(&self, expr: &Expr, samples: &Samples, last: u64) -> Option<Vec<Labels>> {
        // Since when it holds, whether it fires, and since when it only goes on firing.
        let mut active: BTreeMap<Labels, (u64, bool, Option<u64>)> = BTreeMap::new();
        let all = self.holding(expr, samples, 0, usize::try_from(last).ok()? + 1)?;
        for (now, held) in (0..).map(|index| index * self.step).zip(all) {
            active.retain(|labels, (_, firing, missed)| {
                held.contains(labels) || (*firing && now - *missed.get_or_insert(now) < self.keep)
            });
            for labels in held {
                let (since, firing, missed) = active.entry(labels).or_insert((now, false, None));
                *firing |= now - *since >= self.hold;
                *missed = None;
            }
        }
        Some(active.into_iter().filter(|(_, (_, firing, _))| *firing).map(|(labels, _)| labels).collect())
    }

    /// The label sets for which an expression holds, at some steps from the first on. None where it is not understood,
    /// or Prometheus refuses it.
    fn holding(&self, expr: &Expr, samples: &Samples, first: u64, count: usize) -> Option<Vec<Vec<Labels>>> {
        let step = i64::try_from(self.step).ok()?;
        let moments = Moments { first: i64::try_from(first).ok()?.checked_mul(step)?, step, count };
        let evaluate::Value::Vector(lines) = evaluate::over(expr, samples, moments)? else { return None };
        let mut holding = vec![Vec::new(); count];
        for line in lines {
            let labels = line.labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            let labels: Labels = labels.collect();
            let there = holding.iter_mut().zip(&line.values).filter(|(_, value)| value.is_some());
            there.for_each(|(holding, _)| holding.push(labels.clone()));
        }
        Some(holding)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(at: &str, values: &str, fires: bool) -> Expanded {
        let labels = [("t".to_owned(), "a".to_owned())].into_iter().collect();
        Expanded {
            alert: "A".to_owned(),
            by: "A".to_owned(),
            name: at.to_owned(),
            variant: Variant::Plain,
            series: [("x{t=\"a\"}".to_owned(), values.to_owned())].into_iter().collect(),
            interval: PromDuration::from_seconds(60),
            at_ms: PromDuration::new(at).unwrap().milliseconds(),
            fires: if fires { vec![labels] } else { Vec::new() },
            texts: indexmap::IndexMap::new(),
        }
    }

    fn rule(key: &str, value: &str) -> Subject {
        let mut rule = json!({ "expr": "x > 5", "for": "3m", "labels": { "severity": "critical" } });
        rule[key] = value.into();
        Subject { plain: rule.clone(), injected: rule }
    }

    #[test]
    fn the_first_case_that_differs_is_found() {
        let cases = [
            case("3m", "6x9", true),
            case("2m", "6x9", false),
            case("9m", "5x9", false),
            case("9m", "1x5 6x9", true),
            case("9m", "6x7 1x9", false),
        ];
        let cases: Vec<_> = cases.iter().map(Readable::new).collect();
        let own = rule("for", "3m");
        let look = |key: &str, value: &str| super::guess(&own, &rule(key, value), &cases);
        let guess = |key: &str, value: &str| look(key, value).differs;
        assert_eq!(guess("for", "3m"), None);
        assert_eq!(guess("expr", "x < 5"), Some(0));
        assert_eq!(guess("for", "4m"), Some(0));
        assert_eq!(guess("for", "2m"), Some(1));
        assert_eq!(guess("expr", "x >= 5"), Some(2));
        assert_eq!(guess("keep_firing_for", "5m"), Some(4));
        assert_eq!(guess("keep_firing_for", "1m"), None, "it has gone on firing for long enough");
        assert_eq!(guess("labels", "another"), Some(0));
        assert_eq!(guess("annotations", "another"), None, "no case asks for them");
        let unknown = look("expr", "histogram_quantile(0.9, x)").unknown;
        assert_eq!(unknown, [0, 2, 3, 4], "nothing fires before `for` is over, whatever the expression");
    }
}
