//! The scale of a picture: which values it spans, where its lines are, and how a value is written.

use catalogue::param::Unit;

/// Spans some values.
#[derive(Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    tick: f64,
    divisor: f64,
    suffix: &'static str,
}

const BYTES: [(f64, &str); 5] = [
    (1024.0 * 1024.0 * 1024.0 * 1024.0, " TiB"),
    (1024.0 * 1024.0 * 1024.0, " GiB"),
    (1024.0 * 1024.0, " MiB"),
    (1024.0, " KiB"),
    (1.0, " B"),
];
const SECONDS: [(f64, &str); 4] = [(86_400.0, " d"), (3600.0, " h"), (60.0, " min"), (1.0, " s")];
const NUMBERS: [(f64, &str); 3] = [(1e9, " G"), (1e6, " M"), (1.0, "")];

/// Bytes in the largest unit that needs no fraction: `5 GiB`.
pub(super) fn bytes(value: f64) -> String {
    let whole = |(divisor, _): &&(f64, &str)| value >= *divisor && value % divisor == 0.0;
    let (divisor, suffix) = BYTES.iter().find(whole).unwrap_or(&(1.0, " B"));
    format!("{}{suffix}", value / divisor)
}

impl Scale {
    /// A scale for values between two.
    pub(super) fn new(unit: Unit, min: f64, max: f64) -> Self {
        let largest = min.abs().max(max.abs());
        let of = |table: &[(f64, &'static str)]| {
            table
                .iter()
                .find(|(divisor, _)| largest >= *divisor * 1.5)
                .or(table.last())
                .copied()
                .unwrap_or((1.0, ""))
        };
        let (divisor, suffix) = match unit {
            Unit::Percent => (1.0, "%"),
            Unit::Bytes => of(&BYTES),
            Unit::Seconds => of(&SECONDS),
            Unit::Hours => (1.0, " h"),
            Unit::Days => (1.0, " d"),
            _ => of(&NUMBERS),
        };
        // Zero is always shown: without it, a hair above the limit would look like a mile.
        let (low, high) = (min.min(0.0), max.max(0.0));
        let high = if high > low { high } else { low + divisor };
        let span = (high - low) / divisor;
        let rough = span / 3.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= rough);
        let pad = (high - low) * 0.08;
        let low = if low < 0.0 { low - pad } else { 0.0 };
        Self { low, high: high + pad, tick: step.unwrap_or(rough) * divisor, divisor, suffix }
    }

    /// Where a value stands: 0 at the bottom, 1 at the top.
    pub(super) fn part(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Round values inside.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        let mut at = (self.low / self.tick).ceil() * self.tick;
        while at <= self.high && ticks.len() < 8 {
            ticks.push(if at == 0.0 { 0.0 } else { at });
            at += self.tick;
        }
        ticks
    }

    /// A value in the unit of the scale.
    pub(super) fn text(&self, value: f64) -> String {
        let scaled = value / self.divisor;
        let digits = if scaled.abs() >= 100.0 {
            0
        } else if scaled.abs() >= 1.0 {
            1
        } else {
            3
        };
        let text = format!("{scaled:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        let text = if text == "-0" { "0" } else { text };
        format!("{text}{}", if value == 0.0 && self.suffix != "%" { "" } else { self.suffix })
    }
}

/// A number with at most two digits behind the point.
pub(super) fn number(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_units() {
        assert_eq!([5_368_709_120.0, 1_536.0, 0.0].map(bytes), ["5 GiB", "1536 B", "0 B"]);
    }

    #[test]
    fn values_are_written_in_their_unit() {
        let percent = Scale::new(Unit::Percent, 40.0, 97.25);
        assert_eq!(percent.text(97.25), "97.2%");
        assert_eq!(percent.ticks(), [0.0, 50.0, 100.0]);
        let bytes = Scale::new(Unit::Bytes, 0.0, 6_442_450_944.0);
        assert_eq!((bytes.text(5_368_709_120.0), bytes.text(0.0)), ("5 GiB".to_owned(), "0".to_owned()));
        assert_eq!(Scale::new(Unit::Seconds, 0.0, 7200.0).text(5400.0), "1.5 h");
        let flat = Scale::new(Unit::Count, 1.0, 1.0);
        assert!(flat.part(1.0) > 0.5 && flat.part(0.0) < 0.1, "{flat:?}");
        let negative = Scale::new(Unit::Count, -7.0, -7.0);
        assert!(negative.ticks().len() < 8 && negative.part(-7.0).is_finite(), "{negative:?}");
        let near = Scale::new(Unit::Percent, 90.0, 90.1);
        assert!(near.part(90.1) - near.part(90.0) < 0.01 && near.part(0.0) < 0.01, "{near:?}");
    }
}
