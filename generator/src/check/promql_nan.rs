//! A division inside an aggregation.

use catalogue::{Problem, Problems};

use super::{Check, Context, word};
use crate::promql::ast::Expr;
use crate::promql::ast::token::{T_AVG, T_DIV, T_MOD, T_STDDEV, T_STDVAR, T_SUM};
use crate::promql::ast::value::ValueType;
use crate::promql::walk;

pub(super) const CHECK: Check = Check {
    name: "promql/nan",
    doc: "Dividing by a series that is 0 for one object gives NaN or Inf, and a sum or average over it is then NaN \
          or Inf for all. Divide after aggregating, or leave the zeros out with `> 0`.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (alert, promql, _) in context.parsed() {
        walk::each(&promql.tree, &mut |node, above| {
            let Expr::Binary(binary) = node else { return };
            if !matches!(binary.op.id(), T_DIV | T_MOD) || binary.rhs.value_type() == ValueType::Scalar {
                return;
            }
            let mixing = above.iter().find_map(|node| match node {
                Expr::Aggregate(a) if matches!(a.op.id(), T_SUM | T_AVG | T_STDDEV | T_STDVAR) => Some(a),
                _ => None,
            });
            if let Some(aggregate) = mixing.filter(|_| !is_filtered(&binary.rhs)) {
                let operator = binary.op.to_string();
                let message = format!("`{operator}` inside `{}` may be NaN or Inf for all", aggregate.op);
                let problem = Problem::error(CHECK.name, word(alert, promql, &operator), message);
                problems.push(problem.help("divide after aggregating, or divide by `(… > 0)`"));
            }
        });
    }
}

fn is_filtered(node: &Expr) -> bool {
    match node {
        Expr::Paren(paren) => is_filtered(&paren.expr),
        Expr::Binary(binary) => binary.op.is_comparison_operator() && !binary.return_bool(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn a_division_that_poisons_a_sum_is_found() {
        assert_eq!(
            expression(&CHECK, "sum(pg_used / pg_used) > 1"),
            ["8:15 `/` inside `sum` may be NaN or Inf for all"]
        );
        assert!(expression(&CHECK, "sum(pg_used / (pg_used > 0)) > 1").is_empty());
        assert!(expression(&CHECK, "max(pg_used / pg_used) > 1").is_empty());
        assert!(expression(&CHECK, "sum(pg_used / 100) > 1").is_empty());
        assert!(expression(&CHECK, "sum(pg_used) / sum(pg_used) > 1").is_empty());
    }
}
