//! Every runbook has the same sections, so that a tired reader finds them without looking.

use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::markdown::{Heading, Outline};

pub(super) const CHECK: Check = Check {
    name: "runbook/sections",
    doc: "A runbook starts with the alert's name as its only first-level heading and a few lines that say what it \
          means and what to do first. Then come Meaning, Impact, Diagnosis, Mitigation, Verification and Additional \
          resources, in this order, each with content, so that every page has the same anchors.",
    run,
};

/// The sections, in order.
pub(super) const SECTIONS: [&str; 6] =
    ["Meaning", "Impact", "Diagnosis", "Mitigation", "Verification", "Additional resources"];

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let Some(source) = &rule.alert.runbook else { continue };
        let text = Text::file(source);
        let headings = &Outline::of(source).headings;
        let mut find = |range: std::ops::Range<usize>, message: String, help: &str| {
            problems.push(Problem::error(CHECK.name, text.place_of(range), message).help(help));
        };
        match headings.first() {
            Some(first) if first.level == 1 && first.text == *rule.alert.name => {
                let end = headings.get(1).map_or(first.body.end, |next| next.range.start);
                if text[first.body.start..end].trim().is_empty() {
                    find(
                        first.range.clone(),
                        "nothing stands below the title".to_owned(),
                        "say what to do first",
                    );
                }
            }
            _ => find(
                0..0,
                format!("the runbook does not start with `# {}`", rule.alert.name),
                "the title is the name of the folder: change one of the two",
            ),
        }
        for heading in headings.iter().skip(1).filter(|heading| heading.level == 1) {
            find(heading.range.clone(), "a second first-level heading".to_owned(), "use `##`");
        }
        let sections: Vec<&Heading> = headings.iter().filter(|heading| heading.level == 2).collect();
        for name in SECTIONS {
            match sections.iter().find(|heading| heading.text == name) {
                None => find(0..0, format!("section `{name}` is missing"), &format!("add `## {name}`")),
                Some(heading) if is_empty(&text, heading) => {
                    find(heading.range.clone(), format!("section `{name}` is empty"), "write it");
                }
                Some(_) => {}
            }
        }
        let known: Vec<&&Heading> =
            sections.iter().filter(|heading| SECTIONS.contains(&&*heading.text)).collect();
        let position = |heading: &Heading| SECTIONS.iter().position(|name| *name == heading.text);
        if let Some(pair) = known.windows(2).find(|pair| position(pair[0]) >= position(pair[1])) {
            let message = format!("section `{}` stands too late", pair[1].text);
            find(pair[1].range.clone(), message, &format!("the order is {}", SECTIONS.join(", ")));
        }
        for heading in sections.iter().filter(|heading| !SECTIONS.contains(&&*heading.text)) {
            let message = format!("unknown section `{}`", heading.text);
            find(heading.range.clone(), message, "use `###` inside one of the six sections");
        }
    }
}

fn is_empty(text: &str, heading: &Heading) -> bool {
    text[heading.body.clone()].trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RUNBOOK, findings};
    use super::*;

    #[test]
    fn a_runbook_out_of_shape_is_found() {
        let with =
            |from: &str, to: &str| findings(&CHECK, "x/alerts/PFoo/runbook.md", &RUNBOOK.replace(from, to));
        assert_eq!(with("# PFoo\n", "# Foo\n"), ["1:1 the runbook does not start with `# PFoo`"]);
        assert_eq!(with("## Impact\n\nSlow.\n", ""), ["1:1 section `Impact` is missing"]);
        assert_eq!(with("Slow.\n", ""), ["9:1 section `Impact` is empty"]);
        assert_eq!(with("## Impact", "## Details\n\nx\n\n## Impact"), ["9:1 unknown section `Details`"]);
        assert_eq!(with("It is full. Empty it.", ""), ["1:1 nothing stands below the title"]);
        let swapped =
            RUNBOOK.replace("Meaning", "X").replace("Impact", "Meaning").replace("## X", "## Impact");
        assert_eq!(findings(&CHECK, "x/alerts/PFoo/runbook.md", &swapped).len(), 1);
    }
}
