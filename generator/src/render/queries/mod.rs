//! The metric queries in the configuration formats of other exporters, for those who keep theirs.
//!
//! Neither format knows versions of PostgreSQL, so there is a folder or file for each major.

mod postgres_exporter;
mod sql_exporter;

use catalogue::metric::{POSTGRESQL_MAJORS, Query, Role};
use catalogue::need::with_schemas;
use catalogue::{Catalogue, Component};
use rayon::prelude::*;

use crate::tree::{Sink, WriteError};

/// Makes the files for all components that have queries.
///
/// # Errors
/// A file that cannot be put where it belongs.
pub fn render(catalogue: &Catalogue, out: &dyn Sink) -> Result<(), WriteError> {
    let majors = catalogue
        .components
        .par_iter()
        .flat_map(|component| POSTGRESQL_MAJORS.into_par_iter().map(move |major| (component, major)));
    majors.try_for_each(|(component, major)| of_major(&Statement::all(component, major), major, out))
}

fn of_major(statements: &[Statement], major: u32, out: &dyn Sink) -> Result<(), WriteError> {
    if statements.is_empty() {
        return Ok(());
    }
    let folder = format!("downloads/sql_exporter/postgresql-{major}");
    for statement in statements {
        let name = format!("{folder}/{}.collector.yml", statement.query.name);
        out.add(name.into(), sql_exporter::collector(statement).into())?;
    }
    let example = format!("{folder}/sql_exporter.yml");
    out.add(example.into(), sql_exporter::configuration(statements).into())?;
    let file = format!("downloads/postgres_exporter/queries-postgresql-{major}.yaml");
    out.add(file.into(), postgres_exporter::queries(statements).into())
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
