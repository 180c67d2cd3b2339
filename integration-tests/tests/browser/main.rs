//! The site in a real browser, from a server below a sub-path and from a disk: everybody can read it, find things in it
//! and work with it by keyboard, and nothing in it does what it must not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod every_page;
mod fill;
mod hostile;
mod keyboard;
mod look;
mod markup;
mod plain;
mod search;
mod speed;
mod theme;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use clap::Parser as _;
use integration_tests::browser::{Browser, Pages, Tab};
use integration_tests::setup::root;
use walkdir::WalkDir;

/// A runbook with everything: tabs of a fold, SQL to copy, placeholders, a table.
const RUNBOOK: &str = "runbooks/postgresql/PostgreSQLMaxConnections/index.html";

static BROWSER: LazyLock<Arc<Browser>> = LazyLock::new(|| Browser::start().unwrap());

/// The real content's site.
static SITE: LazyLock<Site> = LazyLock::new(|| Site::build(&root().join("content"), "site"));

/// A site in a folder, and a server that serves it.
struct Site {
    folder: PathBuf,
    served: Pages,
}

impl Site {
    /// Builds the site of a content folder as `dmf build` does.
    fn build(content: &Path, name: &str) -> Self {
        // The same folder each time, so that nothing is left over from a run that was killed.
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(name);
        std::fs::create_dir_all(&to).unwrap();
        let folder = to.join("site");
        let mut arguments = vec!["dmf".into(), "build".into(), "--content".into(), content.into()];
        arguments.extend(["--site-out".into(), folder.clone().into_os_string()]);
        // The page for what is not there may be shown at any depth, so it knows where the site is.
        arguments.extend(["--base-url".into(), "https://example.org/docs/1.0.0".into()]);
        arguments.extend(["--charts-out".into(), to.join("charts").into_os_string()]);
        assert_eq!(generator::cli::Cli::parse_from(arguments).run(), ExitCode::SUCCESS);
        Self { served: Pages::serve(folder.clone()).unwrap(), folder }
    }

    /// The address of a page on the server.
    fn url(&self, page: &str) -> String {
        format!("{}{page}", self.served.url)
    }

    /// The address of a page on the disk.
    fn file(&self, page: &str) -> String {
        format!("file://{}", self.folder.join(page).display())
    }

    /// The pages, without those that only lead on to another one.
    fn pages(&self) -> Vec<String> {
        let files = WalkDir::new(&self.folder).sort_by_file_name().into_iter().map(Result::unwrap);
        let html = files.filter(|file| file.path().extension().is_some_and(|end| end == "html"));
        let pages = html
            .filter(|file| !std::fs::read_to_string(file.path()).unwrap().contains("http-equiv=\"refresh\""));
        pages
            .map(|file| file.path().strip_prefix(&self.folder).unwrap().to_str().unwrap().to_owned())
            .collect()
    }
}

fn tab() -> Tab {
    BROWSER.tab().unwrap()
}

/// A tab that shows a page of the site.
fn at(page: &str) -> Tab {
    let tab = tab();
    tab.goto(&SITE.url(page)).unwrap();
    tab
}
