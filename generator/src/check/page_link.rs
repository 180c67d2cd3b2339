//! Links lead somewhere.

use catalogue::source::Place;
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::links::{Library, Target};
use crate::markdown::Outline;

pub(super) const CHECK: Check = Check {
    name: "page/link",
    doc: "A relative link of a runbook, a page or a shared fragment leads nowhere: no such file, or no such heading in \
          it. Somebody clicks it at 3 a.m. Links are written as on GitHub, relative to the file: a SQL file by its \
          name, another runbook as `../PostgreSQLMaxConnections/runbook.md#diagnosis`.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let library = Library::new(context.catalogue);
    let pages = context.catalogue.pages.iter().map(|page| &page.source);
    let runbooks = context.rules.iter().filter_map(|rule| rule.alert.runbook.as_ref());
    let shared =
        context.catalogue.shared.iter().filter(|source| source.path.extension().is_some_and(|e| e == "md"));
    for source in pages.chain(runbooks).chain(shared) {
        for link in &Outline::of(source).links {
            if let Target::Broken(message) = library.resolve(source, &link.destination) {
                let place = Place::new(source, link.range.clone());
                let problem = Problem::error(CHECK.name, place, message);
                problems.push(problem.help("links are relative to the file, as on GitHub"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RUNBOOK, findings};
    use super::*;

    #[test]
    fn broken_links_of_pages_are_found() {
        let page = |body: &str| findings(&CHECK, "pages/a.md", &format!("---\ntitle: T\n---\n{body}\n"));
        assert_eq!(page("[x](b.md)"), ["4:1 there is no file `b.md`"]);
        assert_eq!(page("# One\n\n[x](#two)"), ["6:1 there is no heading `#two`"]);
        assert!(
            page("# One\n[x](#one) [y](https://e.org) [r](../x/alerts/PFoo/runbook.md#meaning)").is_empty()
        );
    }

    #[test]
    fn broken_links_of_runbooks_are_found() {
        let with =
            |link: &str| findings(&CHECK, "x/alerts/PFoo/runbook.md", &RUNBOOK.replace("list.sql", link));
        assert_eq!(with("lits.sql"), ["15:1 there is no file `lits.sql`"]);
        assert_eq!(with("#diagnose"), ["15:1 there is no heading `#diagnose`"]);
        assert_eq!(with("../PBar/runbook.md").len(), 1);
        assert!(with("#diagnosis").is_empty());
        assert!(with("../PFoo/runbook.md#impact").is_empty());
    }
}
