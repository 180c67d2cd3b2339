//! Where a relative link of a Markdown file leads.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use catalogue::Catalogue;
use catalogue::source::Source;

use crate::markdown::Outline;
use crate::sql;

/// Every file that a link may lead to.
pub struct Library<'a> {
    pages: BTreeMap<&'a Path, &'a Arc<Source>>,
    others: BTreeSet<&'a Path>,
    broken: &'a BTreeSet<PathBuf>,
    /// The anchors of the texts that were asked for.
    anchors: RefCell<HashMap<PathBuf, Rc<HashSet<String>>>>,
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
            anchors: RefCell::default(),
        }
    }

    /// Follows a link that stands in a text.
    pub fn resolve(&self, source: &Source, destination: &str) -> Target {
        if destination.contains("://") || destination.starts_with("mailto:") {
            return Target::Outside;
        }
        let (file, anchor) = destination.split_once('#').unwrap_or((destination, ""));
        let path = Self::path(source.folder(), file);
        let broken = |anchor: &str| Target::Broken(format!("there is no heading `#{anchor}`"));
        let has = |source: &Source| self.anchors_of(source).contains(anchor);
        if file.is_empty() {
            return if has(source) { Target::Outside } else { broken(anchor) };
        }
        match self.pages.get(path.as_path()) {
            Some(source) if !anchor.is_empty() && !has(source) => broken(anchor),
            Some(_) => Target::File(path),
            None if self.others.contains(path.as_path()) => Target::File(path),
            // The file, or the alert that it belongs to, has other troubles.
            None if path.exists() && self.broken.iter().any(|broken| broken.parent() == path.parent()) => {
                Target::File(path)
            }
            None => Target::Broken(format!("there is no file `{file}`")),
        }
    }

    /// A text is read once, however many links lead into it.
    fn anchors_of(&self, source: &Source) -> Rc<HashSet<String>> {
        let mut known = self.anchors.borrow_mut();
        let anchors = known.entry(source.path.clone()).or_insert_with(|| {
            let headings = Outline::of(source).headings.iter();
            Rc::new(headings.map(|heading| heading.anchor.clone()).collect())
        });
        Rc::clone(anchors)
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
