//! Variables in scripts of psql: `:pid`, `:'slot'` as a string, `:"index"` as a name (manual of psql, SQL Interpolation).

use std::ops::Range;

/// One use of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable<'a> {
    /// The bytes of the script from the colon on.
    pub range: Range<usize>,
    /// `'` where psql makes a string of the value, `"` where it makes a name.
    pub quote: Option<char>,
    /// Lower case letters and `_`.
    pub name: &'a str,
}

/// The variables of a script. psql replaces none in strings and comments, and `::` is a cast.
pub fn variables(script: &str) -> Vec<Variable<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = script[at..].chars().next() {
        let rest = &script[at..];
        at += if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if matches!(c, '\'' | '"') {
            rest[1..].find(c).map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("::") {
            2
        } else if let Some(variable) = variable(rest, at) {
            let length = variable.range.len();
            found.push(variable);
            length
        } else {
            c.len_utf8()
        };
    }
    found
}

fn variable(rest: &str, at: usize) -> Option<Variable<'_>> {
    let inside = rest.strip_prefix(':')?;
    let quote = inside.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let inside = &inside[usize::from(quote.is_some())..];
    let end = inside.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(inside.len());
    let name = &inside[..end];
    let is_closed = quote.is_none_or(|quote| inside[end..].starts_with(quote));
    let length = 1 + end + 2 * usize::from(quote.is_some());
    (!name.is_empty() && is_closed).then_some(Variable { range: at..at + length, quote, name })
}

/// The script as SQL that anybody can run: each variable is a blank such as `<pid>`, in the quotes that psql would set.
pub fn with_blanks(script: &str) -> String {
    let mut sql = String::with_capacity(script.len());
    let mut end = 0;
    for Variable { range, quote, name } in variables(script) {
        sql.push_str(&script[end..range.start]);
        sql.extend(quote);
        sql += &format!("<{name}>");
        sql.extend(quote);
        end = range.end;
    }
    sql + &script[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_blanks_and_nothing_else_does() {
        for (script, sql) in [
            ("SELECT f(:pid)", "SELECT f(<pid>)"),
            ("SELECT f(:'slot', 1)", "SELECT f('<slot>', 1)"),
            ("DROP INDEX :\"schema\".:\"index\";", "DROP INDEX \"<schema>\".\"<index>\";"),
        ] {
            assert_eq!(with_blanks(script), sql);
        }
        for same in [
            "-- f(:pid)\nSELECT a::text, b[1:2], ':x', \":y\", now()::date",
            "SELECT ':not' || 'it''s :not'",
            "SELECT : pid, :1, :'open",
            "é:",
            "",
        ] {
            assert_eq!(with_blanks(same), same);
        }
    }
}
