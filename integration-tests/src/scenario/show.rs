//! Plays many scenarios on many versions: one server per version for all that can share it, and one run of promtool
//! for everything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use catalogue::{Alert, Catalogue};
use generator::render::chart;
use serde_json::Value;

use super::clock::{self, Series};
use super::judge::{self, History, Look, Timeline};
use super::page::Act;
use super::play::{self, Recording, Watch};
use super::stage::Stage;
use super::verdict::{self, Case, Question, Seen};
use crate::helm::Helm;
use crate::{images, setup};

/// The component whose alerts are proven with a server.
const COMPONENT: &str = "postgresql";

/// The rules of the component, as its chart renders them.
#[derive(Debug)]
pub struct Rules {
    /// The rules.
    pub all: Vec<Value>,
    /// Every word in their expressions, and with that the names of all series that they read.
    pub names: BTreeSet<String>,
}

impl Rules {
    /// Renders the chart from content.
    pub fn render(catalogue: &Catalogue) -> Result<Self> {
        let component = catalogue.components.iter().find(|component| &*component.name == COMPONENT);
        let component = component.with_context(|| format!("content has no component `{COMPONENT}`"))?;
        let folder = tempfile::tempdir()?;
        let charts = folder.path().join("charts");
        chart::render(catalogue, chart::Release::default()).write(&charts)?;
        let helm = Helm::all()?.pop().context("helm is installed")?;
        let rules = helm.rules_of(&charts, &component.about.chart)?;
        let all: Vec<Value> = rules.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        let words = all.iter().filter_map(|rule| rule["expr"].as_str()).flat_map(|expr| {
            expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').map(str::to_owned)
        });
        Ok(Self { names: words.collect(), all })
    }

    /// Whether a rule reads a series, given by its name or with labels.
    pub fn reads(rule: &Value, series: &str) -> bool {
        let name = series.split('{').next().unwrap_or_default();
        let expr = rule["expr"].as_str().unwrap_or_default();
        expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
    }

    /// The rule of an alert.
    pub fn of(&self, alert: &Alert) -> Result<&Value> {
        let rule = self.all.iter().find(|rule| rule["alert"] == *alert.name);
        rule.with_context(|| format!("the chart does not render `{}`", &*alert.name))
    }
}

/// The catalogue of the repository.
pub fn catalogue() -> Result<Catalogue> {
    let loaded = catalogue::load(&setup::root().join("content"));
    let problems: Vec<_> = loaded
        .problems
        .into_sorted()
        .into_iter()
        .map(|problem| {
            let place = problem
                .spot
                .line_and_column()
                .map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
            format!("{}{place}: {}", problem.spot.path().display(), problem.message)
        })
        .collect();
    if !problems.is_empty() {
        bail!("content has problems, `just check` tells more:\n{}", problems.join("\n"));
    }
    loaded.catalogue.context("content is there")
}

/// The alerts that are proven with a server.
pub fn proven(catalogue: &Catalogue) -> Vec<&Alert> {
    let own = catalogue.alerts().filter(|(component, _)| &*component.name == COMPONENT);
    own.map(|(_, alert)| alert).collect()
}

/// The named alerts of the component that have a scenario, or all.
pub fn select<'a>(catalogue: &'a Catalogue, rules: &'a Rules, names: &[String]) -> Result<Vec<Case<'a>>> {
    let own = proven(catalogue);
    for name in names {
        if !own.iter().any(|alert| *alert.name == **name) {
            bail!(
                "there is no alert `{name}`, {}",
                catalogue::suggest::did_you_mean(name, own.iter().map(|alert| &*alert.name))
            );
        }
    }
    let wanted =
        own.into_iter().filter(|alert| names.is_empty() || names.iter().any(|name| **name == *alert.name));
    let cases = wanted.filter_map(|alert| Some((alert, alert.scenario.as_ref()?.play()?)));
    cases.map(|(alert, play)| Ok(Case { alert, play, rule: rules.of(alert)? })).collect()
}

/// A scenario on a version: what was recorded, or why it could not be played.
pub struct Take<'a> {
    /// The alert.
    pub case: Case<'a>,
    /// The major version.
    pub major: u32,
    /// What was recorded.
    pub recording: Result<Recording>,
}

/// What is to be judged.
pub struct Takes<'a> {
    /// The scenarios.
    pub scenarios: Vec<Take<'a>>,
    /// Healthy servers under load.
    pub loads: Vec<(u32, Result<Act>)>,
}

/// Whether a scenario needs a server of its own: it waits so long that others would wait for it.
fn is_slow(case: &Case) -> bool {
    case.play.runbook.shows.iter().any(|show| show.within.is_some())
}

fn fits(case: &Case, major: u32) -> bool {
    case.play.versions.is_empty() || case.play.versions.contains(&major)
}

/// Plays everything: the versions side by side.
pub async fn record<'a>(cases: &[Case<'a>], majors: &[u32], load: bool, watch: Watch<'_>) -> Takes<'a> {
    let mut lanes = Vec::new();
    for major in majors {
        let own: Vec<_> = cases.iter().filter(|case| fits(case, *major)).copied().collect();
        let (slow, quick): (Vec<_>, Vec<_>) = own.into_iter().partition(is_slow);
        lanes.extend(slow.into_iter().map(|case| (*major, vec![case], false)));
        lanes.push((*major, quick, load));
    }
    let lanes = lanes.into_iter().map(async |(major, cases, load)| lane(major, &cases, load, watch).await);
    let mut takes = Takes { scenarios: Vec::new(), loads: Vec::new() };
    for (scenarios, load) in futures_util::future::join_all(lanes).await {
        takes.scenarios.extend(scenarios);
        takes.loads.extend(load);
    }
    takes.scenarios.sort_by(|a, b| (&*a.case.alert.name, a.major).cmp(&(&*b.case.alert.name, b.major)));
    takes
}

type Lane<'a> = (Vec<Take<'a>>, Option<(u32, Result<Act>)>);

/// One scenario after the other on one server. One that fails may have left anything, so the next gets a new server.
async fn lane<'a>(major: u32, cases: &[Case<'a>], load: bool, watch: Watch<'_>) -> Lane<'a> {
    let mut stage: Option<Stage> = None;
    let mut takes = Vec::new();
    for case in cases {
        let recording = async {
            let own = match stage.take() {
                Some(stage) => stage,
                None => Stage::new(major).await?,
            };
            let own = stage.insert(own);
            play::play(own, case.alert, case.play, watch).await
        };
        let recording =
            recording.await.with_context(|| format!("`{}` on PostgreSQL {major}", &*case.alert.name));
        if recording.is_err() {
            stage = None;
        }
        takes.push(Take { case: *case, major, recording });
    }
    let load = if load {
        let act = async {
            let mut own = match stage {
                Some(stage) => stage,
                None => Stage::new(major).await?,
            };
            play::load(&mut own).await
        };
        Some((major, act.await.with_context(|| format!("load on PostgreSQL {major}"))))
    } else {
        None
    };
    (takes, load)
}

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

/// Plays and judges, and takes everything down when somebody interrupts.
pub async fn prove<'a>(
    rules: &Rules,
    cases: &[Case<'a>],
    majors: &[u32],
    load: bool,
    watch: Watch<'_>,
) -> Result<(Takes<'a>, Vec<Proof>, Vec<String>)> {
    if images::engine_answers() {
        crate::machine::sweep()?;
    }
    for major in majors {
        images::Image::of(*major)?.programs()?;
    }
    let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let start = Instant::now();
    let takes = tokio::select! {
        takes = record(cases, majors, load, watch) => takes,
        _ = tokio::signal::ctrl_c() => bail!("interrupted: the servers and exporters are gone"),
        _ = ended.recv() => bail!("ended: the servers and exporters are gone"),
    };
    let played = start.elapsed();
    let (proofs, unhealthy) = judge(rules, &takes)?;
    eprintln!(
        "played in {:.0?}, judged in {:.0?}",
        played,
        start.elapsed().checked_sub(played).unwrap_or_default()
    );
    Ok((takes, proofs, unhealthy))
}
