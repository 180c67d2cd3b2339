//! Rule tests with the real engine: the rules as Helm renders them, judged by promtool.
//!
//! [`expand`] turns each case of tests.yaml into what promtool runs and adds the derived cases; [`helm`] renders
//! the charts; [`batch`] makes files for promtool, and [`promtool`] runs them in one process per version;
//! [`outcome`] says what came of it. [`judge`] has other rules than the charts' judged by the same cases, and
//! [`guess`] tells it where to look first.

mod batch;
mod changes;
mod departures;
mod expand;
mod guess;
mod helm;
mod judge;
mod outcome;
mod promtool;
mod samples;

use std::collections::BTreeMap;
use std::path::Path;

use catalogue::{Alert, Catalogue, Component};

use self::batch::{Added, Batch};
use crate::promql::Promql;
use crate::tools::Tools;

pub use expand::{Expanded, Variant, expand};
pub use judge::{Judge, Subject};
pub use outcome::Outcome;

/// An expression with the matcher and the label of [`Variant::Injected`].
pub fn injected(promql: &Promql) -> String {
    promql.inject(&format!("{}=\"x\"", expand::EXTRA_LABEL), expand::EXTRA_LABEL)
}

/// The alerts to test.
pub struct Selection<'a>(Vec<(&'a Component, &'a Alert)>);

impl<'a> Selection<'a> {
    /// The named alerts, or all.
    pub fn new(catalogue: &'a Catalogue, names: &[String]) -> Result<Self, String> {
        let known: Vec<_> = catalogue.alerts().collect();
        for name in names {
            if !known.iter().any(|(_, alert)| *alert.name == **name) {
                let known = known.iter().map(|(_, alert)| &*alert.name);
                return Err(format!(
                    "there is no alert `{name}`, {}",
                    catalogue::suggest::did_you_mean(name, known)
                ));
            }
        }
        let wanted = |alert: &Alert| names.is_empty() || names.iter().any(|name| **name == *alert.name);
        Ok(Self(known.into_iter().filter(|(_, alert)| wanted(alert)).collect()))
    }

    /// The alerts with their components.
    pub fn alerts(&self) -> &[(&'a Component, &'a Alert)] {
        &self.0
    }
}

/// Renders the charts, expands the cases, and runs them with each promtool.
pub fn run(
    catalogue: &Catalogue,
    selection: &Selection,
    tools: &Tools,
    keep: Option<&Path>,
) -> Result<Outcome, String> {
    let scratch =
        tempfile::tempdir().map_err(|error| format!("cannot make a folder for the tests: {error}"))?;
    let folder = keep.unwrap_or(scratch.path());
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    let rules = helm::render(catalogue, tools, scratch.path())?;
    let mut cases = Vec::new();
    let mut batches: BTreeMap<String, Batch> = BTreeMap::new();
    for (component, alert) in &selection.0 {
        for case in expand(component, alert) {
            let rule = rules.of(&case.by, case.variant)?;
            let by = component.alerts.iter().find(|alert| *alert.name == *case.by);
            let by = by.ok_or_else(|| format!("`{}` has no alert `{}`", component.name, case.by))?;
            let added = Added::of(catalogue, component, by);
            let name = Batch::name(&case);
            let new = || Batch::new(&name, &case, vec![rule.clone()]);
            let batch = batches.entry(name.clone()).or_insert_with(new);
            batch.add(cases.len(), &case, &added);
            cases.push(case);
        }
    }
    let files: Result<Vec<_>, String> = batches.values().map(|batch| batch.write(folder)).collect();
    let failures = promtool::run(tools, folder, &files?)?;
    Ok(Outcome::new(selection.0.iter().map(|(_, alert)| &*alert.name), cases, failures))
}
