//! One edition of the site: content in, all its files out. What `build`, `serve` and `site versions` have in common.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use catalogue::{Catalogue, Problem};

use crate::render::chart::Release;
use crate::render::site::theme::Theme;
use crate::render::site::{Material, Shelf};
use crate::tree::{Sink, Tree};
use crate::{check, history, render};

/// The catalogue and everything that is wrong with it.
pub fn judge(content: &Path) -> (Option<Catalogue>, Vec<Problem>) {
    let loaded = catalogue::load(content);
    let mut problems = loaded.problems;
    if let Some(catalogue) = &loaded.catalogue {
        problems.extend(check::run(catalogue));
    }
    if let Err(message) = evidence(content) {
        let path = content.join(catalogue::load::EVIDENCE);
        problems.push(Problem::file("content/file", path, message).help("`just evidence` writes it anew"));
    }
    let mut problems = problems.into_sorted();
    let line =
        |problem: &Problem| Some((problem.spot.path().to_path_buf(), problem.spot.line_and_column()?.0));
    let unfinished = problems.iter().filter(|problem| problem.check == check::UNFINISHED);
    let unfinished: HashSet<_> = unfinished.filter_map(line).collect();
    // What else is wrong with a FIXME is nothing that one could mend.
    problems.retain(|problem| {
        unfinished.is_empty()
            || problem.check == check::UNFINISHED
            || line(problem).is_none_or(|line| !unfinished.contains(&line))
    });
    (loaded.catalogue, problems)
}

/// Which edition of a content.
pub struct Edition<'a> {
    /// What its charts and pages say they are.
    pub release: Release<'a>,
    /// The version that its pages show; none for a preview.
    pub version: Option<&'a str>,
    /// Where it is published.
    pub url: &'a str,
    /// The commit, tag or branch that links to the repository name.
    pub revision: &'a str,
    /// When its files changed.
    pub history: history::History,
    /// The other versions beside it.
    pub shelf: Option<Shelf<'a>>,
}

impl<'a> Edition<'a> {
    /// What the renderer needs besides the catalogue. The charts are those of the same release.
    ///
    /// # Errors
    /// An evidence.json that is not JSON.
    pub fn material(self, catalogue: &Catalogue, charts: &Tree) -> Result<Material<'a>, String> {
        let readme = |(path, bytes): (&Path, &[u8])| {
            let chart = path.to_str()?.strip_suffix("/README.md")?;
            Some((chart.to_owned(), String::from_utf8_lossy(bytes).into_owned()))
        };
        Ok(Material {
            version: self.version,
            url: self.url,
            revision: self.revision,
            shelf: self.shelf,
            history: self.history,
            evidence: evidence(&catalogue.root)?,
            charts: charts.files().filter_map(readme).collect(),
            checks: check::kinds().map(|kind| (kind.name, kind.doc)).collect(),
            only: None,
        })
    }

    /// Makes all files of the site.
    ///
    /// # Errors
    /// A theme that names what is not there, an evidence.json that is not JSON, or a file that cannot be written.
    pub fn render(
        self,
        catalogue: &Catalogue,
        theme: &Theme,
        charts: &Tree,
        out: &dyn Sink,
    ) -> Result<(), String> {
        files(catalogue, theme, &self.material(catalogue, charts)?, out)
    }
}

/// Makes the site and its downloads.
///
/// # Errors
/// A theme that names what is not there, or a file that cannot be written.
pub fn files(
    catalogue: &Catalogue,
    theme: &Theme,
    material: &Material,
    out: &dyn Sink,
) -> Result<(), String> {
    let site = || render::site::render(catalogue, theme, material, out);
    let (site, queries) = rayon::join(site, || render::queries::render(catalogue, out));
    site?;
    queries?;
    Ok(render::alertmanager::render(catalogue, out)?)
}

/// What the scenarios showed, if there is a file of it.
fn evidence(content: &Path) -> Result<serde_json::Value, String> {
    let path = content.join(catalogue::load::EVIDENCE);
    let regular = std::fs::metadata(&path).map(|about| about.is_file());
    match regular
        .and_then(|regular| if regular { std::fs::read(&path) } else { Err(ErrorKind::InvalidInput.into()) })
    {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| format!("`{}` is not JSON: {error}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(serde_json::Value::Null),
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
    }
}
