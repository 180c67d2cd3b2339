//! A page of the site: Markdown with front matter.

use std::sync::Arc;

use crate::decode::Fields;
use crate::problem::{Problem, Problems};
use crate::source::{Place, Source};
use crate::text::Text;
use crate::yaml;

/// Folders of the site that are generated; no page may be in one of them or stand for one.
pub const RESERVED: [&str; 6] = ["a", "downloads", "print", "reference", "runbooks", "static"];

/// A page.
#[derive(Debug)]
pub struct Page {
    /// The file.
    pub source: Arc<Source>,
    /// The path below `pages/` without the extension: the URL.
    pub name: String,
    /// The title.
    pub title: Text,
    /// What the page is about, in one sentence.
    pub description: Option<Text>,
    /// Place in the menu, small numbers first.
    pub weight: f64,
    /// Where the Markdown starts in the file.
    pub body: usize,
}

impl Page {
    /// Reads a page: YAML front matter between two `---` lines, then Markdown.
    pub fn read(source: &Arc<Source>, problems: &mut Problems) -> Option<Self> {
        let (front, body) = split(&source.text).or_else(|| {
            let problem =
                Problem::error("yaml/missing-key", Place::start(source), "the page has no front matter");
            problems.push(problem.help("start it with `---`, `title: …`, `weight: …`, `---`"));
            None
        })?;
        // The front matter keeps its offsets: what stands before and behind it is blanked, not cut.
        let mut text = " ".repeat(front.start.saturating_sub(1)) + "\n";
        text.push_str(&source.text[front]);
        let front = Source::new(source.path.clone(), text);
        let node = yaml::parse(&front, problems)?;
        let mut fields = Fields::of(&node, problems)?;
        let title = fields.text("title");
        let description = fields.optional_text("description");
        let weight = fields.number("weight");
        fields.finish();
        let stem = source.file_name().trim_end_matches(".md");
        let section =
            source.folder().file_name().and_then(|name| name.to_str()).filter(|name| *name != "pages");
        let name = section.map_or_else(|| stem.to_owned(), |section| format!("{section}/{stem}"));
        Some(Self {
            source: Arc::clone(source),
            name,
            title: title?,
            description,
            weight: weight.unwrap_or(0.0),
            body,
        })
    }

    /// The Markdown.
    pub fn markdown(&self) -> &str {
        &self.source.text[self.body..]
    }
}

/// The front matter and the start of the body.
fn split(text: &str) -> Option<(std::ops::Range<usize>, usize)> {
    let rest = text.strip_prefix("---\n")?;
    let end = if rest.starts_with("---\n") { 0 } else { rest.find("\n---\n")? + 1 };
    Some((4..4 + end, 4 + end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_is_read_and_its_problems_have_the_right_line() {
        let mut problems = Problems::default();
        let source = Source::new("a.md", "---\ntitle: A\nweight: 2\n---\n# A\n");
        let page = Page::read(&source, &mut problems).unwrap();
        assert_eq!((&*page.title, page.weight, page.markdown()), ("A", 2.0, "# A\n"));
        assert!(problems.is_empty());

        Page::read(&Source::new("a.md", "---\ntitle: A\nwieght: 2\n---\n"), &mut problems);
        let problems = problems.into_sorted();
        assert_eq!(problems[0].spot.line_and_column(), Some((3, 1)));
        assert!(Page::read(&Source::new("a.md", "# A\n"), &mut Problems::default()).is_none());
    }
}
