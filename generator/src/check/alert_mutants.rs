//! Marks of equivalent mutants that mean none.

use catalogue::Problems;

use super::{Check, Context};
use crate::mutate;

pub(super) const CHECK: Check = Check {
    name: "alert/mutants",
    doc: "`mutants` in alert.yaml marks mutants of the rule that nothing can tell from the rule, each with the \
          reason. A mark that means no mutant is removed or corrected, so that it cannot hide the next one; so is a \
          mark of a mutant that the tests do notice (`dmf mutate` finds those).",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    context.each_rule(problems, |rule, problems| problems.extend(mutate::unused(rule.alert)));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ALERT, findings};
    use super::*;

    #[test]
    fn a_mark_must_mean_a_mutant() {
        let with = |mark: &str| {
            let text = format!("{ALERT}mutants:\n  - {{ {mark}, reason: r }}\n");
            findings(&CHECK, "x/alerts/PFoo/alert.yaml", &text)
        };
        for mark in [
            "operator: comparator-boundary",
            "operator: comparator-boundary, of: '> ${limit}'",
            "operator: threshold-changed, of: '${limit}', to: '72'",
            "operator: for-changed, to: 11m",
            "operator: runbook-url-changed",
        ] {
            assert_eq!(with(mark), Vec::<String>::new(), "{mark}");
        }
        for mark in [
            "operator: comparator-boundary, of: '< ${limit}'",
            "operator: comparator-boundary, of: 'pg_used'",
            "operator: threshold-changed, to: '71'",
            "operator: for-changed, of: pg_used",
            "operator: offset-changed",
        ] {
            assert_eq!(with(mark), ["11:5 this marks no mutant"], "{mark}");
        }
    }
}
