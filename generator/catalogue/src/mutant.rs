//! Mutants of a rule: the small mistakes that its tests must notice, and marks of those that change nothing.

use crate::decode::{Fields, list};
use crate::problem::Problems;
use crate::source::Place;
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::yaml::Node;

/// A way to make a small mistake in a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `absent(x)` becomes `x`.
    AbsentRemoved,
    /// `max` becomes `min`, and so on; over series and over time.
    AggregationSwapped,
    /// `+` becomes `-`, and so on.
    ArithmeticSwapped,
    /// One side of `or`, `and` or `unless` is dropped.
    BranchDropped,
    /// `>` becomes `>=`, and so on.
    ComparatorBoundary,
    /// `>` becomes `<`, and so on.
    ComparatorFlipped,
    /// `x > 1` becomes `x`.
    ComparisonRemoved,
    /// The description is another.
    DescriptionChanged,
    /// `for` is a step shorter or longer, or gone.
    ForChanged,
    /// `keep_firing_for` is a step shorter or longer, or gone.
    KeepFiringForChanged,
    /// A static label has another value.
    LabelChanged,
    /// A label is missing in `by`, `on` and the like.
    LabelDropped,
    /// A label matcher is missing.
    MatcherRemoved,
    /// Another metric is read.
    MetricRenamed,
    /// `offset` is half or twice as long, or gone.
    OffsetChanged,
    /// A range is half or twice as long.
    RangeChanged,
    /// The link to the runbook is another.
    RunbookUrlChanged,
    /// The severity is another.
    SeverityChanged,
    /// The summary is another.
    SummaryChanged,
    /// A number is a tenth smaller or larger.
    ThresholdChanged,
}

impl Operator {
    /// All operators and their names, in the order of the names.
    pub const ALL: [(&'static str, Self); 20] = [
        ("absent-removed", Self::AbsentRemoved),
        ("aggregation-swapped", Self::AggregationSwapped),
        ("arithmetic-swapped", Self::ArithmeticSwapped),
        ("branch-dropped", Self::BranchDropped),
        ("comparator-boundary", Self::ComparatorBoundary),
        ("comparator-flipped", Self::ComparatorFlipped),
        ("comparison-removed", Self::ComparisonRemoved),
        ("description-changed", Self::DescriptionChanged),
        ("for-changed", Self::ForChanged),
        ("keep-firing-for-changed", Self::KeepFiringForChanged),
        ("label-changed", Self::LabelChanged),
        ("label-dropped", Self::LabelDropped),
        ("matcher-removed", Self::MatcherRemoved),
        ("metric-renamed", Self::MetricRenamed),
        ("offset-changed", Self::OffsetChanged),
        ("range-changed", Self::RangeChanged),
        ("runbook-url-changed", Self::RunbookUrlChanged),
        ("severity-changed", Self::SeverityChanged),
        ("summary-changed", Self::SummaryChanged),
        ("threshold-changed", Self::ThresholdChanged),
    ];

    /// The operator of a name.
    pub fn new(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, operator)| operator).ok_or_else(
            || {
                let help = did_you_mean(name, Self::ALL.map(|(known, _)| known));
                format!("unknown mutation operator `{name}`, {help}")
            },
        )
    }

    /// The name as it stands in alert.yaml and in reports.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }
}

/// Mutants that are equivalent: no data can tell them from the rule.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The operator that makes them.
    pub operator: Operator,
    /// A piece of the expression in which the change is; without it, the whole rule is meant.
    pub of: Option<Text>,
    /// What the change puts there; without it, whatever the operator does is meant.
    pub to: Option<Text>,
    /// Why nothing can tell them apart.
    pub reason: Text,
    /// Where the mark stands.
    pub place: Place,
}

impl Mark {
    /// Reads the list `mutants` of alert.yaml.
    pub fn read(node: &Node, problems: &mut Problems) -> Vec<Self> {
        list(node, problems).iter().filter_map(|node| Self::read_one(node, problems)).collect()
    }

    fn read_one(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let operator = fields.text("operator");
        let operator = fields.parse(operator, Operator::new);
        let (of, to) = (fields.optional_text("of"), fields.optional_text("to"));
        let reason = fields.text("reason");
        fields.finish();
        Some(Self { operator: operator?, of, to, reason: reason?, place: node.place() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::yaml;

    #[test]
    fn names_are_in_order_and_lead_back() {
        assert!(Operator::ALL.is_sorted_by_key(|(name, _)| name));
        for (name, operator) in Operator::ALL {
            assert_eq!((Operator::new(name), operator.name()), (Ok(operator), name));
        }
    }

    #[test]
    fn a_mark_is_read_or_refused_with_its_place() {
        let read = |text: &str| {
            let mut problems = Problems::default();
            let node = yaml::parse(&Source::new("a.yaml", text), &mut problems).unwrap();
            let marks = Mark::read(&node, &mut problems);
            let problems = problems.into_sorted().into_iter().map(|problem| {
                let (line, column) = problem.spot.line_and_column().unwrap();
                format!("{line}:{column} {}", problem.message)
            });
            (marks.len(), problems.collect::<Vec<_>>())
        };
        assert_eq!(read("- { operator: for-changed, to: 5m, reason: r }\n"), (1, vec![]));
        assert_eq!(
            read("- { operator: for-chnged, reason: r }\n- { operator: for-changed }\n"),
            (
                0,
                vec![
                    "1:15 unknown mutation operator `for-chnged`, did you mean `for-changed`?".to_owned(),
                    "2:3 key `reason` is missing".to_owned(),
                ]
            )
        );
    }
}
