//! Plays many scenarios on many versions: one stage per version for all that can share it, and one run of promtool
//! for each component.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use catalogue::component::{Component, Platform};
use catalogue::step::{self, Action};
use catalogue::{Alert, Catalogue, Problems};
use generator::render::chart;
use serde_json::Value;

use super::account::{Draft, refuse};
use super::cloud::Cloud;
use super::page::Act;
use super::play::{self, Recording, Watch};
use super::proof::{self, Proof};
use super::scene::Scene;
use super::stage::Stage;
use super::verdict::Case;
use crate::helm::Helm;
use crate::{images, setup};

/// The rules of one component, as its chart renders them.
#[derive(Debug)]
pub struct Book {
    /// What its scenarios play on.
    pub platform: Platform,
    /// The rules.
    pub all: Vec<Value>,
    /// Every word in their expressions, and with that the names of all series that they read.
    pub names: BTreeSet<String>,
}

/// The rules of all components whose alerts are proven.
#[derive(Debug)]
pub struct Rules(Vec<Book>);

impl Rules {
    /// Renders the charts from content.
    pub fn render(catalogue: &Catalogue) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let charts = folder.path().join("charts");
        chart::render(catalogue, chart::Release::default()).write(&charts)?;
        let helm = Helm::all()?.pop().context("helm is installed")?;
        let books = shown(catalogue).map(|component| {
            let rules = helm.rules_of(&charts, &component.about.chart)?;
            let all: Vec<Value> = rules.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
            let words = all.iter().filter_map(|rule| rule["expr"].as_str()).flat_map(|expr| {
                expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').map(str::to_owned)
            });
            let names = words.collect();
            Ok(Book { platform: component.platform(), all, names })
        });
        books.collect::<Result<_>>().map(Self)
    }

    /// The rules of each component.
    pub fn books(&self) -> &[Book] {
        &self.0
    }

    /// Whether a rule reads a series, given by its name or with labels.
    pub fn reads(rule: &Value, series: &str) -> bool {
        let name = series.split('{').next().unwrap_or_default();
        let expr = rule["expr"].as_str().unwrap_or_default();
        expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
    }

    /// The rule of an alert, and those of its component.
    pub fn of(&self, alert: &Alert) -> Result<(&Book, &Value)> {
        let rules = self.0.iter().flat_map(|book| book.all.iter().map(move |rule| (book, rule)));
        let mut found = rules.filter(|(_, rule)| rule["alert"] == *alert.name);
        found.next().with_context(|| format!("no chart renders `{}`", &*alert.name))
    }
}

/// The components whose alerts are proven.
fn shown(catalogue: &Catalogue) -> impl Iterator<Item = &Component> {
    let proven = |component: &&Component| component.alerts.iter().any(|alert| alert.scenario.is_some());
    catalogue.components.iter().filter(proven)
}

/// What a scenario was played on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// A server of this major version.
    PostgreSql(u32),
    /// An AWS account.
    Aws,
}

impl Version {
    /// What it is called in the evidence.
    pub fn key(self) -> String {
        match self {
            Self::PostgreSql(major) => major.to_string(),
            Self::Aws => "aws".to_owned(),
        }
    }

    /// What it is a version of.
    pub fn platform(self) -> Platform {
        match self {
            Self::PostgreSql(_) => Platform::Server,
            Self::Aws => Platform::Aws,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PostgreSql(major) => write!(f, "PostgreSQL {major}"),
            Self::Aws => f.write_str("AWS"),
        }
    }
}

/// These majors of PostgreSQL, and AWS.
pub fn versions(majors: &[u32]) -> Vec<Version> {
    majors.iter().map(|major| Version::PostgreSql(*major)).chain([Version::Aws]).collect()
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

/// The alerts that are proven.
pub fn proven(catalogue: &Catalogue) -> Vec<&Alert> {
    shown(catalogue).flat_map(|component| &component.alerts).map(|alert| &**alert).collect()
}

/// The named alerts that have a scenario, or all. What their steps do to an AWS account must be possible.
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
    let case = |(alert, play)| {
        let (book, rule) = rules.of(alert)?;
        Ok(Case { alert, play, rule, book })
    };
    let cases: Vec<Case> = cases.map(case).collect::<Result<_>>()?;
    let mut problems = Problems::default();
    for (_, step) in cases.iter().flat_map(|case| case.play.steps()) {
        if let Action::Aws(step::Aws::Change(node)) = &step.action {
            Draft::healthy()?.merge(node, &mut problems);
        }
    }
    refuse(problems)?;
    Ok(cases)
}

/// A scenario on a version: what was recorded, or why it could not be played.
pub struct Take<'a> {
    /// The alert.
    pub case: Case<'a>,
    /// What it was played on.
    pub version: Version,
    /// What was recorded.
    pub recording: Result<Recording>,
}

/// What is to be judged.
pub struct Takes<'a> {
    /// The scenarios.
    pub scenarios: Vec<Take<'a>>,
    /// Healthy servers under load, and a healthy account.
    pub loads: Vec<(Version, Result<Act>)>,
}

/// Whether a scenario needs a server of its own: it waits so long that others would wait for it.
fn is_slow(case: &Case) -> bool {
    case.play.runbook.shows.iter().any(|show| show.within.is_some())
}

fn fits(case: &Case, version: Version) -> bool {
    let wanted = &case.play.versions;
    let of_this = match version {
        Version::PostgreSql(major) => wanted.is_empty() || wanted.contains(&major),
        Version::Aws => true,
    };
    case.book.platform == version.platform() && of_this
}

/// Scenarios that follow each other on one stage; the last may be healthy everyday work.
struct Program<'a> {
    version: Version,
    cases: Vec<Case<'a>>,
    everyday: bool,
}

/// As many accounts are played side by side: each waits for its exporter most of the time.
const ACCOUNTS: usize = 3;

fn programs<'a>(cases: &[Case<'a>], version: Version, everyday: bool) -> Vec<Program<'a>> {
    let own: Vec<_> = cases.iter().filter(|case| fits(case, version)).copied().collect();
    let parts = match version {
        Version::PostgreSql(_) => {
            let (slow, quick): (Vec<_>, Vec<_>) = own.into_iter().partition(is_slow);
            slow.into_iter().map(|case| vec![case]).chain([quick]).collect()
        }
        Version::Aws => {
            let every = |first| own.iter().skip(first).step_by(ACCOUNTS).copied().collect();
            (0..ACCOUNTS).map(every).collect::<Vec<Vec<_>>>()
        }
    };
    let last = parts.len() - 1;
    let program = |(index, cases)| Program { version, cases, everyday: everyday && index == last };
    parts.into_iter().enumerate().map(program).collect()
}

/// Plays everything: the versions side by side.
pub async fn record<'a>(
    cases: &[Case<'a>],
    versions: &[Version],
    everyday: bool,
    watch: Watch<'_>,
) -> Takes<'a> {
    let programs = versions.iter().flat_map(|version| programs(cases, *version, everyday));
    let parts = programs.map(async |program| match program.version {
        Version::PostgreSql(major) => program.play(async || Stage::new(major).await, watch).await,
        Version::Aws => program.play(Cloud::new, watch).await,
    });
    let mut takes = Takes { scenarios: Vec::new(), loads: Vec::new() };
    for (scenarios, load) in futures_util::future::join_all(parts).await {
        takes.scenarios.extend(scenarios);
        takes.loads.extend(load);
    }
    takes.scenarios.sort_by(|a, b| (&*a.case.alert.name, a.version).cmp(&(&*b.case.alert.name, b.version)));
    takes
}

type Part<'a> = (Vec<Take<'a>>, Option<(Version, Result<Act>)>);

impl<'a> Program<'a> {
    /// One scenario after the other on one stage. One that fails may have left anything, so the next gets a new one.
    async fn play<S: Scene>(self, new: impl AsyncFn() -> Result<S>, watch: Watch<'_>) -> Part<'a> {
        let Self { version, cases, everyday } = self;
        let mut stage: Option<S> = None;
        let mut takes = Vec::new();
        for case in cases {
            let recording = async {
                let own = match stage.take() {
                    Some(stage) => stage,
                    None => new().await?,
                };
                let own = stage.insert(own);
                play::play(own, case.alert, case.play, watch).await
            };
            let recording = recording.await.with_context(|| format!("`{}` on {version}", &*case.alert.name));
            if recording.is_err() {
                stage = None;
            }
            takes.push(Take { case, version, recording });
        }
        if !everyday {
            return (takes, None);
        }
        let act = async {
            let mut own = match stage {
                Some(stage) => stage,
                None => new().await?,
            };
            own.everyday("healthy under load").await
        };
        (takes, Some((version, act.await.with_context(|| format!("everyday work on {version}")))))
    }
}

/// Plays and judges.
pub async fn prove<'a>(
    rules: &Rules,
    cases: &[Case<'a>],
    versions: &[Version],
    everyday: bool,
    watch: Watch<'_>,
) -> Result<(Takes<'a>, Vec<Proof>, Vec<String>)> {
    let played = |version: &&Version| everyday || cases.iter().any(|case| fits(case, **version));
    let versions: Vec<Version> = versions.iter().filter(played).copied().collect();
    let majors: Vec<u32> = versions
        .iter()
        .filter_map(|version| match version {
            Version::PostgreSql(major) => Some(*major),
            Version::Aws => None,
        })
        .collect();
    if !majors.is_empty() && images::engine_answers() {
        crate::machine::sweep()?;
    }
    for major in majors {
        let what = || match cases {
            [case] => format!("`{}` on PostgreSQL {major}", &*case.alert.name),
            _ => format!("{} scenarios on PostgreSQL {major}", cases.len()),
        };
        images::Image::of(major).and_then(images::Image::programs).with_context(what)?;
    }
    let start = Instant::now();
    let takes = record(cases, &versions, everyday, watch).await;
    let played = start.elapsed();
    let (proofs, unhealthy) = proof::judge(rules, &takes)?;
    eprintln!(
        "played in {:.0?}, judged in {:.0?}",
        played,
        start.elapsed().checked_sub(played).unwrap_or_default()
    );
    Ok((takes, proofs, unhealthy))
}
