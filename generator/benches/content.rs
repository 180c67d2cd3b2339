//! How the time of checking and building grows with the number of alerts: it should be linear.
//!
//! `just bench` prints milliseconds for the real content and for copies of it with 1,000 and 10,000 alerts.

use std::fs;
use std::path::{Path, PathBuf};

use catalogue::Catalogue;
use generator::markdown::html::{Listing, Surroundings, html};
use generator::render::site::Material;
use generator::render::site::theme::Theme;
use generator::tree::Folder;
use generator::{check, history, render};
use walkdir::WalkDir;

fn main() {
    divan::main();
}

/// The repository's content.
fn real() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../content")
}

/// A content with many alerts: the fixture's, under many names.
fn synthetic(alerts: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/content");
    for entry in
        WalkDir::new(&from).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
    {
        let path = entry.path().strip_prefix(&from).expect("below the root");
        if !path.starts_with("db/alerts") && !path.ends_with("scrape.yaml") {
            copy(entry.path(), &folder.path().join(path), |text| text);
        }
    }
    for number in 0..alerts {
        let name = format!("DbFull{number}");
        let to = folder.path().join("db/alerts").join(&name);
        for file in ["alert.yaml", "tests.yaml", "runbook.md", "space.sql"] {
            copy(&from.join("db/alerts/DbFull").join(file), &to.join(file), |text| {
                let text = text.replace("DbFull", &name);
                text.replace("value: 80,", &format!("value: 80.{number},")).replace("81%", "82%")
            });
        }
    }
    fs::remove_dir_all(folder.path().join("pages")).expect("the page links an alert that is not there");
    folder
}

fn copy(from: &Path, to: &Path, change: impl Fn(String) -> String) {
    let text = fs::read_to_string(from).expect("the fixture can be read");
    fs::create_dir_all(to.parent().expect("a file has a folder")).expect("a folder can be made");
    fs::write(to, change(text)).expect("a file can be written");
}

fn load(content: &Path) -> Catalogue {
    let loaded = catalogue::load(content);
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems.into_sorted());
    loaded.catalogue.expect("the content loads")
}

fn load_and_check(content: &Path) {
    let catalogue = load(content);
    let problems = check::run(&catalogue).into_sorted();
    assert!(problems.is_empty(), "{problems:?}");
}

/// What `dmf build` does: checks, charts and site, written to a folder that is empty.
fn build(content: &Path) {
    let catalogue = load(content);
    let problems = check::run(&catalogue).into_sorted();
    assert!(problems.is_empty(), "{problems:?}");
    let charts = render::chart::render(&catalogue, render::chart::Release::default());
    let evidence = fs::read(content.join(catalogue::load::EVIDENCE)).unwrap_or_else(|_| b"null".to_vec());
    let material = Material {
        version: None,
        url: "https://example.org",
        revision: "main",
        shelf: None,
        history: history::read(content),
        evidence: serde_json::from_slice(&evidence).expect("JSON"),
        charts: Vec::new(),
        checks: Vec::new(),
        only: None,
    };
    let out = tempfile::tempdir().expect("a folder");
    charts.write(&out.path().join("charts-out")).expect("written");
    let site = Folder::begin(&out.path().join("site-out")).expect("begun");
    let theme = Theme::read(None).expect("a theme");
    render::site::render(&catalogue, &theme, &material, &site).expect("a site");
    site.finish().expect("written");
}

struct Nowhere;

impl Surroundings for Nowhere {
    fn link(&self, destination: &str) -> String {
        destination.to_owned()
    }

    fn listing(&self, _: &str) -> Option<Listing> {
        None
    }

    fn picture(&self, _: &str) -> Option<String> {
        None
    }

    fn highlight(&self, language: &str, code: &str) -> String {
        generator::highlight::highlight(language, code)
    }
}

/// One page, by KiB: the time must grow as the page does.
#[divan::bench(args = [256, 2048], sample_count = 3, sample_size = 1)]
fn page(bencher: divan::Bencher, kib: usize) {
    let piece = "## Again\n\nSee [it](#again) and `x`.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```sql\nSELECT 1;\n```\n\n";
    let text = piece.repeat(kib * 1024 / piece.len());
    bencher.bench(|| html(&text, &Nowhere).body.len());
}

#[divan::bench(sample_count = 20)]
fn check_real(bencher: divan::Bencher) {
    bencher.bench(|| load_and_check(&real()));
}

#[divan::bench(sample_count = 20)]
fn build_real(bencher: divan::Bencher) {
    bencher.bench(|| build(&real()));
}

#[divan::bench(args = [1_000, 10_000], sample_count = 3, sample_size = 1)]
fn check_synthetic(bencher: divan::Bencher, alerts: usize) {
    let folder = synthetic(alerts);
    bencher.bench(|| load_and_check(folder.path()));
}

#[divan::bench(args = [1_000, 10_000], sample_count = 3, sample_size = 1)]
fn build_synthetic(bencher: divan::Bencher, alerts: usize) {
    let folder = synthetic(alerts);
    bencher.bench(|| build(folder.path()));
}
