//! The life of an alert: the value that its rule compares, the limit, and the states, from what was recorded on a real
//! server or from its rule test.
//!
//! A life is only told when it agrees with what is already proven: the times that promtool saw, or the moment at which
//! the test expects the alert. Where it does not, or the expression is not understood, there is none.

use catalogue::cases::Case;
use catalogue::duration::PromDuration;
use catalogue::scenario::Kind;
use catalogue::{Alert, alert::Rule};
use serde_json::Value as Json;

use crate::promql::ast::{BinaryExpr, Expr};
use crate::promql::evaluate::{self, Labels, Line, Moments, Samples, Value};
use crate::promql::{Promql, op};

/// Steps of the longest life that is told.
const MOST: usize = 3000;

/// Firing tests that are looked at: which of more is the best picture is not worth the time.
const TRIED: usize = 16;

/// All states, in the order of a life.
const STATES: [State; 4] = [State::Inactive, State::Pending, State::Firing, State::Resolved];

/// A state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The condition does not hold.
    Inactive,
    /// It holds, but not yet for long enough.
    Pending,
    /// It fires.
    Firing,
    /// It has fired.
    Resolved,
}

/// Where a life comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Recorded while the fault was made on a real server of this version; the seconds in which the fault was on.
    Recorded {
        /// The version.
        version: String,
        /// The fault's begin and end, in seconds.
        fault: (u64, u64),
    },
    /// The rule test of this name.
    Test(String),
}

/// What a rule compares, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The values; nothing where there is none.
    pub values: Vec<Option<f64>>,
    /// The limits.
    pub limits: Vec<Option<f64>>,
    /// The sign between them.
    pub sign: &'static str,
    /// Whether both are times, counted from the moment on.
    pub is_time_left: bool,
    /// The expression of the value.
    pub of: String,
    /// The series that the value is made of.
    pub series: Vec<String>,
    /// Whether the value is that of one series, not a calculation.
    pub is_plain: bool,
}

/// The life of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// Where it comes from.
    pub origin: Origin,
    /// Seconds between two evaluations.
    pub step: u64,
    /// The state at each evaluation.
    pub states: Vec<State>,
    /// What is compared; none for a rule that asks whether something is there.
    pub comparison: Option<Comparison>,
}

/// The life of an alert. What was recorded goes before what was made up.
pub fn of(alert: &Alert, evidence: &Json) -> Option<Life> {
    let versions = evidence["alerts"][&*alert.name]["versions"].as_object();
    let mut versions: Vec<_> = versions.into_iter().flatten().collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(version.parse::<u32>().unwrap_or_default()));
    versions.into_iter().find_map(|(version, seen)| recorded(alert, version, seen)).or_else(|| {
        let cases = alert.cases.iter().filter(|case| !case.fires.is_empty()).take(TRIED);
        // The one that shows most: of equals, the first.
        let mut best: Option<Course> = None;
        for course in cases.filter_map(|case| course(alert, case)) {
            let kinds = course.kinds();
            if best.as_ref().is_none_or(|best| kinds > best.kinds()) {
                best = Some(course);
            }
            if kinds == STATES.len() {
                break;
            }
        }
        best.and_then(Course::tell)
    })
}

/// What was recorded on a version, if it says what promtool saw.
pub fn recorded(alert: &Alert, version: &str, seen: &Json) -> Option<Life> {
    let Kind::Play(play) = &alert.scenario.as_ref()?.kind else { return None };
    let labels: Vec<_> = play.fires.first()?.iter().map(|(name, value)| (&**name, &**value)).collect();
    let lines =
        seen["samples"].as_object()?.iter().map(|(series, values)| Some((&**series, values.as_str()?)));
    let lines: Vec<(&str, &str)> = lines.collect::<Option<_>>()?;
    let samples = Samples::read(lines.into_iter(), 60_000)?;
    let steps = samples.scrapes();
    let mut course = Course::of(&alert.rule, samples, labels, 60, steps)?;
    let times = &seen["fires and clears"];
    let (pending, firing) = (times["pending_after"].as_u64()?, times["firing_after"].as_u64()?);
    let states = &course.states;
    let first = |state| states.iter().zip(0..).find(|(one, _)| **one == state).map(|(_, at)| at * 60);
    let fires: u64 = first(State::Firing)?;
    let last: u64 = states.iter().zip(0..).filter(|(one, _)| **one == State::Firing).last()?.1 * 60 + 60;
    let begin = fires.checked_sub(firing)?;
    let waits = first(State::Pending).unwrap_or(fires);
    let end = last.checked_sub(times["cleared_after"].as_u64()?)?;
    let begins = states.windows(2).filter(|pair| pair[0] != State::Firing && pair[1] == State::Firing);
    if waits != begin + pending || end <= begin || begins.count() != 1 {
        return None;
    }
    course.origin = Origin::Recorded { version: version.to_owned(), fault: (begin, end) };
    course.tell()
}

/// What a firing rule test shows, if the alert fires in it when the test says so.
pub fn tested(alert: &Alert, case: &Case) -> Option<Life> {
    course(alert, case)?.tell()
}

fn course<'a>(alert: &'a Alert, case: &'a Case) -> Option<Course<'a>> {
    let step = case.interval.milliseconds();
    if step == 0 || !step.is_multiple_of(1000) {
        return None;
    }
    let lines = case.series.iter().map(|(selector, values)| (&**selector, &**values));
    let samples = Samples::read(lines, i64::try_from(step).ok()?)?;
    let labels = case.fires.first()?.iter().map(|(name, value)| (&**name, &**value)).collect();
    let at = usize::try_from(case.at.milliseconds() / step).ok()?;
    // After the moment that the test is about: half of the time again, so that it can be seen how it goes on.
    let steps = samples.scrapes().max(at + 1).min(at + at / 2 + 11);
    let mut course = Course::of(&alert.rule, samples, labels, step / 1000, steps)?;
    let fires = |index: usize| course.states.get(index) == Some(&State::Firing);
    let onset = case.skip.contains_key("onset") || at == 0 || !fires(at - 1);
    if !fires(at) || !onset {
        return None;
    }
    course.origin = Origin::Test(case.name.clone());
    Some(course)
}

/// What a rule is fed with, and the states that it goes through.
struct Course<'a> {
    rule: &'a Rule,
    samples: Samples,
    wanted: Labels<'a>,
    step: u64,
    states: Vec<State>,
    origin: Origin,
}

impl<'a> Course<'a> {
    /// The states of the alert with these labels; none where it does not fire.
    fn of(rule: &'a Rule, samples: Samples, labels: Labels<'a>, step: u64, steps: usize) -> Option<Self> {
        if steps > MOST {
            return None;
        }
        let promql = Promql::of(rule).ok()?;
        let mut wanted: Labels = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        wanted.sort_unstable();
        let duration =
            |text: &str| PromDuration::new(text).ok().map(|duration| duration.milliseconds() / 1000);
        let hold = duration(&rule.params.fill(&rule.hold))?;
        let keep = rule.keep_firing_for.as_ref().map_or(Some(0), |keep| duration(&rule.params.fill(keep)))?;
        let mut states = Vec::with_capacity(steps);
        let (mut since, mut missed, mut fired) = (None, None, false);
        let moments = Moments { first: 0, step: moment(step)?, count: steps };
        let Value::Vector(lines) = evaluate::over(&promql.tree, &samples, moments)? else { return None };
        let own: Vec<_> = lines.iter().filter(|line| line.labels == wanted).collect();
        for (index, time) in (0..steps).map(|index| (index, index as u64 * step)) {
            let holds = own.iter().any(|line| line.values[index].is_some());
            let firing = states.last() == Some(&State::Firing);
            let state = if holds {
                missed = None;
                if time - *since.get_or_insert(time) >= hold { State::Firing } else { State::Pending }
            } else if firing && keep > 0 && time - *missed.get_or_insert(time) < keep {
                State::Firing
            } else {
                (since, missed) = (None, None);
                if fired { State::Resolved } else { State::Inactive }
            };
            fired |= state == State::Firing;
            states.push(state);
        }
        fired.then(|| Self { rule, samples, wanted, step, states, origin: Origin::Test(String::new()) })
    }

    /// How many different states there are.
    fn kinds(&self) -> usize {
        STATES.iter().filter(|state| self.states.contains(state)).count()
    }

    /// Adds what the rule compares.
    fn tell(self) -> Option<Life> {
        let tree = &Promql::of(self.rule).ok()?.tree;
        let first = self.states.iter().position(|state| *state == State::Firing)?;
        let binary = compared(tree, &self.samples, moment(first as u64 * self.step)?, &self.wanted);
        let comparison = binary
            .and_then(|binary| compare(binary, &self.samples, &self.wanted, self.step, self.states.len()));
        Some(Life { origin: self.origin, step: self.step, states: self.states, comparison })
    }
}

fn moment(seconds: u64) -> Option<i64> {
    i64::try_from(seconds).ok()?.checked_mul(1000)
}

/// The comparison to which an alert is due: of `or` the side that gives it, else the first from the left.
fn compared<'a>(expr: &'a Expr, samples: &Samples, time: i64, wanted: &Labels) -> Option<&'a BinaryExpr> {
    let inside = |expr| compared(expr, samples, time, wanted);
    match expr {
        Expr::Paren(paren) => inside(&paren.expr),
        Expr::Unary(unary) => inside(&unary.expr),
        Expr::Aggregate(aggregate) => inside(&aggregate.expr),
        Expr::Binary(binary) => match op::kind(binary) {
            op::Kind::Filter(_) => Some(binary),
            op::Kind::Or => {
                let left = evaluate::over(&binary.lhs, samples, Moments::one(time));
                let is_there = |line: &Line| line.labels == *wanted && line.values[0].is_some();
                let gives = matches!(&left, Some(Value::Vector(lines)) if lines.iter().any(is_there));
                inside(if gives { &binary.lhs } else { &binary.rhs })
            }
            op::Kind::Unless => inside(&binary.lhs),
            op::Kind::And | op::Kind::Other => inside(&binary.lhs).or_else(|| inside(&binary.rhs)),
        },
        _ => None,
    }
}

fn compare(
    binary: &BinaryExpr,
    samples: &Samples,
    wanted: &Labels,
    step: u64,
    steps: usize,
) -> Option<Comparison> {
    let op::Kind::Filter(sign) = op::kind(binary) else { return None };
    let series = op::series(&binary.lhs);
    let is_time_left = series.iter().any(|name| name.ends_with("_timestamp_seconds"));
    let moments = Moments { first: 0, step: moment(step)?, count: steps };
    let fits = |labels: &Labels| {
        labels.iter().all(|(name, value)| {
            wanted.iter().find(|(other, _)| other == name).is_none_or(|(_, other)| other == value)
        })
    };
    let line = |expr: &Expr| -> Option<Vec<Option<f64>>> {
        let values = match evaluate::over(expr, samples, moments)? {
            Value::Scalar(values) => values.into_iter().map(Some).collect(),
            Value::Vector(lines) => {
                let fitting: Vec<_> = lines.iter().filter(|line| fits(&line.labels)).collect();
                let at = |at: usize| {
                    let mut values = fitting.iter().filter_map(|line| line.values[at]);
                    let value = values.next();
                    // Which of several would be drawn is a guess.
                    values.next().is_none().then_some(value)
                };
                (0..steps).map(at).collect::<Option<Vec<_>>>()?
            }
        };
        let values = (0_u64..).zip(values).map(|(index, value)| {
            #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
            let zero = if is_time_left { (index * step) as f64 } else { 0.0 };
            value.map(|value| value - zero).filter(|value| value.is_finite())
        });
        Some(values.collect())
    };
    let (values, limits) = (line(&binary.lhs)?, line(&binary.rhs)?);
    let (is_plain, of) = (op::is_plain(&binary.lhs), binary.lhs.to_string());
    values.iter().any(Option::is_some).then_some(Comparison {
        values,
        limits,
        sign,
        is_time_left,
        of,
        series,
        is_plain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALERT: &str = "title: T\ngroup: a\nseverity: warning\nfor: 3m\nexpr: max by (t) (x) > ${top} or absent(x) * 0 < -1\n\
        params: { top: { value: 80, unit: percent, help: h } }\nsummary: S.\ndescription: D.\n";

    fn alert(rule: &str, tests: &str) -> std::sync::Arc<Alert> {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            (
                "site.yaml",
                "title: T\ndescription: D\nurl: https://u\nrepository: https://r\ncharts: oci://c\nkube_version: '>=1.16.0-0'\nicon: https://i\nmaintainers: [{ name: N, url: https://n }]\n",
            ),
            (
                "x/component.yaml",
                "title: T\ndescription: D\nchart: c\nrule_group: g\nprefixes: [P]\ngroups: { a: A }\n",
            ),
            ("x/alerts/PFoo/alert.yaml", rule),
            ("x/alerts/PFoo/runbook.md", "# PFoo\n"),
            ("x/alerts/PFoo/tests.yaml", tests),
            (
                "x/alerts/PFoo/scenario.yaml",
                "provoke: [{ sql: SELECT 1 }]\nfires: [{ t: a }]\nsays: []\nnear_misses: []\nrecover: []\nclears: 5m\n\
             gone: { exporter: keeps firing, target: keeps firing }\n",
            ),
        ];
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut catalogue = catalogue::load(folder.path()).catalogue.unwrap();
        catalogue.components[0].alerts.remove(0)
    }

    #[test]
    fn a_test_becomes_a_life_only_when_it_fires_as_it_says() {
        use State::{Firing, Inactive, Pending, Resolved};
        let test = |at: &str| {
            format!(
                "- {{ name: n, series: {{ 'x{{t=\"a\"}}': 50x4 90x5 60x9 }}, at: {at}, fires: [{{ t: a }}] }}\n"
            )
        };
        let life = of(&alert(ALERT, &test("8m")), &Json::Null).unwrap();
        assert_eq!(life.states[..6], [Inactive, Inactive, Inactive, Inactive, Inactive, Pending]);
        assert_eq!(life.states[7..12], [Pending, Firing, Firing, Firing, Resolved]);
        let comparison = life.comparison.unwrap();
        assert_eq!(
            (comparison.values[0], comparison.values[5], comparison.limits[3]),
            (Some(50.0), Some(90.0), Some(80.0))
        );
        assert_eq!((comparison.sign, comparison.is_plain), (">", true));
        assert_eq!(of(&alert(ALERT, &test("9m")), &Json::Null), None, "it fires earlier than the test says");
        assert_eq!(of(&alert(ALERT, &test("7m")), &Json::Null), None);
        let longer = ALERT.replace("for: 3m", "for: 3m\nkeep_firing_for: 2m");
        let life = of(&alert(&longer, &test("8m")), &Json::Null).unwrap();
        assert_eq!(life.states[10..14], [Firing, Firing, Firing, Resolved]);
    }

    #[test]
    fn a_recording_is_told_only_when_it_agrees_with_promtool() {
        let evidence = |firing: u32| {
            json!({ "alerts": { "PFoo": { "versions": { "17": {
                "fires and clears": { "pending_after": 0, "firing_after": firing, "cleared_after": 60 },
                "samples": { "x{t=\"a\"}": "_x10 90+0x14 10+0x20" },
            } } } } })
        };
        let alert = alert(ALERT, "[]\n");
        let life = of(&alert, &evidence(180)).unwrap();
        assert_eq!(life.origin, Origin::Recorded { version: "17".to_owned(), fault: (600, 1440) });
        assert_eq!(life.comparison.unwrap().values[9], None);
        assert_eq!(of(&alert, &evidence(240)), None);
    }
}
