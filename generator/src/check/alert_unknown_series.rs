//! A rule reads only series that somebody makes.

use catalogue::suggest::closest;
use catalogue::{Problem, Problems};

use super::{Check, Context, word};

pub(super) const CHECK: Check = Check {
    name: "alert/unknown-series",
    doc: "The expression reads a series that no file under `metrics/` declares. Such an alert never fires, and \
          its unit tests pass on invented data: the most common defect of public rule packs.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (alert, promql, _) in context.parsed() {
        for selector in promql.selectors() {
            let Some(name) = &selector.name else {
                let message = "a selector without a series name reads every series";
                let problem = Problem::error(CHECK.name, alert.rule.expr.place(), message);
                problems.push(problem.help("write the name in front of the braces"));
                continue;
            };
            // A series may be declared in a file that could not be read.
            if !context.series.contains_key(name) && !context.catalogue.has_broken("metrics") {
                let message = format!("`{name}` is produced by no metric");
                let near = closest(name, context.series.keys().map(String::as_str));
                let help = near.map_or(String::new(), |near| format!("did you mean `{near}`? or "));
                let help = format!("{help}declare it in a file of the component's `metrics` folder");
                problems.push(Problem::error(CHECK.name, word(alert, promql, name), message).help(help));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn an_invented_series_is_found() {
        assert_eq!(expression(&CHECK, "max(pg_usd) > 1"), ["8:7 `pg_usd` is produced by no metric"]);
        assert_eq!(expression(&CHECK, "{job=\"a\"} > 1").len(), 1);
        assert!(expression(&CHECK, "pg_used / pg_limit > 1").is_empty());
    }
}
