//! What the role may not do: one question to the server, three answers (a metric, a log line, `check-grants`).

use std::collections::{BTreeMap, BTreeSet};

use catalogue::need::Need;

use super::session::{Failure, Session};
use exporter_core::scrape::Deadline;

/// What a session has of the things that collectors need.
#[derive(Debug)]
pub struct Have {
    missing: BTreeSet<Need>,
}

/// Without it, many views hide most of what they have.
pub fn monitor() -> Need {
    Need::Role("pg_monitor".to_owned())
}

impl Have {
    /// Asks the server; remembers the schemas of extensions in the session.
    pub async fn ask(
        session: &mut Session,
        needs: impl IntoIterator<Item = &Need>,
        deadline: &Deadline,
    ) -> Result<Self, Failure> {
        let needs: BTreeSet<Need> = needs.into_iter().cloned().collect();
        if needs.is_empty() {
            return Ok(Self { missing: needs });
        }
        let questions: Vec<_> = needs.iter().enumerate().map(|(at, need)| question(at, need)).collect();
        let rows = session.ask(&questions.join(" UNION ALL "), deadline).await?;
        let mut answers: BTreeMap<usize, Option<String>> = BTreeMap::new();
        for row in rows {
            if let [Some(at), answer] = row.as_slice() {
                answers.insert(at.parse().unwrap_or(usize::MAX), answer.clone());
            }
        }
        let mut missing = BTreeSet::new();
        for (at, need) in needs.into_iter().enumerate() {
            match (need, answers.remove(&at).flatten()) {
                (Need::Extension(name), Some(schema)) => {
                    session.schemas.insert(name, schema);
                }
                (_, Some(_)) => {}
                (need, None) => {
                    missing.insert(need);
                }
            }
        }
        Ok(Self { missing })
    }

    /// The first of the needs that is not met.
    pub fn lacks<'a>(&self, needs: &'a [Need]) -> Option<&'a Need> {
        needs.iter().find(|need| self.missing.contains(need))
    }

    /// Everything that is missing.
    pub fn missing(&self) -> impl Iterator<Item = &Need> {
        self.missing.iter()
    }
}

/// A query that returns the number of the need, and something other than NULL when it is met.
fn question(at: usize, need: &Need) -> String {
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let yes = |condition: String| format!("SELECT '{at}'::text, CASE WHEN {condition} THEN 'yes' END");
    match need {
        Need::Extension(name) => format!(
            "SELECT '{at}'::text, (SELECT n.nspname::text FROM pg_catalog.pg_extension AS e JOIN \
             pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = {})",
            literal(name)
        ),
        Need::Role(name) => yes(format!(
            "(SELECT pg_catalog.pg_has_role(r.oid, 'USAGE') FROM pg_catalog.pg_roles AS r WHERE r.rolname = {})",
            literal(name)
        )),
        Need::Execute(name) => yes(format!(
            "pg_catalog.has_function_privilege(pg_catalog.to_regprocedure({}), 'EXECUTE')",
            literal(name)
        )),
        Need::Select(name) => yes(format!(
            "pg_catalog.has_table_privilege(pg_catalog.to_regclass({}), 'SELECT')",
            literal(name)
        )),
    }
}
