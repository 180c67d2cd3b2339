//! Aggregations: several series become one.

use promql_parser::parser::token::{T_AVG, T_COUNT, T_GROUP, T_MAX, T_MIN, T_SUM};
use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::{Labels, Line, Moments};

/// The aggregated lines, in the order in which their groups were seen first.
pub(super) fn aggregate<'a>(
    aggregate: &AggregateExpr,
    lines: Vec<Line<'a>>,
    moments: Moments,
) -> Option<Vec<Line<'a>>> {
    let mut groups: Vec<(Labels<'a>, Vec<Vec<Option<f64>>>)> = Vec::new();
    for Line { mut labels, values } in lines {
        match &aggregate.modifier {
            Some(LabelModifier::Include(kept)) => labels.retain(|(name, _)| has(kept, name)),
            Some(LabelModifier::Exclude(gone)) => labels.retain(|(name, _)| !has(gone, name)),
            None => labels.clear(),
        }
        match groups.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, members)) => members.push(values),
            None => groups.push((labels, vec![values])),
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a test")]
    let count = |values: &[f64]| values.len() as f64;
    let of: &dyn Fn(&[f64]) -> f64 = match aggregate.op.id() {
        T_SUM => &|values| values.iter().sum(),
        T_MIN => &|values| values.iter().copied().fold(f64::NAN, f64::min),
        T_MAX => &|values| values.iter().copied().fold(f64::NAN, f64::max),
        T_COUNT => &count,
        T_GROUP => &|_| 1.0,
        T_AVG => &|values| values.iter().sum::<f64>() / count(values),
        _ => return None,
    };
    let mut present = Vec::new();
    let mut line = |(labels, members): (Labels<'a>, Vec<Vec<Option<f64>>>)| {
        let values = (0..moments.count).map(|at| {
            present.clear();
            present.extend(members.iter().filter_map(|values| values[at]));
            (!present.is_empty()).then(|| of(&present))
        });
        Line { values: values.collect(), labels }
    };
    Some(groups.into_iter().map(&mut line).collect())
}

pub(super) fn has(labels: &promql_parser::label::Labels, name: &str) -> bool {
    labels.labels.iter().any(|label| label == name)
}
