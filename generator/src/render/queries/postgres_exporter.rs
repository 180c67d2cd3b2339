//! The query file of `postgres_exporter` (`--extend.query-path`).
//!
//! Format: <https://github.com/prometheus-community/postgres_exporter#adding-new-metrics-via-a-config-file-deprecated>

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use catalogue::metric::{Kind, Query, Scope};

use super::{Statement, block, quoted};

/// The collectors that `postgres_exporter` 0.19 and 0.20 switch on by themselves.
const COLLECTORS: [&str; 11] = [
    "database",
    "locks",
    "replication",
    "replication_slot",
    "roles",
    "stat_bgwriter",
    "stat_database",
    "stat_progress_vacuum",
    "stat_user_tables",
    "statio_user_tables",
    "wal",
];

/// All queries that are on by default. The format puts a namespace and `_` before each column, and knows each
/// namespace once. Where there are not enough of them, the series that are `read` by rules come first.
pub(super) fn queries(statements: &[&Statement], read: &BTreeSet<String>) -> String {
    let statements: Vec<_> = statements.iter().filter(|statement| statement.query.default).collect();
    let queries: Vec<&Query> = statements.iter().map(|statement| statement.query).collect();
    let namespaces = namespaces(&queries, read);
    let mut text = String::from(
        "# Made from content/ by dmf build. Run postgres_exporter with these flags, because some of the names of its own\n\
         # queries and collectors are the same:\n#   --auto-discover-databases --disable-default-metrics --disable-settings-metrics\n",
    );
    // Where ours has no place, theirs may stay.
    let has_place = |collector: &str| {
        let at = queries.iter().position(|query| query.name.strip_prefix("pg_") == Some(collector));
        at.is_none_or(|at| namespaces.contains_key(&at))
    };
    for collector in COLLECTORS.into_iter().filter(|collector| has_place(collector)) {
        let _ = writeln!(text, "#   --no-collector.{collector}");
    }
    for (at, statement) in statements.into_iter().enumerate() {
        let query = statement.query;
        let Some(namespace) = namespaces.get(&at) else {
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
        // Otherwise it runs in each database that is found, and the same series come from all of them.
        if query.scope == Scope::Server {
            text += "  master: true\n";
        }
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
    }
    text
}

/// A namespace for each query that gets one, by its place.
fn namespaces<'a>(queries: &[&'a Query], read: &BTreeSet<String>) -> BTreeMap<usize, &'a str> {
    let candidates: Vec<_> = queries.iter().map(|query| candidates(query)).collect();
    let is_read = |query: &Query| query.metrics.iter().any(|metric| read.contains(&*metric.series));
    let mut order: Vec<usize> = (0..queries.len()).collect();
    order.sort_by_key(|at| !is_read(queries[*at]));
    let mut owners = BTreeMap::new();
    for query in order {
        assign(query, &candidates, &mut owners, &mut BTreeSet::new());
    }
    owners.into_iter().map(|(namespace, query)| (query, namespace)).collect()
}

/// Gives a query one of its candidates, for which others may have to take another one of theirs.
fn assign<'a>(
    query: usize,
    candidates: &[Vec<&'a str>],
    owners: &mut BTreeMap<&'a str, usize>,
    tried: &mut BTreeSet<&'a str>,
) -> bool {
    let found = candidates[query].iter().find(|namespace| {
        tried.insert(namespace)
            && owners.get(*namespace).copied().is_none_or(|owner| assign(owner, candidates, owners, tried))
    });
    found.is_some_and(|namespace| {
        owners.insert(namespace, query);
        true
    })
}

/// What all series of a query start with, up to some `_`; the longest first.
fn candidates(query: &Query) -> Vec<&str> {
    let Some(first) = query.metrics.first() else { return Vec::new() };
    let ends = first.series.match_indices('_').map(|(at, _)| &first.series[..at]).rev();
    let common = |prefix: &&str| {
        let starts = |series: &str| {
            series.strip_prefix(prefix).is_some_and(|rest| rest.len() > 1 && rest.starts_with('_'))
        };
        query.metrics.iter().all(|metric| starts(&metric.series))
    };
    ends.filter(common).collect()
}
