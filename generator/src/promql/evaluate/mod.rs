//! Evaluates an expression over the samples of a test: what the picture of an alert's life is drawn from.
//!
//! It knows the part of PromQL that rules here use, as Prometheus 3 defines it, and says nothing instead of guessing
//! about the rest. `integration-tests` compares it with promtool for every alert.

mod aggregate;
mod join;
mod range;

use promql_parser::parser::token::{T_LAND, T_LOR, T_LUNLESS};
use promql_parser::parser::{BinaryExpr, Call, Expr, Offset, VectorSelector};

use self::range::Ranges;
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

/// Moments at equal distances, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    /// The first of them.
    pub first: i64,
    /// From one to the next.
    pub step: i64,
    /// How many there are.
    pub count: usize,
}

impl Moments {
    /// A single moment.
    pub fn one(time: i64) -> Self {
        Self { first: time, step: 1, count: 1 }
    }

    fn times(self) -> impl Iterator<Item = i64> {
        (0_i64..).map(move |index| self.first + index * self.step).take(self.count)
    }

    /// As long before as an offset says.
    fn back(self, offset: Option<&Offset>) -> Option<Self> {
        let first = match offset {
            None => self.first,
            Some(Offset::Pos(by)) => self.first.checked_sub(milliseconds(*by)?)?,
            Some(Offset::Neg(by)) => self.first.checked_add(milliseconds(*by)?)?,
        };
        Some(Self { first, ..self })
    }
}

/// A set of labels and its value at each moment; nothing where it has none. Several of the same labels have their values
/// at different moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// The labels.
    pub labels: Labels<'a>,
    /// The values.
    pub values: Vec<Option<f64>>,
}

/// What an expression gives moment by moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Numbers without labels.
    Scalar(Vec<f64>),
    /// Numbers with labels.
    Vector(Vec<Line<'a>>),
}

/// Moments of a subquery up to which it is evaluated.
const MOST: i64 = 1_000_000;

/// The value of an expression at some moments. All are evaluated at once, since most of the work is about labels.
/// None for what is not known here, and for what Prometheus refuses at one of them.
pub fn over<'a>(expr: &'a Expr, samples: &'a Samples, moments: Moments) -> Option<Value<'a>> {
    match expr {
        Expr::NumberLiteral(number) => Some(Value::Scalar(vec![number.val; moments.count])),
        Expr::Paren(paren) => over(&paren.expr, samples, moments),
        Expr::Unary(unary) => Some(match over(&unary.expr, samples, moments)? {
            Value::Scalar(values) => Value::Scalar(values.into_iter().map(|value| -value).collect()),
            Value::Vector(mut lines) => {
                lines.iter_mut().flat_map(|line| line.values.iter_mut().flatten()).for_each(|v| *v = -*v);
                Value::Vector(lines)
            }
        }),
        Expr::VectorSelector(selector) => instant(selector, samples, moments).map(Value::Vector),
        Expr::Aggregate(aggregate) => match over(&aggregate.expr, samples, moments)? {
            Value::Vector(lines) => aggregate::aggregate(aggregate, lines, moments).map(Value::Vector),
            Value::Scalar(_) => None,
        },
        Expr::Binary(binary) => operate(binary, samples, moments),
        Expr::Call(call) => function(call, samples, moments),
        _ => None,
    }
}

fn operate<'a>(binary: &'a BinaryExpr, samples: &'a Samples, moments: Moments) -> Option<Value<'a>> {
    let (left, right) = (over(&binary.lhs, samples, moments)?, over(&binary.rhs, samples, moments)?);
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
    moments: Moments,
) -> Option<Vec<Line<'a>>> {
    let moments = moments.back(selector.offset.as_ref())?;
    let line = |series: &'a Series| {
        let mut rest = &*series.points;
        let mut last = None;
        let values = moments.times().map(|time| {
            while let [(at, value), after @ ..] = rest
                && *at <= time
            {
                (last, rest) = (Some((*at, *value)), after);
            }
            last.filter(|(at, _)| *at > time - LOOKBACK)?.1
        });
        Line { values: values.collect(), labels: labels(series) }
    };
    Some(chosen(selector, samples)?.map(line).collect())
}

fn ranges<'a>(expr: &'a Expr, samples: &'a Samples, moments: Moments) -> Option<Ranges<'a>> {
    match expr {
        Expr::Paren(paren) => ranges(&paren.expr, samples, moments),
        Expr::MatrixSelector(matrix) => {
            let ends = moments.back(matrix.vs.offset.as_ref())?;
            let points = |series: &'a Series| {
                let points = series.points.iter();
                (labels(series), points.filter_map(|(at, value)| Some((*at, (*value)?))).collect())
            };
            let series = chosen(&matrix.vs, samples)?.map(points).collect();
            Some(Ranges { series, ends, length: milliseconds(matrix.range)? })
        }
        Expr::Subquery(subquery) if subquery.at.is_none() => {
            let ends = moments.back(subquery.offset.as_ref())?;
            let length = milliseconds(subquery.range)?;
            let step = milliseconds(subquery.step?).filter(|step| *step > 0)?;
            let Some(end) = ends.times().last() else {
                return Some(Ranges { series: Vec::new(), ends, length });
            };
            let first = (ends.first.checked_sub(length)?.div_euclid(step) + 1) * step;
            let count = ((end - first).div_euclid(step) + 1).clamp(0, MOST + 1);
            let inner =
                Moments { first, step, count: usize::try_from(count).ok().filter(|_| count <= MOST)? };
            let Value::Vector(lines) = over(&subquery.expr, samples, inner)? else { return None };
            let lines = join::merged(lines)?;
            let points = |line: Line<'a>| {
                let points = inner.times().zip(line.values);
                (line.labels, points.filter_map(|(at, value)| Some((at, value?))).collect())
            };
            Some(Ranges { series: lines.into_iter().map(points).collect(), ends, length })
        }
        _ => None,
    }
}

fn function<'a>(call: &'a Call, samples: &'a Samples, moments: Moments) -> Option<Value<'a>> {
    let arguments: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
    match (call.func.name, &*arguments) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a test")]
        ("time", []) => Some(Value::Scalar(moments.times().map(|time| time as f64 / 1000.0).collect())),
        ("vector", [inside]) => match over(inside, samples, moments)? {
            Value::Scalar(values) => {
                let values = values.into_iter().map(Some).collect();
                Some(Value::Vector(vec![Line { labels: Labels::new(), values }]))
            }
            Value::Vector(_) => None,
        },
        ("absent", [inside]) => {
            let Value::Vector(lines) = over(inside, samples, moments)? else { return None };
            Some(Value::Vector(vec![absent(inside, &lines, moments)]))
        }
        ("absent_over_time", [inside]) => {
            let counts = range::over_time("count_over_time", &ranges(inside, samples, moments)?)?;
            Some(Value::Vector(vec![absent(inside, &counts, moments)]))
        }
        ("label_replace", [inside, target, text, _, pattern]) => {
            let Value::Vector(lines) = over(inside, samples, moments)? else { return None };
            let [Expr::StringLiteral(target), Expr::StringLiteral(text), Expr::StringLiteral(pattern)] =
                [*target, *text, *pattern]
            else {
                return None;
            };
            // An empty pattern on an absent label always fits; what takes parts of a label is not known here.
            if !pattern.val.is_empty() || text.val.contains('$') {
                return None;
            }
            let add = |mut line: Line<'a>| {
                line.labels.retain(|(name, _)| *name != target.val);
                if !text.val.is_empty() {
                    line.labels.push((&target.val, &text.val));
                    line.labels.sort_unstable();
                }
                line
            };
            join::merged(lines.into_iter().map(add).collect()).map(Value::Vector)
        }
        (name, [inside]) => range::over_time(name, &ranges(inside, samples, moments)?).map(Value::Vector),
        _ => None,
    }
}

/// 1 where none of the lines has a value.
fn absent<'a>(expr: &'a Expr, lines: &[Line], moments: Moments) -> Line<'a> {
    let is_there = |at: usize| lines.iter().any(|line| line.values[at].is_some());
    let values = (0..moments.count).map(|at| (!is_there(at)).then_some(1.0));
    Line { labels: demanded(expr), values: values.collect() }
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

    fn text(labels: &Labels) -> String {
        labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    }

    fn eval(expr: &str, series: &[(&str, &str)], minute: i64) -> Option<Vec<(String, f64)>> {
        let samples = Samples::read(series.iter().copied(), 60_000)?;
        let promql = Promql::parse(expr, &Params::default()).ok()?;
        let value = over(&promql.tree, &samples, Moments::one(minute * 60_000))?;
        // One of many moments gives what it gives alone.
        let many = Moments { first: 0, step: 60_000, count: usize::try_from(minute).unwrap() + 1 };
        match (&value, over(&promql.tree, &samples, many)) {
            (_, None) => {}
            (Value::Scalar(values), Some(Value::Scalar(many))) => assert_eq!(many.last(), values.last()),
            (Value::Vector(lines), Some(Value::Vector(many))) => {
                let last = |lines: &[Line]| {
                    let last =
                        lines.iter().filter_map(|line| Some((text(&line.labels), (*line.values.last()?)?)));
                    last.collect::<Vec<_>>()
                };
                assert_eq!(last(lines), last(&many), "{expr}");
            }
            (value, many) => panic!("{expr}: {value:?} and {many:?}"),
        }
        Some(match value {
            Value::Scalar(values) => vec![("scalar".to_owned(), values[0])],
            Value::Vector(lines) => {
                let there = lines.iter().filter_map(|line| Some((text(&line.labels), line.values[0]?)));
                there.collect()
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
        assert_eq!(one("changes(y[3m])", &gone, 2), 2.0);
        assert_eq!(one("increase(c_total[2m])", &gone, 4), 120.0);
        assert_eq!(one("deriv(c_total[3m])", &gone, 4), 1.0);
        assert_eq!(one("max_over_time((c_total)[3m:1m])", &gone, 4), 240.0);
        let moved =
            [("u{t=\"a\"}", "1x20"), ("s{t=\"a\",i=\"1\"}", "1x4 stale"), ("s{t=\"a\",i=\"2\"}", "_x5 3x10")];
        assert_eq!(
            one("sum_over_time((u * on (t) s)[10m:1m])", &moved, 8),
            5.0 + 4.0 * 3.0,
            "one series, not two"
        );
        assert_eq!(
            eval("label_replace(s, \"i\", \"1\", \"\", \"\")", &moved, 8).map(|found| found.len()),
            Some(1)
        );
    }
}
