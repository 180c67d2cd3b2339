//! What came of the mutants: the score, and those that no test noticed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use catalogue::mutant::Operator;
use catalogue::problem::Problem;
use serde_json::{Value, json};

use super::{Change, Mutant};
use crate::report::{self, Format};

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// A test noticed it.
    Killed,
    /// No test noticed it.
    Survived,
    /// No test noticed it, and alert.yaml says why none can.
    Equivalent,
}

/// The mutants of one alert.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) alert: String,
    /// The expression without mistakes, filled in.
    pub(super) expr: String,
    pub(super) mutants: Vec<(Mutant, Fate)>,
    /// Marks that are wrong.
    pub(super) problems: Vec<Problem>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome(Vec<Judged>);

/// How many mutants met which fate.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    killed: usize,
    survived: usize,
    equivalent: usize,
}

impl Count {
    fn of<'a>(fates: impl Iterator<Item = &'a Fate>) -> Self {
        let mut count = Self::default();
        for fate in fates {
            match fate {
                Fate::Killed => count.killed += 1,
                Fate::Survived => count.survived += 1,
                Fate::Equivalent => count.equivalent += 1,
            }
        }
        count
    }

    /// The killed ones as a percentage of those that can be killed; rounded down, so that 100 means all.
    fn score(self) -> f64 {
        match self.killed + self.survived {
            0 => 100.0,
            all => ((self.killed * 1_000) / all) as f64 / 10.0,
        }
    }

    fn json(self) -> Value {
        let Self { killed, survived, equivalent } = self;
        json!({ "score": self.score(), "killed": killed, "survived": survived, "equivalent": equivalent })
    }
}

impl Outcome {
    pub(super) fn new(judged: Vec<Judged>) -> Self {
        Self(judged)
    }

    /// Whether the score is at least the minimum, and no mark is wrong.
    pub fn passed(&self, minimum: f64) -> bool {
        self.total().score() >= minimum && self.problems().is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &(Mutant, Fate)> {
        self.0.iter().flat_map(|judged| &judged.mutants)
    }

    fn total(&self) -> Count {
        Count::of(self.all().map(|(_, fate)| fate))
    }

    fn problems(&self) -> Vec<Problem> {
        self.0.iter().flat_map(|judged| judged.problems.iter().cloned()).collect()
    }

    /// The counts by operator, as far as it made mutants.
    fn operators(&self) -> BTreeMap<Operator, Count> {
        let mut operators: BTreeMap<Operator, Vec<&Fate>> = BTreeMap::new();
        for (mutant, fate) in self.all() {
            operators.entry(mutant.operator).or_default().push(fate);
        }
        operators.into_iter().map(|(operator, fates)| (operator, Count::of(fates.into_iter()))).collect()
    }

    /// The report; `verbose` lists all mutants instead of the survivors.
    pub fn report(&self, minimum: f64, verbose: bool, format: Format) -> String {
        match format {
            Format::Text => self.text(minimum, verbose),
            Format::Json => format!("{:#}\n", self.json(minimum)),
        }
    }

    fn text(&self, minimum: f64, verbose: bool) -> String {
        let mut text = String::new();
        for judged in &self.0 {
            let count = Count::of(judged.mutants.iter().map(|(_, fate)| fate));
            // The word for what makes the command fail, and for nothing else.
            let word = if count.survived == 0 || self.total().score() >= minimum { "ok  " } else { "WEAK" };
            let all = count.killed + count.survived;
            let _ = write!(text, "{word} {}: {} of {all} mutants killed", judged.alert, count.killed);
            text += &match count.equivalent {
                0 => "\n".to_owned(),
                count => format!(", {count} equivalent\n"),
            };
            for (mutant, fate) in &judged.mutants {
                if verbose || *fate == Fate::Survived {
                    text += &line(mutant, *fate);
                }
                if *fate == Fate::Survived {
                    text += &difference(&judged.expr, mutant);
                }
            }
        }
        text += "\noperator                  killed  survived  equivalent\n";
        for (operator, Count { killed, survived, equivalent }) in self.operators() {
            let _ = writeln!(text, "{:<24}{killed:>8}{survived:>10}{equivalent:>12}", operator.name());
        }
        text.push('\n');
        text += &report::problems(&self.problems(), Format::Text);
        let total = self.total();
        let _ = writeln!(
            text,
            "score {} %: {} of {} mutants killed, {} equivalent; at least {minimum} % is asked for",
            total.score(),
            total.killed,
            total.killed + total.survived,
            total.equivalent
        );
        text
    }

    fn json(&self, minimum: f64) -> Value {
        let alerts = self.0.iter().map(|judged| {
            let count = Count::of(judged.mutants.iter().map(|(_, fate)| fate));
            (judged.alert.clone(), count.json())
        });
        let operators = self.operators();
        let operators = operators.iter().map(|(operator, count)| (operator.name().to_owned(), count.json()));
        let survivors = self.0.iter().flat_map(|judged| {
            let mutants = judged.mutants.iter().filter(|(_, fate)| *fate == Fate::Survived);
            mutants.map(|(mutant, _)| {
                let (line, column) = mutant.place.line_and_column();
                let expr = match &mutant.change {
                    Change::Expr(text, _) => text.trim_end(),
                    _ => judged.expr.trim_end(),
                };
                json!({
                    "alert": judged.alert, "operator": mutant.operator.name(),
                    "path": mutant.place.source.path, "line": line, "column": column,
                    "from": mutant.from, "to": mutant.to, "expr": expr,
                })
            })
        });
        let mut json = self.total().json();
        json["minimum"] = minimum.into();
        json["passed"] = self.passed(minimum).into();
        json["alerts"] = Value::Object(alerts.collect());
        json["operators"] = Value::Object(operators.collect());
        json["survivors"] = survivors.collect::<Vec<_>>().into();
        json["problems"] = self.problems().iter().map(report::object).collect::<Vec<_>>().into();
        json
    }
}

fn line(mutant: &Mutant, fate: Fate) -> String {
    let fate = match fate {
        Fate::Killed => "killed",
        Fate::Survived => "survived",
        Fate::Equivalent => "equivalent",
    };
    let (line, column) = mutant.place.line_and_column();
    let path = mutant.place.source.path.display();
    let to = if mutant.to.is_empty() { "nothing".to_owned() } else { format!("`{}`", mutant.to) };
    let Mutant { operator, from, .. } = mutant;
    format!("  {fate}: {}: `{from}` → {to}\n    --> {path}:{line}:{column}\n", operator.name())
}

/// The lines of the expression that a mutant changes, before and after.
fn difference(expr: &str, mutant: &Mutant) -> String {
    let Change::Expr(mutated, _) = &mutant.change else { return String::new() };
    let (old, new): (Vec<_>, Vec<_>) =
        (expr.trim_end().lines().collect(), mutated.trim_end().lines().collect());
    let most = old.len().min(new.len());
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let after = old.iter().rev().zip(new.iter().rev()).take(most - before);
    let after = after.take_while(|(old, new)| old == new).count();
    let lines = |sign: &str, lines: &[&str]| {
        lines.iter().map(|line| format!("    {sign} {line}\n")).collect::<String>()
    };
    lines("-", &old[before..old.len() - after]) + &lines("+", &new[before..new.len() - after])
}
