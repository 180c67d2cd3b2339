//! The query file of `postgres_exporter` (`--extend.query-path`).
//!
//! Format: <https://github.com/prometheus-community/postgres_exporter#adding-new-metrics-via-a-config-file-deprecated>

use std::collections::BTreeSet;
use std::fmt::Write as _;

use catalogue::metric::{Kind, Query};

use super::{Statement, block, quoted};

/// All queries that are on by default. The format puts a namespace and `_` before each column, and knows each
/// namespace once.
pub(super) fn queries(statements: &[&Statement]) -> String {
    let mut text = String::from(
        "# Made from content/ by dmf build. Run postgres_exporter with --disable-default-metrics,\n\
         # --disable-settings-metrics and without its collectors: some of their names are the same.\n",
    );
    let mut taken = BTreeSet::new();
    for statement in statements.iter().filter(|statement| statement.query.default) {
        let query = statement.query;
        let Some(namespace) = namespace(query, &taken) else {
            for metric in &query.metrics {
                let _ =
                    writeln!(text, "# Not expressible, because its namespace is taken: {}", metric.series);
            }
            continue;
        };
        let column = |series: &str| series[namespace.len() + 1..].to_owned();
        let labels = query.labels.iter().map(|label| format!("\"{label}\""));
        let values = query
            .metrics
            .iter()
            .map(|metric| format!("\"{}\" AS \"{}\"", &*metric.key, column(&metric.series)));
        let columns: Vec<_> = labels.chain(values).collect();
        let _ = writeln!(text, "{namespace}:\n  query: |\n    SELECT {}\n    FROM (", columns.join(", "));
        let _ = writeln!(text, "{}    ) AS \"{}\"", block(&statement.sql, 4), query.name);
        if let Some(interval) = &query.interval {
            let _ = writeln!(text, "  cache_seconds: {}", interval.milliseconds() / 1000);
        }
        text += "  metrics:\n";
        for label in &query.labels {
            let _ = writeln!(text, "    - {label}: {{ usage: LABEL, description: {} }}", quoted(label));
        }
        for metric in &query.metrics {
            let usage = if metric.kind == Kind::Counter { "COUNTER" } else { "GAUGE" };
            let (column, help) = (column(&metric.series), quoted(&metric.help));
            let _ = writeln!(text, "    - {column}: {{ usage: {usage}, description: {help} }}");
        }
        taken.insert(namespace);
    }
    text
}

/// What all series of a query start with, up to some `_`, and no other query uses.
fn namespace(query: &Query, taken: &BTreeSet<String>) -> Option<String> {
    let first = &*query.metrics.first()?.series;
    let ends = first.match_indices('_').map(|(at, _)| &first[..at]).rev();
    let common = |prefix: &&str| {
        let starts = |series: &str| {
            series.strip_prefix(prefix).is_some_and(|rest| rest.len() > 1 && rest.starts_with('_'))
        };
        query.metrics.iter().all(|metric| starts(&metric.series))
    };
    ends.filter(common).map(str::to_owned).find(|prefix| !taken.contains(prefix))
}
