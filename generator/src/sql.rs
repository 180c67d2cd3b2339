//! SQL: does it parse? The only file that knows the SQL parser. The last word stays with a real server.

use std::ops::Range;
use std::sync::Arc;

use catalogue::Catalogue;
use catalogue::source::Source;
use squawk_syntax::ast::SourceFile;

/// A place at which SQL stops making sense.
#[derive(Debug, PartialEq, Eq)]
pub struct SqlError {
    /// What the parser expected.
    pub message: String,
    /// The bytes.
    pub range: Range<usize>,
}

/// All SQL files of a catalogue.
pub fn files(catalogue: &Catalogue) -> impl Iterator<Item = &Arc<Source>> {
    let shared =
        catalogue.shared.iter().filter(|source| source.path.extension().is_some_and(|ext| ext == "sql"));
    catalogue.alerts().flat_map(|(_, alert)| &alert.sql).chain(shared)
}

/// The syntax errors of a script. Variables of psql count as values.
pub fn errors(text: &str) -> Vec<SqlError> {
    let parsed = SourceFile::parse(&without_variables(text));
    let errors = parsed.errors();
    let errors = errors.iter().map(|error| {
        let range = error.range();
        SqlError { message: error.message().to_owned(), range: range.start().into()..range.end().into() }
    });
    errors.collect()
}

/// Replaces `:name`, `:'name'` and `:"name"` by as many bytes of something that parses.
fn without_variables(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = ' ';
    while let Some(c) = rest.chars().next() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let quote = rest[c.len_utf8()..].chars().next();
        let length = match (c, quote) {
            (':', Some(quote @ ('\'' | '"'))) if previous != ':' => rest[2..]
                .find(quote)
                .filter(|end| *end > 0 && rest[2..2 + end].chars().all(is_name))
                .map(|end| end + 3),
            (':', Some(first))
                if previous != ':' && !is_name(previous) && (first.is_ascii_alphabetic() || first == '_') =>
            {
                Some(1 + rest[1..].find(|c| !is_name(c)).unwrap_or(rest.len() - 1))
            }
            _ => None,
        };
        if let Some(length) = length {
            match quote {
                Some('\'' | '"') => plain.push_str(&format!(" {}", &rest[1..length])),
                _ => plain.push_str(&"1".repeat(length)),
            }
            previous = ' ';
            rest = &rest[length..];
        } else {
            plain.push(c);
            previous = c;
            rest = &rest[c.len_utf8()..];
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psql_variables_become_values_of_the_same_length() {
        let text = "SELECT :pid, :'slot', :\"table\", a::int, 'x:y', '12:30'";
        let plain = without_variables(text);
        assert_eq!(plain, "SELECT 1111,  'slot',  \"table\", a::int, 'x:y', '12:30'");
        assert_eq!(plain.len(), text.len());
    }
}
