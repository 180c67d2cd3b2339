//! Golden files: what a tiny content becomes, byte for byte. `UPDATE_GOLDEN=1 cargo test` accepts a change.

use std::fs;
use std::path::{Path, PathBuf};

use catalogue::Catalogue;
use generator::render::chart::Release;
use generator::{check, render};

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

#[test]
fn charts() {
    let tree = render::chart::render(&catalogue(), RELEASE);
    // Files that are copied as they stand are not repeated here.
    let generated = ["Chart.yaml", "README.md", "_alerts.tpl", "values.schema.json", "values.yaml"];
    let mut seen = 0;
    for (path, bytes) in tree.files() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !generated.contains(&name) {
            continue;
        }
        seen += 1;
        let golden = fixture().join("charts-out").join(path);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(golden.parent().expect("a file has a folder"))
                .expect("the folder can be made");
            fs::write(&golden, bytes).expect("the golden file can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        let found = String::from_utf8_lossy(bytes);
        let line = expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
        assert!(expected == found, "{} differs from line {line:?} on:\n{found}", golden.display());
    }
    assert_eq!(seen, generated.len() + 1, "every generated file of the chart, and the index");
}

#[test]
fn rendering_is_reproducible() {
    let catalogue = catalogue();
    assert_eq!(render::chart::render(&catalogue, RELEASE), render::chart::render(&catalogue, RELEASE));
}
