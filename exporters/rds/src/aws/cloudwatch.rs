//! CloudWatch: newest values of many metrics, 500 questions a call.
//!
//! API reference, `GetMetricData`: at most 500 queries; billed by the query, whether it has data or not.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types as sdk;
use futures_util::StreamExt as _;

use super::{Api, Aws, Calls, Failure};

/// Questions that one call takes.
const QUESTIONS: usize = 500;

/// Calls at the same time: a call with its answer takes a megabyte or two.
const CONCURRENT: usize = 4;

/// One metric of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Such as `AWS/RDS`.
    pub namespace: &'static str,
    /// Name of the metric.
    pub metric: String,
    /// Names and values.
    pub dimensions: Vec<(&'static str, String)>,
    /// Average, Maximum and so on.
    pub statistic: String,
    /// Resolution in seconds.
    pub period: i32,
    /// How old the newest value may be.
    pub window: Duration,
}

/// The newest value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datum {
    /// The number.
    pub value: f64,
    /// Start of its period, seconds since 1970.
    pub at: f64,
}

/// What a call brought: by the position of the question; and the first failure, when a portion failed.
pub(super) type Answers = (Vec<(usize, Datum)>, Option<Failure>);

impl Aws {
    /// Asks for metrics. A portion that fails does not take the others with it.
    pub async fn metrics(&self, api: Api, questions: &[Question], billed: &Calls) -> Answers {
        let calls: Vec<_> =
            questions.chunks(QUESTIONS).map(|portion| self.portion(api, portion, billed)).collect();
        let mut calls = std::pin::pin!(futures_util::stream::iter(calls).buffered(CONCURRENT).enumerate());
        let (mut found, mut failure) = (Vec::new(), None);
        while let Some((portion, result)) = calls.next().await {
            match result {
                Ok(answers) => found
                    .extend(answers.into_iter().map(|(index, datum)| (portion * QUESTIONS + index, datum))),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        (found, failure)
    }

    async fn portion(
        &self,
        api: Api,
        questions: &[Question],
        billed: &Calls,
    ) -> Result<Vec<(usize, Datum)>, Failure> {
        let client = if api == Api::Usage { &self.usage } else { &self.cloudwatch };
        let window = questions.iter().map(|question| question.window).max().unwrap_or_default();
        let now = SystemTime::now();
        let request = client
            .get_metric_data()
            .start_time(DateTime::from(now.checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH)))
            .end_time(DateTime::from(now))
            .scan_by(sdk::ScanBy::TimestampDescending)
            .set_metric_data_queries(Some(
                questions.iter().enumerate().map(|(index, question)| query(index, question)).collect(),
            ));
        let mut found: BTreeMap<usize, Datum> = BTreeMap::new();
        let now_seconds = DateTime::from(now).as_secs_f64();
        billed.note(api, |count| count.billed += questions.len() as u64);
        super::rds::pages!(self, api, "GetMetricData", request, |page| {
            let lacks = || Failure::lacks("GetMetricData", "MetricDataResults");
            for result in page.metric_data_results.ok_or_else(lacks)? {
                let index = result.id.as_deref().and_then(|id| id.strip_prefix('q')?.parse().ok());
                let value = result.values.and_then(|values| values.first().copied());
                let at = result.timestamps.and_then(|times| times.first().map(DateTime::as_secs_f64));
                // The window of the call is the longest of all questions; a value that is too old for its own is none.
                let is_new = |index: usize, at: f64| {
                    let oldest = questions
                        .get(index)
                        .map(|question| now_seconds - question.window.as_secs_f64() - 60.0);
                    oldest.is_some_and(|oldest| at >= oldest)
                };
                if let (Some(index), Some(value), Some(at)) = (index, value, at)
                    && is_new(index, at)
                {
                    // Newest first: what a later page says of the same question is older.
                    found.entry(index).or_insert(Datum { value, at });
                }
            }
        });
        Ok(found.into_iter().collect())
    }
}

fn query(index: usize, question: &Question) -> sdk::MetricDataQuery {
    let dimensions = question
        .dimensions
        .iter()
        .map(|(name, value)| sdk::Dimension::builder().name(*name).value(value).build());
    let metric = sdk::Metric::builder()
        .namespace(question.namespace)
        .metric_name(&question.metric)
        .set_dimensions(Some(dimensions.collect()))
        .build();
    let stat =
        sdk::MetricStat::builder().metric(metric).period(question.period).stat(&question.statistic).build();
    sdk::MetricDataQuery::builder().id(format!("q{index}")).metric_stat(stat).build()
}
