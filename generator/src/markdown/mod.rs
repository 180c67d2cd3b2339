//! Markdown: headings, links, code blocks, and HTML of the site. The only module that knows the Markdown parser.

mod directive;
pub mod html;
pub mod svg;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use catalogue::source::Source;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: usize,
    /// The text without markup.
    pub text: String,
    /// The anchor that GitHub and the site give it.
    pub anchor: String,
    /// The bytes of the heading.
    pub range: Range<usize>,
    /// The bytes from the heading to the next one of the same or a higher level.
    pub body: Range<usize>,
}

/// A link or image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, as written.
    pub destination: String,
    /// The bytes of the link.
    pub range: Range<usize>,
}

/// A fenced code block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeBlock {
    /// The first word behind the fence.
    pub language: String,
    /// The code.
    pub text: String,
    /// The bytes of the block.
    pub range: Range<usize>,
}

/// The dialect of runbooks and pages: what GitHub renders.
pub fn dialect() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
}

/// What stands in a text, each in order.
#[derive(Debug, Default)]
pub struct Outline {
    /// The headings.
    pub headings: Vec<Heading>,
    /// The links and images.
    pub links: Vec<Link>,
    /// The fenced code blocks.
    pub code_blocks: Vec<CodeBlock>,
}

impl Outline {
    /// The outline of a file, read once however many ask.
    pub fn of(source: &Source) -> &Self {
        source.parsed.get(|| Self::read(&source.text))
    }

    /// The outline of a text.
    pub fn read(text: &str) -> Self {
        let events: Vec<_> = Parser::new_ext(text, dialect()).into_offset_iter().collect();
        let mut outline = Self { headings: headings(text, &events), ..Self::default() };
        let mut open = false;
        for (event, range) in events {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    outline.links.push(Link { destination: dest_url.into_string(), range });
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let language = info.split_whitespace().next().unwrap_or_default().to_owned();
                    outline.code_blocks.push(CodeBlock { language, text: String::new(), range });
                    open = true;
                }
                Event::End(TagEnd::CodeBlock) => open = false,
                Event::Text(part) if open => {
                    if let Some(block) = outline.code_blocks.last_mut() {
                        block.text.push_str(&part);
                    }
                }
                _ => {}
            }
        }
        outline
    }
}

/// A piece of a text, and its bytes.
type Located<'t> = (Event<'t>, Range<usize>);

/// The headings among the pieces of a text, in order.
fn headings<'e, 't: 'e>(text: &str, events: impl IntoIterator<Item = &'e Located<'t>>) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut open = false;
    for (event, range) in events {
        match event {
            Event::Start(Tag::Heading { level, id, .. }) => {
                let anchor = id.as_deref().unwrap_or_default().to_owned();
                let (level, body) = (*level as usize, range.end..text.len());
                headings.push(Heading { level, text: String::new(), anchor, range: range.clone(), body });
                open = true;
            }
            Event::End(TagEnd::Heading(_)) => open = false,
            Event::Text(part) | Event::Code(part) if open => {
                if let Some(heading) = headings.last_mut() {
                    heading.text.push_str(part);
                }
            }
            _ => {}
        }
    }
    let mut taken: HashSet<String> =
        headings.iter().filter(|heading| !heading.anchor.is_empty()).map(|h| h.anchor.clone()).collect();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for index in 0..headings.len() {
        let next = headings[index + 1..].iter().find(|next| next.level <= headings[index].level);
        if let Some(start) = next.map(|next| next.range.start) {
            headings[index].body.end = start;
        }
        if headings[index].anchor.is_empty() {
            let slug = slug(&headings[index].text);
            // The count goes on where it was, or a thousand equal headings would take a million looks.
            let number = numbers.entry(slug.clone()).or_default();
            let mut anchor = slug.clone();
            while *number > 0 || taken.contains(&anchor) {
                *number += 1;
                anchor = format!("{slug}-{number}");
                if !taken.contains(&anchor) {
                    break;
                }
            }
            taken.insert(anchor.clone());
            headings[index].anchor = anchor;
        }
    }
    headings
}

/// The anchor of a heading, as GitHub makes it.
fn slug(text: &str) -> String {
    let kept = text.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_githubs_anchors_and_their_bodies() {
        let text = "# A `b` c!\n\nx\n\n## D\n\n## D\ny\n\n# E {#own}\n";
        let headings = Outline::read(text).headings;
        let seen: Vec<_> =
            headings.iter().map(|h| (h.level, &*h.text, &*h.anchor, text[h.body.clone()].trim())).collect();
        assert_eq!(seen[0], (1, "A b c!", "a-b-c", "x\n\n## D\n\n## D\ny"));
        assert_eq!(seen[1], (2, "D", "d", ""));
        assert_eq!(seen[2], (2, "D", "d-1", "y"));
        assert_eq!(seen[3], (1, "E", "own", ""));
    }

    #[test]
    fn links_and_code_are_found() {
        let text = "[a](b.sql) ![i](p.png)\n\n```sql\nSELECT 1;\n```\n";
        let Outline { links, code_blocks: blocks, .. } = Outline::read(text);
        let destinations: Vec<_> = links.into_iter().map(|link| link.destination).collect();
        assert_eq!(destinations, ["b.sql", "p.png"]);
        assert_eq!((&*blocks[0].language, &*blocks[0].text), ("sql", "SELECT 1;\n"));
    }
}
