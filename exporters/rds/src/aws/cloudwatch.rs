//! CloudWatch: newest values of many metrics, 500 questions a call.
//!
//! API reference, `GetMetricData`: at most 500 queries; billed by the query, whether it has data or not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types as sdk;
use catalogue::cloudwatch::names;
use futures_util::StreamExt as _;

use super::{Api, Aws, Calls, Failure};

const NAME: &str = "GetMetricData";

/// Queries that one call takes.
pub const QUERIES: usize = 500;

/// Calls at the same time: a call with its answer takes a megabyte or two.
const CONCURRENT: usize = 4;

/// One metric of one thing, or an expression of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// Such as `AWS/RDS`.
    pub namespace: Cow<'static, str>,
    /// Name of the metric, or the expression.
    pub metric: String,
    /// Names and values.
    pub dimensions: Vec<(Cow<'static, str>, String)>,
    /// Average, Maximum and so on.
    pub statistic: String,
    /// Resolution in seconds.
    pub period: i32,
    /// How old the newest value may be.
    pub window: Duration,
    /// An expression instead of a metric.
    pub expression: Option<Expression>,
}

/// Metric math.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// Such as `100 * a / b`.
    pub text: String,
    /// The metrics behind its names.
    pub of: Vec<(String, Question)>,
}

impl Question {
    /// Queries that it takes, and of these metrics that are billed.
    fn size(&self) -> (usize, usize) {
        self.expression.as_ref().map_or((1, 1), |expression| (expression.of.len() + 1, expression.of.len()))
    }

    /// What it is, for a message: of an expression, what its first metric is about.
    fn describe(&self) -> String {
        let part = self.expression.as_ref().and_then(|expression| expression.of.first());
        let dimensions = part.map_or(&self.dimensions, |(_, part)| &part.dimensions);
        let of: Vec<_> = dimensions.iter().map(|(_, value)| value.as_str()).collect();
        match of.as_slice() {
            [] => format!("`{}`", self.metric),
            of => format!("`{}` of `{}`", self.metric, of.join(" ")),
        }
    }
}

/// The questions of each call, with the position of the first.
fn portions(questions: &[Question]) -> Vec<(usize, &[Question])> {
    let (mut portions, mut start, mut queries) = (Vec::new(), 0, 0);
    for (at, question) in questions.iter().enumerate() {
        let (size, _) = question.size();
        if queries + size > QUERIES && at > start {
            portions.push((start, &questions[start..at]));
            (start, queries) = (at, 0);
        }
        queries += size;
    }
    if start < questions.len() {
        portions.push((start, &questions[start..]));
    }
    portions
}

/// The newest value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datum {
    /// The number.
    pub value: f64,
    /// Start of its period, seconds since 1970.
    pub at: f64,
}

/// What calls brought.
#[derive(Debug, Default)]
pub struct Found {
    /// The questions that were answered, by their positions, with the newest value if there is one.
    pub answered: Vec<(usize, Option<Datum>)>,
    /// Why the others were not.
    pub failures: Vec<Failure>,
}

impl Aws {
    /// Asks for metrics. A portion or a result that fails does not take the others with it.
    pub async fn metrics(&self, api: Api, questions: &[Question], billed: &Calls) -> Found {
        let ask = |(first, portion)| async move { (first, self.portion(api, portion, billed).await) };
        let calls: Vec<_> = portions(questions).into_iter().map(ask).collect();
        let mut calls = std::pin::pin!(futures_util::stream::iter(calls).buffered(CONCURRENT));
        let mut found = Found::default();
        while let Some((first, result)) = calls.next().await {
            match result {
                Ok(own) => {
                    found.answered.extend(own.answered.into_iter().map(|(at, datum)| (first + at, datum)));
                    found.failures.extend(own.failures);
                }
                Err(error) => found.failures.push(error),
            }
        }
        found
    }

    async fn portion(&self, api: Api, questions: &[Question], billed: &Calls) -> Result<Found, Failure> {
        let client = if api == Api::Usage { &self.usage } else { &self.cloudwatch };
        let window = questions.iter().map(|question| question.window).max().unwrap_or_default();
        let now = SystemTime::now();
        let request = client
            .get_metric_data()
            .start_time(DateTime::from(now.checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH)))
            .end_time(DateTime::from(now))
            .scan_by(sdk::ScanBy::TimestampDescending)
            .set_metric_data_queries(Some(
                questions.iter().enumerate().flat_map(|(index, question)| queries(index, question)).collect(),
            ));
        let mut results: BTreeMap<usize, (Option<sdk::StatusCode>, Option<Datum>)> = BTreeMap::new();
        let now_seconds = DateTime::from(now).as_secs_f64();
        let metrics: usize = questions.iter().map(|question| question.size().1).sum();
        billed.note(api, |count| count.billed += metrics as u64);
        super::rds::pages!(self, api, NAME, request, |page| {
            let lacks = || Failure::lacks(NAME, "MetricDataResults");
            for result in page.metric_data_results.ok_or_else(lacks)? {
                let index = result.id.as_deref().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
                let Some(index) = index else { continue };
                let value = result.values.and_then(|values| values.first().copied());
                let at = result.timestamps.and_then(|times| times.first().map(DateTime::as_secs_f64));
                // The window of the call is the longest of all questions; a value that is too old for its own is none.
                let is_new = |at: f64| {
                    let oldest = questions
                        .get(index)
                        .map(|question| now_seconds - question.window.as_secs_f64() - 60.0);
                    oldest.is_some_and(|oldest| at >= oldest)
                };
                let datum = value.zip(at).map(|(value, at)| Datum { value, at });
                let (status, newest) = results.entry(index).or_default();
                // A result goes on on the next page: the last one says how it ended. Newest values come first.
                *status = result.status_code;
                *newest = newest.or(datum.filter(|datum| is_new(datum.at)));
            }
        });
        Ok(sorted(questions, &mut results))
    }
}

/// What became of each question of a call: one without a result, or with one that AWS did not finish, is not answered.
fn sorted(
    questions: &[Question],
    results: &mut BTreeMap<usize, (Option<sdk::StatusCode>, Option<Datum>)>,
) -> Found {
    let mut found = Found::default();
    let mut unanswered: BTreeMap<String, Vec<&Question>> = BTreeMap::new();
    for (at, question) in questions.iter().enumerate() {
        let code = match results.remove(&at) {
            Some((None | Some(sdk::StatusCode::Complete), newest)) => {
                found.answered.push((at, newest));
                continue;
            }
            Some((Some(status), _)) => status.as_str().to_owned(),
            None => "answer".to_owned(),
        };
        unanswered.entry(code).or_default().push(question);
    }
    found.failures = unanswered
        .into_iter()
        .map(|(code, those)| {
            let first = those.first().map(|one| one.describe()).unwrap_or_default();
            let (count, all) = (those.len(), questions.len());
            let message = format!("{count} of {all} metrics have no complete result, first {first}");
            Failure { operation: NAME, code, message, is_answer: true }
        })
        .collect();
    found
}

/// The queries of a question; the answer is in that called `q` and its position.
fn queries(index: usize, question: &Question) -> Vec<sdk::MetricDataQuery> {
    let own = format!("q{index}");
    let Some(Expression { text, of }) = &question.expression else { return vec![query(own, question, true)] };
    let mut renamed = String::new();
    let mut end = 0;
    for (at, name) in names(text) {
        renamed.push_str(&text[end..at]);
        renamed.push_str(&own);
        renamed.push('_');
        renamed.push_str(name);
        end = at + name.len();
    }
    renamed.push_str(&text[end..]);
    let parts = of.iter().map(|(name, part)| query(format!("{own}_{name}"), part, false));
    let whole = sdk::MetricDataQuery::builder().id(&own).expression(renamed).period(question.period).build();
    parts.chain([whole]).collect()
}

fn query(id: String, question: &Question, is_wanted: bool) -> sdk::MetricDataQuery {
    let dimensions = question
        .dimensions
        .iter()
        .map(|(name, value)| sdk::Dimension::builder().name(&**name).value(value).build());
    let metric = sdk::Metric::builder()
        .namespace(&*question.namespace)
        .metric_name(&question.metric)
        .set_dimensions(Some(dimensions.collect()))
        .build();
    let stat =
        sdk::MetricStat::builder().metric(metric).period(question.period).stat(&question.statistic).build();
    let query = sdk::MetricDataQuery::builder().id(id).metric_stat(stat);
    if is_wanted { query.build() } else { query.return_data(false).build() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(parts: usize) -> Question {
        let of = (0..parts).map(|at| (format!("m{at}"), Question::default())).collect();
        Question { expression: Some(Expression { text: "m0 / m1".to_owned(), of }), ..Question::default() }
    }

    #[test]
    fn a_call_holds_what_it_may() {
        let mut questions = vec![Question::default(); 499];
        questions.extend([expression(2), Question::default()]);
        let portions: Vec<_> =
            portions(&questions).into_iter().map(|(first, portion)| (first, portion.len())).collect();
        assert_eq!(portions, [(0, 499), (499, 2)]);
        assert!(super::portions(&[]).is_empty());
    }

    #[test]
    fn names_of_an_expression_are_its_own() {
        let queries = queries(7, &expression(2));
        let ids: Vec<_> = queries.iter().filter_map(|query| query.id()).collect();
        assert_eq!(ids, ["q7_m0", "q7_m1", "q7"]);
        assert_eq!(queries[2].expression(), Some("q7_m0 / q7_m1"));
    }
}
