//! `dmf build`: the charts and the site of the content as it is.

use std::mem::ManuallyDrop;
use std::path::Path;

use super::{End, clean, say};
use crate::edition::Edition;
use crate::render::chart::Release;
use crate::render::site::theme::Theme;
use crate::tree::{Finished, Folder, Tree, WriteError};
use crate::{history, render};

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
    let (catalogue, of_site) = rayon::join(|| clean(content), of_site);
    // The program ends after this: to free what is in it piece by piece takes time and serves nobody.
    let catalogue = match catalogue {
        Ok(catalogue) => ManuallyDrop::new(catalogue),
        Err(end) => return end,
    };
    let stamped = Release::default();
    let version = to.release.as_ref().map_or_else(|| stamped.version.to_owned(), ToString::to_string);
    let release = Release { version: &version, ..stamped };
    let charts = render::chart::render(&catalogue, release);
    let Some((theme, history)) = of_site else { return compare(&charts, to.charts) };
    let url = to.base_url.map_or_else(
        || format!("{}/{version}", &*catalogue.site.url),
        |url| url.trim_end_matches('/').to_owned(),
    );
    let edition =
        Edition { release, version: Some(&version), url: &url, revision: "main", history, shelf: None };
    // Both are made before one comes into its place.
    let site = theme.and_then(|theme| {
        let site = Folder::begin(to.site)?;
        edition.render(&catalogue, &theme, &charts, &site).map(|()| site)
    });
    match site {
        Err(message) => End::Failed(message),
        Ok(site) => match write(&charts, to.charts) {
            End::Fine => said(to.site, site.finish()),
            end => end,
        },
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
