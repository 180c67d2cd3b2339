//! One name, one alert; one condition, one alert.

use std::collections::BTreeMap;

use catalogue::source::Place;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/duplicate",
    doc: "Two alerts with one name, an alias that is also another alert's name, or two alerts with the same \
          expression: links, silences and people would mean one and get the other.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut expressions: BTreeMap<String, &str> = BTreeMap::new();
    for rule in &context.rules {
        let alert = rule.alert;
        // Runbook URLs are matched without regard to case.
        if let Some(other) = names.insert(alert.name.to_lowercase(), &alert.name) {
            let message = format!("an alert `{other}` exists already");
            problems.push(
                Problem::error(CHECK.name, Place::start(&alert.source), message).help("rename one of them"),
            );
        }
        let expr = format!("{} {}", alert.rule.severity, alert.rule.params.fill(&alert.rule.expr));
        let words: Vec<_> = expr.split_whitespace().collect();
        if let Some(other) = expressions.insert(words.join(" "), &alert.name) {
            let message = format!("`{other}` has the same expression and severity");
            problems
                .push(Problem::error(CHECK.name, alert.rule.expr.place(), message).help("keep one of them"));
        }
    }
    for rule in &context.rules {
        for (alias, text) in &rule.alert.rule.aliases {
            if let Some(other) = names.insert(alias.to_lowercase(), &rule.alert.name) {
                let message = format!("alias `{alias}` is a name of `{other}`");
                problems.push(Problem::error(CHECK.name, text.place(), message).help("remove the alias"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ALERT, run};
    use super::*;

    #[test]
    fn a_second_meaning_of_a_name_is_found() {
        let other = ALERT.replace("title: Foo", "title: Foo\naliases: [PFoo]");
        let (problems, _folder) = run(
            &[
                ("x/alerts/PFOO/alert.yaml", &other),
                ("x/alerts/PFOO/runbook.md", "# PFOO\n"),
                ("x/alerts/PFOO/tests.yaml", "[]\n"),
            ],
            CHECK.run,
        );
        assert_eq!(
            problems,
            [
                "2:11 alias `PFoo` is a name of `PFoo`",
                "1:1 an alert `PFOO` exists already",
                "7:7 `PFOO` has the same expression and severity"
            ]
        );
    }
}
