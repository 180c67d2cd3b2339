//! The description says which object is affected, as a sentence.

use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/description",
    doc: "The description is read in a chat or on a phone: it names the affected object with a label or says the \
          value, and it ends with a full stop (mixin guide). A description without any template is the same for \
          every alert and belongs in the summary.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let text = &rule.alert.rule.description;
        let mut find = |message: &str, help: &str| {
            problems.push(Problem::error(CHECK.name, text.place(), message).help(help));
        };
        if !text.contains("{{") {
            find("the description is the same for every alert", "name the object: `{{ $labels.… }}`");
        }
        if !ends_with_stop(text) {
            find("the description does not end with a full stop", "write whole sentences");
        }
    }
}

/// Whether the last thing that is printed is a full stop; `{{ end }}` prints nothing.
fn ends_with_stop(text: &str) -> bool {
    let mut text = text.trim_end();
    while let Some(start) = text.strip_suffix("}}").and_then(|inside| inside.rfind("{{")) {
        if !text[start..].contains("end") {
            break;
        }
        text = text[..start].trim_end();
    }
    text.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn a_description_is_a_templated_sentence() {
        let from = "'{{ $labels.target }} is at {{ printf \"%.0f\" $value }}%.'";
        assert_eq!(replaced(&CHECK, from, "Full.").len(), 1);
        assert_eq!(replaced(&CHECK, from, "Full").len(), 2);
        assert!(replaced(&CHECK, from, "'{{ $value }} is too much.'").is_empty());
        assert!(replaced(&CHECK, from, "'{{ if $value }}A.{{ else }}B.{{ end }}'").is_empty());
        assert_eq!(replaced(&CHECK, from, "'It is {{ $value }}'").len(), 1);
    }
}
