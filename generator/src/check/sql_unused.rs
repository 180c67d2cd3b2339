//! Every SQL file is shown somewhere.

use std::collections::HashSet;
use std::path::PathBuf;

use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::links::Library;
use crate::markdown::Outline;
use crate::sql;

pub(super) const CHECK: Check = Check {
    name: "sql/unused",
    doc: "No runbook or page links this SQL file, so nobody who is paged will ever find it.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let runbooks = context.rules.iter().filter_map(|rule| rule.alert.runbook.as_ref());
    let pages = context.catalogue.pages.iter().map(|page| &page.source);
    let mut linked: HashSet<PathBuf> = HashSet::new();
    for source in runbooks.chain(pages).chain(&context.catalogue.shared) {
        let links = Outline::of(source).links.iter();
        linked.extend(links.map(|link| Library::path(source.folder(), &link.destination)));
    }
    for source in sql::files(context.catalogue) {
        let unread = context.catalogue.broken.iter().any(|path| {
            path.ends_with("runbook.md")
                || path.ends_with("alert.yaml")
                || path.extension().is_some_and(|ext| ext == "md")
        });
        if !linked.contains(&source.path) && !unread {
            let message = format!("nothing links `{}`", source.file_name());
            let problem = Problem::file(CHECK.name, &source.path, message);
            problems.push(problem.help(format!("link it from a runbook: `[…]({})`", source.file_name())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RUNBOOK, findings};
    use super::*;

    #[test]
    fn a_file_that_nobody_links_is_found() {
        let runbook = RUNBOOK.replace("[List](list.sql)", "Look.");
        assert_eq!(findings(&CHECK, "x/alerts/PFoo/runbook.md", &runbook), ["nothing links `list.sql`"]);
        assert!(findings(&CHECK, "x/alerts/PFoo/runbook.md", RUNBOOK).is_empty());
    }
}
