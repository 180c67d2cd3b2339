//! `dmf package`: the charts as packages.

use std::path::Path;

use super::{End, build, clean};
use crate::package::packages;
use crate::render::chart::{Release, render};

/// Checks the content and writes a package of each chart to a folder.
pub(super) fn run(content: &Path, release: Option<&semver::Version>, out: &Path) -> End {
    let catalogue = match clean(content) {
        Ok(catalogue) => catalogue,
        Err(end) => return end,
    };
    let version = build::version(release);
    let charts = render(&catalogue, Release { version: &version, ..Release::default() });
    let names = catalogue.components.iter().map(|component| &*component.about.chart);
    match packages(&charts, names, &version) {
        Ok(packages) => build::write(&packages, out),
        Err(error) => End::Failed(format!("a chart cannot be packaged: {error}")),
    }
}
