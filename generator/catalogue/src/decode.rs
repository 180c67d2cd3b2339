//! Typed reading of a [`yaml::Node`]: each field is asked for by name, all problems are collected.

use std::ops::Range;

use indexmap::IndexMap;

use crate::problem::{Problem, Problems};
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::yaml::{Node, Value};

/// The fields of one mapping. The names asked for are the names known, so no list of keys is kept twice.
pub struct Fields<'a> {
    entries: &'a [(Node, Node)],
    owner: &'a Node,
    asked: Vec<&'static str>,
    problems: &'a mut Problems,
}

impl<'a> Fields<'a> {
    /// The fields of a node, which must be a mapping.
    pub fn of(node: &'a Node, problems: &'a mut Problems) -> Option<Self> {
        if let Value::Map(entries) = &node.value {
            Some(Self { entries, owner: node, asked: Vec::new(), problems })
        } else {
            wrong_type(node, "a mapping", problems);
            None
        }
    }

    /// The collected problems, for values that need a closer look.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// The node of an optional field; nothing and `null` are the same.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        let (_, node) = self.entries.iter().find(|(key, _)| key.text() == Some(name))?;
        (!node.is_null()).then_some(node)
    }

    /// The bytes of an optional field, from its name to the end of its value.
    pub fn range(&self, name: &str) -> Option<Range<usize>> {
        let (key, node) = self.entries.iter().find(|(key, _)| key.text() == Some(name))?;
        Some(key.range.start..node.range.end)
    }

    /// The node of a required field.
    pub fn required(&mut self, name: &'static str) -> Option<&'a Node> {
        let found = self.optional(name);
        if found.is_none() {
            let at = self.owner.range.start;
            let place = crate::source::Place::new(&self.owner.source, at..at);
            let problem = Problem::error("yaml/missing-key", place, format!("key `{name}` is missing"));
            self.problems.push(problem.help(format!("add `{name}: …`")));
        }
        found
    }

    /// An optional text.
    pub fn optional_text(&mut self, name: &'static str) -> Option<Text> {
        let node = self.optional(name)?;
        text(node, self.problems)
    }

    /// A required text.
    pub fn text(&mut self, name: &'static str) -> Option<Text> {
        let node = self.required(name)?;
        text(node, self.problems)
    }

    /// An optional list of texts, empty when absent.
    pub fn texts(&mut self, name: &'static str) -> Vec<Text> {
        let Some(node) = self.optional(name) else { return Vec::new() };
        list(node, self.problems).iter().filter_map(|item| text(item, self.problems)).collect()
    }

    /// An optional mapping from text to text, empty when absent.
    pub fn text_map(&mut self, name: &'static str) -> IndexMap<String, Text> {
        let Some(node) = self.optional(name) else { return IndexMap::new() };
        text_map(node, self.problems)
    }

    /// An optional boolean.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let node = self.optional(name)?;
        match &node.value {
            Value::Scalar(text, crate::yaml::Style::Plain) if text == "true" => Some(true),
            Value::Scalar(text, crate::yaml::Style::Plain) if text == "false" => Some(false),
            _ => {
                wrong_type(node, "true or false", self.problems);
                None
            }
        }
    }

    /// An optional number.
    pub fn number(&mut self, name: &'static str) -> Option<f64> {
        let node = self.optional(name)?;
        let number =
            Text::of(node).and_then(|text| text.parse().ok()).filter(|number: &f64| number.is_finite());
        if number.is_none() {
            wrong_type(node, "a number", self.problems);
        }
        number
    }

    /// A value made from a text; what the constructor refuses becomes a problem at the text.
    pub fn parse<T>(
        &mut self,
        text: Option<Text>,
        make: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = text?;
        match make(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problems.push(Problem::error("yaml/value", text.place(), message));
                None
            }
        }
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self) {
        for (key, _) in self.entries {
            let Some(name) = key.text() else {
                wrong_type(key, "a name", self.problems);
                continue;
            };
            if !self.asked.contains(&name) {
                let problem =
                    Problem::error("yaml/unknown-key", key.place(), format!("unknown key `{name}`"));
                self.problems.push(problem.help(did_you_mean(name, self.asked.iter().copied())));
            }
        }
    }
}

/// The text of a scalar.
pub fn text(node: &Node, problems: &mut Problems) -> Option<Text> {
    let text = Text::of(node).filter(|_| !node.is_null());
    if text.is_none() {
        wrong_type(node, "text", problems);
    }
    text
}

/// The items of a list.
pub fn list<'a>(node: &'a Node, problems: &mut Problems) -> &'a [Node] {
    if let Value::List(items) = &node.value {
        items
    } else {
        wrong_type(node, "a list", problems);
        &[]
    }
}

/// The entries of a mapping whose keys are names.
pub fn entries<'a>(node: &'a Node, problems: &mut Problems) -> Vec<(Text, &'a Node)> {
    let Value::Map(entries) = &node.value else {
        wrong_type(node, "a mapping", problems);
        return Vec::new();
    };
    entries.iter().filter_map(|(key, value)| Some((text(key, problems)?, value))).collect()
}

/// A mapping from text to text.
pub fn text_map(node: &Node, problems: &mut Problems) -> IndexMap<String, Text> {
    let entries = entries(node, problems);
    entries.into_iter().filter_map(|(key, value)| Some((key.to_string(), text(value, problems)?))).collect()
}

/// Reports that a value has the wrong shape.
pub fn wrong_type(node: &Node, wanted: &str, problems: &mut Problems) {
    let message = format!("expected {wanted}, found {}", node.kind());
    problems.push(Problem::error("yaml/type", node.place(), message));
}
