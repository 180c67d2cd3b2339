//! The metric queries in the configuration formats of other exporters, for those who keep theirs.
//!
//! Neither format knows versions of PostgreSQL, so there is a folder or file for each major.

mod postgres_exporter;
mod sql_exporter;

use catalogue::metric::{POSTGRESQL_MAJORS, Query, Role};
use catalogue::need::with_schemas;
use catalogue::{Catalogue, Component};

use crate::tree::Tree;

/// The files for all components that have queries.
pub fn render(catalogue: &Catalogue) -> Tree {
    let mut tree = Tree::default();
    for component in &catalogue.components {
        for major in POSTGRESQL_MAJORS {
            let queries = Statement::all(component, major);
            if queries.is_empty() {
                continue;
            }
            for statement in &queries {
                let name = format!(
                    "downloads/sql_exporter/postgresql-{major}/{}.collector.yml",
                    statement.query.name
                );
                tree.add(name, sql_exporter::collector(statement));
            }
            let example = format!("downloads/sql_exporter/postgresql-{major}/sql_exporter.yml");
            tree.add(example, sql_exporter::configuration(&queries));
            let file = format!("downloads/postgres_exporter/queries-postgresql-{major}.yaml");
            tree.add(file, postgres_exporter::queries(&queries));
        }
    }
    tree
}

/// A query in its form for one major version, which any program can run.
struct Statement<'a> {
    query: &'a Query,
    sql: String,
}

impl<'a> Statement<'a> {
    /// The queries of a component that exist on a major version and do not mislead.
    fn all(component: &'a Component, major: u32) -> Vec<Self> {
        let queries = component.metrics.iter().filter(|query| !query.compat);
        queries.filter_map(|query| Self::of(query, major)).collect()
    }

    fn of(query: &'a Query, major: u32) -> Option<Self> {
        let branch = query.branch(major)?;
        // Extensions are installed into `public` unless somebody says otherwise.
        let sql = with_schemas(&branch.sql, |_| "public".to_owned());
        let sql = sql.trim_end().trim_end_matches(';').to_owned();
        let condition = query.role.map(|role| match role {
            Role::Primary => "NOT pg_catalog.pg_is_in_recovery()",
            Role::Standby => "pg_catalog.pg_is_in_recovery()",
        });
        let sql = match condition {
            Some(condition) => format!("SELECT * FROM (\n{sql}\n) AS q\nWHERE {condition}"),
            None => sql,
        };
        Some(Self { query, sql })
    }
}

/// A text in double quotes, which YAML reads as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.split_whitespace().collect::<Vec<_>>().join(" ")).to_string()
}

/// A text as a block, each line behind so many blanks.
fn block(text: &str, blanks: usize) -> String {
    let indent = " ".repeat(blanks);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") };
    text.lines().map(line).collect()
}
