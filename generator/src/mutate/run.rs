//! Runs the rule tests on all mutants, alert by alert, on all cores.

use catalogue::{Alert, Catalogue, Component};
use rayon::prelude::*;

use super::outcome::{Fate, Judged, Outcome};
use super::{Mutant, marks, mutants};
use crate::progress::Progress;
use crate::rule_tests::{Judge, Selection, Subject, Variant, expand};
use crate::tools::Tools;

/// Makes the mutants of the selected alerts and has them judged.
pub fn run(catalogue: &Catalogue, selection: &Selection, tools: &Tools) -> Result<Outcome, String> {
    let judge = Judge::new(catalogue, tools)?;
    let jobs = selection.alerts().iter().map(|(component, alert)| (*component, *alert, mutants(alert)));
    let mut jobs: Vec<_> = jobs.enumerate().collect();
    let count = jobs.iter().map(|(_, (_, _, mutants))| mutants.len()).sum();
    let progress = Progress::new("mutation testing", "mutants", count);
    // The longest first, so that no core waits for it in the end.
    jobs.sort_by_key(|(_, (component, alert, mutants))| {
        std::cmp::Reverse(mutants.len() * expand(component, alert).len())
    });
    let judged = jobs.into_par_iter().with_max_len(1).map(|(index, (component, alert, mutants))| {
        Ok((index, judge_one(&judge, component, alert, mutants, &progress)?))
    });
    let mut judged = judged.collect::<Result<Vec<_>, String>>()?;
    judged.sort_by_key(|(index, _)| *index);
    Ok(Outcome::new(judged.into_iter().map(|(_, judged)| judged).collect()))
}

fn judge_one(
    judge: &Judge,
    component: &Component,
    alert: &Alert,
    mutants: Vec<Mutant>,
    progress: &Progress,
) -> Result<Judged, String> {
    let [plain, injected] = [Variant::Plain, Variant::Injected].map(|variant| judge.rule(alert, variant));
    let (plain, injected) = (plain?, injected?);
    let subject = |mutant: &Mutant| Subject {
        plain: mutant.change.apply(plain, Variant::Plain),
        injected: mutant.change.apply(injected, Variant::Injected),
    };
    let subjects: Vec<_> = mutants.iter().map(subject).collect();
    let killed = judge.told_apart(component, alert, &subjects, &|count| progress.done(count))?;
    progress.done(mutants.len() - killed.len());
    let mut problems = marks::unused(alert);
    let mut fates = Vec::new();
    for (index, mutant) in mutants.into_iter().enumerate() {
        let mark = alert.rule.mutants.iter().find(|mark| marks::means(alert, mark, &mutant));
        let fate = match (killed.contains(&index), mark) {
            (true, mark) => {
                problems.extend(mark.map(|mark| marks::wrong(mark, &mutant)));
                Fate::Killed
            }
            (false, Some(_)) => Fate::Equivalent,
            (false, None) => Fate::Survived,
        };
        fates.push((mutant, fate));
    }
    let expr = alert.rule.params.fill(&alert.rule.expr);
    Ok(Judged { alert: alert.name.to_string(), expr, mutants: fates, problems })
}
