//! The search index: a script, because a page from a disk may load nothing else.

use serde::Serialize;

use super::draft::Draft;
use crate::markdown::html::Section;

/// Characters of a section that are searched.
const LONGEST: usize = 400;

type Page<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

#[derive(Default, Serialize)]
struct Index<'a> {
    /// Title, path, kind, severity, component.
    pages: Vec<Page<'a>>,
    /// Number of the page, heading, anchor, text.
    sections: Vec<(usize, &'a str, &'a str, &'a str)>,
}

/// Sections as far as they are searched.
pub(super) fn cut(sections: Vec<Section>) -> Vec<Section> {
    let cut = |section: Section| Section { text: section.text.chars().take(LONGEST).collect(), ..section };
    sections.into_iter().map(cut).collect()
}

/// `search-index.js` of pages whose sections are cut.
pub(super) fn index(drafts: &[Draft]) -> Result<String, serde_json::Error> {
    let mut index = Index::default();
    for (page, draft) in drafts.iter().enumerate() {
        let component = draft.component.as_deref();
        index.pages.push((&draft.title, &draft.path, draft.kind, draft.severity, component));
        if draft.sections.is_empty() {
            index.sections.push((page, "", "", &draft.description));
        }
        let sections = draft.sections.iter();
        index.sections.extend(sections.map(|one| (page, &*one.heading, &*one.anchor, &*one.text)));
    }
    // Nothing in it ends a script.
    let index = serde_json::to_string(&index)?.replace("</", "<\\/");
    Ok(format!("window.dmfSearch = {index};\n"))
}
