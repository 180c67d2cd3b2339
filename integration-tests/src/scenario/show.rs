//! Plays many scenarios on many versions: one server per version for all that can share it, and one run of promtool
//! for everything.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use catalogue::{Alert, Catalogue};
use generator::render::chart;
use serde_json::Value;

use super::page::Act;
use super::play::{self, Recording, Watch};
use super::proof::{self, Proof};
use super::stage::Stage;
use super::verdict::Case;
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
    let (proofs, unhealthy) = proof::judge(rules, &takes)?;
    eprintln!(
        "played in {:.0?}, judged in {:.0?}",
        played,
        start.elapsed().checked_sub(played).unwrap_or_default()
    );
    Ok((takes, proofs, unhealthy))
}
