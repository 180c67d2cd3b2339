//! What a metric asks CloudWatch for: a metric of any namespace and dimensions, or an expression of several.

use crate::decode::Fields;
use crate::duration::PromDuration;
use crate::metric::one_of;
use crate::problem::{Problem, Problems};
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::yaml::Node;

/// What CloudWatch is asked for, how often, and about which instances.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    /// What is asked for.
    pub asked: Asked,
    /// Resolution asked for.
    pub period: PromDuration,
    /// How often it is asked for; each time costs.
    pub every: Option<PromDuration>,
    /// What CloudWatch's value is multiplied with.
    pub factor: f64,
    /// Which instances can have it: all that fulfil every condition. Asking for others costs and brings nothing.
    pub only: Vec<Condition>,
}

/// A metric, or an expression of several.
#[derive(Debug, Clone)]
pub enum Asked {
    /// One metric.
    Measure(Measure),
    /// Metric math, which CloudWatch works out.
    Expression {
        /// Such as `100 * hits / (hits + reads)`.
        text: Text,
        /// The metrics behind the names in it. Each of them is billed.
        of: Vec<(Text, Measure)>,
    },
}

/// A metric of CloudWatch.
#[derive(Debug, Clone)]
pub struct Measure {
    /// `AWS/RDS` when not set.
    pub namespace: Option<Text>,
    /// Name within the namespace.
    pub metric: Text,
    /// Average, Maximum, p99 and so on.
    pub statistic: Text,
    /// Names and values; in a value [`IDENTIFIER`] stands for the instance or cluster. Empty for the dimension that
    /// AWS/RDS has for the scope of the file.
    pub dimensions: Vec<(String, Text)>,
}

/// What stands for the identifier of the instance or cluster in the value of a dimension.
pub const IDENTIFIER: &str = "$id";

impl CloudWatch {
    /// The metric's name, or the expression.
    pub fn name(&self) -> &Text {
        match &self.asked {
            Asked::Measure(measure) => &measure.metric,
            Asked::Expression { text, .. } => text,
        }
    }

    pub(crate) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let asked = match fields.optional_text("expression") {
            None => measure(&mut fields).map(Asked::Measure),
            Some(text) => {
                let of = fields.required("of");
                let of = of.map(|node| measures(&text, node, fields.problems()));
                of.map(|of| Asked::Expression { text, of })
            }
        };
        let period = fields.text("period");
        let period = fields.parse(period, resolution);
        let every = fields.optional_text("every");
        let every = fields.parse(every, PromDuration::new);
        let factor = fields.number("factor").unwrap_or(1.0);
        let only = fields.texts("only");
        let condition = |text: &str| one_of(text, "condition", &Condition::ALL);
        let only = only.into_iter().filter_map(|text| fields.parse(Some(text), condition)).collect();
        fields.finish();
        Some(Self { asked: asked?, period: period?, every, factor, only })
    }
}

fn measure(fields: &mut Fields<'_>) -> Option<Measure> {
    let namespace = fields.optional_text("namespace");
    let metric = fields.text("metric");
    let statistic = fields.text("statistic");
    let known = fields.parse(statistic.clone(), is_statistic);
    let dimensions = fields.text_map("dimensions");
    let dimensions = dimensions.into_iter().collect();
    known?;
    Some(Measure { namespace, metric: metric?, statistic: statistic?, dimensions })
}

/// The metrics of an expression: each has a name in it, and each name in it has a metric.
fn measures(expression: &Text, node: &Node, problems: &mut Problems) -> Vec<(Text, Measure)> {
    let mut found = Vec::new();
    for (name, node) in crate::decode::entries(node, problems) {
        if !names(expression).any(|(_, known)| known == &*name) {
            let message = format!("`{}` does not stand in the expression", &*name);
            let help = "names are lower-case letters, digits and `_`";
            problems.push(Problem::error("yaml/value", name.place(), message).help(help));
        }
        let Some(mut fields) = Fields::of(node, problems) else { continue };
        let measure = measure(&mut fields);
        fields.finish();
        found.extend(measure.map(|measure| (name, measure)));
    }
    let known = || found.iter().map(|(name, _)| &**name);
    for (_, name) in names(expression).filter(|(_, name)| known().all(|known| known != *name)) {
        let message = format!("nothing under `of` is called `{name}`");
        let help = did_you_mean(name, known().collect::<Vec<_>>());
        problems.push(Problem::error("yaml/value", expression.place(), message).help(help));
    }
    found
}

/// Names of metrics in an expression, each with the byte at which it begins. Functions of CloudWatch are upper-case.
pub fn names(expression: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = expression.get(at..).filter(|rest| !rest.is_empty())?;
            if let Some(quote) = rest.chars().next().filter(|c| ['"', '\''].contains(c)) {
                at += rest[1..].find(quote).map_or(rest.len(), |end| end + 2);
                continue;
            }
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (start, word) = (at, &rest[..length]);
            at += length.max(rest.chars().next().map_or(1, char::len_utf8));
            if word.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Some((start, word));
            }
        }
    })
}

/// What CloudWatch makes of the values of a period (CloudWatch user guide, "Statistics definitions").
fn is_statistic(text: &str) -> Result<(), String> {
    const PLAIN: [&str; 6] = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "IQM"];
    const WITH_SHARE: [&str; 5] = ["p", "tm", "tc", "ts", "wm"];
    let share = |prefix: &str| text.strip_prefix(prefix).and_then(|share| share.parse::<f64>().ok());
    let has_share = WITH_SHARE.into_iter().filter_map(share).any(|share| (0.0..=100.0).contains(&share));
    if PLAIN.contains(&text) || has_share {
        Ok(())
    } else {
        Err(format!(
            "unknown statistic `{text}`, {}; percentiles are `p99` or `tm95`",
            did_you_mean(text, PLAIN)
        ))
    }
}

/// CloudWatch has values of seconds for three hours, and of minutes.
fn resolution(text: &str) -> Result<PromDuration, String> {
    let period = PromDuration::new(text)?;
    let milliseconds = period.milliseconds();
    if [1_000, 5_000, 10_000, 20_000, 30_000].contains(&milliseconds)
        || (milliseconds > 0 && milliseconds % 60_000 == 0)
    {
        Ok(period)
    } else {
        Err(format!("a period is 1s, 5s, 10s, 20s, 30s or whole minutes, not `{text}`"))
    }
}

/// What an instance must be for a CloudWatch metric to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Member of an Aurora cluster.
    Aurora,
    /// Member of an Aurora cluster, but not the one that writes.
    AuroraReader,
    /// Not a member of an Aurora cluster.
    NotAurora,
    /// Engine postgres or aurora-postgresql.
    Postgres,
    /// Engine mysql, mariadb or aurora-mysql.
    Mysql,
    /// A read replica of an instance.
    Replica,
    /// Class db.t…
    Burstable,
    /// Class db.serverless.
    Serverless,
    /// Any other class.
    NotServerless,
    /// Performance Insights is on.
    PerformanceInsights,
    /// Storage type gp2.
    Gp2,
    /// On volumes, with a class that can do more IOPS for a while than always.
    BurstingIops,
    /// On volumes, with a class that can do more throughput for a while than always.
    BurstingThroughput,
}

impl Condition {
    const ALL: [(&'static str, Self); 13] = [
        ("aurora", Self::Aurora),
        ("aurora_reader", Self::AuroraReader),
        ("not_aurora", Self::NotAurora),
        ("postgres", Self::Postgres),
        ("mysql", Self::Mysql),
        ("replica", Self::Replica),
        ("burstable", Self::Burstable),
        ("serverless", Self::Serverless),
        ("not_serverless", Self::NotServerless),
        ("performance_insights", Self::PerformanceInsights),
        ("gp2", Self::Gp2),
        ("bursting_iops", Self::BurstingIops),
        ("bursting_throughput", Self::BurstingThroughput),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_functions_and_numbers() {
        let found: Vec<_> = names("MAX([a1, FILL(b_c, 0)]) * 1e3 + \"no 'x'\" / a1 é").collect();
        assert_eq!(found, [(5, "a1"), (14, "b_c"), (43, "a1")]);
    }

    #[test]
    fn statistics_and_periods_are_those_of_cloudwatch() {
        for good in ["Average", "SampleCount", "p99", "p99.9", "tm95"] {
            assert_eq!(is_statistic(good), Ok(()), "{good}");
        }
        let error = is_statistic("Avrage").unwrap_err();
        assert!(error.starts_with("unknown statistic `Avrage`, did you mean `Average`?"), "{error}");
        assert!(is_statistic("p101").is_err() && is_statistic("p").is_err());
        assert!(resolution("30s").is_ok() && resolution("5m").is_ok());
        assert!(resolution("90s").is_err() && resolution("0s").is_err());
    }
}
