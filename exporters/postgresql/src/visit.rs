//! The round through the databases: each is visited once, by as many connections as there may be.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use catalogue::need::Need;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::absent::Absent;
use super::collector::Collector;
use super::doors::Doors;
use super::needs::Have;
use super::outcome::{Cache, Outcome, Outcomes};
use super::session::{Failure, Login, Rows, Session};
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

/// What a tour starts with and brings home.
#[derive(Debug, Default)]
pub struct Journal {
    /// The results that may be served again.
    pub cache: Cache,
    /// What was seen of the databases.
    pub doors: Doors,
    /// What became of each collector.
    pub outcomes: Outcomes,
    /// Collectors that could not run, with what they lack.
    pub missing: BTreeSet<(String, String)>,
    /// Collectors with functions and views that do not work here.
    pub absent: BTreeSet<(String, String)>,
    /// Logins to databases that failed.
    pub login_failures: Vec<Failure>,
}

impl<'a> Tour<'a> {
    /// A tour that starts with what earlier ones left.
    pub fn new(login: &'a Login, limits: Limits, journal: Journal, deadline: &'a Deadline) -> Self {
        Self { login, limits, deadline, journal: Mutex::new(journal) }
    }

    /// The end.
    pub fn finish(self) -> Journal {
        self.journal.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, outcome: Outcome) {
        let Journal { outcomes, cache, .. } = &mut *self.journal();
        outcomes.add(outcome, self.limits.rows, cache);
    }

    /// Runs collectors one after the other on an open connection.
    pub async fn run_all(&self, open: &mut Open, have: &Have, collectors: &[Arc<Collector>], database: &str) {
        for collector in collectors {
            if let Some(need) = have.lacks(&collector.query.needs) {
                let mut journal = self.journal();
                journal.missing.insert((collector.name().to_owned(), need.to_string()));
                journal.cache.keep_nothing(collector, database);
                continue;
            }
            let outcome = self.run(open, collector, database).await;
            let absent = &open.session.absent;
            let mut journal = self.journal();
            for dependency in absent.of(&collector.query) {
                journal.absent.insert((collector.name().to_owned(), dependency.name.to_string()));
            }
            if absent.takes_all(&collector.query) {
                journal.cache.keep_nothing(collector, database);
                continue;
            }
            drop(journal);
            self.add(outcome);
        }
    }

    async fn run(&self, open: &mut Open, collector: &Arc<Collector>, database: &str) -> Outcome {
        if !self.journal().cache.is_due(collector, database) {
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
        let start = Instant::now();
        let result = self.query(&mut open.session, collector).await;
        Outcome::of_run(collector, database, result, start.elapsed(), &mut self.journal().cache)
    }

    /// Runs a query. One that fails for something that this server does not have runs without it.
    async fn query(&self, session: &mut Session, collector: &Collector) -> Result<Rows, Failure> {
        if session.absent.takes_all(&collector.query) {
            return Err(Failure::new("0A000", "this server has nothing of it"));
        }
        let result = session.run(collector, self.limits, self.deadline).await;
        match result {
            Err(failure) if session.absent.may_explain(&failure, &collector.query) => {
                match Absent::ask(session, &collector.query, self.deadline).await {
                    Ok(true) if session.absent.takes_all(&collector.query) => Err(failure),
                    Ok(true) => session.run(collector, self.limits, self.deadline).await,
                    _ => Err(failure),
                }
            }
            result => result,
        }
    }

    /// Runs the collectors in each of the databases.
    pub async fn visit(&self, slots: &mut [Slot], databases: Vec<String>, collectors: &[Arc<Collector>]) {
        let (due, rested): (Vec<_>, Vec<_>) = databases.into_iter().partition(|database| {
            collectors.iter().any(|collector| self.journal().cache.is_due(collector, database))
        });
        for (database, collector) in
            rested.iter().flat_map(|name| collectors.iter().map(move |it| (name, it)))
        {
            let outcome = Outcome::of_cache(collector, database, &self.journal().cache);
            self.add(outcome);
        }
        let mut queue = Vec::new();
        for database in due {
            let closed = self.journal().doors.closed(&database).cloned();
            match closed {
                Some(failure) => self.fail(&database, collectors, &failure),
                None => queue.push(database),
            }
        }
        let mut refusal = slots.is_empty().then(|| {
            Failure::new("53300", "no connection is left for other databases: --max-connections is 1")
        });
        let (own, queue) = self.in_order(queue, slots);
        let queue = Mutex::new(queue);
        let mut workers: FuturesUnordered<_> =
            slots.iter_mut().zip(own).map(|(slot, own)| self.work(slot, own, &queue, collectors)).collect();
        while let Some(refused) = workers.next().await {
            refusal = refused.or(refusal);
        }
        drop(workers);
        let failure = refusal.unwrap_or_else(|| Failure::timeout("the scrape"));
        for database in queue.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.fail(&database, collectors, &failure);
        }
    }

    fn fail(&self, database: &str, collectors: &[Arc<Collector>], failure: &Failure) {
        for collector in collectors {
            let outcome = Outcome::of_failure(collector, database, failure.clone(), &self.journal().cache);
            self.add(outcome);
        }
    }

    /// Each connection begins with the database that it is open to. Then come those that were not seen for longest:
    /// when the time does not suffice for all, the next scrape goes on with the others. Last come those that refused.
    fn in_order(
        &self,
        mut databases: Vec<String>,
        slots: &[Slot],
    ) -> (Vec<Option<String>>, VecDeque<String>) {
        let own = slots.iter().map(|slot| {
            let at = databases.iter().position(|database| slot.database() == Some(database));
            at.map(|at| databases.swap_remove(at))
        });
        let own = own.collect();
        let journal = self.journal();
        databases.sort_by_cached_key(|database| (journal.doors.rank(database), database.clone()));
        (own, databases.into())
    }

    /// One connection takes database after database. It ends early when none would let it in, and says why.
    async fn work(
        &self,
        slot: &mut Slot,
        mut own: Option<String>,
        queue: &Mutex<VecDeque<String>>,
        collectors: &[Arc<Collector>],
    ) -> Option<Failure> {
        let queue = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let next = own.take().or_else(|| queue().pop_front());
            let database = next?;
            if self.deadline.left().is_zero() {
                queue().push_front(database);
                return None;
            }
            // A login that was not tried is no login that failed.
            let is_tried = slot.rests(&database).is_none();
            match slot.open(self.login, &database, self.deadline).await {
                Ok(open) => self.enter(open, &database, collectors).await,
                // The time was over, which is not the server's fault.
                Err(_) if self.deadline.left().is_zero() => {
                    self.fail(&database, collectors, &Failure::timeout("the scrape"));
                }
                Err(failure) => {
                    if is_tried {
                        self.journal().login_failures.push(failure.clone());
                    }
                    if !failure.is_of_database() {
                        // Another connection may have more luck.
                        queue().push_back(database);
                        return Some(failure);
                    }
                    if is_tried {
                        self.journal().doors.refused(&database, &failure);
                    }
                    self.fail(&database, collectors, &failure);
                }
            }
        }
    }

    async fn enter(&self, open: &mut Open, database: &str, collectors: &[Arc<Collector>]) {
        self.journal().doors.entered(database);
        let needs = collectors.iter().flat_map(|collector| &collector.query.needs);
        match have(open, needs, self.deadline).await {
            Ok(have) => self.run_all(open, &have, collectors, database).await,
            Err(failure) => self.fail(database, collectors, &failure),
        }
    }
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
    open.session.forget_absent(Absent::forget_privileges);
    let have = Arc::new(Have::ask(&mut open.session, needs, deadline).await?);
    open.have = Some((Arc::clone(&have), Instant::now()));
    Ok(have)
}
