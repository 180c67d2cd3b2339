//! Durations in the notation of Prometheus.

use std::fmt;

/// A duration such as `10m` or `1h30m`, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PromDuration {
    text: String,
    milliseconds: u64,
}

/// Units from the longest to the shortest, in milliseconds: the order in which Prometheus wants them.
const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl PromDuration {
    /// Parses the notation of Prometheus: whole numbers with units, from the longest unit to the shortest.
    pub fn new(text: &str) -> Result<Self, String> {
        let error = || {
            format!("`{}` is not a duration: write for example `30s`, `10m` or `1h30m`", text.escape_debug())
        };
        if text == "0" {
            return Ok(Self { text: "0s".to_owned(), milliseconds: 0 });
        }
        let mut rest = text;
        let mut last = None;
        let mut milliseconds = 0_u64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
            let number: u64 = rest[..digits].parse().map_err(|_| error())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
            let unit = UNITS.iter().position(|(name, _)| *name == &rest[..letters]).ok_or_else(error)?;
            if last.is_some_and(|last| last >= unit) {
                return Err(error());
            }
            last = Some(unit);
            let part = number.checked_mul(UNITS[unit].1).ok_or_else(error)?;
            milliseconds = milliseconds.checked_add(part).ok_or_else(error)?;
            rest = &rest[letters..];
        }
        if last.is_none() { Err(error()) } else { Ok(Self { text: text.to_owned(), milliseconds }) }
    }

    /// A duration of whole seconds.
    pub fn from_seconds(seconds: u64) -> Self {
        Self { text: format!("{seconds}s"), milliseconds: seconds * 1_000 }
    }

    /// Length in milliseconds.
    pub fn milliseconds(&self) -> u64 {
        self.milliseconds
    }
}

impl fmt::Display for PromDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Seconds for people, in the largest unit that leaves no rest: `90 s`, `10 min`, `2 h`.
pub fn spoken(seconds: u64) -> String {
    match seconds {
        0 => "0 s".to_owned(),
        seconds if seconds % 86_400 == 0 => format!("{} d", seconds / 86_400),
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds > 3600 && seconds % 60 == 0 => {
            format!("{} h {} min", seconds / 3600, seconds % 3600 / 60)
        }
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_is_that_of_prometheus() {
        let ms = |text| PromDuration::new(text).map(|duration| duration.milliseconds());
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("0s"), Ok(0));
        assert_eq!(ms("0"), Ok(0));
        for wrong in
            ["", "5", "5 m", "5 minutes", "30m1h", "1m1m", "-1m", "1.5h", "99999999999999999999y", "5M"]
        {
            assert!(ms(wrong).is_err(), "{wrong}");
        }
    }
}
