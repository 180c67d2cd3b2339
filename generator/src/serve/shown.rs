//! What the preview shows: the last good site, what is wrong, and a number that grows with each change.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use catalogue::Problem;
use tokio::sync::watch;

use crate::report::{self, Format};
use crate::tree::Tree;

/// What is shown, shared by those who build and those who answer.
pub(super) struct Shown {
    site: RwLock<Tree>,
    /// The problems as JSON.
    problems: RwLock<String>,
    changed: watch::Sender<u64>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            site: RwLock::default(),
            problems: RwLock::new(report::problems(&[], Format::Json)),
            changed: watch::Sender::new(0),
        }
    }
}

impl Shown {
    /// Shows another site, unless it is out of date by now.
    pub(super) fn site(&self, site: Tree, is_current: impl Fn() -> bool) {
        // Asked while nobody else can show something newer.
        let mut shown = self.site.write().unwrap_or_else(PoisonError::into_inner);
        if is_current() {
            let old = std::mem::replace(&mut *shown, site);
            self.changed.send_modify(|number| *number += 1);
            // To take a large site apart takes time, for which nobody who reads has to wait.
            drop(shown);
            drop(old);
        }
    }

    /// Shows some pages anew.
    pub(super) fn pages(&self, pages: Tree) {
        self.site.write().unwrap_or_else(PoisonError::into_inner).replace(pages);
        self.changed.send_modify(|number| *number += 1);
    }

    /// Shows what is wrong, or that nothing is.
    pub(super) fn problems(&self, problems: &[Problem]) {
        self.say_wrong(report::problems(problems, Format::Json));
    }

    /// Shows why there is no site, which is no problem of the content.
    pub(super) fn failure(&self, message: &str) {
        let problem = serde_json::json!({ "level": "error", "message": message });
        self.say_wrong(serde_json::json!({ "problems": [problem] }).to_string());
    }

    fn say_wrong(&self, json: String) {
        *self.problems.write().unwrap_or_else(PoisonError::into_inner) = json;
        self.changed.send_modify(|number| *number += 1);
    }

    /// A file and the tag that tells its states apart.
    pub(super) fn file(&self, path: &Path) -> Option<(Vec<u8>, String)> {
        let site = self.site.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = site.get(path)?.to_vec();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Some((bytes, format!("\"{:016x}\"", hasher.finish())))
    }

    /// What is wrong, as JSON in one line.
    pub(super) fn wrong(&self) -> String {
        let json = self.problems.read().unwrap_or_else(PoisonError::into_inner);
        json.lines().map(str::trim).collect()
    }

    /// Follows the changes.
    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
