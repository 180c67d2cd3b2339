//! promtool's notation of values, as far as derived cases change it: series that always have the same value.

/// The value of a series that has always the same, such as `5x20` or `0+0x9`, for at least so many steps; nothing
/// for any other.
pub(super) fn constant(values: &str, steps: u64) -> Option<&str> {
    let (value, times) = values.trim().rsplit_once('x')?;
    let value = value.strip_suffix("+0").or_else(|| value.strip_suffix("-0")).unwrap_or(value);
    let fine = value.parse::<f64>().is_ok_and(f64::is_finite)
        && times.parse::<u64>().is_ok_and(|times| times >= steps);
    fine.then_some(value)
}

/// Values one after the other, each so many times.
pub(super) fn runs(runs: &[(&str, u64)]) -> String {
    let runs = runs.iter().filter(|(_, count)| *count > 0);
    let runs: Vec<_> = runs.map(|(value, count)| format!("{value}x{}", count - 1)).collect();
    runs.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_changes_is_recognised() {
        for (values, value) in [("5x20", "5"), (" -1.5x3", "-1.5"), ("0+0x9", "0"), ("1e3x2", "1e3")] {
            assert_eq!(constant(values, 2), Some(value), "{values}");
        }
        for values in ["5", "5 5x3", "0+1x9", "_x3", "stale", "5x3 stale", "NaNx3", "5x1", "{{sum:1}}x3"] {
            assert_eq!(constant(values, 2), None, "{values}");
        }
        assert_eq!(runs(&[("5", 3), ("1", 0), ("-2", 1)]), "5x2 -2x0");
    }
}
