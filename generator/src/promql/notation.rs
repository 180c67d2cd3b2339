//! promtool's notation of a series, `name{label="value"}`, and of its values: `81x20` (81 and 20 more), `0+5x20`
//! (rising by 5), `1 2 _ 4` (a gap), `stale`.

use std::borrow::Cow;

/// A series: its name, and its labels in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series<'t> {
    /// The metric, empty where none is named.
    pub name: Cow<'t, str>,
    /// The labels without the name.
    pub labels: Vec<(&'t str, Cow<'t, str>)>,
}

/// Reads a series. A test has thousands of them, so this is no matter for the parser of expressions, which would
/// take matchers such as `!=` too. None for what is not in this notation.
pub fn series(text: &str) -> Option<Series<'_>> {
    let (name, rest) = word(text.trim(), ":");
    let mut series = Series { name: Cow::Borrowed(name), labels: Vec::new() };
    if rest.is_empty() {
        return (!name.is_empty()).then_some(series);
    }
    let mut rest = rest.trim_start().strip_prefix('{')?.trim_start();
    while let (label, after) = word(rest, "")
        && !label.is_empty()
    {
        let (value, after) = quoted(after.trim_start().strip_prefix('=')?.trim_start())?;
        match label {
            "__name__" if name.is_empty() => series.name = value,
            _ => series.labels.push((label, value)),
        }
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
        if rest.len() == after.len() {
            break;
        }
    }
    (rest == "}").then_some(series)
}

/// The name at the start of a text, and what follows it.
fn word<'t>(text: &'t str, more: &str) -> (&'t str, &'t str) {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    text.split_at(if text.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { end })
}

/// The value of the string at the start of a text, and what follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inside = &text[1..];
    let stops = |c: char| c == quote || (c == '\\' && quote != '`');
    let (mut value, mut rest) = (Cow::Borrowed(""), inside);
    loop {
        let (before, after) = rest.split_at(rest.find(stops)?);
        value += before;
        if let Some(after) = after.strip_prefix(quote) {
            return Some((value, after));
        }
        let escaped = after[1..].chars().next()?;
        value += match escaped {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            '\\' | '"' | '\'' => &after[1..2],
            _ => return None,
        };
        rest = &after[2..];
    }
}

/// What one scrape brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slot {
    /// A number.
    Value(f64),
    /// Nothing.
    Gap,
    /// The mark of a series that went away.
    Stale,
}

/// Scrapes up to which a series is laid out; one of a year is a mistake, not a test.
const MOST: usize = 100_000;

/// All scrapes of a series. None for what is not in this notation, or is longer than anybody needs.
pub fn slots(values: &str) -> Option<Vec<Slot>> {
    let mut slots = Vec::new();
    for item in values.split_whitespace() {
        let item = Item::read(item)?;
        if slots.len() + item.count > MOST {
            return None;
        }
        let value = |index: usize| match item.first {
            #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
            Slot::Value(first) => Slot::Value(first + item.step * index as f64),
            other => other,
        };
        slots.extend((0..item.count).map(value));
    }
    Some(slots)
}

/// Whether a text between two blanks is in this notation.
pub fn is_item(text: &str) -> bool {
    Item::read(text).is_some()
}

struct Item {
    first: Slot,
    step: f64,
    count: usize,
}

impl Item {
    fn read(text: &str) -> Option<Self> {
        if text == "stale" {
            return Some(Self { first: Slot::Stale, step: 0.0, count: 1 });
        }
        let (value, times) =
            text.rsplit_once('x').map_or((text, None), |(value, times)| (value, Some(times)));
        let times = times.map(str::parse::<u32>).transpose().ok()?;
        let times = times.map(|times| times as usize);
        if value == "_" {
            return Some(Self { first: Slot::Gap, step: 0.0, count: times.unwrap_or(1) });
        }
        // A number itself may have a sign, in front and in its exponent.
        let signs = value.char_indices().skip(1).filter(|(_, c)| matches!(c, '+' | '-'));
        let mut parts = signs.map(|(at, _)| value.split_at(at)).chain([(value, "+0")]);
        let (first, step) = parts
            .find_map(|(first, step)| Some((number(first)?, number(step)?, step)))
            .map(|(first, step, text)| (first, (step, text != "+0")))?;
        if step.1 && times.is_none() {
            return None;
        }
        Some(Self { first: Slot::Value(first), step: step.0, count: times.map_or(1, |times| times + 1) })
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_a_name_and_labels() {
        let read = |text| {
            let Series { name, labels } = series(text)?;
            let labels = labels.iter().map(|(label, value)| format!("{label}={value}"));
            Some(format!("{name} {}", labels.collect::<Vec<_>>().join(" ")))
        };
        for (text, expected) in [
            ("up", "up "),
            ("up{}", "up "),
            (" a:b_1 { job = \"x\" , instance='y', } ", "a:b_1 job=x instance=y"),
            ("{__name__=\"up\", job=\"x\"}", "up job=x"),
            ("x{a=\"\"}", "x a="),
            (r#"x{a="q\"\\ \'", b=`\n`, c="é}"}"#, r#"x a=q"\ ' b=\n c=é}"#),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for wrong in [
            "",
            "1up",
            "up{",
            "up{a}",
            "up{a=x}",
            "up{a!=\"x\"}",
            "up{a=\"x}",
            "up{a=\"x\" b=\"y\"}",
            "up > 1",
            "up{,}",
            "a b",
        ] {
            assert_eq!(series(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn series_are_laid_out_as_promtool_does() {
        use Slot::{Gap, Stale, Value};
        assert_eq!(slots("1x2"), Some(vec![Value(1.0); 3]));
        assert_eq!(slots("0+5x2 10-1x1"), Some([0.0, 5.0, 10.0, 10.0, 9.0].map(Value).to_vec()));
        assert_eq!(slots("_x2 7 stale _"), Some(vec![Gap, Gap, Value(7.0), Stale, Gap]));
        assert_eq!(slots("-1e+2-1e1x1"), Some([-100.0, -110.0].map(Value).to_vec()));
        assert_eq!(slots("6442450944+0x1"), Some(vec![Value(6_442_450_944.0); 2]));
        for wrong in ["x5", "1x", "1+2", "one", "1x4294967295", "_x"] {
            assert_eq!(slots(wrong), None, "{wrong}");
        }
    }
}
