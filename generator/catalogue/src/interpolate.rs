//! `${param}` in expressions, texts, tests and runbooks.

use std::ops::Range;

/// One use of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use<'a> {
    /// The name between the braces.
    pub name: &'a str,
    /// The bytes of the whole `${…}`.
    pub range: Range<usize>,
}

/// All uses of parameters in a text, in order. `${` without `}` is not a use.
pub fn uses(text: &str) -> impl Iterator<Item = Use<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find("${")?;
        let end = start + text[start..].find('}')?;
        from = end + 1;
        Some(Use { name: &text[start + 2..end], range: start..end + 1 })
    })
}

/// The text with each use replaced. What `value` does not know stays as it is.
pub fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut done = 0;
    for found in uses(text) {
        filled.push_str(&text[done..found.range.start]);
        match value(found.name) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(&text[found.range.clone()]),
        }
        done = found.range.end;
    }
    filled.push_str(&text[done..]);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_replaced_and_others_stay() {
        let value = |name: &str| (name == "a").then(|| "1".to_owned());
        assert_eq!(fill("x ${a} ${b} ${a}", value), "x 1 ${b} 1");
        assert_eq!(fill("open ${a", value), "open ${a");
        assert_eq!(uses("é ${a}").next().unwrap().range, 3..7);
    }
}
