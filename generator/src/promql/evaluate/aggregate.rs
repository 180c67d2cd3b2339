//! Aggregations: several series become one.

use promql_parser::parser::token::{T_AVG, T_COUNT, T_GROUP, T_MAX, T_MIN, T_SUM};
use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::Labels;

/// The aggregated vector, in the order in which its groups were seen first.
pub(super) fn aggregate<'a>(
    aggregate: &AggregateExpr,
    vector: Vec<(Labels<'a>, f64)>,
) -> Option<Vec<(Labels<'a>, f64)>> {
    let mut groups: Vec<(Labels<'a>, Vec<f64>)> = Vec::new();
    for (mut labels, value) in vector {
        match &aggregate.modifier {
            Some(LabelModifier::Include(kept)) => labels.retain(|(name, _)| has(kept, name)),
            Some(LabelModifier::Exclude(gone)) => labels.retain(|(name, _)| !has(gone, name)),
            None => labels.clear(),
        }
        match groups.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, values)) => values.push(value),
            None => groups.push((labels, vec![value])),
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a test")]
    let count = |values: &[f64]| values.len() as f64;
    let of = |values: Vec<f64>| match aggregate.op.id() {
        T_SUM => Some(values.iter().sum()),
        T_MIN => values.into_iter().reduce(f64::min),
        T_MAX => values.into_iter().reduce(f64::max),
        T_COUNT => Some(count(&values)),
        T_GROUP => Some(1.0),
        T_AVG => Some(values.iter().sum::<f64>() / count(&values)),
        _ => None,
    };
    groups.into_iter().map(|(labels, values)| Some((labels, of(values)?))).collect()
}

pub(super) fn has(labels: &promql_parser::label::Labels, name: &str) -> bool {
    labels.labels.iter().any(|label| label == name)
}
