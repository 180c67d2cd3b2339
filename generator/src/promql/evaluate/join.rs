//! Operators between two sides: arithmetic, comparisons, `and`, `or` and `unless`.

use promql_parser::parser::token::{
    T_ADD, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_MOD, T_MUL, T_NEQ, T_POW, T_SUB,
};
use promql_parser::parser::{BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::aggregate::has;
use super::{Labels, Line, Value};

/// What an operator gives: a number, or for a comparison whether it holds.
enum Result {
    Number(f64),
    Holds(bool),
}

#[expect(clippy::float_cmp, reason = "PromQL compares numbers exactly")]
fn apply(binary: &BinaryExpr, left: f64, right: f64) -> Option<Result> {
    let holds = match binary.op.id() {
        T_ADD => return Some(Result::Number(left + right)),
        T_SUB => return Some(Result::Number(left - right)),
        T_MUL => return Some(Result::Number(left * right)),
        T_DIV => return Some(Result::Number(left / right)),
        T_MOD => return Some(Result::Number(left % right)),
        T_POW => return Some(Result::Number(left.powf(right))),
        T_EQLC => left == right,
        T_NEQ => left != right,
        T_GTR => left > right,
        T_LSS => left < right,
        T_GTE => left >= right,
        T_LTE => left <= right,
        _ => return None,
    };
    Some(if is_bool(binary) { Result::Number(f64::from(u8::from(holds))) } else { Result::Holds(holds) })
}

fn is_bool(binary: &BinaryExpr) -> bool {
    binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool)
}

/// At least one side is a number without labels.
pub(super) fn with_scalar<'a>(binary: &BinaryExpr, left: Value<'a>, right: Value<'a>) -> Option<Value<'a>> {
    let each = |mut lines: Vec<Line<'a>>, numbers: &[f64], swapped: bool| {
        for line in &mut lines {
            for (slot, number) in line.values.iter_mut().zip(numbers) {
                let Some(value) = *slot else { continue };
                let (left, right) = if swapped { (*number, value) } else { (value, *number) };
                match apply(binary, left, right)? {
                    Result::Number(number) => *slot = Some(number),
                    Result::Holds(true) => {}
                    Result::Holds(false) => *slot = None,
                }
            }
        }
        Some(Value::Vector(lines))
    };
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            let numbers =
                left.into_iter().zip(right).map(|(left, right)| match apply(binary, left, right)? {
                    Result::Number(number) => Some(number),
                    Result::Holds(_) => None,
                });
            numbers.collect::<Option<_>>().map(Value::Scalar)
        }
        (Value::Vector(lines), Value::Scalar(right)) => each(lines, &right, false),
        (Value::Scalar(left), Value::Vector(lines)) => each(lines, &left, true),
        (Value::Vector(_), Value::Vector(_)) => None,
    }
}

/// The labels by which two sides are matched.
fn signature<'a>(binary: &BinaryExpr, labels: &Labels<'a>) -> Labels<'a> {
    let mut labels = labels.clone();
    match binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()) {
        Some(LabelModifier::Include(on)) => labels.retain(|(name, _)| has(on, name)),
        Some(LabelModifier::Exclude(ignored)) => labels.retain(|(name, _)| !has(ignored, name)),
        None => {}
    }
    labels
}

/// Lines with the labels by which they are matched.
struct Matched<'l, 'a>(Vec<(Labels<'a>, &'l Line<'a>)>);

impl<'l, 'a> Matched<'l, 'a> {
    fn of(binary: &BinaryExpr, lines: &'l [Line<'a>]) -> Self {
        Self(lines.iter().map(|line| (signature(binary, &line.labels), line)).collect())
    }

    /// Those that a signature matches.
    fn fitting(&self, own: &Labels) -> Vec<&'l Line<'a>> {
        self.0.iter().filter(|(signature, _)| signature == own).map(|(_, line)| *line).collect()
    }
}

/// `and`, `or`, `unless`.
pub(super) fn set<'a>(binary: &BinaryExpr, left: Vec<Line<'a>>, right: Vec<Line<'a>>) -> Vec<Line<'a>> {
    match binary.op.id() {
        T_LAND => keep(binary, left, &right, true),
        T_LOR => {
            let more = keep(binary, right, &left, false);
            left.into_iter().chain(more).collect()
        }
        _ => keep(binary, left, &right, false),
    }
}

/// Lines of which those with the same labels became one: the same series at other moments. None when two of them have a
/// value at one moment, which Prometheus refuses.
pub(super) fn merged(lines: Vec<Line>) -> Option<Vec<Line>> {
    let mut kept: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        let Some(same) = kept.iter_mut().find(|other| other.labels == line.labels) else {
            kept.push(line);
            continue;
        };
        for (value, more) in same.values.iter_mut().zip(line.values) {
            if value.is_some() && more.is_some() {
                return None;
            }
            *value = value.or(more);
        }
    }
    Some(kept)
}

/// The values for which there is another one that matches, or for which there is none.
fn keep<'a>(
    binary: &BinaryExpr,
    mut lines: Vec<Line<'a>>,
    others: &[Line<'a>],
    wanted: bool,
) -> Vec<Line<'a>> {
    let others = Matched::of(binary, others);
    for line in &mut lines {
        let fitting = others.fitting(&signature(binary, &line.labels));
        for (at, value) in line.values.iter_mut().enumerate() {
            if fitting.iter().any(|other| other.values[at].is_some()) != wanted {
                *value = None;
            }
        }
    }
    lines
}

/// Arithmetic and comparisons of two vectors. None when several fit where one must.
pub(super) fn match_up<'a>(
    binary: &BinaryExpr,
    left: &[Line<'a>],
    right: &[Line<'a>],
) -> Option<Vec<Line<'a>>> {
    let card = binary.modifier.as_ref().map(|modifier| &modifier.card);
    let (swapped, more) = match card {
        Some(VectorMatchCardinality::OneToMany(more)) => (true, Some(more)),
        Some(VectorMatchCardinality::ManyToOne(more)) => (false, Some(more)),
        _ => (false, None),
    };
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let one = Matched::of(binary, one);
    let mut result: Vec<Line> = Vec::new();
    for line in many {
        let own = signature(binary, &line.labels);
        let fitting = one.fitting(&own);
        for (index, other) in fitting.iter().enumerate() {
            let mut values = vec![None; line.values.len()];
            for (at, made) in values.iter_mut().enumerate() {
                let (Some(value), Some(number)) = (line.values[at], other.values[at]) else { continue };
                // Which of them is there may change, but never may two be there.
                if fitting[..index].iter().any(|another| another.values[at].is_some()) {
                    return None;
                }
                let (a, b) = if swapped { (number, value) } else { (value, number) };
                *made = match apply(binary, a, b)? {
                    Result::Number(number) => Some(number),
                    Result::Holds(holds) => holds.then_some(a),
                };
            }
            let labels = match more {
                Some(more) => {
                    let mut labels = line.labels.clone();
                    labels.retain(|(name, _)| !has(more, name));
                    labels.extend(other.labels.iter().filter(|(name, _)| has(more, name)));
                    labels.sort_unstable();
                    labels
                }
                None => own.clone(),
            };
            result.push(Line { labels, values });
        }
    }
    merged(result)
}
