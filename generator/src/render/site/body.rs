//! A Markdown file of content on its page: links lead to pages, files are shown, pictures are put in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use catalogue::Catalogue;
use catalogue::source::Source;

use super::paths::{self, Paths};
use crate::highlight::highlight;
use crate::links::Library;
use crate::markdown::html::{Html, Listing, Surroundings, html};
use crate::markdown::svg;
use crate::{psql, sql};

/// Renders Markdown files of one catalogue.
pub(super) struct Bodies<'a> {
    catalogue: &'a Catalogue,
    revision: &'a str,
    pub(super) paths: Paths,
    files: HashMap<&'a Path, &'a Arc<Source>>,
}

impl<'a> Bodies<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, revision: &'a str) -> Self {
        let files = sql::files(catalogue).chain(&catalogue.pictures);
        Self {
            catalogue,
            revision,
            paths: Paths::of(catalogue),
            files: files.map(|source| (source.path.as_path(), source)).collect(),
        }
    }

    /// Renders a text that stands in a folder of content for a page of the site.
    pub(super) fn render(&self, text: &str, folder: &Path, page: &str) -> Html {
        html(text, &Here { bodies: self, folder, page })
    }

    /// Where a file of content is shown in the repository.
    pub(super) fn in_repository(&self, kind: &str, file: &Path) -> String {
        let inside = file.strip_prefix(&self.catalogue.root).unwrap_or(file);
        format!("{}/{kind}/{}/content/{}", &*self.catalogue.site.repository, self.revision, inside.display())
    }
}

struct Here<'a> {
    bodies: &'a Bodies<'a>,
    folder: &'a Path,
    page: &'a str,
}

impl Here<'_> {
    fn file(&self, destination: &str) -> Option<&Arc<Source>> {
        let path = Library::path(self.folder, destination);
        self.bodies.files.get(path.as_path()).copied()
    }
}

impl Surroundings for Here<'_> {
    fn link(&self, destination: &str) -> String {
        if destination.contains(':') || destination.starts_with('#') {
            return destination.to_owned();
        }
        let (_, anchor) = destination.split_once('#').unwrap_or((destination, ""));
        let file = Library::path(self.folder, destination);
        let Some(path) = self.bodies.paths.of_file(&file) else {
            return self.bodies.in_repository("blob", &file);
        };
        let anchor =
            if anchor.is_empty() || path.contains('#') { String::new() } else { format!("#{anchor}") };
        format!("{}{path}{anchor}", paths::root(self.page))
    }

    fn listing(&self, destination: &str) -> Option<Listing> {
        let source = self
            .file(destination)
            .filter(|source| source.path.extension().is_some_and(|end| end == "sql"))?;
        Some(Listing {
            language: "sql",
            dangerous: changes_something(&source.text),
            // On the page its variables are fields: what is copied must run as it stands.
            text: psql::with_blanks(&source.text),
        })
    }

    fn picture(&self, destination: &str) -> Option<String> {
        let source = self.file(destination)?;
        // A check says so before; a page that is shown nevertheless stays safe.
        if svg::trouble(&source.text).is_some() {
            return None;
        }
        let start = source.text.find("<svg")?;
        Some(source.text[start..].trim_end().to_owned())
    }

    fn highlight(&self, language: &str, code: &str) -> String {
        highlight(language, code)
    }
}

/// Functions that end, drop or move something although they stand in a SELECT.
const CHANGING: [&str; 6] = [
    "pg_terminate_backend(",
    "pg_cancel_backend(",
    "pg_drop_replication_slot(",
    "pg_replication_slot_advance(",
    "pg_promote(",
    "pg_switch_wal(",
];

/// Whether a script does more than read.
fn changes_something(sql: &str) -> bool {
    let code: String =
        sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let code = code.to_lowercase();
    let statements = code.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    let reads = |statement: &str| {
        let first = statement
            .split(|c: char| !c.is_ascii_alphabetic())
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        ["select", "with", "show", "values", "explain", "table", "begin", "rollback"].contains(&first)
    };
    statements.into_iter().any(|statement| !reads(statement))
        || CHANGING.iter().any(|function| code.contains(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_server_is_told_apart() {
        assert!(!changes_something("-- DROP nothing\nSELECT 1;\nWITH a AS (SELECT 1) SELECT * FROM a"));
        assert!(!changes_something("(SELECT 1) UNION (SELECT 2)"));
        assert!(changes_something("DROP INDEX a"));
        assert!(changes_something("SELECT pg_terminate_backend(:pid)"));
        assert!(changes_something("SELECT 1; ALTER SYSTEM SET a = 1;"));
    }
}
