//! Two sides that never match.

use catalogue::Problems;

use super::{Check, Context, report_flow};
use crate::promql::flow::Mistake;

pub(super) const CHECK: Check = Check {
    name: "promql/vector-matching",
    doc: "Without `on` or `ignoring`, two vectors match where all their labels are equal. Here the sides carry \
          different labels, so the result is empty (or, with `unless`, never excludes anything).",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let help = "say `on (…)` with the labels that both sides have";
    report_flow(context, problems, CHECK.name, Mistake::Unmatched, help);
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn sides_with_different_labels_are_found() {
        assert_eq!(
            expression(&CHECK, "pg_used unless pg_limit > 1"),
            ["8:11 the sides of `unless` differ in `slot`, so nothing matches"]
        );
        assert!(expression(&CHECK, "pg_used unless on (target) pg_limit > 1").is_empty());
    }
}
