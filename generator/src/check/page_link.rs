//! Links of pages and shared fragments lead somewhere.

use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::links::{Library, Target};

pub(super) const CHECK: Check = Check {
    name: "page/link",
    doc: "A relative link of a page, or an anchor in it, leads nowhere. Links are written as on GitHub, relative to \
          the file: `../postgresql/alerts/PostgreSQLMaxConnections/runbook.md#diagnosis`.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let library = Library::new(context.catalogue);
    let pages = context.catalogue.pages.iter().map(|page| &page.source);
    let shared =
        context.catalogue.shared.iter().filter(|source| source.path.extension().is_some_and(|e| e == "md"));
    for source in pages.chain(shared) {
        let text = Text::file(source);
        for link in crate::markdown::links(&text) {
            if let Target::Broken(message) = library.resolve(source.folder(), &text, &link.destination) {
                let problem = Problem::error(CHECK.name, text.place_of(link.range), message);
                problems.push(problem.help("links are relative to the file, as on GitHub"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn broken_links_are_found() {
        let page = |body: &str| findings(&CHECK, "pages/a.md", &format!("---\ntitle: T\n---\n{body}\n"));
        assert_eq!(page("[x](b.md)"), ["4:1 there is no file `b.md`"]);
        assert_eq!(page("# One\n\n[x](#two)"), ["6:1 there is no heading `#two`"]);
        assert!(
            page("# One\n[x](#one) [y](https://e.org) [r](../x/alerts/PFoo/runbook.md#meaning)").is_empty()
        );
    }
}
