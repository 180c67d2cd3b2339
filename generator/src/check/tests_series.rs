//! Tests speak of series, labels and values that exist.

use catalogue::cases::Line;
use catalogue::suggest::{closest, did_you_mean};
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::promql::notation::{self, Series};

pub(super) const CHECK: Check = Check {
    name: "tests/series",
    doc: "A case feeds a series that no metric declares, or with labels that it does not have, or expects labels \
          that the result cannot carry. Such a test passes and proves nothing. Values are written as promtool reads \
          them: `81x20` (81 and 20 more), `0+5x20` (rising by 5), `1 2 _ 4` (a gap), `stale`.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    context.each_rule(problems, |rule, problems| {
        for case in &rule.alert.cases {
            for line in case.lines() {
                if let Some(problem) = selector(&line, context) {
                    problems.push(problem);
                }
                if let Some(item) = line.values.split_whitespace().find(|item| !is_value(item)) {
                    let problem = Problem::error(
                        CHECK.name,
                        line.values_place.clone(),
                        format!("`{item}` is no value"),
                    );
                    problems.push(problem.help("write for example `81x20`, `0+5x20`, `1 2 _ 4` or `stale`"));
                }
            }
            let Ok((_, flow)) = &rule.expr else { continue };
            for name in case.fires.iter().flat_map(|labels| labels.keys()) {
                if !flow.labels.open && !flow.labels.names.contains(name) {
                    let message = format!("the alert cannot carry label `{name}`");
                    let problem = Problem::error(CHECK.name, case.place.clone(), message);
                    problems.push(problem.help("leave it out, or keep it in the rule"));
                }
            }
        }
    });
}

/// What is wrong with the selector of a line.
fn selector(line: &Line, context: &Context) -> Option<Problem> {
    let text = line.selector;
    let find = |message: String, help: String| {
        Some(Problem::error(CHECK.name, line.selector_place.clone(), message).help(help))
    };
    let Some(Series { name, labels: given }) = notation::series(text) else {
        return find(format!("`{text}` is not a series"), "write `name{label=\"value\"}`".to_owned());
    };
    let name = &*name;
    let Some(labels) = context.series.get(name) else {
        if context.catalogue.has_broken("metrics") {
            return None;
        }
        let near = closest(name, context.series.keys().map(String::as_str));
        let help = near.map_or_else(
            || "declare it in a metrics file".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return find(format!("`{name}` is produced by no metric"), help);
    };
    let (foreign, _) = given.iter().find(|(label, _)| !labels.contains(*label))?;
    let help = did_you_mean(foreign, labels.iter().map(String::as_str));
    find(format!("`{name}` has no label `{foreign}`"), help)
}

/// Whether promtool reads an item of a series.
fn is_value(item: &str) -> bool {
    // Native histograms: promtool judges them.
    item.contains(['{', '}']) || notation::is_item(item)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TESTS, findings};
    use super::*;

    #[test]
    fn invented_data_is_found() {
        let with =
            |from: &str, to: &str| findings(&CHECK, "x/alerts/PFoo/tests.yaml", &TESTS.replace(from, to));
        assert_eq!(
            with("pg_used", "pg_usd"),
            ["2:13 `pg_usd` is produced by no metric", "6:39 `pg_usd` is produced by no metric"]
        );
        assert_eq!(with("slot=", "slto=").len(), 2);
        assert_eq!(with("81x20", "81xx20"), ["2:46 `81xx20` is no value"]);
        assert_eq!(with("[{ target: a }]", "[{ slot: a }]"), ["1:3 the alert cannot carry label `slot`"]);
        assert!(with("", "").is_empty());
    }

    #[test]
    fn values_are_those_of_promtool() {
        for fine in [
            "1",
            "-1.5",
            "81x20",
            "0+5x20",
            "1-0.5x3",
            "_",
            "_x5",
            "stale",
            "1e9x2",
            "1e-3+1e-3x4",
            "NaN",
            "Inf",
        ] {
            assert!(is_value(fine), "{fine}");
        }
        for wrong in ["81xx20", "x5", "1+2", "a", "1x", "1x-1", "--1", "_+1x2"] {
            assert!(!is_value(wrong), "{wrong}");
        }
    }
}
