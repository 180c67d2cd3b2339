//! What is wrong, where, and how to mend it. Problems are data; the report prints them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::source::{Place, Source};

/// How bad a problem is. Both make `dmf check` fail: a warning that nobody must heed is noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The definition is wrong.
    Error,
    /// The definition works but will hurt somebody.
    Warning,
}

/// Where a problem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// In the text of a file.
    In(Place),
    /// A file or folder as such: missing, unreadable, misnamed.
    File(PathBuf),
}

impl Spot {
    /// Path of the file or folder.
    pub fn path(&self) -> &std::path::Path {
        match self {
            Self::In(place) => &place.source.path,
            Self::File(path) => path,
        }
    }

    /// Offset of the first byte, where the spot lies in a text.
    fn start(&self) -> Option<usize> {
        match self {
            Self::In(place) => Some(place.range.start),
            Self::File(_) => None,
        }
    }

    /// Line and column, counted from 1, where the spot lies in a text.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        match self {
            Self::In(place) => Some(place.line_and_column()),
            Self::File(_) => None,
        }
    }
}

/// One problem, found by the loader or by a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Name of the check that found it, such as `alert/for`.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// The fact: lower case, no final stop, names in backticks.
    pub message: String,
    /// Where it is.
    pub spot: Spot,
    /// The remedy.
    pub help: Option<String>,
}

impl Problem {
    /// An error at a place.
    pub fn error(check: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { check, level: Level::Error, message: message.into(), spot: Spot::In(place), help: None }
    }

    /// A warning at a place.
    pub fn warning(check: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(check, place, message) }
    }

    /// An error about a file or folder as such.
    pub fn file(check: &'static str, path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        let spot = Spot::File(path.into());
        Self { check, level: Level::Error, message: message.into(), spot, help: None }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the remedy where there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// The problems collected so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Records a problem.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Records all problems of another collection.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Problem>) {
        self.0.extend(others);
    }

    /// The problems found so far.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order in which people read: by file, then by position, then by check.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by(|a, b| {
            let key = |p: &Problem| (p.spot.start(), p.check);
            a.spot
                .path()
                .cmp(b.spot.path())
                .then_with(|| key(a).cmp(&key(b)))
                .then_with(|| a.message.cmp(&b.message))
        });
        self.0.dedup();
        self.0
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The place at which a source starts, as a spot.
pub fn whole(source: &Arc<Source>) -> Place {
    Place::start(source)
}

/// A kind of problem that reading content can find, with its explanation.
#[derive(Debug)]
pub struct Kind {
    /// The name that messages carry.
    pub name: &'static str,
    /// What it means and what to do, as Markdown.
    pub doc: &'static str,
}

/// The kinds of problems that reading finds, before any check runs.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "content/file",
        doc: "A file or folder of `content/` is missing, unknown, unreadable, too large, a symbolic link, or not \
              clean UTF-8 with `\\n` line ends. Every file there has a known name and place, so that a walk finds \
              everything and nothing is silently left out.",
    },
    Kind {
        name: "yaml/syntax",
        doc: "The file is not YAML, or uses a part of YAML that content does without: tabs for indentation, \
              anchors, aliases, tags, several documents.",
    },
    Kind {
        name: "yaml/duplicate-key",
        doc: "The same key stands twice in one mapping. YAML readers disagree about which one counts.",
    },
    Kind {
        name: "yaml/unknown-key",
        doc: "A key that the format does not know: most often a misspelt one. Nothing reads it.",
    },
    Kind {
        name: "yaml/missing-key",
        doc: "A key that the format requires is not there; the message names it.",
    },
    Kind {
        name: "yaml/type",
        doc: "A value has the wrong shape: a list where a text is expected, and so on.",
    },
    Kind {
        name: "yaml/value",
        doc: "A value has the right shape but is not one of the values that make sense.",
    },
];
