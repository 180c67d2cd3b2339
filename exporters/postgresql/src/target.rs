//! One server and the plan of its scrape: who runs where, in which order, and within which time.
//!
//! One connection stays with the server; it runs what is asked once per server, and what is asked of its own
//! database. A few others visit the remaining databases at the same time. Nothing waits for anything that may hang.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::collector::{Collector, Definitions};
use super::doors::{Doors, Greeting};
use super::needs::monitor;
use super::outcome::{Cache, Outcome};
use super::report::{Facts, Report};
use super::select::Selection;
use super::session::{Failure, Login};
use super::slot::Slot;
use super::visit::{Journal, Tour, have};
use exporter_core::exposition::Page;
use exporter_core::sample::label_text;
use exporter_core::scrape::{Deadline, SingleFlight};

/// A server that is scraped.
#[derive(Debug)]
pub struct Target {
    /// The value of the label `target`; with several servers of which none was named, that of the one that answers.
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
    /// Whether the server answered to the scrape that runs, or ran last.
    answered: AtomicBool,
    /// Whether a login that is under way at the end of a scrape is given up: nobody may ever ask again.
    fleeting: bool,
}

/// What lives from scrape to scrape.
#[derive(Debug, Default)]
struct State {
    main: Slot,
    /// Connections to other databases; their number is bounded.
    others: Vec<Slot>,
    cache: Cache,
    doors: Doors,
}

impl Target {
    /// A server that has not been contacted yet.
    pub fn new(name: String, login: Login, selection: Selection, definitions: Arc<Definitions>) -> Self {
        let labels = label_text([(&*selection.label, name.as_str())]).into();
        let others = std::iter::repeat_with(Slot::default).take(selection.max_connections.saturating_sub(1));
        let state = State { others: others.collect(), ..State::default() };
        Self {
            name,
            login,
            selection,
            definitions,
            labels,
            state: tokio::sync::Mutex::new(state),
            report: Mutex::default(),
            flights: SingleFlight::default(),
            answered: AtomicBool::new(false),
            fleeting: false,
        }
    }

    /// The same server, as a probe named it: it is let go unless it answers.
    #[must_use]
    pub fn fleeting(self) -> Self {
        Self { fleeting: true, ..self }
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
        if let Ok(page) = self.flights.join(only.clone(), budget, work).await {
            return (*page).clone();
        }
        // The scrape goes on for somebody who has more time.
        let answered = self.answered.load(Ordering::Relaxed);
        let facts = Facts { up: answered, budget, took: budget, ..Facts::default() };
        self.page(&self.collectors(only.as_ref()), &Err(Failure::timeout("the scrape")), facts)
    }

    fn collectors(&self, only: Option<&BTreeSet<String>>) -> Vec<Arc<Collector>> {
        let wanted = |collector: &&Arc<Collector>| only.is_none_or(|only| only.contains(collector.name()));
        self.selection.collectors.iter().filter(wanted).cloned().collect()
    }

    async fn run(&self, only: Option<BTreeSet<String>>, deadline: Deadline, budget: Duration) -> Page {
        let start = Instant::now();
        let collectors = self.collectors(only.as_ref());
        let mut facts = Facts { budget, ..Facts::default() };
        let outcomes = if let Some(mut state) = deadline.within(self.state.lock()).await {
            self.answered.store(false, Ordering::Relaxed);
            let outcomes = self.collect(&mut state, &collectors, &deadline, &mut facts).await;
            if self.fleeting {
                let State { main, others, .. } = &mut *state;
                others.iter_mut().chain([main]).for_each(Slot::give_up);
            }
            outcomes
        } else {
            facts.up = self.answered.load(Ordering::Relaxed);
            Err(Failure::timeout("another scrape"))
        };
        facts.took = start.elapsed();
        self.page(&collectors, &outcomes, facts)
    }

    fn page(
        &self,
        collectors: &[Arc<Collector>],
        outcomes: &Result<Vec<Outcome>, Failure>,
        mut facts: Facts,
    ) -> Page {
        facts.expiry = self.login.expiry.get();
        // Of several servers without a name of their own, the one that is connected gives its name.
        let name = self.login.place().filter(|_| self.name == self.login.address());
        let (name, labels) = match &name {
            Some(place) => (place.as_str(), label_text([(&*self.selection.label, place.as_str())]).into()),
            None => (self.name.as_str(), Arc::clone(&self.labels)),
        };
        let mut page = Page::default();
        for table in outcomes.iter().flatten().filter_map(|outcome| outcome.table.as_ref()) {
            page.add(&labels, Arc::clone(table));
        }
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        page.extend(report.page(
            (&self.selection.label, name),
            &self.definitions,
            collectors,
            outcomes,
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
        let State { main, others, cache, doors } = state;
        let place = self.login.place();
        self.login.allowance.renew();
        let greeting = match self.greet(main, deadline, facts).await {
            Ok(greeting) => greeting,
            Err(failure) => {
                others.iter_mut().for_each(Slot::clear);
                return Err(failure);
            }
        };
        if self.login.place() != place {
            others.iter_mut().for_each(Slot::clear);
        }
        let open = main.opened().ok_or_else(|| Failure::new("08006", "the connection is gone"))?;
        open.session.forget_absent(|absent| absent.forget_role(greeting.in_recovery));
        let monitor = monitor();
        let needs = self.selection.collectors.iter().flat_map(|collector| &collector.query.needs);
        let have = have(open, needs.chain([&monitor]), deadline).await?;
        let fits = |collector: &&Arc<Collector>| collector.fits(open.session.major, greeting.in_recovery);
        let (per_database, per_server): (Vec<_>, Vec<_>) =
            collectors.iter().filter(fits).cloned().partition(|collector| collector.per_database());
        let own = open.session.database.clone();
        let mut listed = greeting.databases;
        listed.retain(|listed| self.selection.databases.has(&listed.name));
        doors.renew(&listed);
        let mut databases = BTreeSet::new();
        for listed in listed {
            match listed.barred {
                Some(reason) => drop(facts.barred.insert(listed.name, reason)),
                None => drop(databases.insert(listed.name)),
            }
        }
        cache.forget(&databases, &self.definitions.collectors);
        let own_is_wanted = databases.remove(&own);

        let journal =
            Journal { cache: std::mem::take(cache), doors: std::mem::take(doors), ..Journal::default() };
        let tour = Tour::new(&self.login, self.selection.limits, journal, deadline);
        let on_main = async {
            tour.run_all(open, &have, &per_server, "").await;
            if own_is_wanted {
                tour.run_all(open, &have, &per_database, &own).await;
            }
        };
        let others_too = tour.visit(others, databases.into_iter().collect(), &per_database);
        tokio::join!(on_main, others_too);
        let journal = tour.finish();
        *cache = journal.cache;
        *doors = journal.doors;
        facts.absent = journal.absent;
        facts.refusals = doors.refusals();
        facts.missing = journal.missing;
        if have.missing().any(|need| *need == monitor) {
            facts.missing.insert(("all".to_owned(), monitor.to_string()));
        }
        facts.login_failures.extend(journal.login_failures);
        facts.connections = others.iter().filter(|slot| slot.is_taken()).count() + 1;
        if greeting.in_template {
            facts.template = Some(own);
            main.clear();
        }
        Ok(journal.outcomes.into_vec())
    }

    /// Makes sure that the server answers, and asks whether it is a standby and which databases it has. A connection
    /// that died since the last scrape is replaced at once.
    async fn greet(
        &self,
        main: &mut Slot,
        deadline: &Deadline,
        facts: &mut Facts,
    ) -> Result<Greeting, Failure> {
        loop {
            let was_open = main.is_open();
            let open = main.open(&self.login, self.login.database(), deadline).await;
            let open = open.inspect_err(|failure| facts.login_failures.push(failure.clone()))?;
            match Greeting::ask(&open.session, deadline).await {
                Ok(greeting) => {
                    facts.up = true;
                    self.answered.store(true, Ordering::Relaxed);
                    return Ok(greeting);
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
