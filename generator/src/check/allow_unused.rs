//! `allow` silences one check in one folder, and must silence something.

use std::path::Path;

use catalogue::problem::Problem;
use catalogue::suggest::did_you_mean;
use catalogue::text::Text;
use catalogue::{Catalogue, Problems};
use indexmap::IndexMap;

pub(super) const NAME: &str = "allow/unused";

pub(super) const DOC: &str = "`allow: {check: reason}` in alert.yaml or a metrics file silences that check there. An \
    allowance that silences nothing is removed, so that it cannot hide the next mistake; the reason is for the next \
    reader and may not be empty.";

/// What other files may mend: whoever first uses a series need not touch the file of the series.
const SOMEBODY_ELSE: &str = super::metric_unused::CHECK.name;

/// Removes what is allowed from the problems and adds the allowances that silence nothing.
pub(super) fn apply(catalogue: &Catalogue, problems: Problems) -> Problems {
    let mut rest: Vec<Problem> = problems.into_sorted();
    let mut found = Problems::default();
    let mut silence = |under: &Path, allow: &IndexMap<String, Text>| {
        for (check, reason) in allow {
            let before = rest.len();
            rest.retain(|problem| problem.check != check || !problem.spot.path().starts_with(under));
            let report = |message: String| Problem::error(NAME, reason.place(), message);
            if !super::kinds().any(|kind| kind.name == check) {
                let names: Vec<_> = super::kinds().map(|kind| kind.name).collect();
                let help = did_you_mean(check, names.iter().copied());
                found.push(report(format!("there is no check `{check}`")).help(help));
            } else if rest.len() == before && catalogue.broken.is_empty() && check != SOMEBODY_ELSE {
                // Beside files that could not be understood, nobody knows what is needed.
                found.push(report(format!("nothing here needs `allow: {check}`")).help("remove it"));
            }
        }
    };
    for (_, alert) in catalogue.alerts() {
        silence(&alert.folder, &alert.rule.allow);
    }
    for (_, query) in catalogue.queries() {
        silence(&query.source.path, &query.allow);
    }
    found.extend(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ALERT, run};

    #[test]
    fn an_allowance_silences_one_check_and_must_be_needed() {
        let with = |allow: &str, hold: &str| {
            let text = format!("{ALERT}allow: {allow}\n").replace("for: 10m", hold);
            let (lines, _folder) = run(&[("x/alerts/PFoo/alert.yaml", &text)], |context, problems| {
                let found = super::super::run(context.catalogue).into_sorted();
                problems.extend(found.into_iter().filter(|problem| problem.check != "metric/unused"));
            });
            lines
        };
        assert!(with("{ alert/for: tested }", "for: 0s").is_empty());
        assert_eq!(
            with("{ alert/for: tested }", "for: 10m"),
            ["10:21 nothing here needs `allow: alert/for`"]
        );
        let broken = ("x/alerts/PBar/alert.yaml", "title: [\n");
        let allowed = format!("{ALERT}allow: {{ alert/for: tested }}\n");
        let (lines, _folder) = run(&[("x/alerts/PFoo/alert.yaml", &allowed), broken], |context, problems| {
            let found = super::super::run(context.catalogue).into_sorted();
            problems.extend(found.into_iter().filter(|problem| problem.check == super::NAME));
        });
        let about = lines.iter().filter(|line| line.contains("nothing here needs")).count();
        assert_eq!((lines.len() > 1, about), (true, 0), "one mistake is not two: {lines:?}");
        assert_eq!(with("{ alert/fro: tested }", "for: 10m"), ["10:21 there is no check `alert/fro`"]);
    }
}
