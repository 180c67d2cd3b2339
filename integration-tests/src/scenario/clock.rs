//! The virtual clock: what was seen in seconds becomes samples once a minute, for as long as a rule needs.
//!
//! A series of an act is extended in one of four ways. A counter goes on linearly, at the rate between the act's
//! first and last observation, and starts where it was in the act before; when it became smaller, it was reset, and
//! starts from what was seen. A gauge in seconds that grew as fast as time passed is an age: it goes on by a
//! second per second from where it was in the act before, unless something younger took its place. A Unix time
//! moves to the clock's own time, which starts at 0. Everything else stays as it was last seen. A series that is not
//! there any more gets Prometheus' mark of staleness.
//!
//! Where an act has a pace, each observation stands for that many minutes, and the last goes on as above.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::page::{Act, Observation, Page};

/// Seconds between two scrapes, and between two evaluations.
pub const STEP: u64 = 60;

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
        let job = observation.job;
        let own = |name: &str| format!("{name}{{instance=\"{instance}\",job=\"{job}\"}}");
        if known {
            found.insert(own("up"), Seen { value: f64::from(u8::from(page.is_some())), counter: false });
        }
        let Some(page) = page else { continue };
        let took = Seen { value: page.took.as_secs_f64(), counter: false };
        found.insert(own("scrape_duration_seconds"), took);
        found.extend(samples(page, names, instance, job));
    }
    found
}

fn samples<'a>(
    page: &'a Page,
    names: &'a BTreeSet<String>,
    instance: &'a str,
    job: &'a str,
) -> impl Iterator<Item = (String, Seen)> + 'a {
    page.samples.iter().filter(|sample| names.contains(&sample.name)).map(move |sample| {
        let mut series = format!("{}{{instance=\"{instance}\",job=\"{job}\"", sample.name);
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
        for pair in act.observations.windows(2).filter(|_| act.pace.is_none()) {
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
    let epoch = spans.first().and_then(|span| span.act.observations.first()).map_or(0.0, unix_time);
    for part in spans.iter().flat_map(parts) {
        let (start, end) = (seen(part.start, names, part.known), seen(part.end, names, part.known));
        for (series, now) in &end {
            let shift = if name_of(series).ends_with("_timestamp_seconds") { epoch } else { 0.0 };
            let last = Truth { value: now.value - shift, at: part.end.at };
            let growth = if now.counter {
                let then = start.get(series).filter(|_| part.elapsed > 0.0);
                Growth::Counter(then.map_or(0.0, |then| (now.value - then.value).max(0.0) / part.elapsed))
            } else if ages.contains(name_of(series)) {
                Growth::Age
            } else {
                Growth::None
            };
            let before = start.get(series).filter(|_| now.counter && !part.paced);
            let first = before.map_or(last, |then| Truth { value: then.value, at: part.start.at });
            let line = lines.entry(series.clone()).or_insert_with(|| Line::absent(past));
            line.add(growth, first, last, part.minutes);
        }
        for (_, line) in lines.iter_mut().filter(|(series, _)| !end.contains_key(*series)) {
            line.miss(part.minutes);
        }
        past += part.minutes;
    }
    lines.into_iter().map(|(series, line)| (series, line.text)).collect()
}

/// A piece of a state: what was seen at its end, and what goes on from there.
struct Part<'a> {
    start: &'a Observation,
    end: &'a Observation,
    /// Seconds from one to the other.
    elapsed: f64,
    minutes: usize,
    known: bool,
    paced: bool,
}

/// A state in one piece; or, with a pace, one for each observation.
fn parts<'a>(span: &Span<'a>) -> Vec<Part<'a>> {
    let Span { act, minutes, known } = *span;
    let observations = &act.observations;
    let (Some(first), Some(last)) = (observations.first(), observations.last()) else { return Vec::new() };
    let Some(pace) = act.pace else {
        let elapsed = last.at.duration_since(first.at).as_secs_f64();
        return vec![Part { start: first, end: last, elapsed, minutes, known, paced: false }];
    };
    let mut rest = minutes;
    let mut parts = Vec::new();
    for (index, end) in observations.iter().enumerate() {
        let is_last = index + 1 == observations.len();
        let minutes = if is_last { rest } else { pace.min(rest) };
        rest -= minutes;
        let before = index.checked_sub(1).and_then(|before| observations.get(before)).filter(|_| is_last);
        let elapsed = before.map_or(0.0, |_| pace as f64 * STEP as f64);
        if minutes > 0 {
            parts.push(Part { start: before.unwrap_or(end), end, elapsed, minutes, known, paced: true });
        }
    }
    parts
}

/// When an observation was made, in whole seconds since 1970.
fn unix_time(observation: &Observation) -> f64 {
    let time = SystemTime::now().checked_sub(observation.at.elapsed()).unwrap_or(UNIX_EPOCH);
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().round()
}

/// Whether an age is that of the same thing as before: as much has been added to it as time went by, about.
fn is_older(before: Truth, now: Truth) -> bool {
    let elapsed = now.at.duration_since(before.at).as_secs_f64();
    elapsed > 0.0 && now.value - before.value >= elapsed / 2.0
}

/// How a series goes on.
#[derive(Debug, Clone, Copy)]
enum Growth {
    /// As it is.
    None,
    /// So much a second, and from where it was.
    Counter(f64),
    /// A second per second, and from where it was.
    Age,
}

/// A value that was seen, and when.
#[derive(Debug, Clone, Copy)]
struct Truth {
    value: f64,
    at: Instant,
}

/// One series while it is laid out.
struct Line {
    text: String,
    /// What something that grows showed last: on the clock, and in truth.
    last: Option<(f64, Truth)>,
    present: bool,
}

impl Line {
    fn absent(minutes: usize) -> Self {
        let text = if minutes == 0 { String::new() } else { format!("_x{minutes} ") };
        Self { text, last: None, present: false }
    }

    /// Adds a state in which the series is there, with its first and last true value.
    fn add(&mut self, growth: Growth, first: Truth, last: Truth, minutes: usize) {
        let step = STEP as f64;
        let (start, rate) = match (growth, self.last) {
            (Growth::Counter(rate), Some((shown, truth))) if first.value >= truth.value => {
                (shown + first.value - truth.value, rate * step)
            }
            (Growth::Age, Some((shown, truth))) if is_older(truth, first) => (shown + step, step),
            (Growth::Counter(rate), _) => (first.value, rate * step),
            (Growth::Age, _) => (first.value, step),
            (Growth::None, _) => (first.value, 0.0),
        };
        let steps = minutes.saturating_sub(1);
        let _ = write!(self.text, "{start}+{rate}x{steps} ");
        let grows = !matches!(growth, Growth::None);
        self.last = grows.then_some((start + rate * steps as f64, last));
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

    const JOB: &str = "j";

    fn act(start: Instant, texts: &[&str]) -> Act {
        let observations = texts.iter().zip(0..).map(|(text, second)| {
            let page = (!text.is_empty()).then(|| Page::parse(text, Duration::from_millis(20)));
            let pages = BTreeMap::from([("e1".to_owned(), page)]);
            Observation { at: start + Duration::from_secs(second), job: JOB, pages }
        });
        Act { name: "n".to_owned(), observations: observations.collect(), pace: None }
    }

    fn page(queries: u32, age: u32, more: &str) -> String {
        format!("# TYPE q_total counter\nq_total {queries}\nage_seconds {age}\nother 1\n{more}")
    }

    #[test]
    fn counters_ages_and_gauges_go_on_as_they_would() {
        let start = Instant::now();
        let first = act(start, &[&page(10, 3, ""), &page(12, 4, "x{a=\"q\\\"\"} 7\n")]);
        let second = act(start + Duration::from_secs(4), &[&page(15, 7, ""), &page(15, 8, "")]);
        let third = act(start + Duration::from_secs(9), &[&page(1, 1, "")]);
        let gone = act(start + Duration::from_secs(10), &[""]);
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
        assert_eq!(of("age_seconds", ""), "4+60x2 184+60x2 1+60x2 stale _x2");
        assert_eq!(of("x", ",a=\"q\\\"\""), "7+0x2 stale _x2 _x3 _x3");
        assert_eq!(of("up", ""), "1+0x2 1+0x2 1+0x2 0+0x2");
        assert_eq!(series.len(), 5, "what no rule reads is left out: {series:?}");
        let unknown = Span { known: false, ..spans[3] };
        let series = lay_out(&[spans[0], unknown], &names, &ages);
        assert_eq!(series[&format!("up{{instance=\"e1\",job=\"{JOB}\"}}")], "1+0x2 stale _x2 ");
    }

    #[test]
    fn with_a_pace_each_observation_stands_for_minutes() {
        let now = Instant::now();
        let at = unix_time(&act(now, &["x 1"]).observations[0]);
        let text = |queries: u32, x: u32| {
            format!(
                "# TYPE q_total counter\nq_total {queries}\nx {x}\nend_timestamp_seconds {}\n",
                at + 1000.0
            )
        };
        let moving = act(now, &[&text(1, 7), &text(2, 8), &text(4, 9)]);
        let moving = Act { pace: Some(5), ..moving };
        let names = ["q_total", "x", "end_timestamp_seconds"].map(str::to_owned).into();
        let of = |minutes: usize, name: &str| {
            let series = lay_out(&[Span { act: &moving, minutes, known: true }], &names, &BTreeSet::new());
            series[&format!("{name}{{instance=\"e1\",job=\"{JOB}\"}}")].trim().to_owned()
        };
        assert_eq!(of(20, "x"), "7+0x4 8+0x4 9+0x9");
        assert_eq!(of(20, "q_total"), "1+0x4 2+0x4 4+0.4x9");
        assert_eq!(of(7, "x"), "7+0x4 8+0x1");
        assert_eq!(of(5, "end_timestamp_seconds"), "1000+0x4");
    }
}
