//! An alert without a condition always fires.

use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::promql::ast::Expr;
use crate::promql::ast::token::{T_LOR, T_LUNLESS};

pub(super) const CHECK: Check = Check {
    name: "alert/comparison",
    doc: "An alerting expression fires for every sample it returns, whatever its value, zero included. Without a \
          comparison, `absent()` or `unless` it fires for ever. Both sides of an `or` need a condition of their own.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (alert, promql, _) in context.parsed() {
        if !has_condition(&promql.tree) {
            let message = "the expression has no condition: it fires for every sample, even 0";
            let problem = Problem::error(CHECK.name, alert.rule.expr.place(), message);
            problems.push(problem.help("compare with a limit, for example `> ${limit}`"));
        }
    }
}

fn has_condition(node: &Expr) -> bool {
    match node {
        Expr::Binary(binary) => {
            let filters = binary.op.is_comparison_operator() && !binary.return_bool();
            let (left, right) = (has_condition(&binary.lhs), has_condition(&binary.rhs));
            match binary.op.id() {
                T_LOR => left && right,
                T_LUNLESS => true,
                _ => filters || left || right,
            }
        }
        Expr::Paren(paren) => has_condition(&paren.expr),
        Expr::Unary(unary) => has_condition(&unary.expr),
        Expr::Aggregate(aggregate) => has_condition(&aggregate.expr),
        Expr::Subquery(subquery) => has_condition(&subquery.expr),
        Expr::Call(call) => {
            matches!(call.func.name, "absent" | "absent_over_time")
                || call.args.args.iter().any(|argument| has_condition(argument))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn a_missing_condition_is_found() {
        for always in [
            "pg_used",
            "max by (target) (pg_used)",
            "pg_used > bool 1",
            "pg_used > 1 or pg_used",
            "(pg_used)",
        ] {
            assert_eq!(expression(&CHECK, always).len(), 1, "{always}");
        }
        for sometimes in [
            "pg_used > 1",
            "absent(pg_used)",
            "pg_used unless pg_limit",
            "count(pg_used > 1)",
            "(pg_used > 1)",
        ] {
            assert!(expression(&CHECK, sometimes).is_empty(), "{sometimes}");
        }
    }
}
