//! YAML text → a tree of nodes that know where they stand. The only file that knows the YAML parser.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::problem::{Problem, Problems};
use crate::source::{Place, Source};

/// Nesting that nobody writes by hand; beyond it the file is refused rather than the stack overflown.
const MAX_DEPTH: usize = 32;

/// How a scalar was written: needed to find a place inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may be a number, a boolean or null.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// A block after `|`.
    Literal,
    /// A block after `>`, whose lines were joined.
    Folded,
}

/// The content of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text as the parser resolved it; whether `80` is a number is for the reader of the field to say.
    Scalar(String, Style),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file, without duplicate keys.
    Map(Vec<(Node, Node)>),
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The content.
    pub value: Value,
    /// The file.
    pub source: Arc<Source>,
    /// The bytes of the value in the file.
    pub range: Range<usize>,
}

impl Node {
    /// The place of the whole value.
    pub fn place(&self) -> Place {
        Place::new(&self.source, self.range.clone())
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        if let Value::Scalar(text, _) = &self.value { Some(text) } else { None }
    }

    /// What people call this shape.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar(text, Style::Plain) if text == "true" || text == "false" => "a boolean",
            Value::Scalar(text, Style::Plain) if text.parse::<f64>().is_ok() => "a number",
            Value::Scalar(..) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Whether nothing was written here: an empty value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, Style::Plain) if matches!(&**text, "" | "~" | "null"))
    }
}

/// Parses one document. Every problem is reported; `None` means that there is no tree to go on with.
pub fn parse(source: &Arc<Source>, problems: &mut Problems) -> Option<Node> {
    if let Some(problem) = tab_indentation(source) {
        problems.push(problem);
        return None;
    }
    let mut builder = Builder { source, problems, open: Vec::new(), root: None, documents: 0 };
    for event in Parser::new_from_str(&source.text) {
        let step = match event {
            Ok((event, span)) => builder.accept(event, span),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(source.text.len());
                let help = "quote a text that begins with one of `[{*&!%@` or holds `: ` or ` #`; close what is open";
                Err(syntax(source, at..at, error.info()).help(help))
            }
        };
        if let Err(problem) = step {
            builder.problems.push(problem);
            return None;
        }
    }
    if builder.root.is_none() {
        builder.problems.push(Problem::error("yaml/syntax", Place::start(source), "the file is empty"));
    }
    builder.root
}

fn syntax(source: &Arc<Source>, range: Range<usize>, message: impl Into<String>) -> Problem {
    Problem::error("yaml/syntax", Place::new(source, range), message)
}

/// A tab before the first character of a line; YAML forbids it, and its own message is hard to read.
fn tab_indentation(source: &Arc<Source>) -> Option<Problem> {
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t')
            && !line.trim().is_empty()
        {
            let place = Place::new(source, start + tab..start + tab + 1);
            return Some(
                Problem::error("yaml/syntax", place, "a tab is used for indentation").help("use spaces"),
            );
        }
        start += line.len();
    }
    None
}

enum Open {
    List(Vec<Node>, usize),
    Map { entries: Vec<(Node, Node)>, names: HashSet<String>, key: Option<Node>, start: usize },
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    problems: &'a mut Problems,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_> {
    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let range = span.byte_range().unwrap_or(0..0);
        let refuse = |what: &str, help: &str| {
            let mut problem = syntax(self.source, range.clone(), format!("{what} not used in content"));
            problem.help = Some(help.to_owned());
            Err(problem)
        };
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return refuse(
                        "several documents in one file are",
                        "remove the `---` and what follows it",
                    );
                }
                Ok(())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) | Event::Anchor(..) => {
                refuse("anchors and aliases are", "write the value out where it is needed")
            }
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(_, anchor, _)
            | Event::MappingStart(_, anchor, _)
                if anchor != 0 =>
            {
                refuse("anchors and aliases are", "write the value out where it is needed")
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => refuse("tags are", "remove the `!…`"),
            Event::Scalar(text, style, ..) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                };
                self.close(Value::Scalar(text.into_owned(), style), range);
                Ok(())
            }
            Event::SequenceStart(..) => self.push(Open::List(Vec::new(), range.start), range),
            Event::MappingStart(..) => self.push(
                Open::Map { entries: Vec::new(), names: HashSet::new(), key: None, start: range.start },
                range,
            ),
            Event::SequenceEnd | Event::MappingEnd => {
                match self.open.pop() {
                    Some(Open::List(items, start)) => self.close(Value::List(items), start..range.end),
                    Some(Open::Map { entries, start, .. }) => {
                        self.close(Value::Map(entries), start..range.end);
                    }
                    None => {}
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, open: Open, range: Range<usize>) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(syntax(self.source, range, format!("values are nested more than {MAX_DEPTH} deep")));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, value: Value, range: Range<usize>) {
        let node = Node { value, source: Arc::clone(self.source), range };
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(items, _)) => items.push(node),
            Some(Open::Map { entries, names, key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => {
                    let name = key.text().unwrap_or_default();
                    if key.text().is_some() && !names.insert(name.to_owned()) {
                        let message = format!("key `{name}` stands twice");
                        let problem = Problem::error("yaml/duplicate-key", key.place(), message);
                        self.problems.push(problem.help("keep one of the two"));
                    } else {
                        entries.push((key, node));
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(text: &str) -> String {
        let mut problems = Problems::default();
        parse(&Source::new("a.yaml", text), &mut problems);
        let problems = problems.into_sorted();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let (line, column) = problems[0].spot.line_and_column().unwrap();
        format!("{line}:{column} {}", problems[0].message)
    }

    #[test]
    fn what_content_does_without_is_refused_with_its_place() {
        assert_eq!(problem_of("a: 1\nb:\n\tc: 2\n"), "3:1 a tab is used for indentation");
        assert_eq!(problem_of("a: &x 1\n"), "1:7 anchors and aliases are not used in content");
        assert_eq!(
            problem_of("a: 1\n---\nb: 2\n"),
            "2:1 several documents in one file are not used in content"
        );
        assert_eq!(problem_of("a: 1\nb: 2\na: 3\n"), "3:1 key `a` stands twice");
        assert_eq!(problem_of("a: !!str 1\n"), "1:10 tags are not used in content");
        assert_eq!(problem_of(""), "1:1 the file is empty");
        assert_eq!(problem_of("a: [1\n"), "1:4 unclosed bracket '['");
        let deep = format!("{}{}", "[".repeat(99), "]".repeat(99));
        assert!(problem_of(&deep).contains("nested more than"), "{}", problem_of(&deep));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-a-z:{}\\[\\]&*!|>'\"#%@ \n\t0-9é]{0,80}") {
            parse(&Source::new("a.yaml", text), &mut Problems::default());
        }
    }
}
