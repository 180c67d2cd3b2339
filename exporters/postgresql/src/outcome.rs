//! What became of each collector: results, failures, and what of an earlier result is still good.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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

    /// Keeps a result; one of a collector without an interval would never be served again.
    fn keep(&mut self, collector: &Collector, database: &str, table: &Arc<Table>) {
        if !collector.interval().is_zero() {
            let key = (collector.name().to_owned(), database.to_owned());
            self.results.insert(key, Kept { table: Arc::clone(table), at: Instant::now() });
        }
    }

    /// Keeps less of a result.
    fn cut(&mut self, key: &(String, String), table: &Arc<Table>) {
        if let Some(kept) = self.results.get_mut(key) {
            kept.table = Arc::clone(table);
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
    pub fn forget(&mut self, databases: &BTreeSet<String>, collectors: &BTreeMap<String, Arc<Collector>>) {
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

/// The outcomes of a scrape, in the order of collectors and databases, with no more rows of a collector than it may
/// have. What is too much is left out at the end of this order, whoever came first: the same in each scrape.
#[derive(Debug, Default)]
pub struct Outcomes {
    by_place: BTreeMap<(String, String), Outcome>,
    rows: BTreeMap<String, usize>,
}

impl Outcomes {
    /// Adds one; `limit` is the most rows of its collector in all databases together.
    pub fn add(&mut self, outcome: Outcome, limit: usize, cache: &mut Cache) {
        let name = outcome.collector.name().to_owned();
        let rows = outcome.table.as_ref().map_or(0, |table| table.len());
        let sum = self.rows.entry(name.clone()).or_default();
        *sum += rows;
        let is_too_much = std::mem::replace(sum, limit.min(*sum)) > limit;
        self.by_place.insert((name.clone(), outcome.database.clone()), outcome);
        if is_too_much {
            self.cut(&name, limit, cache);
        }
    }

    fn cut(&mut self, name: &str, limit: usize, cache: &mut Cache) {
        let mut left = limit;
        let from = (name.to_owned(), String::new());
        for (key, outcome) in self.by_place.range_mut(from..).take_while(|((of, _), _)| of == name) {
            let Some(table) = &mut outcome.table else { continue };
            if table.len() > left {
                outcome.skipped.limit += (table.len() - left) as u64;
                *table = Arc::new(table.first(left));
                cache.cut(key, table);
            }
            left -= table.len();
        }
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<Outcome> {
        self.by_place.into_values().collect()
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

#[cfg(test)]
mod tests {
    use super::super::collector::Definitions;
    use super::*;

    /// The rows that are served, by database, when results of ten rows come in this order.
    fn served(order: &[&str], limit: usize) -> (Vec<(String, usize)>, u64) {
        let definitions = Definitions::read(None).unwrap();
        let collector = definitions.named("pg_index").unwrap();
        let mut outcomes = Outcomes::default();
        for database in order {
            let mut builder = Table::builder(Arc::clone(&collector.families), Limits::default());
            let values = vec![1.0; collector.families.len()];
            for row in 0..10 {
                builder.row([("relname", row.to_string().as_str())], &values);
            }
            let (table, skipped) = builder.finish();
            let rows = Ok(Rows { table, skipped });
            let mut cache = Cache::default();
            let outcome = Outcome::of_run(collector, database, rows, Duration::ZERO, &mut cache);
            outcomes.add(outcome, limit, &mut cache);
        }
        let outcomes = outcomes.into_vec();
        let skipped = outcomes.iter().map(|outcome| outcome.skipped.limit).sum();
        let rows = |outcome: Outcome| (outcome.database, outcome.table.map_or(0, |table| table.len()));
        (outcomes.into_iter().map(rows).collect(), skipped)
    }

    #[test]
    fn who_comes_first_does_not_decide_what_is_served() {
        let expected = [("a", 10), ("b", 10), ("c", 5), ("d", 0)].map(|(name, rows)| (name.to_owned(), rows));
        for order in [["a", "b", "c", "d"], ["d", "c", "b", "a"], ["c", "a", "d", "b"]] {
            assert_eq!(served(&order, 25), (expected.to_vec(), 15), "{order:?}");
        }
        assert_eq!(served(&["b", "a"], 20).1, 0);
    }
}
