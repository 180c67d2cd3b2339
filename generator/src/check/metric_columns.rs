//! A query returns the columns that its file declares.

use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "metric/columns",
    doc: "A label or metric of the file stands nowhere in one of its queries, so the query cannot return a column of \
          that name, and the series stays away on those versions of PostgreSQL. That the columns really come back is \
          proven on servers; this finds the typo first.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (_, query) in context.catalogue.queries() {
        let labels = query.labels.iter().map(|label| &**label);
        let columns: Vec<&str> = labels.chain(query.metrics.iter().map(|metric| &*metric.key)).collect();
        for branch in &query.branches {
            let words: Vec<&str> = branch.sql.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            for column in columns.iter().filter(|column| !words.contains(column)) {
                let message = format!("the query for PostgreSQL {} does not return `{column}`", branch.since);
                let problem = Problem::error(CHECK.name, branch.sql.place(), message);
                problems.push(problem.help(format!("select it: `… AS {column}`")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn a_missing_column_is_found() {
        let with = |sql: &str| {
            let query = format!(
                "help: H\nsource: s\nscope: server\nlabels: [slot]\nmetrics: {{ a: {{ kind: gauge, help: h }} }}\n\
                 queries: [{{ since: 13, sql: '{sql}' }}]\n"
            );
            findings(&CHECK, "x/metrics/z.yaml", &query)
        };
        assert_eq!(with("SELECT slot, 1 AS aa"), ["6:29 the query for PostgreSQL 13 does not return `a`"]);
        assert!(with("SELECT slot, 1 AS a").is_empty());
    }
}
