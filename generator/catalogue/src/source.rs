//! One text file of `content/`, and places in it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::memo::Memo;

/// A text file, read completely; shared by everything that points into it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Path as it is shown to people: relative to the repository where that is known.
    pub path: PathBuf,
    /// The content, valid UTF-8 without byte order mark.
    pub text: String,
    /// What a parser of such files made of it.
    pub parsed: Memo,
}

impl Source {
    /// A source from a path and its text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), parsed: Memo::default() })
    }

    /// Line and column of a byte offset, both counted from 1; the column counts characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let offset = floor_char_boundary(&self.text, offset);
        let before = &self.text[..offset];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The file name, for messages about kinds of files.
    pub fn file_name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// The folder that the file stands in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// A byte range in a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes, empty when the whole file is meant.
    pub range: Range<usize>,
}

impl Place {
    /// A range of a source.
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        Self { source: Arc::clone(source), range }
    }

    /// The start of a source: for problems with the file as a whole.
    pub fn start(source: &Arc<Source>) -> Self {
        Self::new(source, 0..0)
    }

    /// Line and column of the start, counted from 1.
    pub fn line_and_column(&self) -> (usize, usize) {
        self.source.line_and_column(self.range.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_start_at_one() {
        let source = Source::new("a", "é = 1\nzwei");
        assert_eq!(source.line_and_column(0), (1, 1));
        assert_eq!(source.line_and_column(3), (1, 3));
        assert_eq!(source.line_and_column(7), (2, 1));
        assert_eq!(source.line_and_column(999), (2, 5));
    }
}
