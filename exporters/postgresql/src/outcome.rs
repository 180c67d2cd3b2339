//! What became of each collector: results, failures, and what of an earlier result is still good.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::collector::Collector;
use super::session::{Failure, Rows};
use exporter_core::sample::{Limits, Skipped, Table};

/// Intervals may be shorter by this much, so that a scrape every 60 seconds finds a result of 60 seconds old.
const SLACK: Duration = Duration::from_millis(500);

/// The last good results of a target, by collector and database (empty for the server).
#[derive(Debug, Default)]
pub struct Cache {
    results: HashMap<(String, String), Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    table: Arc<Table>,
    at: Instant,
}

impl Cache {
    /// Whether a collector must run.
    pub fn is_due(&self, collector: &Collector, database: &str) -> bool {
        let kept = self.kept(collector, database);
        kept.is_none_or(|kept| kept.at.elapsed() + SLACK >= collector.interval())
    }

    /// When a database was last read.
    pub fn last_read(&self, database: &str) -> Option<Instant> {
        let own = self.results.iter().filter(|((_, kept), _)| kept == database);
        own.map(|(_, kept)| kept.at).max()
    }

    /// Keeps a result; one of a collector without an interval would never be served again.
    fn keep(&mut self, collector: &Collector, database: &str, table: &Arc<Table>) {
        if !collector.interval().is_zero() {
            let key = (collector.name().to_owned(), database.to_owned());
            self.results.insert(key, Kept { table: Arc::clone(table), at: Instant::now() });
        }
    }

    /// Notes that there is nothing to be had from a collector, so that nobody comes by for it every time.
    pub fn keep_nothing(&mut self, collector: &Collector, database: &str) {
        let (table, _) = Table::builder(Arc::clone(&collector.families), Limits::default()).finish();
        self.keep(collector, database, &Arc::new(table));
    }

    fn kept(&self, collector: &Collector, database: &str) -> Option<&Kept> {
        if collector.interval().is_zero() {
            return None;
        }
        self.results.get(&(collector.name().to_owned(), database.to_owned()))
    }

    /// Forgets databases that are gone, and results that nobody may see any more.
    pub fn forget(&mut self, databases: &[String], collectors: &BTreeMap<String, Arc<Collector>>) {
        self.results.retain(|(name, database), kept| {
            let exists = database.is_empty() || databases.contains(database);
            let limit = collectors.get(name).map(|collector| collector.interval() * 2);
            exists && limit.is_some_and(|limit| kept.at.elapsed() <= limit)
        });
    }
}

/// What became of one collector on the server or in one database.
#[derive(Debug)]
pub struct Outcome {
    /// Which.
    pub collector: Arc<Collector>,
    /// The database; empty for the server.
    pub database: String,
    /// The samples that are served.
    pub table: Option<Arc<Table>>,
    /// How old they are.
    pub age: Duration,
    /// How long the query took.
    pub took: Duration,
    /// What was left out.
    pub skipped: Skipped,
    /// Why it did not work.
    pub failure: Option<Failure>,
}

impl Outcome {
    /// Of a query that ran.
    pub fn of_run(
        collector: &Arc<Collector>,
        database: &str,
        result: Result<Rows, Failure>,
        took: Duration,
        cache: &mut Cache,
    ) -> Self {
        match result {
            Ok(rows) => {
                let table = Arc::new(rows.table);
                cache.keep(collector, database, &table);
                Self {
                    collector: Arc::clone(collector),
                    database: database.to_owned(),
                    table: Some(table),
                    age: Duration::ZERO,
                    took,
                    skipped: rows.skipped,
                    failure: None,
                }
            }
            Err(failure) => {
                Self { took, failure: Some(failure), ..Self::of_cache(collector, database, cache) }
            }
        }
    }

    /// Of a query that did not run: an earlier result, when there is one that is not older than two intervals.
    pub fn of_cache(collector: &Arc<Collector>, database: &str, cache: &Cache) -> Self {
        let kept = cache.kept(collector, database);
        let kept = kept.filter(|kept| kept.at.elapsed() <= collector.interval() * 2);
        Self {
            collector: Arc::clone(collector),
            database: database.to_owned(),
            table: kept.map(|kept| Arc::clone(&kept.table)),
            age: kept.map_or(Duration::ZERO, |kept| kept.at.elapsed()),
            took: Duration::ZERO,
            skipped: Skipped::default(),
            failure: None,
        }
    }

    /// Of a query that could not run.
    pub fn of_failure(collector: &Arc<Collector>, database: &str, failure: Failure, cache: &Cache) -> Self {
        Self { failure: Some(failure), ..Self::of_cache(collector, database, cache) }
    }
}

/// One collector over all databases.
#[derive(Debug, Default)]
pub struct Sum {
    /// Whether every query worked.
    pub success: bool,
    /// Time of all queries together.
    pub took: Duration,
    /// The oldest result.
    pub age: Duration,
    /// Rows that are served.
    pub rows: usize,
}

/// The outcomes by collector.
pub fn sums(outcomes: &[Outcome]) -> BTreeMap<&str, Sum> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for outcome in outcomes {
        let sum =
            sums.entry(outcome.collector.name()).or_insert_with(|| Sum { success: true, ..Sum::default() });
        sum.success &= outcome.failure.is_none();
        sum.took += outcome.took;
        sum.age = sum.age.max(outcome.age);
        sum.rows += outcome.table.as_ref().map_or(0, |table| table.len());
    }
    sums
}
