//! `rate` and its kin: only for counters, over enough samples.

use std::collections::BTreeMap;

use catalogue::metric::Kind;
use catalogue::{Problem, Problems};

use super::{Check, Context, word};
use crate::promql::ast::Expr;
use crate::promql::walk;

pub(super) const CHECK: Check = Check {
    name: "promql/rate",
    doc: "`rate`, `irate`, `increase` and `resets` are for counters: on a gauge each decrease counts as a restart. \
          `delta`, `deriv` and `predict_linear` are for gauges. All of them need two samples in the range, so a \
          range below two minutes returns nothing with a scrape interval of a minute.",
    run,
};

const FOR_COUNTERS: [&str; 4] = ["rate", "irate", "increase", "resets"];
const FOR_GAUGES: [&str; 4] = ["delta", "idelta", "deriv", "predict_linear"];
const MIN_RANGE_S: u64 = 120;

fn run(context: &Context, problems: &mut Problems) {
    let kinds = context.catalogue.series().map(|(_, _, metric)| (&*metric.series, metric.kind));
    let kinds: BTreeMap<&str, Kind> = kinds.collect();
    for (alert, promql, _) in context.parsed() {
        walk::each(&promql.tree, &mut |node, _| {
            let Expr::Call(call) = node else { return };
            let name = call.func.name;
            let Some(Expr::MatrixSelector(matrix)) = call.args.args.first().map(AsRef::as_ref) else {
                return;
            };
            let series = matrix.vs.name.as_deref().unwrap_or_default();
            let kind = kinds.get(series).copied();
            let (counters, gauges) = (FOR_COUNTERS.contains(&name), FOR_GAUGES.contains(&name));
            let mut find = |message: String, help: &str| {
                problems.push(Problem::error(CHECK.name, word(alert, promql, name), message).help(help));
            };
            if counters && kind == Some(Kind::Gauge) {
                find(
                    format!("`{name}` is for counters, and `{series}` is a gauge"),
                    "use `delta` or `deriv`",
                );
            }
            if gauges && kind == Some(Kind::Counter) {
                find(
                    format!("`{name}` is for gauges, and `{series}` is a counter"),
                    "use `increase` or `rate`",
                );
            }
            if (counters || gauges) && matrix.range.as_secs() < MIN_RANGE_S {
                let message = format!("`{name}` over {}s may see a single sample", matrix.range.as_secs());
                find(message, "use a range of at least two minutes, better four scrape intervals");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn misused_functions_are_found() {
        assert_eq!(
            expression(&CHECK, "rate(pg_used[5m]) > 1"),
            ["8:3 `rate` is for counters, and `pg_used` is a gauge"]
        );
        assert_eq!(expression(&CHECK, "delta(pg_errors_total[5m]) > 1").len(), 1);
        assert_eq!(
            expression(&CHECK, "rate(pg_errors_total[1m]) > 1"),
            ["8:3 `rate` over 60s may see a single sample"]
        );
        assert!(expression(&CHECK, "rate(pg_errors_total[5m]) > delta(pg_used[5m])").is_empty());
    }
}
