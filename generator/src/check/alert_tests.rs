//! Every alert is shown to fire, to stay quiet, and to read well.

use catalogue::source::Place;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/tests",
    doc: "Every alert has at least one case in which it fires, one in which it must stay quiet (`fires: []` or a \
          near miss), and one that says what its description reads like (`texts`). Each case in which it fires \
          has a near miss or is accompanied by quiet cases; two cases never share a name.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let Some(tests) = &rule.alert.tests else { continue };
        if context.catalogue.broken.contains(&tests.path) {
            continue;
        }
        let cases = &rule.alert.cases;
        let mut require = |present: bool, message: &str, help: &str| {
            if !present {
                problems.push(Problem::error(CHECK.name, Place::start(tests), message).help(help));
            }
        };
        let fires = cases.iter().any(|case| !case.fires.is_empty());
        require(fires, "no case shows that the alert fires", "add a case with `fires: [{ … }]`");
        let quiet = cases.iter().any(|case| case.fires.is_empty() || !case.near_misses.is_empty());
        require(
            quiet,
            "no case shows that the alert stays quiet",
            "add `near_misses`, or a case with `fires: []`",
        );
        let reads = cases.iter().any(|case| !case.fires.is_empty() && case.texts.contains_key("description"));
        require(
            reads,
            "no case shows how the description reads",
            "add `texts: { description: '…' }` to a firing case",
        );
        for (index, case) in cases.iter().enumerate() {
            let mut find = |message: String, help: &str| {
                problems.push(Problem::error(CHECK.name, case.place.clone(), message).help(help));
            };
            if cases[..index].iter().any(|other| other.name == case.name) {
                find(format!("two cases are called `{}`", case.name), "say what is different");
            }
            if !case.texts.is_empty() && case.fires.len() != 1 {
                find("`texts` needs exactly one firing alert".to_owned(), "split the case");
            }
            if case.fires.is_empty() && !(case.near_misses.is_empty() && case.skip.is_empty()) {
                find("a quiet case has no near misses and nothing to skip".to_owned(), "remove the keys");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TESTS, findings};
    use super::*;

    #[test]
    fn missing_kinds_of_cases_are_found() {
        let with = |text: &str| findings(&CHECK, "x/alerts/PFoo/tests.yaml", text);
        assert_eq!(with("[]\n").len(), 3);
        let quiet = "- { name: q, series: { 'pg_used{target=\"a\"}': 1x9 }, at: 5m, fires: [] }\n";
        assert_eq!(
            with(quiet),
            ["1:1 no case shows how the description reads", "1:1 no case shows that the alert fires",]
        );
        assert_eq!(with(&format!("{TESTS}{TESTS}")), ["7:3 two cases are called `fires`"]);
        assert!(with(TESTS).is_empty());
    }
}
