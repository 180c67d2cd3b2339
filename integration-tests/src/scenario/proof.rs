//! Judges what was recorded: every question of every scenario on every version, in one run of promtool.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

use super::clock::{self, Series};
use super::judge::{self, History, Look, Timeline};
use super::page::Act;
use super::show::{Rules, Take, Takes};
use super::verdict::{self, Question, Seen};

/// What came of a scenario on a version.
#[derive(Debug)]
pub struct Proof {
    /// The alert.
    pub alert: String,
    /// The major version.
    pub major: u32,
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
        let place = format!("`{}` on PostgreSQL {}", self.alert, self.major);
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

/// Judges everything in one run of promtool; the proofs, and what is wrong with healthy servers.
pub fn judge(rules: &Rules, takes: &Takes) -> Result<(Vec<Proof>, Vec<String>)> {
    let mut jobs = Vec::new();
    for (take, Take { case, recording, .. }) in takes.scenarios.iter().enumerate() {
        let Ok(recording) = recording else { continue };
        let questions = case.questions(recording);
        let acts: Vec<&Act> =
            questions.iter().flat_map(|question| question.spans.iter().map(|span| span.act)).collect();
        let ages = clock::ages(acts.into_iter(), &rules.names);
        for question in questions {
            let look = question.name == verdict::MAIN;
            let look =
                look.then(|| Look { alert: case.alert.name.to_string(), minute: case.look(), expr: None });
            jobs.push(Job { take, timeline: timeline(&question, rules, &ages, look), question });
        }
    }
    let loads = takes.loads.iter().filter_map(|(major, act)| Some((major, act.as_ref().ok()?)));
    let loads: Vec<_> = loads
        .map(|(major, act)| (major, timeline(&verdict::under_load(act), rules, &BTreeSet::new(), None)))
        .collect();
    let timelines: Vec<&Timeline> =
        jobs.iter().map(|job| &job.timeline).chain(loads.iter().map(|(_, timeline)| timeline)).collect();
    let mut histories = judge::judge(&rules.all, &timelines)?;
    let of_loads = histories.split_off(jobs.len());
    let mut unhealthy: Vec<String> =
        takes.loads.iter().filter_map(|(_, act)| Some(format!("{:#}", act.as_ref().err()?))).collect();
    for ((major, _), history) in loads.iter().zip(&of_loads) {
        unhealthy.extend(
            verdict::quiet(history)
                .into_iter()
                .map(|problem| format!("PostgreSQL {major} under load: {problem}")),
        );
    }
    let mut proofs: Vec<Proof> = takes.scenarios.iter().map(Proof::of).collect();
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
    Ok((proofs, unhealthy))
}

fn timeline(question: &Question, rules: &Rules, ages: &BTreeSet<String>, look: Option<Look>) -> Timeline {
    let minutes = question.spans.iter().map(|span| span.minutes).sum::<usize>() - 1;
    Timeline { series: clock::lay_out(&question.spans, &rules.names, ages), minutes, look }
}

impl Proof {
    fn of(take: &Take) -> Self {
        let problems = take.recording.as_ref().err().map(|error| format!("{error:#}"));
        Self {
            alert: take.case.alert.name.to_string(),
            major: take.major,
            problems: problems.into_iter().collect(),
            answers: Vec::new(),
            history: History::default(),
            samples: Series::new(),
            took: take.recording.as_ref().map(|recording| recording.took).unwrap_or_default(),
        }
    }
}
