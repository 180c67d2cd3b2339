//! Compares what promtool saw with what the scenario says.

use std::collections::BTreeSet;

use catalogue::alert::Alert;
use catalogue::scenario::{Fate, Play};
use serde_json::Value;

use super::clock::{STEP, Span};
use super::judge::{History, Labels, Period};
use super::page::Act;
use super::play::Recording;
use super::show::Book;

/// Minutes before the fault, and after something disappeared.
const BEFORE: usize = 10;
const GONE: usize = 30;

/// The question whose texts and values are kept.
pub const MAIN: &str = "fires and clears";

/// A question about an alert: which states follow each other, and what must come of it.
#[derive(Debug)]
pub struct Question<'a> {
    /// What is asked.
    pub name: String,
    /// The states.
    pub spans: Vec<Span<'a>>,
    /// What must come of it.
    pub expected: Expected,
}

/// What must come of a timeline.
#[derive(Debug, Clone)]
pub enum Expected {
    /// Inactive, pending, firing, and quiet after the end of the fault.
    Fires,
    /// The alert never fires.
    Quiet,
    /// Firing does not end in silence.
    Goes(Fate),
}

/// What came of a timeline: times in seconds since the fault began.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// What is wrong.
    pub problems: Vec<String>,
    /// First pending.
    pub pending: Option<u64>,
    /// First firing.
    pub firing: Option<u64>,
    /// How long it fires after the end of the fault, in seconds.
    pub clears: Option<u64>,
    /// Seconds in which nothing fires, after something disappeared.
    pub silent: u64,
    /// The alert that fires in the end.
    pub in_the_end: Option<String>,
}

/// An alert, its scenario and its rule.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// The scenario.
    pub play: &'a Play,
    /// The rule as rendered.
    pub rule: &'a Value,
    /// All rules of its component.
    pub book: &'a Book,
}

fn minutes(duration: Option<&str>) -> usize {
    let duration = duration.and_then(|text| catalogue::duration::PromDuration::new(text).ok());
    duration.map_or(0, |duration| {
        usize::try_from(duration.milliseconds().div_ceil(STEP * 1000)).unwrap_or(usize::MAX)
    })
}

impl Case<'_> {
    /// The rule's `for` in minutes.
    pub fn hold(&self) -> usize {
        minutes(self.rule["for"].as_str())
    }

    /// How long the fault is watched, in minutes.
    pub fn lasts(&self) -> usize {
        self.play.lasts.as_ref().map_or(self.hold() + 15, |lasts| minutes(Some(&lasts.to_string())))
    }

    fn clears(&self) -> usize {
        minutes(Some(&self.play.clears.to_string()))
    }

    /// Everything that is asked about a recording.
    pub fn questions<'b>(&self, recording: &'b Recording) -> Vec<Question<'b>> {
        let span = |act: &'b Act, minutes| Span { act, minutes, known: true };
        let healthy = span(&recording.healthy, BEFORE);
        let (fault, again) = (span(&recording.fault, self.lasts()), span(&recording.again, self.lasts()));
        let after = |act| span(act, self.clears() + 15);
        let ask =
            |name: &str, spans: Vec<Span<'b>>, expected| Question { name: name.to_owned(), spans, expected };
        let mut questions =
            vec![ask(MAIN, vec![healthy, fault, after(&recording.recovered)], Expected::Fires)];
        if let Some(mitigated) = &recording.mitigated {
            questions.push(ask(
                "the runbook ends it",
                vec![healthy, fault, after(mitigated)],
                Expected::Fires,
            ));
        }
        for miss in &recording.misses {
            questions.push(ask(&miss.name, vec![healthy, span(miss, self.lasts())], Expected::Quiet));
        }
        let gone = &self.play.gone;
        let exporter = span(&recording.exporter_gone, GONE);
        questions.push(ask(
            "exporter gone",
            vec![healthy, fault, exporter],
            Expected::Goes(gone.exporter.clone()),
        ));
        let unknown = Span { known: false, ..exporter };
        let spans = vec![healthy, fault, unknown];
        questions.push(ask("exporter unknown", spans, Expected::Goes(gone.exporter.clone())));
        let target = span(&recording.target_gone, GONE);
        questions.push(ask("target gone", vec![healthy, again, target], Expected::Goes(gone.target.clone())));
        questions
    }

    /// The alerts that matter for an answer; all where neighbours do.
    pub fn matters(&self, expected: &Expected) -> Option<BTreeSet<String>> {
        let own = self.alert.name.to_string();
        match expected {
            Expected::Fires => None,
            Expected::Quiet | Expected::Goes(Fate::KeepsFiring) => Some([own].into()),
            Expected::Goes(Fate::Handover(name)) => Some([own, name.to_string()].into()),
        }
    }

    /// Where texts and values are looked at: the end of the fault.
    pub fn look(&self) -> usize {
        BEFORE + self.lasts() - 1
    }

    /// What came of a question.
    pub fn answer(&self, question: &Question, history: &History) -> Seen {
        let mut seen = Seen::default();
        let begin = BEFORE as u64 * STEP;
        let end = begin + self.lasts() as u64 * STEP;
        let last = question.spans.iter().map(|span| span.minutes as u64).sum::<u64>() * STEP;
        for early in history.periods.iter().filter(|period| period.first < begin) {
            seen.problems.push(format!("`{}` is {} before the fault", early.alert(), state(early)));
        }
        let own = |period: &&Period| period.alert() == &*self.alert.name;
        match &question.expected {
            Expected::Quiet => {
                let firing = history.periods.iter().filter(own).filter(|period| period.firing);
                seen.problems.extend(firing.map(|period| format!("it fires with {:?}", period.labels)));
            }
            Expected::Fires => {
                self.fires(history, begin, end, &mut seen);
                if question.name == MAIN {
                    self.texts(history, &mut seen);
                }
            }
            Expected::Goes(fate) => {
                self.goes(fate, history, (end, last), &mut seen);
            }
        }
        seen
    }

    /// The labels that the rule itself adds.
    fn full(&self, labels: &indexmap::IndexMap<String, catalogue::text::Text>) -> Labels {
        let mut full = Labels::from([("alertname".to_owned(), self.alert.name.to_string())]);
        let added = self.rule["labels"].as_object().into_iter().flatten();
        full.extend(added.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())));
        full.extend(labels.iter().map(|(name, value)| (name.clone(), value.to_string())));
        full
    }

    fn fires(&self, history: &History, begin: u64, end: u64, seen: &mut Seen) {
        let expected: Vec<Labels> = self.play.fires.iter().map(|labels| self.full(labels)).collect();
        let own: Vec<_> =
            history.periods.iter().filter(|period| period.alert() == &*self.alert.name).collect();
        for labels in &expected {
            let of = |firing| own.iter().find(|period| period.firing == firing && period.labels == *labels);
            let (pending, firing) = (of(false), of(true));
            let Some(firing) = firing else {
                let what = if pending.is_some() { "it only gets pending" } else { "it does not fire" };
                let others: Vec<_> = own.iter().map(|period| &period.labels).collect();
                seen.problems.push(format!("{what} with {labels:?}; there is {others:?}"));
                continue;
            };
            let start = pending.map_or(firing.first, |pending| pending.first);
            let hold = self.hold() as u64 * STEP;
            let waited = firing.first.saturating_sub(start);
            if waited != hold {
                let message = format!("it fires {waited} s after it got pending, not {hold} s");
                seen.problems.push(message);
            }
            if !firing.is_whole() {
                seen.problems.push("it stops firing in between".to_owned());
            }
            if firing.first >= end {
                seen.problems.push("it fires only after the fault".to_owned());
            }
            let clears = (firing.last + STEP).saturating_sub(end);
            if firing.last + STEP < end {
                seen.problems.push("it clears while the fault is on".to_owned());
            } else if clears > self.clears() as u64 * STEP {
                seen.problems.push(format!("it still fires {clears} s after the fault"));
            }
            seen.pending = Some(start.saturating_sub(begin));
            seen.firing = Some(firing.first.saturating_sub(begin));
            seen.clears = Some(clears);
        }
        let unexpected = own.iter().filter(|period| period.firing && !expected.contains(&period.labels));
        seen.problems.extend(unexpected.map(|period| format!("it also fires with {:?}", period.labels)));
        self.neighbours(history, begin, seen);
    }

    /// What fires together is declared, and what is declared fires.
    fn neighbours(&self, history: &History, begin: u64, seen: &mut Seen) {
        let others =
            history.periods.iter().filter(|period| period.firing && period.alert() != &*self.alert.name);
        let others: BTreeSet<_> = others.filter(|period| period.first >= begin).map(Period::alert).collect();
        let declared = &self.play.also_fires;
        for other in others.iter().filter(|other| !declared.iter().any(|name| **name == ***other)) {
            seen.problems.push(format!("`{other}` fires as well, and is not in `also_fires`"));
        }
        for name in declared.iter().filter(|name| !others.contains(&***name)) {
            seen.problems.push(format!("`{}` is in `also_fires`, and does not fire", &**name));
        }
    }

    fn texts(&self, history: &History, seen: &mut Seen) {
        let said: Vec<_> = history.texts.iter().flat_map(|(_, texts)| texts.values()).collect();
        for text in &said {
            if ["<no value>", "%!", "{{", "NaN", "<error"].iter().any(|bad| text.contains(bad)) {
                seen.problems.push(format!("a text cannot be read: {text}"));
            }
        }
        for word in self.play.says.iter().filter(|word| !said.iter().any(|text| text.contains(&***word))) {
            seen.problems.push(format!("no text says `{}`: {said:?}", &**word));
        }
    }

    /// Once the exporter or the server is gone, the alert goes on firing, or the one that takes over does. That one
    /// waits for its own `for`, and the first must last as long.
    fn goes(&self, fate: &Fate, history: &History, (end, last): (u64, u64), seen: &mut Seen) {
        let firing = || history.periods.iter().filter(|period| period.firing);
        let own: Vec<_> =
            firing().filter(|period| period.alert() == &*self.alert.name && period.first < end).collect();
        let Some(until) = own.iter().map(|period| period.last).max().filter(|until| until + STEP >= end)
        else {
            seen.problems.push("it does not fire when that happens".to_owned());
            return;
        };
        let name = match fate {
            Fate::KeepsFiring => &*self.alert.name,
            Fate::Handover(name) => &**name,
        };
        let taken = firing().filter(|period| period.alert() == name && period.last + STEP >= last);
        let Some(taken) = taken.min_by_key(|period| period.first) else {
            seen.problems
                .push(format!("it ends after {} s, and `{name}` does not fire then", until + STEP - end));
            return;
        };
        seen.in_the_end = Some(name.to_owned());
        seen.silent = taken.first.saturating_sub(until + STEP);
        if seen.silent > 0 {
            let message =
                format!("it ends after {} s, and nothing fires for {} s", until + STEP - end, seen.silent);
            seen.problems.push(message);
        }
        seen.clears = Some((until + STEP).saturating_sub(end));
    }
}

/// A healthy server or account for an hour.
pub fn under_load(act: &Act) -> Vec<Span<'_>> {
    vec![Span { act, minutes: 60, known: true }]
}

/// What is wrong with a healthy one.
pub fn quiet(history: &History) -> Vec<String> {
    history
        .periods
        .iter()
        .map(|period| format!("`{}` is {} although nothing is wrong", period.alert(), state(period)))
        .collect()
}

fn state(period: &Period) -> &'static str {
    if period.firing { "firing" } else { "pending" }
}
