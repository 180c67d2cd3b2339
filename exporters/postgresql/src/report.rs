//! What a scrape says about itself: the families of the `exporter*.yaml` files, filled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::collector::{Collector, Definitions};
use super::outcome::{Outcome, sums};
use super::session::Failure;
use exporter_core::exposition::Page;
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
    /// Collectors with what they lack.
    pub missing: BTreeSet<(String, String)>,
}

/// Counters of a target, and what was last said in the log.
#[derive(Debug, Default)]
pub struct Report {
    scrapes: u64,
    connect_errors: BTreeMap<String, u64>,
    errors: BTreeMap<(String, String), u64>,
    skipped: BTreeMap<String, Skipped>,
    said: BTreeMap<String, String>,
}

impl Report {
    /// Counts, logs what changed, and makes the exporter's own samples.
    pub fn page(
        &mut self,
        target: &str,
        definitions: &Definitions,
        collectors: &[Arc<Collector>],
        outcomes: &Result<Vec<Outcome>, Failure>,
        facts: &Facts,
        compat: bool,
    ) -> Page {
        self.count(outcomes, facts);
        self.log(target, outcomes, facts);
        let mut page = OwnPage { target, definitions, page: Page::default() };
        let failed = outcomes
            .as_ref()
            .map_or(true, |outcomes| outcomes.iter().any(|outcome| outcome.failure.is_some()));
        page.fill("exporter", |rows| {
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
            for (sqlstate, count) in &self.connect_errors {
                rows.row(&[("sqlstate", sqlstate)], &[("connect_errors_total", *count as f64)]);
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
        page.page
    }

    fn count(&mut self, outcomes: &Result<Vec<Outcome>, Failure>, facts: &Facts) {
        self.scrapes += 1;
        for failure in &facts.login_failures {
            *self.connect_errors.entry(failure.sqlstate.clone()).or_default() += 1;
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
        let mut now = BTreeMap::new();
        match outcomes {
            Err(failure) => {
                now.insert(String::new(), failure.message.clone());
            }
            Ok(outcomes) => {
                for outcome in outcomes {
                    if let Some(failure) = &outcome.failure {
                        now.entry(outcome.collector.name().to_owned()).or_insert_with(|| {
                            match outcome.database.as_str() {
                                "" => failure.message.clone(),
                                database => format!("{} (database {database})", failure.message),
                            }
                        });
                    }
                }
                for (collector, need) in &facts.missing {
                    now.insert(
                        format!("{collector} "),
                        format!("missing: {need}; `check-grants` prints the SQL"),
                    );
                }
            }
        }
        for (what, message) in &now {
            if self.said.get(what) != Some(message) {
                match what.trim() {
                    "" => tracing::error!(target_name = target, error = message, "server not scraped"),
                    collector => {
                        tracing::warn!(target_name = target, collector, error = message, "collector failed");
                    }
                }
            }
        }
        for what in self.said.keys().filter(|what| !now.contains_key(*what)) {
            // While the server is away, nothing is known about its collectors.
            if outcomes.is_ok() {
                tracing::info!(target_name = target, collector = what.trim(), "works again");
            }
        }
        self.said = now;
    }
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// The page with the exporter's own families.
struct OwnPage<'a> {
    target: &'a str,
    definitions: &'a Definitions,
    page: Page,
}

impl OwnPage<'_> {
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
    target: &'a str,
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
        let labels = std::iter::once(("target", self.target)).chain(labels.iter().copied());
        self.builder.row(labels, &row);
    }
}
