//! The summary is one static sentence.

use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/summary",
    doc: "The summary is a plain sentence with a capital at the start and a full stop at the end, without \
          templates (mixin guide): notifications group by it, and it is the title of a page.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let text = &rule.alert.rule.summary;
        let mut find = |message: &str, help: &str| {
            problems.push(Problem::error(CHECK.name, text.place(), message).help(help));
        };
        if text.contains("{{") {
            find("the summary contains a template", "put what differs into the description");
        }
        if !text.starts_with(char::is_uppercase) || !text.ends_with('.') {
            find("the summary is not a sentence", "start with a capital and end with a full stop");
        }
        if text.contains('\n') {
            find("the summary has several lines", "write one sentence");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn what_is_no_static_sentence_is_found() {
        let summary = |text: &str| replaced(&CHECK, "A server is full.", text);
        assert_eq!(summary("'{{ $labels.target }} is full.'").len(), 2);
        assert_eq!(summary("A server is full"), ["8:10 the summary is not a sentence"]);
        assert!(summary("Ärger.").is_empty());
    }
}
