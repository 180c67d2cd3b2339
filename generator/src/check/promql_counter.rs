//! The value of a counter says nothing by itself.

use std::collections::BTreeSet;

use catalogue::metric::Kind;
use catalogue::{Problem, Problems};

use super::{Check, Context, word};
use crate::promql::ast::Expr;
use crate::promql::ast::token::{T_COUNT, T_GROUP};
use crate::promql::walk;

pub(super) const CHECK: Check = Check {
    name: "promql/counter",
    doc: "A counter grows until its process restarts. Compared with a limit it fires at some point, and clears \
          only by a restart. Use `rate`, `increase` or `resets` over a range.",
    run,
};

/// Functions for which a counter's value does not matter, or that look at its course.
const FINE: [&str; 5] = ["absent", "absent_over_time", "present_over_time", "timestamp", "count_over_time"];

fn run(context: &Context, problems: &mut Problems) {
    let counters = context.catalogue.series().filter(|(_, _, metric)| metric.kind == Kind::Counter);
    let counters: BTreeSet<&str> = counters.map(|(_, _, metric)| &*metric.series).collect();
    for (alert, promql, _) in context.parsed() {
        walk::each(&promql.tree, &mut |node, above| {
            // A range of a counter is judged by promql/rate.
            let Expr::VectorSelector(selector) = node else { return };
            let Some(name) = selector.name.as_deref().filter(|name| counters.contains(name)) else { return };
            let fine = above.iter().any(|node| match node {
                Expr::Call(call) => FINE.contains(&call.func.name),
                Expr::Aggregate(aggregate) => matches!(aggregate.op.id(), T_COUNT | T_GROUP),
                _ => false,
            });
            if !fine {
                let message = format!("`{name}` is a counter: its value depends on when the process started");
                let problem = Problem::error(CHECK.name, word(alert, promql, name), message);
                problems.push(problem.help(format!("use `increase({name}[15m])` or `rate({name}[15m])`")));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn a_raw_counter_is_found() {
        assert_eq!(expression(&CHECK, "max(pg_errors_total) > 1").len(), 1);
        assert!(expression(&CHECK, "increase(pg_errors_total[5m]) > 1").is_empty());
        assert!(expression(&CHECK, "absent(pg_errors_total)").is_empty());
        assert!(expression(&CHECK, "max(pg_used) > 1").is_empty());
    }
}
