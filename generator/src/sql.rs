//! SQL: does it parse? The only file that knows the SQL parser. The last word stays with a real server.

use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::{Arc, LazyLock};

use catalogue::Catalogue;
use catalogue::need::with_schemas;
use catalogue::source::Source;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use squawk_syntax::ast::{
    AstNode as _, BinExpr, BinOp, Expr, FilterClause, OnClause, SourceFile, WhereClause,
};

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

/// Brackets inside brackets that nobody writes by hand; the parser's stack ends somewhere beyond.
const MAX_DEPTH: usize = 100;

/// Bytes of one script; a longer one is data, and may nest in ways that are not counted here.
const MAX_BYTES: usize = 16 * 1024;

/// Stack for the parser, in bytes: enough for the worst script of that length. Only what is used is taken.
const STACK: usize = 512 * 1024 * 1024;

/// Threads with such a stack, for all scripts: to start one takes longer than to parse a script.
static PARSERS: LazyLock<Option<ThreadPool>> =
    LazyLock::new(|| ThreadPoolBuilder::new().stack_size(STACK).build().ok());

/// The syntax errors of each script. Variables of psql count as values.
pub fn errors(scripts: &[&str]) -> Vec<Vec<SqlError>> {
    let unparsed = || vec![SqlError { message: "the script cannot be parsed".to_owned(), range: 0..0 }];
    let Some(parsers) = &*PARSERS else { return scripts.iter().map(|_| unparsed()).collect() };
    let of = |script: &&str| catch_unwind(|| errors_of(script)).unwrap_or_else(|_| unparsed());
    parsers.install(|| scripts.par_iter().map(of).collect())
}

fn errors_of(text: &str) -> Vec<SqlError> {
    if let Some(at) = too_deep(text) {
        let message = format!("brackets are nested more than {MAX_DEPTH} deep");
        return vec![SqlError { message, range: at..at + 1 }];
    }
    if text.len() > MAX_BYTES {
        return vec![SqlError {
            message: format!("the script is longer than {MAX_BYTES} bytes"),
            range: 0..0,
        }];
    }
    let parsed = SourceFile::parse(&without_variables(&with_names(text)));
    let errors = parsed.errors();
    let errors = errors.iter().map(|error| {
        let range = error.range();
        SqlError { message: error.message().to_owned(), range: range.start().into()..range.end().into() }
    });
    errors.collect()
}

/// The conditions of all WHERE, FILTER and ON clauses of a query: what is connected by AND counts one by one.
pub fn conditions(text: &str) -> Vec<Range<usize>> {
    let parsed = SourceFile::parse(&with_names(text));
    let mut conditions = Vec::new();
    for node in parsed.tree().syntax().descendants() {
        let clause = WhereClause::cast(node.clone()).and_then(|clause| clause.expr());
        let clause = clause.or_else(|| FilterClause::cast(node.clone())?.expr());
        split(clause.or_else(|| OnClause::cast(node)?.expr()), &mut conditions);
    }
    conditions
}

fn split(condition: Option<Expr>, into: &mut Vec<Range<usize>>) {
    let Some(condition) = condition else { return };
    let both =
        BinExpr::cast(condition.syntax().clone()).filter(|both| matches!(both.op(), Some(BinOp::And(_))));
    if let Some(both) = both {
        split(both.lhs(), into);
        split(both.rhs(), into);
    } else {
        let range = condition.syntax().text_range();
        into.push(range.start().into()..range.end().into());
    }
}

/// Replaces the schema of an extension by a name that is as long.
fn with_names(text: &str) -> String {
    with_schemas(text, |name| "s".repeat("@extschema:@".len() + name.len()))
}

/// Where brackets are nested too deep to be parsed.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth > MAX_DEPTH).then_some(at)
    })
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

    fn errors(text: &str) -> Vec<SqlError> {
        super::errors(&[text]).remove(0)
    }

    #[test]
    fn what_the_parser_would_not_survive_is_an_error() {
        let nested = format!("SELECT {}1{};", "(".repeat(5000), ")".repeat(5000));
        assert_eq!(errors(&nested)[0].message, "brackets are nested more than 100 deep");
        assert_eq!(errors(&"NOT ".repeat(100_000))[0].message, "the script is longer than 16384 bytes");
        // As deep as it may get; what comes of it does not matter, that it comes does.
        for word in ["NOT ", "CASE WHEN ", "SELECT * FROM a JOIN ", "BEGIN "] {
            errors(&format!("SELECT {}", word.repeat((MAX_BYTES - 10) / word.len())));
        }
    }

    #[test]
    fn conditions_are_counted_one_by_one() {
        let text = "SELECT count(*) FILTER (WHERE a AND b = 1) FROM t JOIN u ON t.id = u.id AND u.x \
                    WHERE c BETWEEN 1 AND 2 AND (d OR e) AND NOT EXISTS (SELECT FROM v WHERE f IN (1, 2))";
        let conditions: Vec<_> = conditions(text).into_iter().map(|range| &text[range]).collect();
        let whole = "NOT EXISTS (SELECT FROM v WHERE f IN (1, 2))";
        let wanted =
            ["a", "b = 1", "t.id = u.id", "u.x", "c BETWEEN 1 AND 2", "(d OR e)", whole, "f IN (1, 2)"];
        assert_eq!(conditions, wanted);
    }

    #[test]
    fn the_schema_of_an_extension_is_a_name() {
        assert_eq!(errors("SELECT 1 FROM @extschema:pg_buffercache@.pg_buffercache"), []);
        assert_eq!(errors("SELECT 1 FROM @extschema:a@.a WHERE WHERE")[0].range.start, 36);
        let text = "SELECT 1 FROM @extschema:a@.a WHERE b";
        assert_eq!(conditions(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn psql_variables_become_values_of_the_same_length() {
        let text = "SELECT :pid, :'slot', :\"table\", a::int, 'x:y', '12:30'";
        let plain = without_variables(text);
        assert_eq!(plain, "SELECT 1111,  'slot',  \"table\", a::int, 'x:y', '12:30'");
        assert_eq!(plain.len(), text.len());
    }
}
