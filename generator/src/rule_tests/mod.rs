//! Rule tests with the real engine: the rules as Helm renders them, judged by promtool.
//!
//! [`expand`] turns each case of tests.yaml into what promtool runs and adds the derived cases; [`helm`] renders
//! the charts; [`promtool`] runs all of it in one process per version; [`outcome`] says what came of it.

mod expand;
mod helm;
mod outcome;
mod promtool;

use std::path::Path;

use catalogue::{Alert, Catalogue, Component};

use crate::tools::Tools;

pub use expand::{Expanded, Variant, expand};
pub use outcome::Outcome;

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
    for (_, alert) in &selection.0 {
        cases.extend(expand(alert));
    }
    let files = promtool::write(folder, &rules, &cases)?;
    let failures = promtool::run(tools, folder, &files)?;
    Ok(Outcome::new(selection.0.iter().map(|(_, alert)| &*alert.name), cases, failures))
}
