//! Tests speak of series and labels that exist.

use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::promql::Promql;

pub(super) const CHECK: Check = Check {
    name: "tests/series",
    doc: "A case feeds a series that no metric declares, or with labels that it does not have, or expects labels \
          that the result cannot carry. Such a test passes and proves nothing.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        for case in &rule.alert.cases {
            let mut find = |message: String, help: &str| {
                problems.push(Problem::error(CHECK.name, case.place.clone(), message).help(help));
            };
            for text in case.series.keys() {
                let parsed = Promql::parse(text, &rule.alert.rule.params);
                let selectors = parsed.as_ref().map(Promql::selectors).unwrap_or_default();
                let [selector] = selectors[..] else {
                    find(format!("`{text}` is not a series"), "write `name{label=\"value\"}`");
                    continue;
                };
                let Some(labels) = selector.name.as_ref().and_then(|name| context.series.get(name)) else {
                    find(format!("`{text}` is produced by no metric"), "feed what the exporter really makes");
                    continue;
                };
                for matcher in &selector.matchers.matchers {
                    if matcher.name != "__name__" && !labels.contains(&matcher.name) {
                        let message =
                            format!("`{text}` has a label `{}` that the metric does not have", matcher.name);
                        find(message, "feed what the exporter really makes");
                    }
                }
            }
            let Ok((_, flow)) = &rule.expr else { continue };
            for name in case.fires.iter().flat_map(|labels| labels.keys()) {
                if !flow.labels.open && !flow.labels.names.contains(name) {
                    find(
                        format!("the alert cannot carry label `{name}`"),
                        "leave it out, or keep it in the rule",
                    );
                }
            }
        }
    }
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
            ["1:3 `pg_usd{target=\"a\", slot=\"s\"}` is produced by no metric"]
        );
        assert_eq!(with("slot=", "slto=").len(), 1);
        assert_eq!(with("[{ target: a }]", "[{ slot: a }]"), ["1:3 the alert cannot carry label `slot`"]);
        assert!(with("", "").is_empty());
    }
}
