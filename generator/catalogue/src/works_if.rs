//! What a query uses and some servers do not have, although their version says so: services that run a changed
//! PostgreSQL keep a function in the catalogue and let it raise an error.

use crate::decode::{Fields, entries};
use crate::problem::{Problem, Problems};
use crate::text::Text;
use crate::yaml::Node;

/// A function or a view that may not work, as it stands under `works_if:`. The query runs without it: a call gives
/// NULL, and a view has no row.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// `pg_catalog.pg_last_wal_receive_lsn()`, or `pg_catalog.pg_stat_wal_receiver`: as it stands in the SQL.
    pub name: Text,
    /// Where it is said that it does not work there.
    pub source: Text,
    /// Keys of metrics that would say something wrong without it, and so are absent.
    pub absent: Vec<Text>,
}

impl Dependency {
    /// Reads the entries of `works_if:`.
    pub(crate) fn read(node: &Node, problems: &mut Problems) -> Vec<Self> {
        let mut all = Vec::new();
        for (name, node) in entries(node, problems) {
            if !is_name(&name) {
                let message =
                    format!("`{}` is neither a function nor a view of the catalogue", name.escape_debug());
                let help = "write `pg_catalog.NAME()`, without arguments, or `pg_catalog.NAME`";
                problems.push(Problem::error("yaml/value", name.place(), message).help(help));
                continue;
            }
            let Some(mut fields) = Fields::of(node, problems) else { continue };
            let source = fields.text("source");
            let absent = fields.texts("absent");
            fields.finish();
            if let Some(source) = source {
                all.push(Self { name, source, absent });
            }
        }
        all
    }

    /// Whether it is called, and not read from.
    pub fn is_function(&self) -> bool {
        self.name.ends_with("()")
    }

    /// Whether a statement uses it.
    pub fn is_in(&self, sql: &str) -> bool {
        places(sql, &self.name).next().is_some()
    }

    /// A statement in which something else stands in its place. A view gets its own name as an alias where it has none.
    pub fn replaced(&self, sql: &str, instead: &str) -> String {
        let mut text = String::with_capacity(sql.len());
        let mut done = 0;
        for at in places(sql, &self.name) {
            text += &sql[done..at];
            text += instead;
            done = at + self.name.len();
            let alias = sql[done..].trim_start().get(..3);
            if !self.is_function() && !alias.is_some_and(|word| word.trim_end().eq_ignore_ascii_case("as")) {
                text += " AS ";
                text += self.name.rsplit('.').next().unwrap_or_default();
            }
        }
        text + &sql[done..]
    }
}

/// Says what does not fit the query that the dependencies belong to.
pub(crate) fn check<'a>(
    dependencies: &[Dependency],
    statements: &[&str],
    metrics: &(impl Iterator<Item = &'a str> + Clone),
    problems: &mut Problems,
) {
    for dependency in dependencies {
        if !statements.iter().any(|sql| dependency.is_in(sql)) {
            let message = format!("no query uses `{}`", &*dependency.name);
            problems.push(Problem::error("yaml/value", dependency.name.place(), message));
        }
        for key in dependency.absent.iter().filter(|key| !metrics.clone().any(|metric| metric == &***key)) {
            let message = format!("`{}` is no metric of this file", &**key);
            problems.push(Problem::error("yaml/value", key.place(), message));
        }
    }
}

fn is_name(text: &str) -> bool {
    let name = text.strip_prefix("pg_catalog.").map(|name| name.strip_suffix("()").unwrap_or(name));
    name.is_some_and(|name| !name.is_empty() && name.chars().all(is_part))
}

fn is_part(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// Where a name stands as a whole: not as the beginning of a longer one, and not with an argument.
fn places<'a>(sql: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let places = sql.match_indices(name).map(|(at, _)| at);
    places.filter(move |at| {
        let after = sql[at + name.len()..].chars().next();
        let before = sql[..*at].chars().next_back();
        !after.is_some_and(|c| is_part(c) || c == '(') && !before.is_some_and(|c| is_part(c) || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::super::metric::Query;
    use super::super::source::Source;
    use super::*;

    const FILE: &str = "help: H\nsource: s\nscope: server\nmetrics: { a: { kind: gauge, help: h } }\nqueries:\n  - since: 13\n    \
                        sql: SELECT pg_catalog.f() + pg_catalog.f(1) + (SELECT count(*) FROM pg_catalog.v) AS a FROM \
                        pg_catalog.v AS x, pg_catalog.v_long\nworks_if:\n";

    fn read(works_if: &str) -> (Query, Vec<String>) {
        let mut problems = Problems::default();
        let query = Query::read(&Source::new("q.yaml", format!("{FILE}{works_if}")), &mut problems).unwrap();
        (query, problems.into_sorted().into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn a_query_runs_without_what_is_missing() {
        let (query, problems) =
            read("  pg_catalog.f(): { source: s }\n  pg_catalog.v: { source: s, absent: [a] }\n");
        assert_eq!(problems, [""; 0]);
        let [f, v] = query.works_if.as_slice() else { panic!("{:?}", query.works_if) };
        let sql = f.replaced(&query.branches[0].sql, "NULL::int");
        assert!(sql.starts_with("SELECT NULL::int + pg_catalog.f(1) + "), "{sql}");
        let sql = v.replaced(&sql, "(SELECT 1)");
        assert!(sql.contains("FROM (SELECT 1) AS v)"), "{sql}");
        assert!(sql.ends_with("FROM (SELECT 1) AS x, pg_catalog.v_long"), "{sql}");
    }

    #[test]
    fn mistakes_are_named() {
        for (works_if, message) in [
            ("  f(): { source: s }\n", "`f()` is neither a function nor a view of the catalogue"),
            ("  pg_catalog.f(int): { source: s }\n", "`pg_catalog.f(int)` is neither"),
            ("  pg_catalog.g(): { source: s }\n", "no query uses `pg_catalog.g()`"),
            ("  pg_catalog.f(): { source: s, absent: [b] }\n", "`b` is no metric of this file"),
            ("  pg_catalog.f(): {}\n", "source"),
        ] {
            let (_, problems) = read(works_if);
            assert!(problems.iter().any(|problem| problem.contains(message)), "{problems:?}");
        }
    }
}
