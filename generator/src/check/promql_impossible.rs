//! Labels that cannot be where an expression looks for them.

use std::collections::BTreeMap;

use catalogue::{Problem, Problems};

use super::{Check, Context, report_flow, word};
use crate::promql::flow::Mistake;

pub(super) const CHECK: Check = Check {
    name: "promql/impossible",
    doc: "A matcher, `by`, `on` or `group_left` names a label that the series does not have, or that an aggregation \
          further in has already removed; or two matchers of one selector exclude each other. The expression then \
          matches nothing and the alert never fires.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let help = "name a label of the metric's file, or keep it in the inner aggregation";
    report_flow(context, problems, CHECK.name, Mistake::Impossible, help);
    for (alert, promql, _) in context.parsed() {
        for selector in promql.selectors() {
            let mut equal: BTreeMap<&str, &str> = BTreeMap::new();
            for matcher in &selector.matchers.matchers {
                let is_equality = matcher.op.to_string() == "=";
                let other = is_equality.then(|| equal.insert(&matcher.name, &matcher.value)).flatten();
                if other.is_some_and(|other| other != matcher.value) {
                    let message = format!("label `{}` cannot have two values at once", matcher.name);
                    let place = word(alert, promql, &matcher.name);
                    problems.push(Problem::error(CHECK.name, place, message).help("use `=~\"one|two\"`"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn what_matches_nothing_is_found() {
        assert_eq!(
            expression(&CHECK, "pg_limit{slot=\"a\"} > 1"),
            ["8:12 series `pg_limit` has no label `slot`"]
        );
        assert_eq!(
            expression(&CHECK, "pg_used{slot=\"a\",slot=\"b\"} > 1"),
            ["8:11 label `slot` cannot have two values at once"]
        );
        assert_eq!(expression(&CHECK, "max by (slot) (max by (target) (pg_used)) > 1").len(), 1);
        assert!(expression(&CHECK, "max by (slot) (pg_used{job=\"x\"}) > 1").is_empty());
    }
}
