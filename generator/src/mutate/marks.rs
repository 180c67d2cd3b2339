//! Marks of equivalent mutants in alert.yaml: which mutants they mean, and whether they are right.

use catalogue::Alert;
use catalogue::mutant::Mark;
use catalogue::problem::Problem;

use super::{Change, Mutant, candidates};

/// Name of the check that finds marks that are wrong.
const CHECK: &str = "alert/mutants";

/// Whether a mark means a mutant of its alert.
pub(super) fn means(alert: &Alert, mark: &Mark, mutant: &Mutant) -> bool {
    let inside = match (&mark.of, &mutant.change) {
        (None, _) => true,
        (Some(of), Change::Expr(_, word)) => {
            alert.rule.expr.match_indices(&**of).any(|(at, of)| at <= word.start && word.end <= at + of.len())
        }
        _ => false,
    };
    mark.operator == mutant.operator && inside && mark.to.as_ref().is_none_or(|to| **to == mutant.to)
}

/// The marks of an alert that mean nothing.
pub fn unused(alert: &Alert) -> Vec<Problem> {
    // Most alerts have none, and mutants take time to make.
    if alert.rule.mutants.is_empty() {
        return Vec::new();
    }
    let marks = alert.rule.mutants.iter();
    let mutants = candidates(alert, &|operator| marks.clone().any(|mark| mark.operator == operator));
    let is_meant = |mark: &Mark, mutant: &Mutant| means(alert, mark, mutant) && mutant.parses();
    let unused = marks.filter(|mark| !mutants.iter().any(|mutant| is_meant(mark, mutant)));
    let problem = |mark: &Mark| {
        let operator = mark.operator.name();
        let known: Vec<_> = mutants
            .iter()
            .filter(|mutant| mutant.operator == mark.operator && mutant.parses())
            .map(|mutant| {
                let (line, column) = mutant.place.line_and_column();
                format!("`{}` → `{}` at {line}:{column}", mutant.from, mutant.to)
            })
            .collect();
        let help = match known.as_slice() {
            [] => format!("`{operator}` makes no mutant of this rule: remove the mark"),
            known => {
                format!("`of` is a piece of the expression as it stands here; known: {}", known.join(", "))
            }
        };
        Problem::error(CHECK, mark.place.clone(), "this marks no mutant").help(help)
    };
    unused.map(problem).collect()
}

/// A mark that means a mutant which the tests do notice.
pub(super) fn wrong(mark: &Mark, mutant: &Mutant) -> Problem {
    let (line, column) = mutant.place.line_and_column();
    let message = format!(
        "the tests notice the mutant `{}` → `{}` at {line}:{column}, so it is not equivalent",
        mutant.from, mutant.to
    );
    Problem::error(CHECK, mark.place.clone(), message)
        .help("remove the mark, or say with `of` and `to` which mutants it means")
}
