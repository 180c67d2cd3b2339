//! Golden files: what a tiny content becomes, byte for byte. `UPDATE_GOLDEN=1 cargo test` accepts a change.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use catalogue::Catalogue;
use generator::render::chart::Release;
use generator::render::site::theme::Theme;
use generator::render::site::{Change, Material};
use generator::tree::Tree;
use generator::{check, render};
use serde_json::json;

const RELEASE: Release = Release { version: "1.2.3", changelog: "\n## 1.2.3\n\n### Fixed\n\n- It: works.\n" };

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture")
}

fn catalogue() -> Catalogue {
    let loaded = catalogue::load(&fixture().join("content"));
    let mut problems = loaded.problems;
    let catalogue = loaded.catalogue.expect("the fixture loads");
    problems.extend(check::run(&catalogue));
    assert_eq!(problems.into_sorted(), [], "the fixture is clean");
    catalogue
}

/// Compares a file with the golden one, or accepts it.
fn is_golden(folder: &str, path: &Path, bytes: &[u8]) {
    let golden = fixture().join(folder).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(&golden, bytes).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    let found = String::from_utf8_lossy(bytes);
    let line = expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
    assert!(expected == found, "{} differs from line {line:?} on:\n{found}", golden.display());
}

#[test]
fn charts() {
    let tree = render::chart::render(&catalogue(), RELEASE);
    // Files that are copied as they stand are not repeated here.
    let generated = ["Chart.yaml", "README.md", "_alerts.tpl", "values.schema.json", "values.yaml"];
    let mut seen = 0;
    for (path, bytes) in tree.files() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if generated.contains(&name) {
            seen += 1;
            is_golden("charts-out", path, bytes);
        }
    }
    assert_eq!(seen, generated.len() + 1, "every generated file of the chart, and the index");
}

/// One file of each kind that the site has, and a page of each template.
const SITE: [&str; 21] = [
    "404.html",
    "a/DbFull/index.html",
    "alerts.json",
    "downloads/db-rules.yaml",
    "feed.xml",
    "index.html",
    "llms.txt",
    "metrics.json",
    "print/index.html",
    "reference/alerts/index.html",
    "reference/metrics/db/db/index.html",
    "reference/metrics/index.html",
    "reference/proof/index.html",
    "robots.txt",
    "runbooks/db/DbFull/index.html",
    "runbooks/db/DbFull/index.md",
    "runbooks/db/groups/space/index.html",
    "runbooks/db/index.html",
    "search-index.js",
    "sitemap.xml",
    "start/index.html",
];

fn site() -> Tree {
    site_of(None)
}

/// The site, or of it what certain folders of content say.
fn site_of(only: Option<BTreeSet<PathBuf>>) -> Tree {
    let content = fixture().join("content");
    let change = Change { date: "2026-01-02".to_owned(), commit: "0123456789abcdef".to_owned() };
    let material = Material {
        version: Some("1.2.3"),
        url: "https://example.org/site",
        revision: "main",
        shelf: None,
        history: [(content.join("db/alerts/DbFull/runbook.md"), change)].into(),
        evidence: json!({ "alerts": { "DbFull": { "versions": { "17": {
            "fires and clears": { "pending_after": 0, "firing_after": 600, "cleared_after": 60 },
            "near miss: half full": "quiet",
            "exporter gone": { "fires_on_for": 240, "then": "DbExporterDown" },
            "target gone": { "fires_on_for": 1800, "then": "DbFull" },
        } } } } }),
        charts: vec![("db-alerts".to_owned(), "# db-alerts\n\nValues.\n".to_owned())],
        checks: vec![("a/b", "What `a` checks.")],
        only,
    };
    let (catalogue, theme) = (catalogue(), Theme::read(None).expect("the theme"));
    Tree::of(|out| render::site::render(&catalogue, &theme, &material, out)).expect("a site")
}

#[test]
fn pages_and_their_files() {
    let tree = site();
    let files: Vec<_> =
        tree.files().filter(|(path, _)| SITE.iter().any(|known| *path == Path::new(known))).collect();
    for (path, bytes) in &files {
        is_golden("site", path, bytes);
    }
    assert_eq!(files.len(), SITE.len(), "all of them are made");
    assert_eq!(tree, site(), "and the same each time");
}

#[test]
fn a_page_that_is_made_in_a_hurry_is_the_same() {
    let whole = site();
    for (folder, page) in
        [("pages", "start/index.html"), ("db/alerts/DbFull", "runbooks/db/DbFull/index.html")]
    {
        let hurried = site_of(Some([fixture().join("content").join(folder)].into()));
        assert_eq!(hurried.get(page), whole.get(page), "{page}");
        assert!(hurried.get(page).is_some() && hurried.files().count() < 4, "nothing else is made");
    }
}

#[test]
fn rendering_is_reproducible() {
    let catalogue = catalogue();
    assert_eq!(render::chart::render(&catalogue, RELEASE), render::chart::render(&catalogue, RELEASE));
}
