//! Judges what was recorded: every question of every scenario on every version, in one run of promtool per component.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

use super::clock::{self, Series, Span};
use super::judge::{self, History, Look, Timeline};
use super::page::Act;
use super::show::{Book, Rules, Take, Takes, Version};
use super::verdict::{self, Case, Question, Seen};

/// What came of a scenario on a version.
#[derive(Debug)]
pub struct Proof {
    /// The alert.
    pub alert: String,
    /// What it was played on.
    pub version: Version,
    /// What cannot be said by one timeline.
    pub problems: Vec<String>,
    /// What came of each question.
    pub answers: Vec<(String, Seen)>,
    /// What promtool saw while the fault was on.
    pub history: History,
    /// The samples of that timeline that the alert reads.
    pub samples: Series,
    /// How long playing took.
    pub took: Duration,
}

impl Proof {
    /// Everything that is wrong, each with the alert, the version and the question.
    pub fn problems(&self) -> Vec<String> {
        let place = format!("`{}` on {}", self.alert, self.version);
        // What went wrong while playing says its place itself.
        let own = self.problems.iter().cloned();
        let of = self
            .answers
            .iter()
            .flat_map(|(name, seen)| seen.problems.iter().map(move |problem| (name, problem)));
        own.chain(of.map(|(name, problem)| format!("{place}, {name}: {problem}"))).collect()
    }
}

/// A timeline to be judged.
struct Job<'a> {
    take: usize,
    question: Question<'a>,
    timeline: Timeline,
}

/// Judges everything, each component in one run of promtool; the proofs, and what is wrong with what is healthy.
pub fn judge(rules: &Rules, takes: &Takes) -> Result<(Vec<Proof>, Vec<String>)> {
    let mut proofs: Vec<Proof> = takes.scenarios.iter().map(Proof::of).collect();
    let mut unhealthy: Vec<String> =
        takes.loads.iter().filter_map(|(_, act)| Some(format!("{:#}", act.as_ref().err()?))).collect();
    for book in rules.books() {
        unhealthy.extend(judge_one(book, takes, &mut proofs)?);
    }
    Ok((proofs, unhealthy))
}

/// Judges the scenarios of one component.
fn judge_one(book: &Book, takes: &Takes, proofs: &mut [Proof]) -> Result<Vec<String>> {
    let mut jobs = Vec::new();
    let own = takes.scenarios.iter().enumerate().filter(|(_, take)| std::ptr::eq(take.case.book, book));
    for (take, Take { case, recording, .. }) in own {
        let Ok(recording) = recording else { continue };
        let questions = case.questions(recording);
        let acts: Vec<&Act> =
            questions.iter().flat_map(|question| question.spans.iter().map(|span| span.act)).collect();
        let ages = clock::ages(acts.into_iter(), &book.names);
        for question in questions {
            let look = question.name == verdict::MAIN;
            let look =
                look.then(|| Look { alert: case.alert.name.to_string(), minute: case.look(), expr: None });
            jobs.push(Job { take, timeline: timeline(&question, case, &ages, look), question });
        }
    }
    let loads = takes.loads.iter().filter_map(|(version, act)| Some((version, act.as_ref().ok()?)));
    let loads: Vec<_> = loads
        .filter(|(version, _)| version.platform() == book.platform)
        .map(|(version, act)| {
            let spans = verdict::under_load(act);
            let series = clock::lay_out(&spans, &book.names, &BTreeSet::new());
            (version, Timeline { series, minutes: minutes(&spans), look: None, only: None })
        })
        .collect();
    let timelines: Vec<&Timeline> =
        jobs.iter().map(|job| &job.timeline).chain(loads.iter().map(|(_, timeline)| timeline)).collect();
    if timelines.is_empty() {
        return Ok(Vec::new());
    }
    let mut histories = judge::judge(&book.all, &timelines)?;
    let of_loads = histories.split_off(jobs.len());
    let mut unhealthy = Vec::new();
    for ((version, _), history) in loads.iter().zip(&of_loads) {
        let problems = verdict::quiet(history).into_iter();
        unhealthy.extend(problems.map(|problem| format!("{version} at its everyday work: {problem}")));
    }
    for (job, history) in jobs.into_iter().zip(histories) {
        let (proof, take) = (&mut proofs[job.take], &takes.scenarios[job.take]);
        let seen = take.case.answer(&job.question, &history);
        if job.timeline.look.is_some() {
            let reads = |series: &str| Rules::reads(take.case.rule, series);
            proof.samples = job.timeline.series.into_iter().filter(|(series, _)| reads(series)).collect();
            proof.history = history;
        }
        proof.answers.push((job.question.name, seen));
    }
    Ok(unhealthy)
}

/// The timeline of a question. Where only one alert and the one that takes over matter, no other is evaluated.
fn timeline(question: &Question, case: &Case, ages: &BTreeSet<String>, look: Option<Look>) -> Timeline {
    Timeline {
        series: clock::lay_out(&question.spans, &case.book.names, ages),
        minutes: minutes(&question.spans),
        look,
        only: case.matters(&question.expected),
    }
}

fn minutes(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.minutes).sum::<usize>() - 1
}

impl Proof {
    fn of(take: &Take) -> Self {
        let problems = take.recording.as_ref().err().map(|error| format!("{error:#}"));
        Self {
            alert: take.case.alert.name.to_string(),
            version: take.version,
            problems: problems.into_iter().collect(),
            answers: Vec::new(),
            history: History::default(),
            samples: Series::new(),
            took: take.recording.as_ref().map(|recording| recording.took).unwrap_or_default(),
        }
    }
}
