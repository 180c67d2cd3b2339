//! The virtual clock: what was seen in seconds becomes samples once a minute, for as long as a rule needs.
//!
//! A series of an act is extended in one of four ways. A counter goes on linearly, at the rate between the act's
//! first and last observation, and starts where it was in the act before; when it became smaller, it was reset, and
//! starts from what was seen. A gauge in seconds that grew as fast as time passed is an age: it goes on by a
//! second per second. A Unix time moves to the clock's own time. Everything else stays as it was last seen. A
//! series that is not there any more gets Prometheus' mark of staleness.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::page::{Act, Observation, Page};

/// Seconds between two scrapes, and between two evaluations.
pub const STEP: u64 = 60;

/// `job` of the exporters.
pub const JOB: &str = "postgresql-exporter";

/// Series with promtool's values notation.
pub type Series = BTreeMap<String, String>;

/// A state and how many scrapes it lasts; `known` says whether Prometheus still knows the exporters.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The state.
    pub act: &'a Act,
    /// Scrapes.
    pub minutes: usize,
    /// Whether `up` is there.
    pub known: bool,
}

/// A series in one observation.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    value: f64,
    counter: bool,
}

/// The series of one observation, restricted to some names.
fn seen(observation: &Observation, names: &BTreeSet<String>, known: bool) -> BTreeMap<String, Seen> {
    let mut found = BTreeMap::new();
    for (instance, page) in &observation.pages {
        let own = |name: &str| format!("{name}{{instance=\"{instance}\",job=\"{JOB}\"}}");
        if known {
            found.insert(own("up"), Seen { value: f64::from(u8::from(page.is_some())), counter: false });
        }
        let Some(page) = page else { continue };
        let took = Seen { value: page.took.as_secs_f64(), counter: false };
        found.insert(own("scrape_duration_seconds"), took);
        found.extend(samples(page, names, instance));
    }
    found
}

fn samples<'a>(
    page: &'a Page,
    names: &'a BTreeSet<String>,
    instance: &'a str,
) -> impl Iterator<Item = (String, Seen)> + 'a {
    page.samples.iter().filter(|sample| names.contains(&sample.name)).map(move |sample| {
        let mut series = format!("{}{{instance=\"{instance}\",job=\"{JOB}\"", sample.name);
        for (label, value) in &sample.labels {
            let _ = write!(series, ",{label}=\"{}\"", escape(value));
        }
        series.push('}');
        (series, Seen { value: sample.value, counter: page.counters.contains(&sample.name) })
    })
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or_default()
}

/// Names of gauges that grow by a second per second in one of the acts.
pub fn ages<'a>(acts: impl Iterator<Item = &'a Act>, names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut ages = BTreeSet::new();
    for act in acts {
        for pair in act.observations.windows(2) {
            let elapsed = pair[1].at.duration_since(pair[0].at).as_secs_f64();
            let (before, after) = (seen(&pair[0], names, true), seen(&pair[1], names, true));
            for (series, now) in after.iter().filter(|(series, seen)| {
                let name = name_of(series);
                !seen.counter && name.ends_with("_seconds") && !name.contains("duration")
            }) {
                let growth = before.get(series).map(|then| (now.value - then.value) / elapsed);
                if growth.is_some_and(|growth| (0.5..1.5).contains(&growth)) {
                    ages.insert(name_of(series).to_owned());
                }
            }
        }
    }
    ages
}

/// Lays the acts out one after the other.
pub fn lay_out(spans: &[Span], names: &BTreeSet<String>, ages: &BTreeSet<String>) -> Series {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let mut past = 0;
    for span in spans {
        let observations = &span.act.observations;
        let (Some(first), Some(last)) = (observations.first(), observations.last()) else { continue };
        let elapsed = last.at.duration_since(first.at).as_secs_f64();
        let (start, end) = (seen(first, names, span.known), seen(last, names, span.known));
        for (series, now) in &end {
            let rate = match start.get(series).filter(|_| now.counter && elapsed > 0.0) {
                Some(then) => (now.value - then.value).max(0.0) / elapsed * STEP as f64,
                None if ages.contains(name_of(series)) => STEP as f64,
                None => 0.0,
            };
            let value =
                start.get(series).map_or(now.value, |then| if now.counter { then.value } else { now.value });
            let line = lines.entry(series.clone()).or_insert_with(|| Line::absent(past));
            line.add(Seen { value, ..*now }, now.value, rate, span.minutes);
        }
        for (_, line) in lines.iter_mut().filter(|(series, _)| !end.contains_key(*series)) {
            line.miss(span.minutes);
        }
        past += span.minutes;
    }
    lines.into_iter().map(|(series, line)| (series, line.text)).collect()
}

/// One series while it is laid out.
struct Line {
    text: String,
    /// What a counter showed last: on the clock, and in truth.
    counter: Option<(f64, f64)>,
    present: bool,
}

impl Line {
    fn absent(minutes: usize) -> Self {
        let text = if minutes == 0 { String::new() } else { format!("_x{minutes} ") };
        Self { text, counter: None, present: false }
    }

    /// Adds a state in which the series is there: its first and last true value, and its growth per scrape.
    fn add(&mut self, first: Seen, last: f64, rate: f64, minutes: usize) {
        let start = match self.counter.filter(|_| first.counter) {
            Some((shown, truth)) if first.value >= truth => shown + first.value - truth,
            _ => first.value,
        };
        let steps = minutes.saturating_sub(1);
        let sign = if rate < 0.0 { "" } else { "+" };
        let _ = write!(self.text, "{start}{sign}{rate}x{steps} ");
        self.counter = first.counter.then_some((start + rate * steps as f64, last));
        self.present = true;
    }

    /// Adds a state in which it is not there.
    fn miss(&mut self, minutes: usize) {
        let rest = if self.present { minutes.saturating_sub(1) } else { minutes };
        if self.present {
            self.text.push_str("stale ");
        }
        if rest > 0 {
            let _ = write!(self.text, "_x{rest} ");
        }
        self.present = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn act(start: Instant, texts: &[&str]) -> Act {
        let observations = texts.iter().zip(0..).map(|(text, second)| {
            let page = (!text.is_empty()).then(|| Page::parse(text, Duration::from_millis(20)));
            let pages = BTreeMap::from([("e1".to_owned(), page)]);
            Observation { at: start + Duration::from_secs(second), pages }
        });
        Act { name: "n".to_owned(), observations: observations.collect() }
    }

    fn page(queries: u32, age: u32, more: &str) -> String {
        format!("# TYPE q_total counter\nq_total {queries}\nage_seconds {age}\nother 1\n{more}")
    }

    #[test]
    fn counters_ages_and_gauges_go_on_as_they_would() {
        let start = Instant::now();
        let first = act(start, &[&page(10, 3, ""), &page(12, 4, "x{a=\"q\\\"\"} 7\n")]);
        let second = act(start, &[&page(15, 9, ""), &page(15, 9, "")]);
        let third = act(start, &[&page(1, 9, "")]);
        let gone = act(start, &[""]);
        let names = ["q_total", "age_seconds", "x"].map(str::to_owned).into();
        let acts = [&first, &second, &third, &gone];
        let ages = ages(acts.into_iter(), &names);
        assert_eq!(ages, BTreeSet::from(["age_seconds".to_owned()]));
        let spans = acts.map(|act| Span { act, minutes: 3, known: true });
        let series = lay_out(&spans, &names, &ages);
        let of = |name: &str, labels: &str| {
            series[&format!("{name}{{instance=\"e1\",job=\"{JOB}\"{labels}}}")].trim().to_owned()
        };
        assert_eq!(of("q_total", ""), "10+120x2 253+0x2 1+0x2 stale _x2");
        assert_eq!(of("age_seconds", ""), "4+60x2 9+60x2 9+60x2 stale _x2");
        assert_eq!(of("x", ",a=\"q\\\"\""), "7+0x2 stale _x2 _x3 _x3");
        assert_eq!(of("up", ""), "1+0x2 1+0x2 1+0x2 0+0x2");
        assert_eq!(series.len(), 5, "what no rule reads is left out: {series:?}");
        let unknown = Span { known: false, ..spans[3] };
        let series = lay_out(&[spans[0], unknown], &names, &ages);
        assert_eq!(series[&format!("up{{instance=\"e1\",job=\"{JOB}\"}}")], "1+0x2 stale _x2 ");
    }
}
