//! A page before the theme: what it says and where it is.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::search;
use crate::markdown::html::{Entry, Section};

/// A page.
#[derive(Debug)]
pub(super) struct Draft {
    /// Path from the root of the site.
    pub(super) path: String,
    /// The template.
    pub(super) template: &'static str,
    /// What the theme and the search call it.
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) description: String,
    /// HTML without the title.
    pub(super) body: String,
    pub(super) toc: Vec<Entry>,
    pub(super) sections: Vec<Section>,
    /// Title and path of the pages above it.
    pub(super) above: Vec<(String, Option<String>)>,
    /// The file of content that it comes from.
    pub(super) file: Option<PathBuf>,
    /// Its Markdown, which is published beside it.
    pub(super) twin: Option<String>,
    /// Whether it has a place in the order of reading.
    pub(super) in_order: bool,
    /// Severity and component, for the search.
    pub(super) severity: Option<&'static str>,
    pub(super) component: Option<String>,
    /// Component and group by name, for the menu.
    pub(super) place: Option<(String, Option<String>)>,
    /// What only its template knows.
    pub(super) more: Map<String, Value>,
    /// The number of its runbook, which is read when the page is made.
    pub(super) runbook: Option<usize>,
}

impl Draft {
    pub(super) fn new(
        path: impl Into<String>,
        title: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            template: "page",
            kind: "page",
            title: title.into(),
            description: description.into(),
            body: String::new(),
            toc: Vec::new(),
            sections: Vec::new(),
            above: Vec::new(),
            file: None,
            twin: None,
            in_order: true,
            severity: None,
            component: None,
            place: None,
            more: Map::new(),
            runbook: None,
        }
    }

    /// What is still needed of a page that is made: not its text, except for the page of everything.
    pub(super) fn made(self, is_printed: bool) -> Self {
        let body = if is_printed { self.body } else { String::new() };
        let twin = self.twin.map(|_| String::new());
        Self { body, twin, toc: Vec::new(), sections: search::cut(self.sections), more: Map::new(), ..self }
    }
}

/// Entries of a table of contents as the theme wants them.
pub(super) fn toc(entries: &[Entry]) -> Value {
    let entries = entries.iter();
    entries
        .map(|entry| json!({ "id": entry.id, "title": entry.title, "children": toc(&entry.children) }))
        .collect()
}
