//! `dmf build`: the charts and the site of the content as it is.

use std::mem::ManuallyDrop;
use std::path::Path;

use catalogue::Catalogue;

use super::{End, refuse, say};
use crate::edition::Edition;
use crate::history::{self, History};
use crate::render::chart::Release;
use crate::render::site::theme::Theme;
use crate::tree::{Finished, Folder, Tree, WriteError};
use crate::{check, render};

/// Where the charts and the site go, and how.
pub(super) struct To<'a> {
    pub(super) release: Option<semver::Version>,
    pub(super) charts: &'a Path,
    pub(super) site: &'a Path,
    pub(super) base_url: Option<&'a str>,
    pub(super) theme: Option<&'a Path>,
}

pub(super) fn run(content: &Path, check: bool, to: &To) -> End {
    // The site is not committed, so it cannot be stale.
    let of_site = || (!check).then(|| (Theme::read(to.theme), history::read(content)));
    let (loaded, of_site) = rayon::join(|| catalogue::load(content), of_site);
    let (catalogue, mut problems) = (loaded.catalogue, loaded.problems);
    // The program ends after this: to free what is in it piece by piece takes time and serves nobody.
    let Some(catalogue) = catalogue.map(ManuallyDrop::new) else { return refuse(&problems.into_sorted()) };
    // All is made while the checks run, and only comes into its place when they find nothing.
    let is_read = problems.is_empty();
    let all = || is_read.then(|| make(&catalogue, of_site, to));
    let (found, made) = rayon::join(|| check::run(&catalogue), all);
    problems.extend(found);
    match made {
        Some(made) if problems.is_empty() => made.map_or_else(End::Failed, |made| made.put(to)),
        _ => refuse(&problems.into_sorted()),
    }
}

/// What was made: the charts, and the site unless it was not asked for.
struct Made {
    charts: Tree,
    site: Option<Folder>,
}

/// The version to stamp: the one that was asked for, or the workspace's.
pub(super) fn version(release: Option<&semver::Version>) -> String {
    release.map_or_else(|| Release::default().version.to_owned(), ToString::to_string)
}

fn make(
    catalogue: &Catalogue,
    of_site: Option<(Result<Theme, String>, History)>,
    to: &To,
) -> Result<Made, String> {
    let version = version(to.release.as_ref());
    let release = Release { version: &version, ..Release::default() };
    let charts = render::chart::render(catalogue, release);
    let Some((theme, history)) = of_site else { return Ok(Made { charts, site: None }) };
    let url = to.base_url.map_or_else(
        || format!("{}/{version}", &*catalogue.site.url),
        |url| url.trim_end_matches('/').to_owned(),
    );
    let edition =
        Edition { release, version: Some(&version), url: &url, revision: "main", history, shelf: None };
    let site = Folder::begin(to.site)?;
    edition.render(catalogue, &theme?, &charts, &site)?;
    Ok(Made { charts, site: Some(site) })
}

impl Made {
    /// Puts it in its place, or compares it.
    fn put(self, to: &To) -> End {
        let Some(site) = self.site else { return compare(&self.charts, to.charts) };
        match write(&self.charts, to.charts) {
            End::Fine => said(to.site, site.finish()),
            end => end,
        }
    }
}

/// Writes an output folder and says so.
pub(super) fn write(tree: &Tree, folder: &Path) -> End {
    said(folder, tree.write(folder))
}

fn said(folder: &Path, finished: Result<Finished, WriteError>) -> End {
    match finished {
        Ok(Finished { changed, files }) => {
            let what = if changed { "written" } else { "unchanged" };
            say(&format!("{}: {files} files, {what}\n", folder.display()));
            End::Fine
        }
        Err(error) => End::Failed(error.to_string()),
    }
}

fn compare(tree: &Tree, folder: &Path) -> End {
    let difference = match tree.compare(folder) {
        Ok(difference) => difference,
        Err(error) => return End::Failed(error.to_string()),
    };
    if difference.is_empty() {
        say(&format!("{}: up to date\n", folder.display()));
        return End::Fine;
    }
    let kinds =
        [("stale", &difference.stale), ("missing", &difference.missing), ("extra", &difference.extra)];
    for (kind, paths) in kinds {
        for path in paths {
            say(&format!("{kind}: {}\n", folder.join(path).display()));
        }
    }
    say("help: run `dmf build` and commit the result\n");
    End::Problems
}
