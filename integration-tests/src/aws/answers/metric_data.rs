//! `GetMetricData` of CloudWatch, for queries that name a metric.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::World;
use super::expression::evaluate;
use super::labels::labels;
use super::track::{Index, Metric, Readable, Track};
use crate::aws::state::{Moment, days};
use crate::aws::wire::{Call, Fields, Refusal, Value, list, slice};

/// Queries per call.
const QUERIES: usize = 500;
/// Points per call.
const POINTS: i64 = 100_800;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    metric_data_queries: Vec<Query>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<i64>,
}

/// One query.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Query {
    /// Its name in the answer.
    pub(crate) id: String,
    /// The metric and how its values are put together.
    pub(crate) metric_stat: Option<MetricStat>,
    expression: Option<String>,
    /// What the caller calls it.
    pub(crate) label: Option<String>,
    return_data: Option<bool>,
}

/// A metric and how its values are put together.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MetricStat {
    /// Metric.
    pub(crate) metric: Metric,
    /// Seconds per point.
    pub(crate) period: i64,
    /// How the values of a period become one.
    pub(crate) stat: String,
    unit: Option<String>,
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

/// Answers the call.
pub(crate) fn get(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let input: Input = call.tree()?;
    let (start, end, size) = input.check()?;
    let ascending = input.scan_by.as_deref() == Some("TimestampAscending");
    let index = Index::new(world);
    let labels = labels(&input.metric_data_queries, world);
    let mut rows = Vec::new();
    let mut counts = Vec::new();
    for (at, query) in input.metric_data_queries.iter().enumerate() {
        if query.return_data == Some(false) {
            continue;
        }
        let mut points = match (&query.metric_stat, &query.expression) {
            (Some(of), _) => points(&index, of, start, end, world)?,
            (None, expression) => {
                let mut names = BTreeMap::new();
                for other in &input.metric_data_queries {
                    if let Some(of) = &other.metric_stat {
                        names
                            .insert(&*other.id, points(&index, of, start, end, world)?.into_iter().collect());
                    }
                }
                names.retain(|name, _| expression.as_ref().is_some_and(|text| text.contains(name)));
                let found = evaluate(expression.as_deref().unwrap_or_default(), &names).map_err(invalid)?;
                found.into_iter().collect()
            }
        };
        if !ascending {
            points.reverse();
        }
        counts.push((at, points.len()));
        rows.extend(points.into_iter().map(|point| (at, point)));
    }
    let (page, token) = slice(rows, size, input.next_token.as_deref(), &call.action)
        .ok_or_else(|| Refusal::new(400, "InvalidNextToken", "The NextToken is not valid."))?;
    // A result without points stands on the first page; one with points wherever some of them are.
    let last = page.last().map(|(at, _)| *at);
    let results = counts.into_iter().filter_map(|(at, count)| {
        let here: Vec<_> = page.iter().filter(|(of, _)| *of == at).map(|(_, point)| *point).collect();
        if here.is_empty() && (count > 0 || input.next_token.is_some()) {
            return None;
        }
        let more = token.is_some() && last == Some(at);
        let result = Fields::new()
            .with("Id", &input.metric_data_queries[at].id)
            .with("Label", &labels[at])
            .with("Timestamps", list("member", here.iter().map(|point| Moment::from_seconds(point.0))))
            .with("Values", list("member", here.iter().map(|point| point.1)))
            .with("StatusCode", if more { "PartialData" } else { "Complete" });
        Some(result)
    });
    let results = list("member", results);
    let messages = list("member", [] as [Value; 0]);
    Ok(Fields::new()
        .with("MetricDataResults", results)
        .some("NextToken", token)
        .with("Messages", messages)
        .into())
}

impl Input {
    /// Start, end and points per page, if everything is as it must be.
    fn check(&self) -> Result<(i64, i64, usize), Refusal> {
        let queries = &self.metric_data_queries;
        if queries.is_empty() {
            return Err(invalid("The parameter MetricDataQueries is required."));
        }
        if queries.len() > QUERIES {
            return Err(invalid(format!(
                "The collection MetricDataQueries must not have a size greater than {QUERIES}."
            )));
        }
        let (Some(start), Some(end)) = (self.start_time, self.end_time) else {
            return Err(invalid("The parameters StartTime and EndTime are required."));
        };
        if start >= end {
            return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
        }
        let points = self.max_datapoints.unwrap_or(POINTS);
        if !(1..=POINTS).contains(&points) {
            return Err(invalid(format!("The parameter MaxDatapoints must be between 1 and {POINTS}.")));
        }
        if !matches!(self.scan_by.as_deref(), None | Some("TimestampAscending" | "TimestampDescending")) {
            return Err(invalid("The parameter ScanBy must be TimestampDescending or TimestampAscending."));
        }
        let mut ids = HashSet::new();
        for query in queries {
            query.check()?;
            if !ids.insert(&query.id) {
                return Err(invalid("The values for parameter id in MetricDataQueries are not unique."));
            }
        }
        #[allow(clippy::cast_possible_truncation, reason = "seconds of our time fit")]
        let (start, end) = (start.floor() as i64, end.ceil() as i64);
        Ok((start, end, usize::try_from(points).unwrap_or_default()))
    }
}

impl Query {
    fn check(&self) -> Result<(), Refusal> {
        let id = &self.id;
        let valid = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && id.len() <= 255;
        if !valid {
            return Err(invalid(format!(
                "The value {id} for parameter id is not matched the expression ^[a-z][a-zA-Z0-9_]*$."
            )));
        }
        let stat = match (&self.metric_stat, &self.expression) {
            (Some(stat), None) => stat,
            (None, Some(_)) => return Ok(()),
            _ => {
                return Err(invalid(format!(
                    "Exactly one of MetricStat and Expression must be given for {id}."
                )));
            }
        };
        let period = stat.period;
        if !matches!(period, 1 | 5 | 10 | 20 | 30) && (period < 60 || period % 60 != 0) {
            return Err(invalid(format!(
                "Period {period} is invalid: it must be 1, 5, 10, 20, 30 or a multiple of 60."
            )));
        }
        if stat.metric.namespace.is_empty() || stat.metric.name.is_empty() {
            return Err(invalid(format!("Namespace and MetricName are required for {id}.")));
        }
        let dimensions = &stat.metric.dimensions;
        if dimensions.len() > 30 || dimensions.iter().any(|one| one.name.is_empty() || one.value.is_empty()) {
            return Err(invalid(format!("The dimensions of {id} are invalid.")));
        }
        Ok(())
    }
}

/// The points of one query, the oldest first.
fn points(
    index: &Index<'_>,
    query: &MetricStat,
    start: i64,
    end: i64,
    world: World<'_>,
) -> Result<Vec<(i64, f64)>, Refusal> {
    let join = statistic(&query.stat)?;
    let fits = |track: &Track| query.unit.as_deref().is_none_or(|unit| unit == track.unit);
    let Some(track) = index.track(&query.metric).filter(fits) else { return Ok(Vec::new()) };
    let readable = Readable::at(world, query.period);
    let mut points = Vec::new();
    let mut second = aligned(start, query.period, world.now);
    while second < end {
        let mut values = track.values(second, end.min(second + query.period), readable);
        if !values.is_empty() {
            values.sort_by(f64::total_cmp);
            points.push((second, join(&values)));
        }
        second += query.period;
    }
    Ok(points)
}

/// The start as CloudWatch rounds it: the older, the coarser.
fn aligned(start: i64, period: i64, now: Moment) -> i64 {
    let older = |limit| start < now.minus(days(limit)).seconds();
    let step = match () {
        () if older(63) => 3_600,
        () if older(15) => 300,
        () => period.min(60),
    };
    start - start.rem_euclid(step)
}

type Join = Box<dyn Fn(&[f64]) -> f64>;

/// A statistic of sorted values, of which there is at least one.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are small"
)]
fn statistic(name: &str) -> Result<Join, Refusal> {
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    Ok(match name {
        "Average" => Box::new(move |values| sum(values) / values.len() as f64),
        "Sum" => Box::new(sum),
        "Minimum" => Box::new(|values| values[0]),
        "Maximum" => Box::new(|values| values[values.len() - 1]),
        "SampleCount" => Box::new(|values| values.len() as f64),
        _ => {
            let percentile = name.strip_prefix('p').and_then(|text| text.parse::<f64>().ok());
            let percentile = percentile.filter(|value| (0.0..=100.0).contains(value));
            let share = percentile
                .ok_or_else(|| invalid(format!("The value {name} for parameter Stat is not supported.")))?
                / 100.0;
            Box::new(move |values| {
                let rank = (share * values.len() as f64).ceil() as usize;
                values[rank.clamp(1, values.len()) - 1]
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_a_period() {
        let of = |name: &str| format!("{}", statistic(name).unwrap()(&[1.0, 2.0, 3.0, 10.0]));
        let values = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p99"].map(of);
        assert_eq!(values, ["4", "16", "1", "10", "4", "2", "10"]);
        assert!(statistic("Median").is_err());
    }

    #[test]
    fn old_starts_are_rounded_to_larger_steps() {
        let now = Moment::from_seconds(100_000_000);
        assert_eq!(aligned(99_999_999, 60, now), 99_999_960);
        assert_eq!(aligned(99_999_999, 5, now), 99_999_995);
        assert_eq!(aligned(98_000_123, 300, now) % 300, 0);
        assert_eq!(aligned(90_000_123, 3_600, now) % 3_600, 0);
    }
}
