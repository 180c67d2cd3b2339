//! Collector files of `sql_exporter` (burningalchemist).
//!
//! Format: <https://github.com/burningalchemist/sql_exporter#configuration>

use std::fmt::Write as _;

use catalogue::metric::{Kind, Scope};

use super::{Statement, block, quoted};

/// A collector: the metrics, and the query that all of them refer to.
pub(super) fn collector(statement: &Statement) -> String {
    let query = statement.query;
    let mut text =
        format!("# {}. Made from content/ by dmf build.\ncollector_name: {}\n", &*query.help, query.name);
    if let Some(interval) = &query.interval {
        let _ = writeln!(text, "min_interval: {interval}");
    }
    text += "metrics:\n";
    let labels: Vec<&str> = query.labels.iter().map(|label| &**label).collect();
    for metric in &query.metrics {
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        let _ = write!(
            text,
            "  - metric_name: {}\n    type: {kind}\n    help: {}\n",
            metric.series,
            quoted(&metric.help)
        );
        if !labels.is_empty() {
            let _ = writeln!(text, "    key_labels: [{}]", labels.join(", "));
        }
        let _ = write!(text, "    values: [{}]\n    query_ref: {}\n", &*metric.key, query.name);
    }
    let _ =
        write!(text, "queries:\n  - query_name: {}\n    query: |\n{}", query.name, block(&statement.sql, 6));
    text
}

/// A configuration that runs them: those of the server once, those of databases in each of them.
pub(super) fn configuration(statements: &[&Statement]) -> String {
    let names = |scope: Scope| {
        let own =
            statements.iter().filter(|statement| statement.query.scope == scope && statement.query.default);
        own.map(|statement| statement.query.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    format!(
        "# Replace the connection strings. `target` is the label that the alerts group by: one name per server.\n\
         global:\n  scrape_timeout_offset: 500ms\n  max_connections: 3\n  max_idle_connections: 3\n\
         collector_files: ['*.collector.yml']\n\
         jobs:\n  - job_name: pg-metrics-instance\n    collectors: [{}]\n    static_configs:\n      - targets:\n          \
         db1: postgres://monitor@db1:5432/postgres?sslmode=verify-full\n  \
         - job_name: pg-metrics-database\n    # One target for each database, all with the name of the server.\n    \
         collectors: [{}]\n    static_configs:\n      - targets:\n          \
         db1: postgres://monitor@db1:5432/app?sslmode=verify-full\n",
        names(Scope::Server),
        names(Scope::Database),
    )
}
