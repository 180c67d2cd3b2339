//! `just prove`: plays the scenario of an alert and shows at each state what becomes of the alert.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use clap::Parser;
use generator::promql::Promql;
use generator::promql::ast::Expr;
use integration_tests::images::POSTGRESQL;
use integration_tests::scenario::clock::{self, Span};
use integration_tests::scenario::judge::{self, Look, Period, Timeline};
use integration_tests::scenario::order::in_order;
use integration_tests::scenario::page::Act;
use integration_tests::scenario::proof::Proof;
use integration_tests::scenario::show::{self, Rules};
use integration_tests::scenario::verdict::Case;

/// Plays the scenario of an alert on a real server, or in a fake AWS account.
#[derive(Debug, Parser)]
struct Args {
    /// Alerts; all when none is named.
    alerts: Vec<String>,
    /// Major versions of PostgreSQL; all that the tests know unless given. Alerts about AWS have none.
    #[arg(long)]
    version: Vec<u32>,
}

/// Minutes of a state that are shown.
const HEALTHY: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    match in_order(run(Args::parse())).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args) -> Result<bool> {
    let catalogue = show::catalogue()?;
    let rules = Rules::render(&catalogue)?;
    let cases = show::select(&catalogue, &rules, &args.alerts)?;
    let majors = if args.version.is_empty() { POSTGRESQL.to_vec() } else { args.version };
    let versions = show::versions(&majors);
    let mut fine = true;
    for case in &cases {
        let threshold =
            Picture::threshold(case).map_or(String::new(), |threshold| format!(", limit {threshold}"));
        println!("{} (for {}{threshold})", &*case.alert.name, case.rule["for"].as_str().unwrap_or("0m"));
        for version in versions.iter().filter(|version| version.platform() == case.book.platform) {
            println!("  {version}   · inactive  - pending  # firing, one per minute of virtual time");
            let picture = Picture { case: *case, acts: Mutex::default() };
            let watch = |act: &Act| picture.show(act);
            let (_, proofs, _) = show::prove(&rules, &[*case], &[*version], false, &watch).await?;
            let problems: Vec<_> = proofs.iter().flat_map(Proof::problems).collect();
            for problem in &problems {
                println!("  FAIL {problem}");
            }
            if problems.is_empty() {
                println!("  proven: it fires, clears, and does not end in silence");
            }
            fine &= problems.is_empty();
        }
    }
    Ok(fine)
}

/// The picture of one scenario while it is played.
struct Picture<'a> {
    case: Case<'a>,
    acts: Mutex<BTreeMap<String, Act>>,
}

impl Picture<'_> {
    /// One line about a state, after what came before it.
    fn show(&self, act: &Act) {
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        acts.insert(act.name.clone(), act.clone());
        match self.line(act, &acts) {
            Ok(line) => println!("    {:<30} {line}", act.name.chars().take(30).collect::<String>()),
            Err(error) => println!("    {:<30} {error:#}", act.name),
        }
    }

    fn line(&self, act: &Act, acts: &BTreeMap<String, Act>) -> Result<String> {
        let before: &[&str] = match act.name.as_str() {
            "healthy" => &[],
            "exporter gone" | "mitigated" | "recovered" => &["healthy", "fault"],
            "target gone" => &["healthy", "fault again"],
            _ => &["healthy"],
        };
        let span = |act, minutes| Span { act, minutes, known: true };
        let mut spans: Vec<_> = before
            .iter()
            .filter_map(|name| acts.get(*name))
            .map(|act| span(act, if act.name == "healthy" { HEALTHY } else { self.case.lasts() }))
            .collect();
        let start: usize = spans.iter().map(|span| span.minutes).sum();
        spans.push(span(act, if act.name == "healthy" { HEALTHY } else { self.case.lasts() }));
        let end: usize = spans.iter().map(|span| span.minutes).sum::<usize>() - 1;
        let ages = clock::ages(acts.values(), &self.case.book.names);
        let series = clock::lay_out(&spans, &self.case.book.names, &ages);
        let look = Look { alert: self.case.alert.name.to_string(), minute: end, expr: self.value() };
        let only = Some([self.case.alert.name.to_string()].into());
        let timeline = Timeline { series, minutes: end, look: Some(look), only };
        let history =
            judge::judge(&self.case.book.all, &[&timeline])?.pop().context("a timeline has a history")?;
        let bar = |minute: usize| {
            let at = minute as u64 * clock::STEP;
            let covers = |period: &&Period| {
                period.alert() == &*self.case.alert.name && (period.first..=period.last).contains(&at)
            };
            let states: Vec<bool> =
                history.periods.iter().filter(covers).map(|period| period.firing).collect();
            if states.contains(&true) {
                '#'
            } else if states.contains(&false) {
                '-'
            } else {
                '·'
            }
        };
        let bar: String = (start..=end).map(bar).collect();
        let value = history.values.iter().map(|(_, value)| *value).max_by(f64::total_cmp);
        let value = value.map_or("no value".to_owned(), |value| format!("value {value:.4}"));
        let text = history
            .texts
            .first()
            .and_then(|(_, texts)| texts.get("description"))
            .cloned()
            .unwrap_or_default();
        Ok(format!("{bar} {value} {text}"))
    }

    fn tree(&self) -> Option<Expr> {
        let expr = self.case.rule["expr"].as_str()?;
        Promql::parse(expr, &catalogue::param::Params::default()).ok().map(|promql| promql.tree)
    }

    /// What is compared with the limit, whether the comparison holds or not.
    fn value(&self) -> Option<String> {
        self.tree().map(|tree| measured(&tree).to_string())
    }

    fn threshold(case: &Case) -> Option<String> {
        let expr = case.rule["expr"].as_str()?;
        let tree = Promql::parse(expr, &catalogue::param::Params::default()).ok()?.tree;
        limit(&tree).map(ToString::to_string)
    }
}

/// The expression without its comparisons.
fn measured(expr: &Expr) -> Expr {
    match expr {
        Expr::Paren(paren) => measured(&paren.expr),
        Expr::Binary(binary) if binary.op.is_comparison_operator() && !binary.return_bool() => {
            (*binary.lhs).clone()
        }
        Expr::Binary(binary) if binary.op.is_set_operator() => measured(&binary.lhs),
        other => other.clone(),
    }
}

/// What the first comparison compares with.
fn limit(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Paren(paren) => limit(&paren.expr),
        Expr::Binary(binary) if binary.op.is_comparison_operator() => Some(&binary.rhs),
        Expr::Binary(binary) if binary.op.is_set_operator() => limit(&binary.lhs),
        _ => None,
    }
}
