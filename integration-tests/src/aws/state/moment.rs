//! Points in time as a test writes them: `3d ago`, `in 30d`, `now` or a date.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use catalogue::duration::PromDuration;
use chrono::{DateTime, NaiveDate, SecondsFormat};
use serde::{Deserialize, Deserializer, de};

/// A point in time, to the millisecond. In YAML `now`, `3d ago`, `in 30d`, `2027-02-28` or ISO 8601; words are
/// counted from the moment at which they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Moment(i64);

impl Moment {
    /// The present.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Before the present.
    pub fn ago(span: Duration) -> Self {
        Self::now().minus(span)
    }

    /// After the present.
    pub fn ahead(span: Duration) -> Self {
        Self::now().plus(span)
    }

    /// Milliseconds since 1970 as a point in time.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Seconds since 1970 as a point in time.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0 - millis(span))
    }

    /// Later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0 + millis(span))
    }

    /// Reads what [`Moment`] says of YAML, and the ISO 8601 of requests.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::now());
        }
        if let Some(span) = text.strip_suffix(" ago") {
            return Ok(Self::ago(parse_span(span)?));
        }
        if let Some(span) = text.strip_prefix("in ") {
            return Ok(Self::ahead(parse_span(span)?));
        }
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(moment.timestamp_millis()));
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let midnight = date.and_then(|date| date.and_hms_opt(0, 0, 0));
        let midnight = midnight.ok_or_else(|| {
            format!("`{text}` is not a point in time: write for example `3d ago`, `in 30d` or `2027-02-28`")
        })?;
        Ok(Self(midnight.and_utc().timestamp_millis()))
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

/// ISO 8601 with milliseconds and `Z`, as AWS writes it.
impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        out.write_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

fn parse_span(text: &str) -> Result<Duration, String> {
    PromDuration::new(text).map(|span| Duration::from_millis(span.milliseconds()))
}

/// Days as a span.
pub(crate) fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// Reads a span such as `5m` or `400d`.
pub(crate) fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_span(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_and_dates_and_writes_iso() {
        assert_eq!(Moment::parse("2027-02-28").unwrap().to_string(), "2027-02-28T00:00:00.000Z");
        assert_eq!(Moment::parse("2027-02-28T23:59:59.999Z").unwrap().millis() % 1_000, 999);
        assert!(Moment::parse("3d ago").unwrap() < Moment::now().minus(days(2)));
        assert!(Moment::parse("in 3d").unwrap() > Moment::now().plus(days(2)));
        assert!(Moment::parse("soon").is_err());
    }
}
