//! The Go templates of annotations: `{{ $labels.target }} uses {{ printf "%.0f" $value }}%`.
//!
//! Not an engine: it finds what Prometheus would refuse at the moment the alert fires, when it is too late
//! (Prometheus manual, "Template reference").

use std::ops::Range;

/// A word in an action and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word<'a> {
    /// The text of the word.
    pub text: &'a str,
    /// Its bytes in the template.
    pub range: Range<usize>,
}

/// A parsed template: the words of its actions.
#[derive(Debug)]
pub struct Template<'a> {
    /// The words of each `{{ … }}`.
    pub actions: Vec<Vec<Word<'a>>>,
}

/// Why a text is not a template.
#[derive(Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The fact.
    pub message: String,
    /// Bytes of the template.
    pub range: Range<usize>,
}

/// Functions that a template may call and that look only at what is passed to them.
pub const FUNCTIONS: &[&str] = &[
    "and",
    "args",
    "eq",
    "externalURL",
    "ge",
    "graphLink",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "js",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "reReplaceAll",
    "safeHtml",
    "slice",
    "stripDomain",
    "stripPort",
    "tableLink",
    "title",
    "toLower",
    "toTime",
    "toUpper",
    "urlquery",
];

/// Functions that run a query of their own each time the alert is evaluated.
pub const QUERIES: &[&str] = &["query", "first", "value", "label", "sortByLabel"];

const KEYWORDS: &[&str] =
    &["if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"];
const VARIABLES: &[&str] = &["$labels", "$value", "$externalLabels", "$externalURL", "$"];

impl<'a> Template<'a> {
    /// Parses a template.
    pub fn parse(text: &'a str) -> Result<Self, TemplateError> {
        let mut actions = Vec::new();
        let mut open: Vec<Range<usize>> = Vec::new();
        let mut declared: Vec<&str> = Vec::new();
        let mut from = 0;
        while let Some(start) = text[from..].find("{{").map(|at| from + at) {
            let end = end_of_action(text, start + 2)
                .ok_or_else(|| error("`{{` is never closed", start..start + 2))?;
            let words = words(text, start + 2, end)?;
            match words.first().map(|word| word.text) {
                None => return Err(error("an empty `{{ }}` does nothing", start..end + 2)),
                Some("if" | "range" | "with" | "define" | "block") => open.push(words[0].range.clone()),
                Some("end") if open.pop().is_none() => {
                    return Err(error("`end` closes nothing", words[0].range.clone()));
                }
                _ => {}
            }
            for (index, word) in words.iter().enumerate() {
                let assigned = words.get(index + 1).is_some_and(|next| matches!(next.text, ":=" | "," | "="));
                if word.text.starts_with('$') && assigned {
                    declared.push(word.text);
                }
                check(word, &declared)?;
            }
            check_shape(&words)?;
            actions.push(words);
            from = end + 2;
        }
        match (open.pop(), text[from..].find("}}")) {
            (Some(range), _) => Err(error(&format!("`{}` has no `end`", &text[range.clone()]), range)),
            (None, Some(at)) => Err(error("`}}` closes nothing", from + at..from + at + 2)),
            (None, None) => Ok(Self { actions }),
        }
    }

    /// The labels that the template names, with their places.
    pub fn labels(&self) -> impl Iterator<Item = Word<'a>> {
        self.actions.iter().flatten().filter_map(|word| {
            let name = word.text.strip_prefix("$labels.").or_else(|| word.text.strip_prefix(".Labels."))?;
            Some(Word { text: name, range: word.range.clone() })
        })
    }

    /// Words that run a query.
    pub fn queries(&self) -> impl Iterator<Item = &Word<'a>> {
        self.actions.iter().flatten().filter(|word| QUERIES.contains(&word.text))
    }

    /// Actions that print `$value` with all its digits.
    pub fn raw_values(&self) -> impl Iterator<Item = &Word<'a>> {
        let raw =
            |action: &&Vec<Word<'a>>| action.len() == 1 && matches!(action[0].text, "$value" | ".Value");
        self.actions.iter().filter(raw).map(|action| &action[0])
    }
}

fn error(message: &str, range: Range<usize>) -> TemplateError {
    TemplateError { message: message.to_owned(), range }
}

/// Offset of the `}}` that ends an action; quotes hide braces.
fn end_of_action(text: &str, start: usize) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text[start..].char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '`' => quote = Some(c),
            None if text[start + at..].starts_with("}}") => return Some(start + at),
            _ => {}
        }
    }
    None
}

/// The words of an action. Strings are one word, with their quotes.
fn words(text: &str, start: usize, end: usize) -> Result<Vec<Word<'_>>, TemplateError> {
    let mut words = Vec::new();
    let mut at = start;
    while at < end {
        let rest = &text[at..end];
        let Some(c) = rest.chars().next() else { break };
        let length = match c {
            _ if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            // Trim markers.
            '-' if at == start || at + 1 == end => {
                at += 1;
                continue;
            }
            '"' | '`' => string_length(rest, c).ok_or_else(|| error("a string is never closed", at..end))?,
            '|' | '(' | ')' | ',' | '=' => 1,
            ':' if rest.starts_with(":=") => 2,
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |close| close + 2),
            _ => rest.find(|c: char| c.is_whitespace() || "|(),\"`".contains(c)).unwrap_or(rest.len()).max(1),
        };
        words.push(Word { text: &text[at..at + length], range: at..at + length });
        at += length;
    }
    Ok(words)
}

fn string_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn check(word: &Word<'_>, declared: &[&str]) -> Result<(), TemplateError> {
    let name = word.text;
    let head = name.split('.').next().unwrap_or_default();
    let first = name.chars().next().unwrap_or_default();
    if first == '$' && !VARIABLES.contains(&head) && !declared.contains(&head) {
        let help = catalogue::suggest::did_you_mean(head, VARIABLES.iter().copied());
        return Err(error(&format!("unknown variable `{head}`, {help}"), word.range.clone()));
    }
    let known = || FUNCTIONS.iter().chain(QUERIES).chain(KEYWORDS).chain(&["true", "false", "nil"]);
    if first.is_ascii_alphabetic() && !known().any(|known| *known == head) {
        let help = catalogue::suggest::closest(head, known().copied());
        let help = help.map_or(String::new(), |name| format!(", did you mean `{name}`?"));
        return Err(error(&format!("unknown function `{head}`{help}"), word.range.clone()));
    }
    Ok(())
}

/// Parentheses have partners, and something stands on both sides of each `|`.
fn check_shape(words: &[Word<'_>]) -> Result<(), TemplateError> {
    let mut open: Vec<&Word> = Vec::new();
    // Whether an operand has been seen since the last `(` or `|`.
    let mut operand = vec![false];
    let needs_operand = words.first().is_some_and(|word| matches!(word.text, "if" | "with" | "range"));
    for word in words.iter().skip(usize::from(needs_operand)) {
        let filled = operand.last().copied().unwrap_or_default();
        match word.text {
            "(" => {
                open.push(word);
                operand.push(false);
            }
            ")" | "|" if !filled => {
                let message = format!("nothing stands before `{}`", word.text);
                return Err(error(&message, word.range.clone()));
            }
            ")" => {
                operand.pop();
                if open.pop().is_none() {
                    return Err(error("`)` closes nothing", word.range.clone()));
                }
                operand.last_mut().into_iter().for_each(|seen| *seen = true);
            }
            "|" => operand.last_mut().into_iter().for_each(|seen| *seen = false),
            _ => operand.last_mut().into_iter().for_each(|seen| *seen = true),
        }
    }
    if let Some(word) = open.pop() {
        return Err(error("`(` is never closed", word.range.clone()));
    }
    match words {
        [.., last] if operand == [false] => {
            Err(error(&format!("nothing stands behind `{}`", last.text), last.range.clone()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Template::parse(text).unwrap_err().message
    }

    #[test]
    fn what_prometheus_would_refuse_is_refused() {
        assert_eq!(message("{{ $labels.a "), "`{{` is never closed");
        assert_eq!(message("a }}"), "`}}` closes nothing");
        assert_eq!(message("{{ }}"), "an empty `{{ }}` does nothing");
        assert_eq!(message("{{ humanise $value }}"), "unknown function `humanise`, did you mean `humanize`?");
        assert_eq!(message("{{ $label.a }}"), "unknown variable `$label`, did you mean `$labels`?");
        assert_eq!(message("{{ if $value }}x"), "`if` has no `end`");
        assert_eq!(message("{{ end }}"), "`end` closes nothing");
        assert_eq!(message("{{ (humanize $value }}"), "`(` is never closed");
        assert_eq!(message("{{ humanize $value) }}"), "`)` closes nothing");
        assert_eq!(message("{{ ((((( }}"), "`(` is never closed");
        assert_eq!(message("{{ if }}x{{ end }}"), "nothing stands behind `if`");
        assert_eq!(message("{{ $value | }}"), "nothing stands behind `|`");
        assert_eq!(message("{{ | humanize }}"), "nothing stands before `|`");
        assert_eq!(message("{{ printf \"%s\" () }}"), "nothing stands before `)`");
        for fine in [
            "{{ if (eq $value 0.0) }}a{{ else if gt $value 1.0 }}b{{ end }}",
            "{{ (humanize $value) | title }}",
        ] {
            assert!(Template::parse(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_a_template_names_is_found() {
        let text =
            r#"{{ $labels.a }} {{ with $x := $value }}{{ $x | printf "%.0f }}" }}{{ end }}{{- .Labels.b -}}"#;
        let template = Template::parse(text).unwrap();
        let labels: Vec<_> = template.labels().map(|word| word.text).collect();
        assert_eq!(labels, ["a", "b"]);
        assert_eq!(Template::parse("{{ $value }} {{ $value | humanize }}").unwrap().raw_values().count(), 1);
        assert_eq!(Template::parse("{{ query \"up\" | first | value }}").unwrap().queries().count(), 3);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[{}$a-z.|\"`:= é/*-]{0,40}") {
            let _ = Template::parse(&text);
        }
    }
}
