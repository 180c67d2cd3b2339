//! Links of runbooks lead somewhere.

use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::links::{Library, Target};

pub(super) const CHECK: Check = Check {
    name: "runbook/link",
    doc: "A relative link of a runbook, an anchor in it, or a link to a SQL file leads nowhere. Somebody clicks it at \
          3 a.m. SQL files are linked by their name; a runbook of another alert as \
          `../PostgreSQLMaxConnections/runbook.md`.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let library = Library::new(context.catalogue);
    for rule in &context.rules {
        let Some(source) = &rule.alert.runbook else { continue };
        let text = Text::file(source);
        for link in crate::markdown::links(&text) {
            if let Target::Broken(message) = library.resolve(source.folder(), &text, &link.destination) {
                let problem = Problem::error(CHECK.name, text.place_of(link.range), message);
                problems.push(problem.help("links are relative to the runbook, as on GitHub"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RUNBOOK, findings};
    use super::*;

    #[test]
    fn broken_links_are_found() {
        let with =
            |link: &str| findings(&CHECK, "x/alerts/PFoo/runbook.md", &RUNBOOK.replace("list.sql", link));
        assert_eq!(with("lits.sql"), ["15:1 there is no file `lits.sql`"]);
        assert_eq!(with("#diagnose"), ["15:1 there is no heading `#diagnose`"]);
        assert_eq!(with("../PBar/runbook.md").len(), 1);
        assert!(with("#diagnosis").is_empty());
        assert!(with("../PFoo/runbook.md#impact").is_empty());
    }
}
