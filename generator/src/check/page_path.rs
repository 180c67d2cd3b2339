//! Each address on the site means one page.

use std::collections::BTreeMap;

use catalogue::page::RESERVED;
use catalogue::source::Place;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "page/path",
    doc: "Two pages would have one address on the site, or a page the address of something that is generated, such as \
          the runbooks or the reference. One of them would silently replace the other.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    // Some hosts and file systems do not tell case apart.
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for page in &context.catalogue.pages {
        let path = page.name.to_lowercase();
        let first = path.split('/').next().unwrap_or_default();
        let message = if RESERVED.contains(&first) {
            Some(format!("`{first}/` of the site is generated"))
        } else {
            taken.insert(path, &page.name).map(|other| format!("page `{other}` has the same address"))
        };
        if let Some(message) = message {
            let problem = Problem::error(CHECK.name, Place::start(&page.source), message);
            problems.push(problem.help("give the file another name"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn a_taken_address_is_found() {
        let page = "---\ntitle: T\n---\n";
        let files = [
            ("pages/print.md", page),
            ("pages/reference/a.md", page),
            ("pages/x.md", page),
            ("pages/X.md", page),
        ];
        let (problems, _folder) = run(&files, CHECK.run);
        assert_eq!(
            problems,
            [
                "1:1 `print/` of the site is generated",
                "1:1 `reference/` of the site is generated",
                "1:1 page `X` has the same address"
            ]
        );
    }
}
