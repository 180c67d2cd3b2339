//! The runbook site: static pages, a search index, and the same knowledge for machines.
//!
//! A page is a [`Draft`](draft::Draft): what it says, where it is. `publish` puts the theme, the menu and its neighbours
//! around it. Every path is relative and names a file, so that the site works under any address and from a disk.

mod body;
mod draft;
mod home;
mod machine;
mod memo;
mod menu;
mod pages;
mod paths;
mod proof;
mod publish;
mod reference;
mod rule;
mod runbook;
mod scale;
mod search;
pub mod theme;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use catalogue::Catalogue;

use crate::tree::{Sink, Tree};
use body::Bodies;
use publish::Publisher;
use runbook::Runbooks;
use theme::Theme;

/// What the site needs besides the catalogue.
pub struct Material<'a> {
    /// The version that is shown; none for a preview.
    pub version: Option<&'a str>,
    /// The address under which the site is published, without a slash at its end.
    pub url: &'a str,
    /// The branch or tag that links to files in the repository name.
    pub revision: &'a str,
    /// The versions that lie beside this one, if there are any.
    pub shelf: Option<Shelf<'a>>,
    /// The last change of files, by their path as the catalogue has it.
    pub history: BTreeMap<PathBuf, Change>,
    /// What the scenarios showed: the content of evidence.json; null without it.
    pub evidence: serde_json::Value,
    /// The README of each chart: name and Markdown.
    pub charts: Vec<(String, String)>,
    /// The checks: name and explanation.
    pub checks: Vec<(&'a str, &'a str)>,
    /// Folders of content whose runbooks and pages alone are wanted, for a preview in a hurry.
    pub only: Option<BTreeSet<PathBuf>>,
}

impl Material<'_> {
    /// Whether what a folder of content says is wanted.
    fn wants(&self, folder: &Path) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(folder))
    }
}

/// Versions side by side: `<version>/…` and `latest/…` in one folder.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    /// The address of the folder, without a slash at its end.
    pub url: &'a str,
    /// The files of `latest`; none in `latest` itself.
    pub latest: Option<&'a Tree>,
    /// Whether a newer release is there.
    pub is_old: bool,
}

/// The last change of a file.
#[derive(Debug, Clone)]
pub struct Change {
    /// `2026-11-23`.
    pub date: String,
    /// The commit.
    pub commit: String,
}

/// Makes the whole site, each page as soon as it is read, since a large site is larger than it should be in memory.
///
/// # Errors
/// A theme that names what is not there, or a file that cannot be put where it belongs.
pub fn render(
    catalogue: &Catalogue,
    theme: &Theme,
    material: &Material,
    out: &dyn Sink,
) -> Result<(), String> {
    let bodies = Bodies::of(catalogue, material.revision);
    let runbooks = Runbooks::of(catalogue, &bodies, material);
    if material.only.is_some() {
        let mut drafts = pages::drafts(catalogue, &bodies, material);
        drafts.extend(runbooks.outlines());
        drafts.extend(reference::outlines(material));
        return Publisher::of(catalogue, theme, &runbooks, &drafts).pages(drafts, out).map(|_| ());
    }
    let (mut drafts, reference) = rayon::join(
        || pages::drafts(catalogue, &bodies, material),
        || reference::drafts(catalogue, &bodies, material),
    );
    drafts.extend(home::sections(catalogue));
    drafts.extend(runbooks.outlines());
    drafts.extend(reference);
    let publisher = Publisher::of(catalogue, theme, &runbooks, &drafts);
    let data = || machine::of_catalogue(catalogue, material, out);
    let (drafts, data) = rayon::join(|| publisher.pages(drafts, out), data);
    let drafts = data.and(drafts)?;
    let lists = || machine::of_pages(catalogue, material, &drafts, out);
    let (rest, lists) = rayon::join(|| publisher.rest(&drafts, out), lists);
    rest.and(lists)?;
    Ok(theme.files.iter().try_for_each(|(path, bytes)| out.add(path.into(), bytes.clone()))?)
}

/// An alert's name with places where a narrow column may break it.
fn breakable(name: &str) -> String {
    let mut html = String::with_capacity(name.len() + 20);
    let letters: Vec<char> = name.chars().collect();
    for (index, c) in letters.iter().enumerate() {
        let next_is_small = letters.get(index + 1).is_some_and(|c| c.is_lowercase());
        let after_small = index > 0 && letters[index - 1].is_lowercase();
        if index > 0 && c.is_uppercase() && (after_small || next_is_small) {
            html.push_str("<wbr>");
        }
        html.push_str(&crate::markdown::html::escape(&c.to_string()));
    }
    html
}

/// A text on one line, whose `code` is marked as such.
fn inline(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = text.split('`').peekable();
    let (mut html, mut is_code) = (String::new(), false);
    while let Some(part) = parts.next() {
        // A backtick without a partner is a backtick.
        let is_last = parts.peek().is_none();
        html += &match (is_code, is_last) {
            (true, true) => format!("`{}", crate::markdown::html::escape(part)),
            (true, false) => format!("<code>{}</code>", crate::markdown::html::escape(part)),
            (false, _) => crate::markdown::html::escape(part),
        };
        is_code = !is_code;
    }
    html
}

#[cfg(test)]
mod tests {
    #[test]
    fn code_in_a_line_is_marked() {
        assert_eq!(super::inline("a `b<c` d"), "a <code>b&lt;c</code> d");
        assert_eq!(super::inline("`a` `"), "<code>a</code> `");
    }

    #[test]
    fn names_break_before_words() {
        assert_eq!(super::breakable("PostgreSQLMaxConnections"), "Postgre<wbr>SQL<wbr>Max<wbr>Connections");
        assert_eq!(super::breakable("RDSCPUUtilization"), "RDSCPU<wbr>Utilization");
    }
}
