//! The round through the databases: each is visited once, by as many connections as there may be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use catalogue::need::Need;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::collector::Collector;
use super::needs::Have;
use super::outcome::{Cache, Outcome};
use super::session::{Failure, Login};
use super::slot::{Open, Slot};
use exporter_core::sample::Limits;
use exporter_core::scrape::Deadline;

/// After this time a session asks again what its role may do.
const NEEDS_INTERVAL: Duration = Duration::from_mins(5);

/// One scrape's work on one server.
pub struct Tour<'a> {
    login: &'a Login,
    limits: Limits,
    deadline: &'a Deadline,
    journal: Mutex<Journal>,
}

/// What a tour brings home.
#[derive(Debug, Default)]
pub struct Journal {
    /// The results that may be served again.
    pub cache: Cache,
    /// Collectors that could not run, with what they lack.
    pub missing: BTreeSet<(String, String)>,
    /// Logins to databases that failed.
    pub login_failures: Vec<Failure>,
    /// Rows so far, by collector.
    rows: BTreeMap<String, usize>,
}

impl Journal {
    fn count(&mut self, outcome: &Outcome) {
        let rows = outcome.table.as_ref().map_or(0, |table| table.len());
        *self.rows.entry(outcome.collector.name().to_owned()).or_default() += rows;
    }
}

impl<'a> Tour<'a> {
    /// A tour that starts with the results of earlier ones.
    pub fn new(login: &'a Login, limits: Limits, cache: Cache, deadline: &'a Deadline) -> Self {
        let journal = Mutex::new(Journal { cache, ..Journal::default() });
        Self { login, limits, deadline, journal }
    }

    /// The end.
    pub fn finish(self) -> Journal {
        self.journal.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs collectors one after the other on an open connection.
    pub async fn run_all(
        &self,
        open: &mut Open,
        have: &Have,
        collectors: &[Arc<Collector>],
        database: &str,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(collectors.len());
        for collector in collectors {
            if let Some(need) = have.lacks(&collector.query.needs) {
                let mut journal = self.journal();
                journal.missing.insert((collector.name().to_owned(), need.to_string()));
                journal.cache.keep_nothing(collector, database);
                continue;
            }
            let outcome = self.run(open, collector, database).await;
            self.journal().count(&outcome);
            outcomes.push(outcome);
        }
        outcomes
    }

    async fn run(&self, open: &mut Open, collector: &Arc<Collector>, database: &str) -> Outcome {
        let (due, rows) = {
            let journal = self.journal();
            let rows = journal.rows.get(collector.name()).copied().unwrap_or(0);
            (journal.cache.is_due(collector, database), rows)
        };
        if !due {
            return Outcome::of_cache(collector, database, &self.journal().cache);
        }
        if self.deadline.left().is_zero() {
            let failure = Failure::timeout("the scrape");
            return Outcome::of_failure(collector, database, failure, &self.journal().cache);
        }
        if open.session.is_closed() {
            let failure = Failure::new("08006", "the connection is gone");
            return Outcome::of_failure(collector, database, failure, &self.journal().cache);
        }
        let limits = Limits { rows: self.limits.rows.saturating_sub(rows), ..self.limits };
        let start = Instant::now();
        let result = open.session.run(collector, limits, self.deadline).await;
        Outcome::of_run(collector, database, result, start.elapsed(), &mut self.journal().cache)
    }

    /// Runs the collectors in each of the databases.
    pub async fn visit(
        &self,
        slots: &mut [Slot],
        databases: Vec<String>,
        collectors: &[Arc<Collector>],
    ) -> Vec<Outcome> {
        let (due, rested): (Vec<_>, Vec<_>) = databases.into_iter().partition(|database| {
            collectors.iter().any(|collector| self.journal().cache.is_due(collector, database))
        });
        let mut outcomes = Vec::new();
        for database in &rested {
            let mut journal = self.journal();
            for collector in collectors {
                let outcome = Outcome::of_cache(collector, database, &journal.cache);
                journal.count(&outcome);
                outcomes.push(outcome);
            }
        }
        if slots.is_empty() {
            let failure =
                || Failure::new("53300", "no connection is left for other databases: --max-connections is 1");
            outcomes.extend(self.all_failed(&due, collectors, &failure));
            return outcomes;
        }
        let queue = Mutex::new(self.in_order(due, slots));
        let mut workers: FuturesUnordered<_> =
            slots.iter_mut().map(|slot| self.work(slot, &queue, collectors)).collect();
        while let Some(done) = workers.next().await {
            outcomes.extend(done);
        }
        drop(workers);
        let left: Vec<_> = queue.into_inner().unwrap_or_else(PoisonError::into_inner).into();
        outcomes.extend(self.all_failed(&left, collectors, &|| Failure::timeout("the scrape")));
        outcomes
    }

    fn all_failed(
        &self,
        databases: &[String],
        collectors: &[Arc<Collector>],
        failure: &dyn Fn() -> Failure,
    ) -> Vec<Outcome> {
        let journal = self.journal();
        let all = databases
            .iter()
            .flat_map(|database| collectors.iter().map(move |collector| (database, collector)));
        all.map(|(database, collector)| Outcome::of_failure(collector, database, failure(), &journal.cache))
            .collect()
    }

    /// First the databases that a connection is open to, then those that were not seen for longest: when the time
    /// does not suffice for all, the next scrape goes on with the others.
    fn in_order(&self, mut databases: Vec<String>, slots: &[Slot]) -> VecDeque<String> {
        let open: BTreeSet<&str> = slots.iter().filter_map(Slot::database).collect();
        let journal = self.journal();
        databases.sort_by_cached_key(|database| {
            (!open.contains(database.as_str()), journal.cache.last_read(database), database.clone())
        });
        databases.into()
    }

    /// One connection takes database after database.
    async fn work(
        &self,
        slot: &mut Slot,
        queue: &Mutex<VecDeque<String>>,
        collectors: &[Arc<Collector>],
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some(database) = next(queue, slot.database()) {
            if self.deadline.left().is_zero() {
                queue.lock().unwrap_or_else(PoisonError::into_inner).push_front(database);
                break;
            }
            match self.enter(slot, &database, collectors).await {
                Ok((open, have)) => outcomes.extend(self.run_all(open, &have, collectors, &database).await),
                // The time was over, which is not the server's fault.
                Err(_) if self.deadline.left().is_zero() => {
                    outcomes
                        .extend(self.all_failed(&[database], collectors, &|| Failure::timeout("the scrape")));
                }
                Err(failure) => {
                    self.journal().login_failures.push(failure.clone());
                    outcomes.extend(self.all_failed(&[database], collectors, &|| failure.clone()));
                }
            }
        }
        outcomes
    }

    async fn enter<'s>(
        &self,
        slot: &'s mut Slot,
        database: &str,
        collectors: &[Arc<Collector>],
    ) -> Result<(&'s mut Open, Arc<Have>), Failure> {
        let open = slot.open(self.login, database, self.deadline).await?;
        let needs = collectors.iter().flat_map(|collector| &collector.query.needs);
        let have = have(open, needs, self.deadline).await?;
        Ok((open, have))
    }
}

/// The next database: the one that this connection is open to, when it still waits.
fn next(queue: &Mutex<VecDeque<String>>, open: Option<&str>) -> Option<String> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    let own = open.and_then(|open| queue.iter().position(|database| database == open));
    own.and_then(|at| queue.remove(at)).or_else(|| queue.pop_front())
}

/// What the role of a session may do; asked once, and again from time to time.
pub async fn have<'a>(
    open: &mut Open,
    needs: impl IntoIterator<Item = &'a Need>,
    deadline: &Deadline,
) -> Result<Arc<Have>, Failure> {
    if let Some((have, at)) = &open.have
        && at.elapsed() < NEEDS_INTERVAL
    {
        return Ok(Arc::clone(have));
    }
    let have = Arc::new(Have::ask(&mut open.session, needs, deadline).await?);
    open.have = Some((Arc::clone(&have), Instant::now()));
    Ok(have)
}
