//! Operators between two sides: arithmetic, comparisons, `and`, `or` and `unless`.

use promql_parser::parser::token::{
    T_ADD, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_MOD, T_MUL, T_NEQ, T_POW, T_SUB,
};
use promql_parser::parser::{BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::aggregate::has;
use super::{Labels, Value};

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
    let each = |vector: Vec<(Labels<'a>, f64)>, result: &dyn Fn(f64) -> Option<Result>| {
        let mut kept = Vec::new();
        for (labels, value) in vector {
            match result(value)? {
                Result::Number(number) => kept.push((labels, number)),
                Result::Holds(true) => kept.push((labels, value)),
                Result::Holds(false) => {}
            }
        }
        Some(Value::Vector(kept))
    };
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => match apply(binary, left, right)? {
            Result::Number(number) => Some(Value::Scalar(number)),
            Result::Holds(_) => None,
        },
        (Value::Vector(vector), Value::Scalar(right)) => each(vector, &|value| apply(binary, value, right)),
        (Value::Scalar(left), Value::Vector(vector)) => each(vector, &|value| apply(binary, left, value)),
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

/// `and`, `or`, `unless`.
pub(super) fn set<'a>(
    binary: &BinaryExpr,
    left: Vec<(Labels<'a>, f64)>,
    right: Vec<(Labels<'a>, f64)>,
) -> Vec<(Labels<'a>, f64)> {
    let signatures = |vector: &[(Labels<'a>, f64)]| -> Vec<Labels<'a>> {
        vector.iter().map(|(labels, _)| signature(binary, labels)).collect()
    };
    let keep = |vector: Vec<(Labels<'a>, f64)>, others: &[Labels], wanted: bool| {
        let mut vector = vector;
        vector.retain(|(labels, _)| others.contains(&signature(binary, labels)) == wanted);
        vector
    };
    match binary.op.id() {
        T_LAND => keep(left, &signatures(&right), true),
        T_LOR => {
            let more = keep(right, &signatures(&left), false);
            left.into_iter().chain(more).collect()
        }
        _ => keep(left, &signatures(&right), false),
    }
}

/// Arithmetic and comparisons of two vectors. None when several fit where one must.
pub(super) fn match_up<'a>(
    binary: &BinaryExpr,
    left: &[(Labels<'a>, f64)],
    right: &[(Labels<'a>, f64)],
) -> Option<Vec<(Labels<'a>, f64)>> {
    let card = binary.modifier.as_ref().map(|modifier| &modifier.card);
    let (swapped, more) = match card {
        Some(VectorMatchCardinality::OneToMany(more)) => (true, Some(more)),
        Some(VectorMatchCardinality::ManyToOne(more)) => (false, Some(more)),
        _ => (false, None),
    };
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let ones: Vec<_> = one.iter().map(|(labels, _)| signature(binary, labels)).collect();
    let (mut taken, mut result) = (Vec::new(), Vec::new());
    for (labels, value) in many {
        let own = signature(binary, labels);
        let mut fitting = ones.iter().zip(one).filter(|(other, _)| **other == own);
        let Some((_, (one_labels, other))) = fitting.next() else { continue };
        if fitting.next().is_some() {
            return None;
        }
        let (a, b) = if swapped { (*other, *value) } else { (*value, *other) };
        let number = match apply(binary, a, b)? {
            Result::Number(number) => number,
            Result::Holds(true) => a,
            Result::Holds(false) => continue,
        };
        let mut labels = labels.clone();
        match more {
            Some(more) => {
                labels.retain(|(name, _)| !has(more, name));
                labels.extend(one_labels.iter().filter(|(name, _)| has(more, name)));
                labels.sort_unstable();
            }
            None if taken.contains(&own) => return None,
            None => {
                taken.push(own.clone());
                labels = own;
            }
        }
        result.push((labels, number));
    }
    Some(result)
}
