//! One server and the plan of its scrape: who runs where, in which order, and within which time.
//!
//! One connection stays with the server; it runs what is asked once per server, and what is asked of its own
//! database. A few others visit the remaining databases at the same time. Nothing waits for anything that may hang.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::collector::{Collector, Definitions};
use super::needs::monitor;
use super::outcome::{Cache, Outcome};
use super::report::{Facts, Report};
use super::select::Selection;
use super::session::{Failure, Login};
use super::slot::Slot;
use super::visit::{Tour, have};
use exporter_core::exposition::Page;
use exporter_core::sample::label_text;
use exporter_core::scrape::{Deadline, SingleFlight};

/// A server that is scraped.
#[derive(Debug)]
pub struct Target {
    /// The value of the label `target`.
    pub name: String,
    /// How to log in.
    pub login: Login,
    /// What is collected there.
    pub selection: Selection,
    definitions: Arc<Definitions>,
    labels: Arc<str>,
    state: tokio::sync::Mutex<State>,
    report: Mutex<Report>,
    flights: SingleFlight<Option<BTreeSet<String>>, Page>,
}

/// What lives from scrape to scrape.
#[derive(Debug, Default)]
struct State {
    main: Slot,
    /// Connections to other databases; their number is bounded.
    others: Vec<Slot>,
    cache: Cache,
}

impl Target {
    /// A server that has not been contacted yet.
    pub fn new(name: String, login: Login, selection: Selection, definitions: Arc<Definitions>) -> Arc<Self> {
        let labels = label_text([("target", name.as_str())]).into();
        let others = std::iter::repeat_with(Slot::default).take(selection.max_connections.saturating_sub(1));
        let state = State { others: others.collect(), ..State::default() };
        Arc::new(Self {
            name,
            login,
            selection,
            definitions,
            labels,
            state: tokio::sync::Mutex::new(state),
            report: Mutex::default(),
            flights: SingleFlight::default(),
        })
    }

    /// Whether another target would be scraped in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.login.is_same(&other.login) && self.selection == other.selection
    }

    /// The samples of this server, or of those collectors only. Who asks while a scrape runs gets the same one.
    pub async fn scrape(self: &Arc<Self>, only: Option<BTreeSet<String>>, budget: Duration) -> Page {
        let target = Arc::clone(self);
        let wanted = only.clone();
        let work = move |deadline| async move { target.run(wanted, deadline, budget).await };
        let page = self.flights.join(only, budget, work).await;
        page.map(|page| (*page).clone()).unwrap_or_default()
    }

    async fn run(&self, only: Option<BTreeSet<String>>, deadline: Deadline, budget: Duration) -> Page {
        let start = Instant::now();
        let wanted =
            |collector: &&Arc<Collector>| only.as_ref().is_none_or(|only| only.contains(collector.name()));
        let collectors: Vec<_> = self.selection.collectors.iter().filter(wanted).cloned().collect();
        let mut facts = Facts { budget, ..Facts::default() };
        let outcomes = match deadline.within(self.state.lock()).await {
            Some(mut state) => self.collect(&mut state, &collectors, &deadline, &mut facts).await,
            None => Err(Failure::timeout("another scrape")),
        };
        facts.took = start.elapsed();
        facts.expiry = self.login.expiry.get();
        let mut page = Page::default();
        for table in outcomes.iter().flatten().filter_map(|outcome| outcome.table.as_ref()) {
            page.add(&self.labels, Arc::clone(table));
        }
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        page.extend(report.page(
            &self.name,
            &self.definitions,
            &collectors,
            &outcomes,
            &facts,
            self.selection.compat,
        ));
        page
    }

    async fn collect(
        &self,
        state: &mut State,
        collectors: &[Arc<Collector>],
        deadline: &Deadline,
        facts: &mut Facts,
    ) -> Result<Vec<Outcome>, Failure> {
        let State { main, others, cache } = state;
        let (in_recovery, databases) = match self.greet(main, deadline, facts).await {
            Ok(answer) => answer,
            Err(failure) => {
                others.iter_mut().for_each(Slot::clear);
                return Err(failure);
            }
        };
        let open = main.opened().ok_or_else(|| Failure::new("08006", "the connection is gone"))?;
        let monitor = monitor();
        let needs = self.selection.collectors.iter().flat_map(|collector| &collector.query.needs);
        let have = have(open, needs.chain([&monitor]), deadline).await?;
        let fits = |collector: &&Arc<Collector>| collector.fits(open.session.major, in_recovery);
        let (per_database, per_server): (Vec<_>, Vec<_>) =
            collectors.iter().filter(fits).cloned().partition(|collector| collector.per_database());
        let own = open.session.database.clone();
        let mut databases = self.selection.databases.of(databases);
        cache.forget(&databases, &self.definitions.collectors);
        let own_is_wanted = databases.contains(&own);
        databases.retain(|database| *database != own);

        let tour = Tour::new(&self.login, self.selection.limits, std::mem::take(cache), deadline);
        let on_main = async {
            let mut outcomes = tour.run_all(open, &have, &per_server, "").await;
            if own_is_wanted {
                outcomes.extend(tour.run_all(open, &have, &per_database, &own).await);
            }
            outcomes
        };
        let (mut outcomes, elsewhere) = tokio::join!(on_main, tour.visit(others, databases, &per_database));
        outcomes.extend(elsewhere);
        let journal = tour.finish();
        *cache = journal.cache;
        facts.missing = journal.missing;
        if have.missing().any(|need| *need == monitor) {
            facts.missing.insert(("all".to_owned(), monitor.to_string()));
        }
        facts.login_failures.extend(journal.login_failures);
        facts.connections = others.iter().filter(|slot| slot.is_taken()).count() + 1;
        Ok(outcomes)
    }

    /// Makes sure that the server answers, and asks whether it is a standby and which databases it has. A connection
    /// that died since the last scrape is replaced at once.
    async fn greet(
        &self,
        main: &mut Slot,
        deadline: &Deadline,
        facts: &mut Facts,
    ) -> Result<(bool, Vec<String>), Failure> {
        loop {
            let was_open = main.database().is_some();
            let open = main.open(&self.login, self.login.database(), deadline).await;
            let open = open.inspect_err(|failure| facts.login_failures.push(failure.clone()))?;
            match open.session.greet(deadline).await {
                Ok(answer) => {
                    facts.up = true;
                    return Ok(answer);
                }
                Err(failure) => {
                    open.session.give_up();
                    main.clear();
                    if !was_open || deadline.left().is_zero() {
                        return Err(failure);
                    }
                }
            }
        }
    }
}
