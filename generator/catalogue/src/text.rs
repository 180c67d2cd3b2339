//! A text value that knows where each of its characters stands in the file.

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::source::{Place, Source};
use crate::yaml::{Node, Style, Value};

/// A text from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    value: String,
    style: Style,
    source: Arc<Source>,
    range: Range<usize>,
}

impl Text {
    /// The text of a scalar node; `None` for lists and mappings.
    pub fn of(node: &Node) -> Option<Self> {
        let Value::Scalar(value, style) = &node.value else { return None };
        Some(Self {
            value: value.clone(),
            style: *style,
            source: Arc::clone(&node.source),
            range: node.range.clone(),
        })
    }

    /// A text that is a whole file, such as a runbook.
    pub fn file(source: &Arc<Source>) -> Self {
        let value = source.text.clone();
        Self { range: 0..value.len(), value, style: Style::Plain, source: Arc::clone(source) }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The file that the text stands in.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The place of the whole text.
    pub fn place(&self) -> Place {
        Place::new(&self.source, self.range.clone())
    }

    /// The place of a byte range of the value. Where the way back is not known (escapes, folded lines),
    /// the whole text is meant.
    pub fn place_of(&self, range: Range<usize>) -> Place {
        match (self.offset(range.start), self.offset(range.end.max(range.start))) {
            (Some(start), Some(end)) => Place::new(&self.source, start..end.max(start)),
            _ => self.place(),
        }
    }

    /// Where a byte of the value stands in the file.
    fn offset(&self, at: usize) -> Option<usize> {
        let raw = self.source.text.get(self.range.clone())?;
        match self.style {
            Style::Plain if raw.starts_with(self.value.as_str()) => Some(self.range.start + at),
            Style::Quoted if raw.get(1..raw.len().saturating_sub(1)) == Some(self.value.as_str()) => {
                Some(self.range.start + 1 + at)
            }
            Style::Literal => self.literal_offset(at),
            _ => None,
        }
    }

    /// Lines of a literal block are the lines of the value behind a constant indentation.
    fn literal_offset(&self, at: usize) -> Option<usize> {
        let before = self.value.get(..at)?;
        let line = before.matches('\n').count();
        let column = at - before.rfind('\n').map_or(0, |newline| newline + 1);
        let first = self.value.lines().next()?;
        let text = &self.source.text;
        let body = self.range.start + text[self.range.start..].find(first)?;
        let line_start = text[..body].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = body - line_start;
        let mut start = line_start;
        for _ in 0..line {
            start += text[start..].find('\n')? + 1;
        }
        let length = text[start..].find('\n').unwrap_or(text.len() - start);
        Some(start + (indent + column).min(length))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;
    use crate::yaml;

    fn place(yaml_text: &str, word: &str) -> (usize, usize) {
        let node = yaml::parse(&Source::new("a.yaml", yaml_text), &mut Problems::default()).unwrap();
        let Value::Map(entries) = &node.value else { panic!("{node:?}") };
        let text = Text::of(&entries[0].1).unwrap();
        let at = text.find(word).unwrap();
        text.place_of(at..at + word.len()).line_and_column()
    }

    #[test]
    fn a_word_is_found_in_every_style() {
        assert_eq!(place("k: one two\n", "two"), (1, 8));
        assert_eq!(place("k: 'one two'\n", "two"), (1, 9));
        assert_eq!(place("k: |\n  one\n  # é\n    two\n", "two"), (4, 5));
        assert_eq!(place("k: |\n  one\n\n  two\nx: 1\n", "two"), (4, 3));
        // The way back through an escape is not known: the start of the value is meant.
        assert_eq!(place("k: 'it''s two'\n", "two"), (1, 4));
    }
}
