//! Evaluates an expression over the samples of a test: what the picture of an alert's life is drawn from.
//!
//! It knows the part of PromQL that rules here use, as Prometheus 3 defines it, and says nothing instead of guessing
//! about the rest. `integration-tests` compares it with promtool for every alert.

mod aggregate;
mod join;
mod range;

use promql_parser::parser::token::{T_LAND, T_LOR, T_LUNLESS};
use promql_parser::parser::{BinaryExpr, Call, Expr, Offset, VectorSelector};

use super::notation::{self, Slot};

/// How long a sample counts when nothing follows it.
const LOOKBACK: i64 = 5 * 60_000;

/// The series of a test.
#[derive(Debug, Default)]
pub struct Samples {
    series: Vec<Series>,
    scrapes: usize,
}

#[derive(Debug)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    /// Milliseconds and what was seen then; nothing for the mark of staleness.
    points: Vec<(i64, Option<f64>)>,
}

impl Samples {
    /// Reads series in promtool's notation, a scrape every `step` milliseconds from zero on. None when one is not
    /// in that notation.
    pub fn read<'t>(lines: impl Iterator<Item = (&'t str, &'t str)>, step: i64) -> Option<Self> {
        let mut samples = Self::default();
        for (selector, values) in lines {
            let notation::Series { name, labels } = notation::series(selector)?;
            let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
            let mut labels: Vec<_> =
                labels.map(|(label, value)| (label.to_owned(), value.into_owned())).collect();
            labels.sort();
            let slots = notation::slots(values)?;
            samples.scrapes = samples.scrapes.max(slots.len());
            let points = slots.into_iter().zip(0_i64..).filter_map(|(slot, index)| match slot {
                Slot::Value(value) => Some((index * step, Some(value))),
                Slot::Stale => Some((index * step, None)),
                Slot::Gap => None,
            });
            samples.series.push(Series { name: name.into_owned(), labels, points: points.collect() });
        }
        Some(samples)
    }

    /// Scrapes of the longest series.
    pub fn scrapes(&self) -> usize {
        self.scrapes
    }
}

/// Labels without the name of the metric, sorted.
pub type Labels<'a> = Vec<(&'a str, &'a str)>;

/// What an expression gives at one moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A number without labels.
    Scalar(f64),
    /// Numbers with labels.
    Vector(Vec<(Labels<'a>, f64)>),
}

/// A range of samples of each series.
struct Ranges<'a> {
    series: Vec<(Labels<'a>, Vec<(i64, f64)>)>,
    start: i64,
    end: i64,
}

/// The value of an expression at a moment, in milliseconds. None for what is not known here, and for what Prometheus
/// refuses.
pub fn at<'a>(expr: &'a Expr, samples: &'a Samples, time: i64) -> Option<Value<'a>> {
    match expr {
        Expr::NumberLiteral(number) => Some(Value::Scalar(number.val)),
        Expr::Paren(paren) => at(&paren.expr, samples, time),
        Expr::Unary(unary) => Some(match at(&unary.expr, samples, time)? {
            Value::Scalar(value) => Value::Scalar(-value),
            Value::Vector(vector) => {
                Value::Vector(vector.into_iter().map(|(labels, value)| (labels, -value)).collect())
            }
        }),
        Expr::VectorSelector(selector) => instant(selector, samples, time).map(Value::Vector),
        Expr::Aggregate(aggregate) => match at(&aggregate.expr, samples, time)? {
            Value::Vector(vector) => aggregate::aggregate(aggregate, vector).map(Value::Vector),
            Value::Scalar(_) => None,
        },
        Expr::Binary(binary) => operate(binary, samples, time),
        Expr::Call(call) => function(call, samples, time),
        _ => None,
    }
}

fn operate<'a>(binary: &'a BinaryExpr, samples: &'a Samples, time: i64) -> Option<Value<'a>> {
    let (left, right) = (at(&binary.lhs, samples, time)?, at(&binary.rhs, samples, time)?);
    let (left, right) = match (left, right) {
        (Value::Vector(left), Value::Vector(right)) => (left, right),
        (left, right) => return join::with_scalar(binary, left, right),
    };
    match binary.op.id() {
        T_LAND | T_LOR | T_LUNLESS => Some(Value::Vector(join::set(binary, left, right))),
        _ => join::match_up(binary, &left, &right).map(Value::Vector),
    }
}

fn milliseconds(duration: std::time::Duration) -> Option<i64> {
    i64::try_from(duration.as_millis()).ok()
}

/// The moment that an offset leads to.
fn back(time: i64, offset: Option<&Offset>) -> Option<i64> {
    match offset {
        None => Some(time),
        Some(Offset::Pos(by)) => time.checked_sub(milliseconds(*by)?),
        Some(Offset::Neg(by)) => time.checked_add(milliseconds(*by)?),
    }
}

fn chosen<'a>(
    selector: &'a VectorSelector,
    samples: &'a Samples,
) -> Option<impl Iterator<Item = &'a Series>> {
    if selector.at.is_some() || !selector.matchers.or_matchers.is_empty() {
        return None;
    }
    Some(samples.series.iter().filter(|series| {
        selector.name.as_ref().is_none_or(|name| *name == series.name)
            && selector.matchers.matchers.iter().all(|matcher| {
                let value = if matcher.name == "__name__" {
                    &*series.name
                } else {
                    series
                        .labels
                        .iter()
                        .find(|(name, _)| *name == matcher.name)
                        .map_or("", |(_, value)| value)
                };
                matcher.is_match(value)
            })
    }))
}

fn labels(series: &Series) -> Labels<'_> {
    series.labels.iter().map(|(name, value)| (&**name, &**value)).collect()
}

fn instant<'a>(
    selector: &'a VectorSelector,
    samples: &'a Samples,
    time: i64,
) -> Option<Vec<(Labels<'a>, f64)>> {
    let time = back(time, selector.offset.as_ref())?;
    let last = |series: &'a Series| {
        let end = series.points.partition_point(|(at, _)| *at <= time);
        let (at, value) = series.points[..end].last()?;
        Some((labels(series), (*value).filter(|_| *at > time - LOOKBACK)?))
    };
    Some(chosen(selector, samples)?.filter_map(last).collect())
}

fn ranges<'a>(expr: &'a Expr, samples: &'a Samples, time: i64) -> Option<Ranges<'a>> {
    match expr {
        Expr::Paren(paren) => ranges(&paren.expr, samples, time),
        Expr::MatrixSelector(matrix) => {
            let end = back(time, matrix.vs.offset.as_ref())?;
            let start = end.checked_sub(milliseconds(matrix.range)?)?;
            let within = |series: &'a Series| {
                let first = series.points.partition_point(|(at, _)| *at <= start);
                let last = series.points.partition_point(|(at, _)| *at <= end);
                let points = series.points[first..last].iter();
                let points: Vec<_> = points.filter_map(|(at, value)| Some((*at, (*value)?))).collect();
                (!points.is_empty()).then(|| (labels(series), points))
            };
            Some(Ranges { series: chosen(&matrix.vs, samples)?.filter_map(within).collect(), start, end })
        }
        Expr::Subquery(subquery) if subquery.at.is_none() => {
            let end = back(time, subquery.offset.as_ref())?;
            let start = end.checked_sub(milliseconds(subquery.range)?)?;
            let step = milliseconds(subquery.step?).filter(|step| *step > 0)?;
            let mut series: Vec<(Labels<'a>, Vec<(i64, f64)>)> = Vec::new();
            let mut moment = (start.div_euclid(step) + 1) * step;
            while moment <= end {
                // Before the first scrape there is nothing.
                let Value::Vector(vector) = at(&subquery.expr, samples, moment)? else { return None };
                for (labels, value) in vector {
                    match series.iter_mut().find(|(known, _)| *known == labels) {
                        Some((_, points)) => points.push((moment, value)),
                        None => series.push((labels, vec![(moment, value)])),
                    }
                }
                moment += step;
            }
            Some(Ranges { series, start, end })
        }
        _ => None,
    }
}

fn function<'a>(call: &'a Call, samples: &'a Samples, time: i64) -> Option<Value<'a>> {
    let arguments: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
    match (call.func.name, &*arguments) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a test")]
        ("time", []) => Some(Value::Scalar(time as f64 / 1000.0)),
        ("vector", [inside]) => match at(inside, samples, time)? {
            Value::Scalar(value) => Some(Value::Vector(vec![(Labels::new(), value)])),
            Value::Vector(_) => None,
        },
        ("absent", [inside]) => {
            let Value::Vector(vector) = at(inside, samples, time)? else { return None };
            let found = if vector.is_empty() { vec![(demanded(inside), 1.0)] } else { Vec::new() };
            Some(Value::Vector(found))
        }
        ("absent_over_time", [inside]) => {
            let ranges = ranges(inside, samples, time)?;
            let is_there = ranges.series.iter().any(|(_, points)| !points.is_empty());
            Some(Value::Vector(if is_there { Vec::new() } else { vec![(demanded(inside), 1.0)] }))
        }
        ("label_replace", [inside, target, text, _, pattern]) => {
            let Value::Vector(vector) = at(inside, samples, time)? else { return None };
            let [Expr::StringLiteral(target), Expr::StringLiteral(text), Expr::StringLiteral(pattern)] =
                [*target, *text, *pattern]
            else {
                return None;
            };
            // An empty pattern on an absent label always fits; what takes parts of a label is not known here.
            if !pattern.val.is_empty() || text.val.contains('$') {
                return None;
            }
            let add = |(mut labels, value): (Labels<'a>, f64)| {
                labels.retain(|(name, _)| *name != target.val);
                if !text.val.is_empty() {
                    labels.push((&target.val, &text.val));
                    labels.sort_unstable();
                }
                (labels, value)
            };
            Some(Value::Vector(vector.into_iter().map(add).collect()))
        }
        (name, [inside]) => {
            let ranges = ranges(inside, samples, time)?;
            range::over_time(name, ranges).map(Value::Vector)
        }
        _ => None,
    }
}

/// The labels that a selector asks for: those of what `absent` gives.
fn demanded(expr: &Expr) -> Labels<'_> {
    let selector = match expr {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(matrix) => &matrix.vs,
        _ => return Labels::new(),
    };
    let equal = |matcher: &&promql_parser::label::Matcher| {
        matches!(matcher.op, promql_parser::label::MatchOp::Equal) && matcher.name != "__name__"
    };
    let asked = &selector.matchers.matchers;
    let once = |name: &str| asked.iter().filter(|matcher| matcher.name == name).count() == 1;
    let mut labels: Labels = asked
        .iter()
        .filter(equal)
        .filter(|matcher| once(&matcher.name) && !matcher.value.is_empty())
        .map(|matcher| (&*matcher.name, &*matcher.value))
        .collect();
    labels.sort_unstable();
    labels
}

#[cfg(test)]
mod tests {
    use super::super::Promql;
    use super::*;
    use catalogue::param::Params;

    fn eval(expr: &str, series: &[(&str, &str)], minute: i64) -> Option<Vec<(String, f64)>> {
        let samples = Samples::read(series.iter().copied(), 60_000)?;
        let promql = Promql::parse(expr, &Params::default()).ok()?;
        let value = at(&promql.tree, &samples, minute * 60_000)?;
        let text = |labels: Labels| {
            labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
        };
        Some(match value {
            Value::Scalar(value) => vec![("scalar".to_owned(), value)],
            Value::Vector(vector) => {
                vector.into_iter().map(|(labels, value)| (text(labels), value)).collect()
            }
        })
    }

    fn one(expr: &str, series: &[(&str, &str)], minute: i64) -> f64 {
        let found = eval(expr, series, minute).unwrap();
        assert_eq!(found.len(), 1, "{expr}: {found:?}");
        found[0].1
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "small whole numbers")]
    fn what_rules_use_is_evaluated() {
        let used = [("u{t=\"a\",i=\"1\"}", "80x9"), ("u{t=\"a\",i=\"2\"}", "90x9"), ("s{t=\"a\"}", "100x9")];
        assert_eq!(one("100 * max by (t) (u) / on (t) (max by (t) (s) > 0)", &used, 5), 90.0);
        assert_eq!(eval("u > 85", &used, 5), Some(vec![("i=2,t=a".to_owned(), 90.0)]));
        assert_eq!(eval("sum by (t) (u) > bool 500", &used, 5), Some(vec![("t=a".to_owned(), 0.0)]));
        assert_eq!(eval("u unless on (t) s", &used, 5), Some(vec![]));
        assert_eq!(one("count by () (u)", &used, 5), 2.0);
        assert_eq!(one("time() + 1", &[], 2), 121.0);
        assert_eq!(eval("absent(x{a=\"1\",b!=\"2\"})", &used, 5), Some(vec![("a=1".to_owned(), 1.0)]));
        let ends = [("x{a=\"1\"}", "1x10 stale")];
        assert_eq!(eval("absent_over_time(x{a=\"1\"}[3m])", &ends, 12), Some(Vec::new()));
        assert_eq!(eval("absent_over_time(x{a=\"1\"}[3m])", &ends, 14), Some(vec![("a=1".to_owned(), 1.0)]));
        assert_eq!(eval("u * on (t) group_left () s", &used, 1).map(|found| found.len()), Some(2));
        assert_eq!(eval("s * on (t) u", &used, 1), None, "Prometheus refuses many matches for one");
        assert_eq!(eval("histogram_quantile(0.9, u)", &used, 1), None, "what is not known is not guessed");
        let labels = eval("label_replace(max(u), \"q\", \"of all\", \"\", \"\")", &used, 1);
        assert_eq!(labels, Some(vec![("q=of all".to_owned(), 90.0)]));
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "small whole numbers")]
    fn samples_age_and_ranges_are_open_on_the_left() {
        let gone = [("x", "7x2 _x10"), ("y", "1 2 3 stale _x5"), ("c_total", "0+60x5 30x5")];
        assert_eq!(one("x", &gone, 6), 7.0);
        assert_eq!(eval("x", &gone, 7), Some(vec![]), "five minutes later it is gone");
        assert_eq!(eval("y", &gone, 3), Some(vec![]), "the mark of staleness ends it at once");
        assert_eq!(one("last_over_time(y[10m])", &gone, 5), 3.0);
        assert_eq!(one("last_over_time(x[5m] offset 2m)", &gone, 8), 7.0);
        assert_eq!(one("avg_over_time(y[2m])", &gone, 2), 2.5);
        assert_eq!(one("increase(c_total[2m])", &gone, 4), 120.0);
        assert_eq!(one("deriv(c_total[3m])", &gone, 4), 1.0);
        assert_eq!(one("max_over_time((c_total)[3m:1m])", &gone, 4), 240.0);
    }
}
