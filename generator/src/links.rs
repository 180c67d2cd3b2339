//! Where a relative link of a Markdown file leads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use catalogue::Catalogue;
use catalogue::source::Source;

use crate::{markdown, sql};

/// Every file that a link may lead to.
pub struct Library<'a> {
    pages: BTreeMap<&'a Path, &'a Arc<Source>>,
    others: BTreeSet<&'a Path>,
    broken: &'a BTreeSet<PathBuf>,
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// To another host, or nowhere that content can judge.
    Outside,
    /// To a file of content.
    File(PathBuf),
    /// Nowhere, and why.
    Broken(String),
}

impl<'a> Library<'a> {
    /// The files of a catalogue.
    pub fn new(catalogue: &'a Catalogue) -> Self {
        let runbooks = catalogue.alerts().filter_map(|(_, alert)| alert.runbook.as_ref());
        let pages = catalogue.pages.iter().map(|page| &page.source).chain(runbooks).chain(&catalogue.shared);
        let rules = catalogue.alerts().map(|(_, alert)| alert.source.path.as_path());
        let metrics = catalogue.queries().map(|(_, query)| query.source.path.as_path());
        let sql = sql::files(catalogue).map(|source| source.path.as_path());
        Self {
            pages: pages.map(|source| (source.path.as_path(), source)).collect(),
            others: rules
                .chain(metrics)
                .chain(sql)
                .chain(catalogue.pictures.iter().map(|s| s.path.as_path()))
                .collect(),
            broken: &catalogue.broken,
        }
    }

    /// Follows a link that stands in a text of a folder.
    pub fn resolve(&self, folder: &Path, text: &str, destination: &str) -> Target {
        if destination.contains("://") || destination.starts_with("mailto:") {
            return Target::Outside;
        }
        let (file, anchor) = destination.split_once('#').unwrap_or((destination, ""));
        let path = Self::path(folder, file);
        let broken = |anchor: &str| Target::Broken(format!("there is no heading `#{anchor}`"));
        let has = |text: &str| markdown::headings(text).iter().any(|heading| heading.anchor == anchor);
        if file.is_empty() {
            return if has(text) { Target::Outside } else { broken(anchor) };
        }
        match self.pages.get(path.as_path()) {
            Some(source) if !anchor.is_empty() && !has(&source.text) => broken(anchor),
            Some(_) => Target::File(path),
            None if self.others.contains(path.as_path()) => Target::File(path),
            // The file, or the alert that it belongs to, has other troubles.
            None if path.exists() && self.broken.iter().any(|broken| broken.parent() == path.parent()) => {
                Target::File(path)
            }
            None => Target::Broken(format!("there is no file `{file}`")),
        }
    }

    /// The path that a relative link names.
    pub fn path(folder: &Path, destination: &str) -> PathBuf {
        let file = destination.split('#').next().unwrap_or_default();
        let mut path = folder.to_path_buf();
        for part in Path::new(file).components() {
            match part {
                Component::ParentDir => {
                    path.pop();
                }
                Component::Normal(part) => path.push(part),
                _ => {}
            }
        }
        path
    }
}
