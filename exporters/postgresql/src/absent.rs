//! What does not work on a server although its version has it: asked when a query fails, once per connection, and then
//! left out of the queries that can do without it.

use std::collections::BTreeMap;

use catalogue::metric::Query;
use catalogue::works_if::Dependency;

use super::session::{Failure, Session};
use exporter_core::scrape::Deadline;

/// What of the things that metrics files declare under `works_if` works here.
#[derive(Debug, Default)]
pub struct Absent {
    /// By name; those that work have no entry in the second place.
    asked: BTreeMap<String, Option<Missing>>,
    /// Whether the server was a standby then: some functions work on one side only.
    in_recovery: Option<bool>,
}

/// Something that raises an error.
#[derive(Debug)]
struct Missing {
    /// What stands in its place in a query; `None` when the query makes no sense without it.
    instead: Option<String>,
    /// Whether the role may just lack the privilege.
    is_privilege: bool,
}

/// Whether an error may come from a function that this server does not have: `feature_not_supported` (Aurora),
/// `object_not_in_prerequisite_state` (Aurora, with `wal_level` below `logical`), `insufficient_privilege`,
/// `undefined_function` and `undefined_table`.
fn is_absence(failure: &Failure) -> bool {
    ["0A000", "55000", "42501", "42883", "42P01"].contains(&failure.sqlstate.as_str())
}

impl Absent {
    /// Whether it is worth asking what a query failed for.
    pub fn may_explain(&self, failure: &Failure, query: &Query) -> bool {
        is_absence(failure)
            && query.works_if.iter().any(|dependency| !self.asked.contains_key(&*dependency.name))
    }

    /// Asks the server, and says whether anything of this query does not work.
    pub async fn ask(session: &mut Session, query: &Query, deadline: &Deadline) -> Result<bool, Failure> {
        for dependency in &query.works_if {
            if session.absent.asked.contains_key(&*dependency.name) {
                continue;
            }
            let used = session.ask(&format!("SELECT 1 FROM {} LIMIT 1", &*dependency.name), deadline).await;
            let missing = match used {
                Err(failure) if is_absence(&failure) => {
                    let instead = session.ask(&instead(dependency), deadline).await?;
                    let instead = instead.into_iter().next().and_then(|mut row| row.pop().flatten());
                    Some(Missing { instead, is_privilege: failure.sqlstate == "42501" })
                }
                Err(failure) => return Err(failure),
                Ok(_) => None,
            };
            session.absent.asked.insert(dependency.name.to_string(), missing);
        }
        Ok(session.absent.of(query).next().is_some())
    }

    /// What of a query's dependencies is known not to work.
    pub fn of<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Dependency> {
        query.works_if.iter().filter(|dependency| self.missing(dependency).is_some())
    }

    /// Whether nothing is left of a query.
    pub fn takes_all(&self, query: &Query) -> bool {
        self.of(query)
            .any(|dependency| self.missing(dependency).is_some_and(|missing| missing.instead.is_none()))
    }

    /// A statement of a query without what does not work.
    pub fn without(&self, query: &Query, sql: String) -> String {
        self.of(query).fold(sql, |sql, dependency| {
            match self.missing(dependency).and_then(|missing| missing.instead.as_ref()) {
                Some(instead) => dependency.replaced(&sql, instead),
                None => sql,
            }
        })
    }

    /// Forgets what may have been granted since, and says whether there was any.
    pub fn forget_privileges(&mut self) -> bool {
        let before = self.asked.len();
        self.asked.retain(|_, missing| !missing.as_ref().is_some_and(|missing| missing.is_privilege));
        self.asked.len() < before
    }

    /// Forgets everything when a standby was promoted, and says whether there was any.
    pub fn forget_role(&mut self, in_recovery: bool) -> bool {
        let before = self.in_recovery.replace(in_recovery);
        let forgets = before.is_some_and(|before| before != in_recovery) && !self.asked.is_empty();
        if forgets {
            self.asked.clear();
        }
        forgets
    }

    fn missing(&self, dependency: &Dependency) -> Option<&Missing> {
        self.asked.get(&*dependency.name)?.as_ref()
    }
}

/// Asks for what can stand in the place of something: NULL with the type of a function, no row with the columns of a
/// view. A function that returns rows or a record has no such thing.
fn instead(dependency: &Dependency) -> String {
    let name = &*dependency.name;
    if dependency.is_function() {
        return format!(
            "SELECT 'NULL::' || pg_catalog.format_type(p.prorettype, NULL) FROM pg_catalog.pg_proc AS p JOIN \
             pg_catalog.pg_type AS t ON t.oid = p.prorettype WHERE p.oid = pg_catalog.to_regprocedure('{name}') AND \
             NOT p.proretset AND t.typtype <> 'p'"
        );
    }
    format!("SELECT '(SELECT (NULL::{name}).* LIMIT 0)' WHERE pg_catalog.to_regclass('{name}') IS NOT NULL")
}
