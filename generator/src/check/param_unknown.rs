//! `${param}` names a parameter of the alert.

use catalogue::interpolate;
use catalogue::suggest::did_you_mean;
use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "param/unknown",
    doc: "A text uses `${name}`, but `params` has no such name. It would stand unreplaced in the rule, in the tests \
          or in the runbook.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let alert = rule.alert;
        let files = alert.runbook.iter().chain(&alert.tests).map(Text::file);
        let fields = [&alert.rule.expr, &alert.rule.hold, &alert.rule.summary, &alert.rule.description];
        for text in fields.into_iter().cloned().chain(files) {
            for found in interpolate::uses(&text) {
                // `${NAME}` in capitals is a variable of a shell command.
                let shell =
                    found.name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
                if alert.rule.params.get(found.name).is_none() && !shell {
                    let message = format!("there is no parameter `{}`", found.name);
                    let names: Vec<_> = alert.rule.params.iter().map(|param| &*param.name).collect();
                    let help = if names.is_empty() {
                        "the alert has no `params`".to_owned()
                    } else {
                        did_you_mean(found.name, names.iter().copied())
                    };
                    problems.push(Problem::error(CHECK.name, text.place_of(found.range), message).help(help));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RUNBOOK, findings, replaced};
    use super::*;

    #[test]
    fn an_unknown_parameter_is_found_everywhere() {
        assert_eq!(
            replaced(&CHECK, "A server is full.", "A ${limt} server."),
            ["8:12 there is no parameter `limt`"]
        );
        let runbook = RUNBOOK.replace("${limit}", "${limits} ${TARGET}");
        assert_eq!(
            findings(&CHECK, "x/alerts/PFoo/runbook.md", &runbook),
            ["7:7 there is no parameter `limits`"]
        );
    }
}
