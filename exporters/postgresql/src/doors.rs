//! The databases as places to enter: which there are, which let nobody in, and when one that refused is asked again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::refusal::Reason;
use super::session::{Failure, Session};
use exporter_core::scrape::{Backoff, Deadline};

/// A database that refused twice is asked again after this time, then after twice as long and so on.
const FIRST_WAIT: Duration = Duration::from_mins(1);

/// A database is asked at least this often.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// What a server says about itself at the start of a scrape; one round trip.
#[derive(Debug)]
pub struct Greeting {
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// Whether the database of this session is a template, in which nobody should stay.
    pub in_template: bool,
    /// The databases that accept connections, templates left out: a session in one is in the way of `CREATE DATABASE`.
    pub databases: Vec<Listed>,
}

/// A database, as `pg_database` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What decides on logins: limits of the database and the role, whether the database is full, and when
    /// `pg_hba.conf` was read.
    rules: String,
    /// Why nobody, or not this role, can enter it: no use to try.
    pub barred: Option<Reason>,
}

/// The first row is about the server, the others are databases.
const QUESTION: &str = "\
    SELECT pg_catalog.pg_is_in_recovery()::text, \
      pg_catalog.concat_ws(' ', pg_catalog.pg_conf_load_time(), \
        (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = SESSION_USER)), \
      (SELECT datistemplate::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
    UNION ALL \
    SELECT datname::text, \
      pg_catalog.concat_ws(' ', datconnlimit, \
        CASE WHEN datconnlimit >= 0 THEN pg_catalog.pg_stat_get_db_numbackends(oid) >= datconnlimit END), \
      CASE WHEN datconnlimit = -2 THEN 'invalid' \
        WHEN NOT pg_catalog.has_database_privilege(oid, 'CONNECT') THEN 'no_connect' END \
    FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate";

impl Greeting {
    /// Asks the server.
    pub async fn ask(session: &Session, deadline: &Deadline) -> Result<Self, Failure> {
        let mut rows = session.ask(QUESTION, deadline).await?.into_iter();
        let server = rows.next().unwrap_or_default();
        let column = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten();
        let common = column(&server, 1).unwrap_or_default();
        let listed = |row: Vec<Option<String>>| {
            let barred = match column(&row, 2).as_deref() {
                Some("invalid") => Some(Reason::Invalid),
                Some(_) => Some(Reason::NoConnect),
                None => None,
            };
            let rules = format!("{common} {}", column(&row, 1).unwrap_or_default());
            Some(Listed { name: column(&row, 0)?, rules, barred })
        };
        Ok(Self {
            in_recovery: column(&server, 0).as_deref() == Some("true"),
            in_template: column(&server, 2).as_deref() == Some("true"),
            databases: rows.filter_map(listed).collect(),
        })
    }
}

/// What was seen of the databases.
#[derive(Debug, Default)]
pub struct Doors {
    doors: HashMap<String, Door>,
}

#[derive(Debug)]
struct Door {
    rules: String,
    visited: Option<Instant>,
    refusal: Option<(Failure, Backoff)>,
}

impl Doors {
    /// Takes up the databases that there are now. One whose rules have changed is asked at once.
    pub fn renew(&mut self, databases: &[Listed]) {
        let mut known = std::mem::take(&mut self.doors);
        for listed in databases {
            let door = known.remove(&listed.name);
            let visited = door.as_ref().and_then(|door| door.visited);
            let refusal = door.filter(|door| door.rules == listed.rules).and_then(|door| door.refusal);
            let door = Door { rules: listed.rules.clone(), visited, refusal };
            self.doors.insert(listed.name.clone(), door);
        }
    }

    /// The refusal of a database that is not to be asked now.
    pub fn closed(&self, database: &str) -> Option<&Failure> {
        let (failure, backoff) = self.doors.get(database)?.refusal.as_ref()?;
        backoff.waits().then_some(failure)
    }

    /// Notes that a database was entered.
    pub fn entered(&mut self, database: &str) {
        if let Some(door) = self.doors.get_mut(database) {
            door.refusal = None;
            door.visited = Some(Instant::now());
        }
    }

    /// Notes that a database refused.
    pub fn refused(&mut self, database: &str, failure: &Failure) {
        if let Some(door) = self.doors.get_mut(database) {
            let backoff = door.refusal.take().map(|(_, backoff)| backoff);
            let mut backoff = backoff.unwrap_or_else(|| Backoff::between(FIRST_WAIT, LONGEST_WAIT));
            backoff.failed();
            door.refusal = Some((failure.clone(), backoff));
        }
    }

    /// The order of visits: those that refused last time come last, and those that were not seen for longest first.
    pub fn rank(&self, database: &str) -> (bool, Option<Instant>) {
        let door = self.doors.get(database);
        (door.is_some_and(|door| door.refusal.is_some()), door.and_then(|door| door.visited))
    }

    /// The databases that refused last time.
    pub fn refusals(&self) -> BTreeMap<String, Failure> {
        let refused = self.doors.iter().filter_map(|(name, door)| {
            door.refusal.as_ref().map(|(failure, _)| (name.clone(), failure.clone()))
        });
        refused.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, rules: &str) -> Listed {
        Listed { name: name.to_owned(), rules: rules.to_owned(), barred: None }
    }

    fn refusal() -> Failure {
        Failure::new("53300", "too many connections for database \"a\"")
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_refuses_is_asked_rarely_and_alone() {
        let mut doors = Doors::default();
        doors.renew(&[listed("a", "1"), listed("b", "1")]);
        doors.refused("a", &refusal());
        assert_eq!(doors.closed("a"), None, "once may be chance");
        let mut asked = 0;
        for _ in 0..120 {
            doors.renew(&[listed("a", "1"), listed("b", "1")]);
            if doors.closed("a").is_none() {
                asked += 1;
                doors.refused("a", &refusal());
            }
            assert_eq!(doors.closed("b"), None);
            tokio::time::advance(Duration::from_mins(1)).await;
        }
        assert!((8..=13).contains(&asked), "in two hours it was asked {asked} times");
        assert!(doors.rank("b") < doors.rank("a"), "healthy ones come first");
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_is_asked_again_as_soon_as_its_rules_change() {
        let mut doors = Doors::default();
        doors.renew(&[listed("a", "0")]);
        doors.refused("a", &refusal());
        doors.refused("a", &refusal());
        assert_eq!(doors.closed("a"), Some(&refusal()));
        doors.renew(&[listed("a", "0")]);
        assert_eq!(doors.refusals().len(), 1);
        doors.renew(&[listed("a", "5")]);
        assert_eq!(doors.closed("a"), None);
        doors.entered("a");
        assert!(doors.refusals().is_empty());
        doors.renew(&[]);
        assert_eq!(doors.rank("a"), (false, None), "it is forgotten when it is gone");
    }
}
