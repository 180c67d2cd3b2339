//! A text with its parameters filled in, and the way back to the text that was written.

use std::ops::Range;

use catalogue::interpolate;

/// A filled text. Bytes of it come from the author's text or from a parameter.
#[derive(Debug)]
pub struct Filled {
    /// The text with defaults in place of `${param}`.
    pub text: String,
    segments: Vec<Segment>,
    source_len: usize,
}

#[derive(Debug)]
struct Segment {
    filled: Range<usize>,
    source: Range<usize>,
    param: Option<String>,
}

/// A piece of a filled text, cut where parameters stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text of the author.
    Text(&'a str),
    /// The use of a parameter.
    Param(&'a str),
}

impl Filled {
    /// Fills a text; unknown parameters stay as they are and so fail to parse.
    pub fn new(source: &str, value: impl Fn(&str) -> Option<String>) -> Self {
        let mut filled = Self { text: String::new(), segments: Vec::new(), source_len: source.len() };
        let mut done = 0;
        for found in interpolate::uses(source) {
            let Some(value) = value(found.name) else { continue };
            filled.push(&source[done..found.range.start], done..found.range.start, None);
            filled.push(&value, found.range.clone(), Some(found.name.to_owned()));
            done = found.range.end;
        }
        filled.push(&source[done..], done..source.len(), None);
        filled
    }

    fn push(&mut self, text: &str, source: Range<usize>, param: Option<String>) {
        let start = self.text.len();
        self.text.push_str(text);
        self.segments.push(Segment { filled: start..self.text.len(), source, param });
    }

    /// Length of the author's text in bytes.
    pub fn source_len(&self) -> usize {
        self.source_len
    }

    /// The bytes of the author's text that a range of the filled text comes from.
    pub fn source(&self, range: Range<usize>) -> Range<usize> {
        let start = self.source_offset(range.start, false);
        start..self.source_offset(range.end, true).max(start)
    }

    fn source_offset(&self, at: usize, end: bool) -> usize {
        let holds = |segment: &&Segment| {
            if end { at <= segment.filled.end } else { at < segment.filled.end }
        };
        match self.segments.iter().find(holds) {
            None => self.source_len,
            Some(Segment { source, param: Some(_), .. }) if end => source.end,
            Some(Segment { source, param: Some(_), .. }) => source.start,
            Some(segment) => segment.source.start + (at - segment.filled.start),
        }
    }

    /// Whether a parameter stands within a range of the filled text.
    pub fn has_param(&self, range: &Range<usize>) -> bool {
        self.segments.iter().any(|segment| {
            segment.param.is_some() && segment.filled.start < range.end && range.start < segment.filled.end
        })
    }

    /// The pieces between two offsets of the filled text.
    pub fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = Piece<'_>> {
        self.segments.iter().filter_map(move |segment| {
            let start = segment.filled.start.max(range.start);
            let end = segment.filled.end.min(range.end);
            match &segment.param {
                Some(param) if start < end || (start == end && range.contains(&start)) => {
                    Some(Piece::Param(param))
                }
                None if start < end => Some(Piece::Text(&self.text[start..end])),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_back_to_the_authors_text() {
        let filled = Filled::new("a > ${t} and b", |name| (name == "t").then(|| "1296000".to_owned()));
        assert_eq!(filled.text, "a > 1296000 and b");
        let b = filled.text.find('b').unwrap();
        assert_eq!(filled.source(b..b + 1), 13..14);
        assert_eq!(filled.source(4..11), 4..8);
        let pieces: Vec<_> = filled.pieces(0..filled.text.len()).collect();
        assert_eq!(pieces, [Piece::Text("a > "), Piece::Param("t"), Piece::Text(" and b")]);
        assert!(filled.has_param(&(5..6)) && !filled.has_param(&(0..4)));
    }
}
