//! Queries with a condition less: at least one situation must show that the condition is needed.

use std::path::Path;

use catalogue::metric::Query;
use futures_util::{StreamExt as _, stream};
use generator::sql;
use integration_tests::images::POSTGRESQL;
use integration_tests::postgres::Postgres;

use super::collectors;
use super::values::{Book, Case, Equivalent, scrape};

/// Exporters that run at the same time.
const AT_ONCE: usize = 4;

/// The mutants of a query that no situation has noticed yet.
pub(super) struct Mutants {
    query: String,
    major: u32,
    left: Vec<Mutant>,
}

/// A query that lacks one condition.
struct Mutant {
    condition: String,
    folder: tempfile::TempDir,
}

impl Mutants {
    /// Those of the branch for a version; none where a newer version that is tested has the same branch.
    pub(super) fn of(query: &Query, major: u32) -> Self {
        let since = |major| query.branch(major).map(|branch| branch.since);
        let newer = POSTGRESQL.iter().any(|other| *other > major && since(*other) == since(major));
        let at = query.branches.iter().position(|branch| Some(branch.since) == since(major));
        let left = at.filter(|_| !newer).map(|at| mutants(query, at)).unwrap_or_default();
        Self { query: query.name.clone(), major, left }
    }

    /// Drops those about which a situation says something else.
    pub(super) async fn meet(&mut self, server: &Postgres, query: &Query, case: &Case) {
        let met = stream::iter(std::mem::take(&mut self.left)).map(|mutant| async {
            let (_, samples) = scrape(server, query, Some(mutant.folder.path())).await;
            case.mismatches(&samples).is_empty().then_some(mutant)
        });
        self.left = met.buffer_unordered(AT_ONCE).filter_map(|mutant| async { mutant }).collect().await;
    }

    /// Says which are left, besides those that are no mistakes.
    pub(super) fn unnoticed(self, equivalent: &[Equivalent]) -> Vec<String> {
        let Self { query, major, left } = self;
        left.into_iter()
            .filter(|mutant| !equivalent.iter().any(|known| known.equivalent == mutant.condition))
            .map(|mutant| {
                format!("{query} on PostgreSQL {major}: no case needs the condition `{}`", mutant.condition)
            })
            .collect()
    }
}

/// The conditions of a query, each on one line, and the query without it.
fn without_each(sql: &str) -> impl Iterator<Item = (String, String)> {
    let conditions = sql::conditions(sql).into_iter().filter(|range| sql[range.clone()].trim() != "true");
    conditions.map(|range| {
        let condition = sql[range.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
        (condition, format!("{}true{}", &sql[..range.start], &sql[range.end..]))
    })
}

fn mutants(query: &Query, branch: usize) -> Vec<Mutant> {
    let file: serde_yaml::Value = serde_yaml::from_str(&query.source.text).unwrap();
    without_each(&query.branches[branch].sql)
        .map(|(condition, sql)| {
            let mut file = file.clone();
            file["queries"][branch]["sql"] = sql.into();
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &query.name, &file);
            Mutant { condition, folder }
        })
        .collect()
}

fn write(folder: &Path, name: &str, file: &serde_yaml::Value) {
    std::fs::write(folder.join(format!("{name}.yaml")), serde_yaml::to_string(file).unwrap()).unwrap();
}

#[test]
fn what_is_said_to_make_no_difference_is_there() {
    for query in collectors() {
        let all: Vec<String> = query
            .branches
            .iter()
            .flat_map(|branch| without_each(&branch.sql))
            .map(|(condition, _)| condition)
            .collect();
        for mark in Book::of(&query.name).equivalent {
            assert!(all.contains(&mark.equivalent), "{}: no condition is `{}`", query.name, mark.equivalent);
            assert!(!mark.because.is_empty(), "{}: `{}` has no reason", query.name, mark.equivalent);
        }
    }
}
