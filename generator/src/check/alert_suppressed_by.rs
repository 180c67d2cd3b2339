//! `suppressed_by` names alerts that exist.

use std::collections::BTreeSet;

use catalogue::suggest::did_you_mean;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/suppressed-by",
    doc: "`suppressed_by` lists alerts that say the same louder; inhibition rules are made from it. Each must be \
          the name of another alert.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let names: BTreeSet<&str> = context.rules.iter().map(|rule| &*rule.alert.name).collect();
    for rule in &context.rules {
        for text in &rule.alert.rule.suppressed_by {
            let message = if **text == *rule.alert.name {
                "an alert cannot suppress itself".to_owned()
            } else if names.contains(&**text) || context.catalogue.has_broken(text) {
                continue;
            } else {
                format!("there is no alert `{}`", &**text)
            };
            let help = did_you_mean(text, names.iter().copied());
            problems.push(Problem::error(CHECK.name, text.place(), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn unknown_names_are_found() {
        let with = |name: &str| replaced(&CHECK, "group: a", &format!("group: a\nsuppressed_by: [{name}]"));
        assert_eq!(with("PBar"), ["3:17 there is no alert `PBar`"]);
        assert_eq!(with("PFoo"), ["3:17 an alert cannot suppress itself"]);
    }
}
