//! The hand-written pages.

use catalogue::Catalogue;
use catalogue::page::Page;
use rayon::prelude::*;

use super::body::Bodies;
use super::draft::Draft;
use super::{Material, home, paths};
use crate::markdown::html::Section;

/// The pages in the order of the menu: by weight, those of a folder after the page that stands for it.
pub(super) fn in_order(catalogue: &Catalogue) -> Vec<&Page> {
    let mut pages: Vec<_> = catalogue.pages.iter().collect();
    pages.sort_by(|a, b| a.weight.total_cmp(&b.weight).then_with(|| a.name.cmp(&b.name)));
    pages
}

/// The section of a page, such as `tutorials`.
pub(super) fn section(page: &Page) -> Option<&str> {
    page.name.split_once('/').map(|(section, _)| section)
}

/// Their drafts. Without an index.md there is still a start page.
pub(super) fn drafts(catalogue: &Catalogue, bodies: &Bodies, material: &Material) -> Vec<Draft> {
    let one = |page: &Page| {
        if material.wants(page.source.folder()) {
            draft(catalogue, bodies, page)
        } else {
            Draft::new(paths::page(page), &*page.title, "")
        }
    };
    let mut drafts: Vec<_> = in_order(catalogue).into_par_iter().map(one).collect();
    if !drafts.iter().any(|draft| draft.path == "index.html") {
        let mut start = Draft::new("index.html", &*catalogue.site.title, &*catalogue.site.description);
        home::dress(catalogue, &mut start);
        drafts.insert(0, start);
    }
    drafts
}

fn draft(catalogue: &Catalogue, bodies: &Bodies, page: &Page) -> Draft {
    let path = paths::page(page);
    let html = bodies.render(page.markdown(), page.source.folder(), &path);
    let first =
        |sections: &[Section]| sections.first().map(|section| sentence(&section.text)).unwrap_or_default();
    let description =
        page.description.as_ref().map_or_else(|| first(&html.sections), |text| text.as_str().to_owned());
    let mut draft = Draft {
        body: html.body,
        toc: html.toc,
        sections: html.sections,
        ..Draft::new(path, &*page.title, description)
    };
    if let Some(section) = section(page) {
        draft.above.push((title_of(section), None));
    }
    draft.file = Some(page.source.path.clone());
    draft.twin = Some(page.markdown().trim_start().to_owned());
    if draft.path == "index.html" {
        home::dress(catalogue, &mut draft);
    }
    draft
}

/// The title of a folder.
pub(super) fn title_of(section: &str) -> String {
    let mut letters = section.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The first sentence of a text.
pub(super) fn sentence(text: &str) -> String {
    let end = text.match_indices(". ").map(|(at, _)| at + 1).find(|at| *at > 30).unwrap_or(text.len());
    text[..end].chars().take(200).collect()
}
