//! Functions over a range of samples.

use super::{Labels, Line, Moments};

/// A range of samples of each series, at each of some moments.
pub(super) struct Ranges<'a> {
    /// Labels and all samples, times in milliseconds.
    pub(super) series: Vec<(Labels<'a>, Vec<(i64, f64)>)>,
    /// When the ranges end.
    pub(super) ends: Moments,
    /// How long each is, in milliseconds.
    pub(super) length: i64,
}

/// What a function makes of the points of one series between two times.
type Apply = fn(&[(i64, f64)], i64, i64) -> Option<f64>;

/// Applies a function to each series. None for a function that is not known here.
pub(super) fn over_time<'a>(name: &str, ranges: &Ranges<'a>) -> Option<Vec<Line<'a>>> {
    let apply: Apply = match name {
        "last_over_time" => |points, _, _| points.last().map(|(_, value)| *value),
        "max_over_time" => |points, _, _| points.iter().map(|(_, value)| *value).reduce(f64::max),
        "min_over_time" => |points, _, _| points.iter().map(|(_, value)| *value).reduce(f64::min),
        "changes" => |points, _, _| Some(changes(points)),
        "sum_over_time" => |points, _, _| Some(sum(points)),
        "count_over_time" => |points, _, _| Some(count(points)),
        "avg_over_time" => |points, _, _| Some(sum(points) / count(points)),
        "increase" => |points, start, end| increase(points, start, end, true),
        "delta" => |points, start, end| increase(points, start, end, false),
        "rate" => |points, start, end| {
            increase(points, start, end, true).map(|increase| increase / seconds(end - start))
        },
        "deriv" => |points, _, _| slope(points),
        _ => return None,
    };
    let each = |(labels, points): &(Labels<'a>, Vec<(i64, f64)>)| {
        let (mut first, mut last) = (0, 0);
        let until =
            |from: usize, time: i64| from + points[from..].iter().take_while(|(at, _)| *at <= time).count();
        let values = ranges.ends.times().map(|end| {
            let start = end - ranges.length;
            (first, last) = (until(first, start), until(last, end));
            let within = points.get(first..last).filter(|within| !within.is_empty())?;
            apply(within, start, end)
        });
        Line { values: values.collect(), labels: labels.clone() }
    };
    Some(ranges.series.iter().map(each).collect())
}

#[expect(clippy::cast_precision_loss, reason = "counts and times of a test")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
fn count(points: &[(i64, f64)]) -> f64 {
    points.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
#[expect(clippy::float_cmp, reason = "Prometheus compares exactly, too")]
fn changes(points: &[(i64, f64)]) -> f64 {
    points.windows(2).filter(|pair| pair[0].1 != pair[1].1).count() as f64
}

fn sum(points: &[(i64, f64)]) -> f64 {
    points.iter().map(|(_, value)| value).sum()
}

/// What Prometheus makes of the first and the last sample: extended to the ends of the range, as far as the samples
/// are dense, and for counters not below zero.
fn increase(points: &[(i64, f64)], start: i64, end: i64, is_counter: bool) -> Option<f64> {
    let [(first_at, first), .., (last_at, last)] = points else { return None };
    let mut result = last - first;
    if is_counter {
        let resets = points.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        result += resets.map(|pair| pair[0].1).sum::<f64>();
    }
    let sampled = seconds(last_at - first_at);
    let average = sampled / (count(points) - 1.0);
    let (mut before, mut after) = (seconds(first_at - start), seconds(end - last_at));
    if before >= average * 1.1 {
        before = average / 2.0;
    }
    if is_counter && result > 0.0 && *first >= 0.0 {
        before = before.min(sampled * (first / result));
    }
    if after >= average * 1.1 {
        after = average / 2.0;
    }
    Some(result * (sampled + before + after) / sampled)
}

/// The slope of the line with the least squares.
fn slope(points: &[(i64, f64)]) -> Option<f64> {
    let [(origin, first), _, ..] = points else { return None };
    if points.iter().all(|(_, value)| value.to_bits() == first.to_bits()) {
        return Some(0.0);
    }
    let n = count(points);
    let x = |at: i64| seconds(at - origin);
    let sum_x: f64 = points.iter().map(|(at, _)| x(*at)).sum();
    let sum_xy: f64 = points.iter().map(|(at, value)| x(*at) * value).sum();
    let squares: f64 = points.iter().map(|(at, _)| x(*at) * x(*at)).sum();
    Some((sum_xy - sum_x * sum(points) / n) / (squares - sum_x * sum_x / n))
}
