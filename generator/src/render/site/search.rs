//! The search index: a script, because a page from a disk may load nothing else.

use serde_json::{Value, json};

use super::draft::Draft;

/// Characters of a section that are searched.
const LONGEST: usize = 400;

/// `search-index.js`.
pub(super) fn index(drafts: &[Draft]) -> String {
    let mut pages: Vec<Value> = Vec::new();
    let mut sections: Vec<Value> = Vec::new();
    for draft in drafts {
        let page = pages.len();
        pages.push(json!([draft.title, draft.path, draft.kind, draft.severity, draft.component]));
        if draft.sections.is_empty() {
            sections.push(json!([page, "", "", draft.description]));
        }
        for section in &draft.sections {
            let text: String = section.text.chars().take(LONGEST).collect();
            sections.push(json!([page, section.heading, section.anchor, text]));
        }
    }
    let index = json!({ "pages": pages, "sections": sections }).to_string().replace("</", "<\\/");
    format!("window.dmfSearch = {index};\n")
}
