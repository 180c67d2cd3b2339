//! A query exists for every supported PostgreSQL, or says why not.

use catalogue::metric::POSTGRESQL_MAJORS;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "metric/versions",
    doc: "A rule is evaluated on every supported PostgreSQL, so the series it reads must exist on each of them. A \
          query without a branch for the oldest major leaves those servers unwatched in silence; allow it where \
          the server cannot tell.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let oldest = *POSTGRESQL_MAJORS.start();
    for (_, query) in context.catalogue.queries() {
        if let Some(first) = query.branches.first().filter(|first| first.since > oldest) {
            let message =
                format!("`{}` has no query for PostgreSQL {oldest} to {}", query.name, first.since - 1);
            let help =
                format!("add a branch `since: {oldest}`, or allow this and say what is not watched there");
            problems.push(Problem::error(CHECK.name, first.sql.place(), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn an_uncovered_version_is_found() {
        let query = "help: H\nsource: s\nscope: server\nmetrics: { a: { kind: gauge, help: h } }\n\
                     queries: [{ since: 15, sql: SELECT 1 }]\n";
        assert_eq!(
            findings(&CHECK, "x/metrics/z.yaml", query),
            ["5:29 `z` has no query for PostgreSQL 13 to 14"]
        );
    }
}
