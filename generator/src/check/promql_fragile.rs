//! Operations whose result changes although nothing happened.

use catalogue::{Problem, Problems};

use super::{Check, Context, word};
use crate::promql::ast::Expr;
use crate::promql::ast::token::{T_BOTTOMK, T_LIMIT_RATIO, T_LIMITK, T_TOPK};
use crate::promql::walk;

pub(super) const CHECK: Check = Check {
    name: "promql/fragile",
    doc: "`topk`, `bottomk` and `limitk` pick other series at each evaluation, so an alert on them restarts its \
          `for` again and again. Arithmetic between two raw series without `on (…)` matches only while every label \
          of both is equal: one relabelling rule of a user, and the alert is dead. Aggregate both sides, or name \
          the labels.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (alert, promql, _) in context.parsed() {
        walk::each(&promql.tree, &mut |node, _| match node {
            Expr::Aggregate(aggregate)
                if matches!(aggregate.op.id(), T_TOPK | T_BOTTOMK | T_LIMITK | T_LIMIT_RATIO) =>
            {
                let name = aggregate.op.to_string();
                let message = format!("`{name}` picks other series at each evaluation");
                let problem = Problem::error(CHECK.name, word(alert, promql, &name), message);
                problems.push(problem.help("compare with a limit instead"));
            }
            Expr::Binary(binary) if !binary.is_matching_on() && !binary.op.is_set_operator() => {
                let (Some(left), Some(right)) = (raw(&binary.lhs), raw(&binary.rhs)) else { return };
                if left != right && !from_one_query(context, left, right) {
                    let message =
                        format!("`{left}` and `{right}` match only while all their labels are equal");
                    let problem = Problem::error(CHECK.name, word(alert, promql, right), message);
                    problems
                        .push(problem.help("aggregate both sides `by (…)` the same labels, or use `on (…)`"));
                }
            }
            _ => {}
        });
    }
}

/// The series, when nothing has been aggregated away yet.
fn raw(node: &Expr) -> Option<&str> {
    match node {
        Expr::VectorSelector(selector) => selector.name.as_deref(),
        Expr::MatrixSelector(matrix) => matrix.vs.name.as_deref(),
        Expr::Paren(paren) => raw(&paren.expr),
        Expr::Call(call) => call.args.args.iter().find_map(|argument| raw(argument)),
        _ => None,
    }
}

/// Series of one query stand in one page with the same labels: they always match.
fn from_one_query(context: &Context, left: &str, right: &str) -> bool {
    context.catalogue.queries().any(|(_, query)| {
        let has = |name: &str| query.metrics.iter().any(|metric| &*metric.series == name);
        has(left) && has(right)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn fragile_operations_are_found() {
        assert_eq!(
            expression(&CHECK, "topk(1, pg_used) > 1"),
            ["8:3 `topk` picks other series at each evaluation"]
        );
        assert_eq!(expression(&CHECK, "pg_used / pg_limit > 1").len(), 1);
        assert!(expression(&CHECK, "pg_used / (pg_used + 1) > 1").is_empty());
        assert!(expression(&CHECK, "max by (target) (pg_used) / max by (target) (pg_limit) > 1").is_empty());
    }
}
