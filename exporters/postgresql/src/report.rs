//! What a scrape says about itself: the families of the `exporter*.yaml` files, filled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::collector::{Collector, Definitions};
use super::outcome::{Outcome, sums};
use super::refusal::Reason;
use super::session::Failure;
use exporter_core::exposition::Page;
use exporter_core::removed::Removed;
use exporter_core::sample::{Builder, Limits, Skipped, Table};

/// What is known when a scrape ends.
#[derive(Debug, Default)]
pub struct Facts {
    /// Whether the server answered.
    pub up: bool,
    /// Time that the scrape had.
    pub budget: Duration,
    /// Time that it took.
    pub took: Duration,
    /// Connections that are open.
    pub connections: usize,
    /// When the server's certificate expires.
    pub expiry: Option<i64>,
    /// Logins that failed.
    pub login_failures: Vec<Failure>,
    /// Databases that cannot be entered, as the catalogue says.
    pub barred: BTreeMap<String, Reason>,
    /// Databases that refused the last login.
    pub refusals: BTreeMap<String, Failure>,
    /// Collectors with functions and views that do not work on this server.
    pub absent: BTreeSet<(String, String)>,
    /// The database of the connection string, when it is a template.
    pub template: Option<String>,
    /// Collectors with what they lack.
    pub missing: BTreeSet<(String, String)>,
}

/// Counters of a target, and what was last said in the log.
#[derive(Debug, Default)]
pub struct Report {
    scrapes: u64,
    connect_errors: BTreeMap<(String, Option<Reason>), u64>,
    errors: BTreeMap<(String, String), u64>,
    skipped: BTreeMap<String, Skipped>,
    said: BTreeMap<Subject, String>,
}

impl Report {
    /// Counts, logs what changed, and makes the exporter's own samples.
    pub fn page(
        &mut self,
        target: (&str, &str),
        definitions: &Definitions,
        collectors: &[Arc<Collector>],
        outcomes: &Result<Vec<Outcome>, Failure>,
        facts: &Facts,
        compat: bool,
    ) -> Page {
        self.count(outcomes, facts);
        self.log(target.1, outcomes, facts);
        let mut page = OwnPage { target, definitions, page: Page::default() };
        let failed = outcomes
            .as_ref()
            .map_or(true, |outcomes| outcomes.iter().any(|outcome| outcome.failure.is_some()));
        page.server(facts);
        if compat {
            page.fill("exporter_compat", |rows| {
                rows.row(
                    &[],
                    &[
                        ("last_scrape_duration_seconds", facts.took.as_secs_f64()),
                        ("last_scrape_error", flag(failed)),
                        ("scrapes_total", self.scrapes as f64),
                    ],
                );
            });
        }
        page.fill("exporter_connect_errors", |rows| {
            for ((sqlstate, reason), count) in &self.connect_errors {
                let labels = [("sqlstate", sqlstate.as_str()), ("reason", name(*reason))];
                rows.row(&labels, &[("connect_errors_total", *count as f64)]);
            }
        });
        page.fill("exporter_collectors", |rows| match outcomes {
            Ok(outcomes) => {
                for (collector, sum) in sums(outcomes) {
                    rows.row(
                        &[("collector", collector)],
                        &[
                            ("success", flag(sum.success)),
                            ("duration_seconds", sum.took.as_secs_f64()),
                            ("age_seconds", sum.age.as_secs_f64()),
                            ("rows", number(sum.rows)),
                        ],
                    );
                }
            }
            // Nothing is known, which is not the same as nothing being wrong.
            Err(_) => {
                for collector in collectors {
                    rows.row(&[("collector", collector.name())], &[("success", 0.0)]);
                }
            }
        });
        page.fill("exporter_collector_errors", |rows| {
            for ((collector, sqlstate), count) in &self.errors {
                rows.row(
                    &[("collector", collector), ("sqlstate", sqlstate)],
                    &[("errors_total", *count as f64)],
                );
            }
        });
        page.fill("exporter_missing", |rows| {
            for (collector, need) in &facts.missing {
                rows.row(&[("collector", collector), ("need", need)], &[("missing_privilege", 1.0)]);
            }
        });
        page.fill("exporter_missing_function", |rows| {
            for (collector, function) in &facts.absent {
                let labels = [("collector", collector.as_str()), ("function", function)];
                rows.row(&labels, &[("missing_function", 1.0)]);
            }
        });
        page.fill("exporter_skipped", |rows| {
            for (collector, skipped) in &self.skipped {
                for (reason, count) in skipped.reasons() {
                    rows.row(
                        &[("collector", collector), ("reason", reason)],
                        &[("skipped_total", count as f64)],
                    );
                }
            }
        });
        page.fill("exporter_databases", |rows| {
            let failed = outcomes.iter().flatten().filter(|outcome| outcome.failure.is_some());
            let databases: BTreeSet<_> =
                failed.map(|outcome| &outcome.database).filter(|name| !name.is_empty()).collect();
            for database in databases {
                rows.row(&[("datname", database)], &[("failed", 1.0)]);
            }
        });
        page.fill("exporter_databases_refused", |rows| {
            let refusals = facts.refusals.iter().map(|(database, failure)| (database, failure.reason));
            for (database, reason) in
                facts.barred.iter().map(|(name, reason)| (name, Some(*reason))).chain(refusals)
            {
                rows.row(&[("datname", database), ("reason", name(reason))], &[("refused", 1.0)]);
            }
        });
        page.page
    }

    fn count(&mut self, outcomes: &Result<Vec<Outcome>, Failure>, facts: &Facts) {
        self.scrapes += 1;
        for failure in &facts.login_failures {
            let kind = (failure.sqlstate.clone(), failure.reason);
            *self.connect_errors.entry(kind).or_default() += 1;
        }
        for outcome in outcomes.iter().flatten() {
            let collector = outcome.collector.name().to_owned();
            if let Some(failure) = &outcome.failure {
                *self.errors.entry((collector.clone(), failure.sqlstate.clone())).or_default() += 1;
            }
            if !outcome.skipped.is_nothing() {
                self.skipped.entry(collector).or_default().add(outcome.skipped);
            }
        }
    }

    /// Each failure is said once, and its end.
    fn log(&mut self, target: &str, outcomes: &Result<Vec<Outcome>, Failure>, facts: &Facts) {
        let now = troubles(outcomes, facts);
        for (subject, error) in now.iter().filter(|(subject, error)| self.said.get(*subject) != Some(*error))
        {
            let target_name = target;
            match subject {
                Subject::Server => tracing::error!(target_name, error, "server not scraped"),
                Subject::Database(datname) => {
                    tracing::warn!(target_name, datname, error, "database not entered");
                }
                Subject::Collector(collector) | Subject::Lack(collector) => {
                    tracing::warn!(target_name, collector, error, "collector failed");
                }
                Subject::Template => tracing::warn!(target_name, "{error}"),
            }
        }
        // While the server is away, nothing is known about its collectors.
        let over = self.said.keys().filter(|subject| outcomes.is_ok() && !now.contains_key(*subject));
        for subject in over {
            match subject {
                Subject::Server => tracing::info!(target_name = target, "works again"),
                Subject::Database(datname) => {
                    tracing::info!(target_name = target, datname, "no longer refused");
                }
                Subject::Collector(collector) | Subject::Lack(collector) => {
                    tracing::info!(target_name = target, collector, "works again");
                }
                Subject::Template => {}
            }
        }
        self.said = now;
    }
}

/// What a line of the log is about.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Server,
    /// A database that cannot be entered.
    Database(String),
    Collector(String),
    /// What a collector lacks.
    Lack(String),
    /// The database of the connection string is a template.
    Template,
}

/// Everything that is wrong now, with what is to be said about it.
fn troubles(outcomes: &Result<Vec<Outcome>, Failure>, facts: &Facts) -> BTreeMap<Subject, String> {
    let mut now = BTreeMap::new();
    let outcomes = match outcomes {
        Err(failure) => return BTreeMap::from([(Subject::Server, failure.message.clone())]),
        Ok(outcomes) => outcomes,
    };
    for (database, failure) in &facts.refusals {
        now.insert(Subject::Database(database.clone()), failure.message.clone());
    }
    for (database, _) in facts.barred.iter().filter(|(_, reason)| **reason == Reason::Invalid) {
        let message = "a DROP DATABASE was interrupted: drop it again";
        now.insert(Subject::Database(database.clone()), message.to_owned());
    }
    for outcome in outcomes.iter().filter(|outcome| !facts.refusals.contains_key(&outcome.database)) {
        let Some(failure) = &outcome.failure else { continue };
        now.entry(Subject::Collector(outcome.collector.name().to_owned())).or_insert_with(|| {
            match outcome.database.as_str() {
                "" => failure.message.clone(),
                database => format!("{} (database {database})", failure.message),
            }
        });
    }
    for (collector, need) in &facts.missing {
        let message = format!("missing: {need}; `check-grants` prints the SQL");
        now.insert(Subject::Lack(collector.clone()), message);
    }
    if let Some(template) = &facts.template {
        let message = format!(
            "the connection string names the database `{template}`, a template: `CREATE DATABASE` fails while somebody \
             is connected to it, so the connection ends with each scrape; name another one, such as `postgres`"
        );
        now.insert(Subject::Template, message);
    }
    now
}

/// What is told about servers that were removed, each by its name under `label`.
pub fn removed(label: &str, servers: &Removed<String>, definitions: &Definitions) -> Page {
    let mut all = Page::default();
    for (name, at) in servers.iter() {
        let mut page = OwnPage { target: (label, name), definitions, page: Page::default() };
        page.fill("exporter_removed", |rows| rows.row(&[], &[("target_removed_timestamp_seconds", at)]));
        all.extend(page.page);
    }
    all
}

/// The value of the label `reason`: empty, and so absent, when no reason is known.
fn name(reason: Option<Reason>) -> &'static str {
    reason.map_or("", Reason::name)
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// The page with the exporter's own families.
struct OwnPage<'a> {
    /// Name and value of the label that says which server is meant.
    target: (&'a str, &'a str),
    definitions: &'a Definitions,
    page: Page,
}

impl OwnPage<'_> {
    /// What is known about the server as a whole.
    fn server(&mut self, facts: &Facts) {
        self.fill("exporter", |rows| {
            rows.row(
                &[],
                &[
                    ("up", flag(facts.up)),
                    ("scrape_duration_seconds", facts.took.as_secs_f64()),
                    ("scrape_timeout_seconds", facts.budget.as_secs_f64()),
                    ("scrape_connections", if facts.up { number(facts.connections) } else { f64::NAN }),
                    (
                        "server_certificate_expiry_timestamp_seconds",
                        facts.expiry.map_or(f64::NAN, |expiry| expiry as f64),
                    ),
                ],
            );
        });
    }

    /// Fills the families of one file.
    fn fill(&mut self, file: &str, rows: impl FnOnce(&mut OwnRows)) {
        let Some(definition) = self.definitions.own.get(file) else { return };
        let builder = Table::builder(Arc::clone(&definition.families), Limits::default());
        let mut own = OwnRows { target: self.target, definition, builder };
        rows(&mut own);
        let (table, _) = own.builder.finish();
        if !table.is_empty() {
            self.page.add(&"".into(), Arc::new(table));
        }
    }
}

struct OwnRows<'a> {
    /// Name and value of the label that says which server is meant.
    target: (&'a str, &'a str),
    definition: &'a Collector,
    builder: Builder,
}

impl OwnRows<'_> {
    /// Adds a row with values by the key of their metric; what is not given is absent.
    fn row(&mut self, labels: &[(&str, &str)], values: &[(&str, f64)]) {
        let keys = self.definition.query.metrics.iter().map(|metric| &*metric.key);
        let value =
            |key: &str| values.iter().find(|(name, _)| *name == key).map_or(f64::NAN, |(_, value)| *value);
        let row: Vec<f64> = keys.map(value).collect();
        let labels = std::iter::once(self.target).chain(labels.iter().copied());
        self.builder.row(labels, &row);
    }
}
