//! Metric math, as far as tests need it: numbers, names, the four operations and brackets.

use std::collections::{BTreeMap, BTreeSet};

/// Values by second.
pub(crate) type Track = BTreeMap<i64, f64>;

/// Works out an expression at every second at which all of its names have a value; what it says when it cannot be read.
pub(crate) fn evaluate(text: &str, names: &BTreeMap<&str, Track>) -> Result<Track, String> {
    let at = |second: i64| {
        let mut parser = Parser { rest: text, names, second };
        let value = parser.sum()?;
        let rest = parser.rest.trim();
        if rest.is_empty() {
            Ok(value.filter(|value| value.is_finite()))
        } else {
            Err(format!("unexpected `{rest}`"))
        }
    };
    // What cannot be read is refused, whether there are data or not.
    at(0)?;
    let seconds: BTreeSet<i64> = names.values().flat_map(|track| track.keys().copied()).collect();
    let mut found = Track::new();
    for second in seconds {
        found.extend(at(second)?.map(|value| (second, value)));
    }
    Ok(found)
}

struct Parser<'a> {
    rest: &'a str,
    names: &'a BTreeMap<&'a str, Track>,
    second: i64,
}

impl Parser<'_> {
    fn take(&mut self, wanted: &[char]) -> Option<char> {
        self.rest = self.rest.trim_start();
        let found = self.rest.chars().next().filter(|c| wanted.contains(c))?;
        self.rest = &self.rest[1..];
        Some(found)
    }

    fn sum(&mut self) -> Result<Option<f64>, String> {
        let mut left = self.product()?;
        while let Some(sign) = self.take(&['+', '-']) {
            let right = self.product()?;
            left = left.zip(right).map(|(a, b)| if sign == '+' { a + b } else { a - b });
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Option<f64>, String> {
        let mut left = self.atom()?;
        while let Some(sign) = self.take(&['*', '/']) {
            let right = self.atom()?;
            left = left.zip(right).map(|(a, b)| if sign == '*' { a * b } else { a / b });
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Option<f64>, String> {
        if self.take(&['(']).is_some() {
            let value = self.sum()?;
            return self.take(&[')']).map(|_| value).ok_or_else(|| "a bracket is not closed".to_owned());
        }
        self.rest = self.rest.trim_start();
        let length = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
        let (word, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        if let Ok(number) = word.parse() {
            return Ok(Some(number));
        }
        let track = self.names.get(word).ok_or_else(|| format!("unknown id `{word}`"))?;
        Ok(track.get(&self.second).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_their_rank() {
        let names =
            BTreeMap::from([("a", Track::from([(0, 2.0), (60, 4.0)])), ("b", Track::from([(0, 3.0)]))]);
        assert_eq!(evaluate("100 * a / (a + b) - 1", &names).unwrap(), Track::from([(0, 39.0)]));
        assert!(evaluate("a +", &names).is_err() && evaluate("c", &names).is_err());
    }
}
