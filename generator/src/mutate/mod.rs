//! Mutation testing: small mistakes are put into each rule, and its tests must notice every one of them.
//!
//! [`expression`] makes mistakes in the PromQL, [`rule`] in the rest of a rule; [`marks`] knows which of them are
//! equivalent; [`run`] has all of them judged by the rule tests; [`outcome`] says which went unnoticed.

mod expression;
mod marks;
mod outcome;
mod rule;
mod run;

use catalogue::Alert;
use catalogue::mutant::Operator;
use catalogue::param::Params;
use catalogue::source::Place;

use crate::promql::Promql;

pub use marks::unused;
pub use outcome::Outcome;
pub use run::run;

/// A rule with one small mistake in it.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// What kind of mistake it is.
    pub operator: Operator,
    /// What is changed, as it stands in alert.yaml.
    pub from: String,
    /// What it becomes.
    pub to: String,
    /// Where it stands.
    pub place: Place,
    change: Change,
}

impl Mutant {
    fn parses(&self) -> bool {
        match &self.change {
            Change::Expr(text, _) => {
                let parses = || Promql::parse(text, &Params::default()).is_ok();
                debug_assert!(!self.keeps_syntax() || parses(), "{text}");
                self.keeps_syntax() || parses()
            }
            _ => true,
        }
    }

    /// Whether it is one word in the place of another one of its kind, so that nobody has to look.
    fn keeps_syntax(&self) -> bool {
        use Operator::{
            AggregationSwapped, ArithmeticSwapped, ComparatorBoundary, ComparatorFlipped, MetricRenamed,
            ThresholdChanged,
        };
        matches!(
            self.operator,
            AggregationSwapped
                | ArithmeticSwapped
                | ComparatorBoundary
                | ComparatorFlipped
                | MetricRenamed
                | ThresholdChanged
        )
    }
}

/// What to do to a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// Another expression, with parameters filled in; and the bytes of the author's expression that the mistake is
    /// about.
    Expr(String, std::ops::Range<usize>),
    /// Another value of `for` or `keep_firing_for`, or none.
    Hold(&'static str, Option<String>),
    /// Another value of a label.
    Label(String, String),
    /// Another text of an annotation.
    Annotation(&'static str),
}

/// All mutants of an alert's rule.
pub fn mutants(alert: &Alert) -> Vec<Mutant> {
    candidates(alert, &|_| true).into_iter().filter(Mutant::parses).collect()
}

/// The mutants of an alert's rule that some operators make, before a look at whether they parse, which takes most of the
/// time.
fn candidates(alert: &Alert, wanted: &dyn Fn(Operator) -> bool) -> Vec<Mutant> {
    let mut mutants = expression::candidates(alert, wanted);
    mutants.extend(rule::mutants(alert).into_iter().filter(|mutant| wanted(mutant.operator)));
    mutants
}

/// Milliseconds as a duration of Prometheus, in the largest unit that needs no fraction.
fn duration(milliseconds: u64) -> String {
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.into_iter().find(|(_, unit)| milliseconds.is_multiple_of(*unit)) {
        _ if milliseconds == 0 => "0s".to_owned(),
        Some((name, unit)) => format!("{}{name}", milliseconds / unit),
        None => format!("{milliseconds}ms"),
    }
}
