//! All versions of the site side by side: each git tag from its own content, and `latest` from the working tree.
//!
//! [`git`] reads tags, [`select`] says which are versions and how they are ordered, [`shelf`] is what lies beside them.

mod git;
mod select;
mod shelf;

use std::path::Path;

use catalogue::Catalogue;
use rayon::prelude::*;

use self::select::Tagged;
pub use self::select::Wanted;
use crate::edition::Edition;
use crate::render::chart::Release;
use crate::render::site::Shelf;
use crate::render::site::theme::Theme;
use crate::report::{self, Format};
use crate::tree::Tree;
use crate::{history, render};

/// The folder of what is not tagged yet.
const LATEST: &str = "latest";

/// Problems of one version that are shown.
const SHOWN: usize = 5;

/// What came of it.
#[derive(Debug)]
pub struct Versions {
    /// All files.
    pub tree: Tree,
    /// Each version that is in it, with the number of its files.
    pub built: Vec<(String, usize)>,
    /// Why others are not.
    pub problems: Vec<String>,
}

/// Builds every wanted version of a content and `latest`, which is the catalogue.
///
/// # Errors
/// No git, or a theme that names what is not there.
pub fn build(catalogue: &Catalogue, theme: &Theme, url: &str, wanted: &Wanted) -> Result<Versions, String> {
    let content = &catalogue.root;
    let (tagged, mut problems) = select::select(git::tags(content)?, wanted);
    if git::is_shallow(content) {
        problems.push(
            "this is a shallow clone, so versions may be missing: `git fetch --unshallow --tags` gets all"
                .to_owned(),
        );
    }
    let latest = latest(catalogue, theme, url)?;
    let prefix = git::prefix(content)?;
    let editions: Vec<_> = tagged
        .par_iter()
        .map(|tagged| edition(content, &prefix, tagged, theme, url, &latest).map(|tree| (tagged, tree)))
        .collect();
    let mut versions = Versions {
        tree: Tree::default(),
        built: vec![(LATEST.to_owned(), latest.files().count())],
        problems,
    };
    let mut on_shelf = Vec::new();
    for edition in editions {
        match edition {
            Ok((tagged, tree)) => {
                versions.built.push((tagged.version.to_string(), tree.files().count()));
                versions.tree.extend_below(&tagged.version.to_string(), tree);
                on_shelf.push(tagged);
            }
            Err(problem) => versions.problems.push(problem),
        }
    }
    versions.tree.extend(shelf::files(&catalogue.site, theme, url, &latest, &on_shelf)?);
    versions.tree.extend_below(LATEST, latest);
    Ok(versions)
}

fn latest(catalogue: &Catalogue, theme: &Theme, url: &str) -> Result<Tree, String> {
    let release = Release::default();
    let edition = Edition {
        release,
        version: Some(LATEST),
        url: &format!("{url}/{LATEST}"),
        revision: "main",
        history: history::read(&catalogue.root),
        shelf: Some(Shelf { url, latest: None, is_old: false }),
    };
    let charts = render::chart::render(catalogue, release);
    Tree::of(|out| edition.render(catalogue, theme, &charts, out))
}

/// The files of a version, or why there are none.
fn edition(
    content: &Path,
    prefix: &str,
    tagged: &Tagged,
    theme: &Theme,
    url: &str,
    latest: &Tree,
) -> Result<Tree, String> {
    let Tagged { version, tag, is_old } = tagged;
    let left_out = |why: String| format!("version {version} is left out, tag `{}`: {why}", tag.name);
    let folder = tempfile::tempdir().map_err(|error| left_out(format!("no room for its files: {error}")))?;
    // The folder's name is part of what the site says, so it stays.
    let root = folder.path().join(content.file_name().unwrap_or("content".as_ref()));
    if git::extract(content, &tag.commit, &root).map_err(left_out)? == 0 {
        return Err(left_out(format!("it has no folder `{prefix}`")));
    }
    let loaded = catalogue::load(&root);
    let problems = loaded.problems.into_sorted();
    let catalogue = match loaded.catalogue {
        Some(catalogue) if problems.is_empty() => catalogue,
        _ => {
            let shown = report::problems(&problems[..problems.len().min(SHOWN)], Format::Text);
            let shown = shown
                .replace(&*root.to_string_lossy(), &format!("{}:{}", tag.name, prefix.trim_end_matches('/')));
            let count = report::summary(&problems);
            return Err(left_out(format!("this program does not understand its content: {count}\n{shown}")));
        }
    };
    let name = version.to_string();
    let release = Release { version: &name, changelog: "" };
    let edition = Edition {
        release,
        version: Some(&name),
        url: &format!("{url}/{name}"),
        revision: &tag.name,
        history: history::at(content, &tag.commit, &root),
        shelf: Some(Shelf { url, latest: Some(latest), is_old: *is_old }),
    };
    let charts = render::chart::render(&catalogue, release);
    Tree::of(|out| edition.render(&catalogue, theme, &charts, out)).map_err(left_out)
}
