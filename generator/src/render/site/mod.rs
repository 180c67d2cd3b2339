//! The runbook site: static pages, a search index, and the same knowledge for machines.
//!
//! A page is a [`Draft`](draft::Draft): what it says, where it is. `publish` puts the theme, the menu and its neighbours
//! around it. Every path is relative and names a file, so that the site works under any address and from a disk.

mod body;
mod draft;
mod home;
mod machine;
mod menu;
mod pages;
mod paths;
mod proof;
mod publish;
mod reference;
mod rule;
mod runbook;
mod search;
pub mod theme;

use std::collections::BTreeMap;
use std::path::PathBuf;

use catalogue::Catalogue;

use crate::tree::Tree;
use body::Bodies;
use theme::Theme;

/// What the site needs besides the catalogue.
pub struct Material<'a> {
    /// The version that is shown; none for a preview.
    pub version: Option<&'a str>,
    /// The address under which the site is published, without a slash at its end.
    pub url: &'a str,
    /// Whether other versions lie beside this one.
    pub versions: bool,
    /// The newest version, when this is an older one.
    pub newest: Option<&'a str>,
    /// The last change of files, by their path as the catalogue has it.
    pub history: BTreeMap<PathBuf, Change>,
    /// What the scenarios showed: the content of evidence.json; null without it.
    pub evidence: serde_json::Value,
    /// The README of each chart: name and Markdown.
    pub charts: Vec<(String, String)>,
    /// The checks: name and explanation.
    pub checks: Vec<(&'a str, &'a str)>,
}

/// The last change of a file.
#[derive(Debug, Clone)]
pub struct Change {
    /// `2026-11-23`.
    pub date: String,
    /// The commit.
    pub commit: String,
}

/// The whole site.
///
/// # Errors
/// A theme that names what is not there.
pub fn render(catalogue: &Catalogue, theme: &Theme, material: &Material) -> Result<Tree, String> {
    let bodies = Bodies::of(catalogue);
    let mut drafts = pages::drafts(catalogue, &bodies);
    drafts.extend(home::sections(catalogue));
    drafts.extend(runbook::drafts(catalogue, &bodies, material));
    drafts.extend(reference::drafts(catalogue, &bodies, material));
    let mut tree = publish::publish(catalogue, theme, material, &bodies, &drafts)?;
    for (path, bytes) in &theme.files {
        tree.add(path, bytes.clone());
    }
    machine::add(catalogue, material, &drafts, &mut tree);
    Ok(tree)
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

#[cfg(test)]
mod tests {
    #[test]
    fn names_break_before_words() {
        assert_eq!(super::breakable("PostgreSQLMaxConnections"), "Postgre<wbr>SQL<wbr>Max<wbr>Connections");
        assert_eq!(super::breakable("RDSCPUUtilization"), "RDSCPU<wbr>Utilization");
    }
}
