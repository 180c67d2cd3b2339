//! Which format the scraper wants, and how the formats differ.

use catalogue::metric::Kind;

use crate::sample::Family;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    /// The best format for an `Accept` header (RFC 9110, 12.5.1); text when it says nothing.
    pub fn negotiate(accept: &str) -> Self {
        let mut best = (Self::Text, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().unwrap_or_default() {
                "application/openmetrics-text" => Self::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Self::Text,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality: f64 = quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Name and type for a family's header lines. `OpenMetrics` names counters and info metrics without their
    /// suffix; where that name `exists` already, and for counters that never had a suffix, the type is unknown.
    pub(super) fn described(self, family: &Family, exists: impl Fn(&str) -> bool) -> (&str, &'static str) {
        let name = family.name.as_str();
        let (suffix, kind) = match (self, family.kind) {
            (_, Kind::Gauge) | (Self::Text, Kind::Info) => return (name, "gauge"),
            (Self::Text, Kind::Counter) => return (name, "counter"),
            (Self::OpenMetrics, Kind::Counter) => ("_total", "counter"),
            (Self::OpenMetrics, Kind::Info) => ("_info", "info"),
        };
        match name.strip_suffix(suffix) {
            Some(short) if !exists(short) => (short, kind),
            _ => (name, "unknown"),
        }
    }

    /// Appends a help text, escaped as the format asks.
    pub(super) fn escape_help(self, text: &mut String, help: &str) {
        for c in help.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '"' if self == Self::OpenMetrics => text.push_str("\\\""),
                _ => text.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scraper_gets_what_it_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(Format::negotiate(prometheus), Format::OpenMetrics);
        assert_eq!(Format::negotiate("text/plain, application/openmetrics-text;q=0.9"), Format::Text);
        assert_eq!(Format::negotiate("application/openmetrics-text;q=0"), Format::Text);
        assert_eq!(Format::negotiate("text/html"), Format::Text);
        assert_eq!(Format::negotiate(""), Format::Text);
    }

    #[test]
    fn a_shorter_name_that_exists_is_not_taken() {
        let family =
            Family { name: "x_total".to_owned(), kind: Kind::Counter, unit: None, help: String::new() };
        assert_eq!(Format::OpenMetrics.described(&family, |_| false), ("x", "counter"));
        assert_eq!(Format::OpenMetrics.described(&family, |name| name == "x"), ("x_total", "unknown"));
    }
}
