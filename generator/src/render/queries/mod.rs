//! The metric queries in the configuration formats of other exporters, for those who keep theirs.
//!
//! Neither format knows versions of PostgreSQL, so there is a folder or file for each major.

mod postgres_exporter;
mod sql_exporter;

use std::collections::BTreeSet;

use catalogue::Catalogue;
use catalogue::metric::{Branch, POSTGRESQL_MAJORS, Query, Role};
use catalogue::need::with_schemas;
use rayon::prelude::*;

use crate::promql::Promql;
use crate::tree::{Sink, WriteError};

/// Makes the files for all components that have queries.
///
/// # Errors
/// A file that cannot be put where it belongs.
pub fn render(catalogue: &Catalogue, out: &dyn Sink) -> Result<(), WriteError> {
    // What misleads elsewhere is left out.
    let queries = catalogue.components.iter().flat_map(|component| &component.metrics);
    let queries = queries.filter(|query| !query.compat);
    let statements: Vec<Statement> = queries.flat_map(Statement::all).collect();
    let read = read_by_rules(catalogue);
    let folder = |major: u32| format!("downloads/sql_exporter/postgresql-{major}");
    statements.par_iter().try_for_each(|statement| {
        let collector = sql_exporter::collector(statement);
        statement.majors.iter().try_for_each(|major| {
            let path = format!("{}/{}.collector.yml", folder(*major), statement.query.name);
            out.add(path.into(), collector.clone().into())
        })
    })?;
    POSTGRESQL_MAJORS.into_par_iter().try_for_each(|major| {
        let statements = statements.iter().filter(|statement| statement.majors.contains(&major));
        let statements: Vec<&Statement> = statements.collect();
        if statements.is_empty() {
            return Ok(());
        }
        let example = format!("{}/sql_exporter.yml", folder(major));
        out.add(example.into(), sql_exporter::configuration(&statements).into())?;
        // A query that the role may not run fails the whole scrape there: those stand in a file of their own.
        let (plain, more) = ("", "-with-grants");
        [plain, more].into_iter().try_for_each(|which| {
            let file = format!("downloads/postgres_exporter/queries-postgresql-{major}{which}.yaml");
            let wanted = |statement: &&&Statement| which == more || !needs_grants(statement.query);
            let statements: Vec<_> = statements.iter().filter(wanted).copied().collect();
            out.add(file.into(), postgres_exporter::queries(&statements, &read).into())
        })
    })
}

/// The series that the alerts read.
fn read_by_rules(catalogue: &Catalogue) -> BTreeSet<String> {
    let expressions = catalogue.alerts().filter_map(|(_, alert)| Promql::of(&alert.rule).ok());
    expressions.flat_map(|promql| promql.selectors()).filter_map(|selector| selector.name.clone()).collect()
}

/// What the queries need and members of `pg_monitor` have, unless somebody took it away.
///
/// Source: `src/backend/catalog/system_functions.sql` of PostgreSQL.
const OF_PG_MONITOR: [&str; 4] = [
    "execute pg_catalog.pg_control_checkpoint()",
    "execute pg_catalog.pg_control_system()",
    "execute pg_catalog.pg_ls_archive_statusdir()",
    "execute pg_catalog.pg_ls_waldir()",
];

/// Whether a query needs more than membership in `pg_monitor`.
fn needs_grants(query: &Query) -> bool {
    query.needs.iter().any(|need| !OF_PG_MONITOR.contains(&need.to_string().as_str()))
}

/// A query in its form for some major versions, which any program can run.
struct Statement<'a> {
    query: &'a Query,
    majors: Vec<u32>,
    sql: String,
}

impl<'a> Statement<'a> {
    /// The forms of a query, each with the versions that it is for.
    fn all(query: &'a Query) -> impl Iterator<Item = Self> {
        let majors = |branch: &Branch| {
            let is_for = |major: &u32| query.branch(*major).is_some_and(|of| of.since == branch.since);
            POSTGRESQL_MAJORS.filter(is_for).collect::<Vec<_>>()
        };
        query.branches.iter().map(move |branch| Self {
            query,
            majors: majors(branch),
            sql: sql(query, branch),
        })
    }
}

fn sql(query: &Query, branch: &Branch) -> String {
    // Extensions are installed into `public` unless somebody says otherwise.
    let sql = with_schemas(&branch.sql, |_| "public".to_owned());
    let sql = sql.trim_end().trim_end_matches(';').to_owned();
    let condition = query.role.map(|role| match role {
        Role::Primary => "NOT pg_catalog.pg_is_in_recovery()",
        Role::Standby => "pg_catalog.pg_is_in_recovery()",
    });
    match condition {
        Some(condition) => format!("SELECT * FROM (\n{sql}\n) AS q\nWHERE {condition}"),
        None => sql,
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
