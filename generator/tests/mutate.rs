//! `dmf mutate` as people run it: what it says about weak tests and about marks, and its exit code. With the Helm and the
//! promtool of `just setup`.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use walkdir::WalkDir;

const ALERT: &str = "content/db/alerts/DbFull/alert.yaml";
const TESTS: &str = "content/db/alerts/DbFull/tests.yaml";

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A copy of the fixture's content in which some texts are replaced.
fn home(edits: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let from = here().join("tests/fixture");
    for entry in WalkDir::new(from.join("content")).into_iter().filter_map(Result::ok) {
        let path = home.path().join(entry.path().strip_prefix(&from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::copy(entry.path(), path).unwrap();
        }
    }
    for (path, from, to) in edits {
        let path = home.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {}", path.display());
        fs::write(&path, text.replace(from, to)).unwrap();
    }
    home
}

/// Exit code and output.
fn mutate(edits: &[(&str, &str, &str)], arguments: &[&str]) -> (i32, String) {
    let home = home(edits);
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmf"));
    command.current_dir(home.path()).args(["mutate", "DbFull"]).args(arguments);
    for (variable, name) in [("HELM", "helm-3"), ("PROMTOOL", "promtool-3")] {
        let installed = here().join("../tools/bin").join(name);
        if std::env::var_os(variable).is_none() && installed.is_file() {
            command.env(variable, installed);
        }
    }
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

/// The only near miss of `DbFull` is far from the threshold.
const WEAK: (&str, &str, &str) = (TESTS, "1600000x20", "16x20");

#[test]
fn a_weak_test_fails_and_what_it_does_not_notice_is_listed() {
    let (code, text) = mutate(&[WEAK], &[]);
    assert_eq!(code, 1, "{text}");
    for part in [
        "WEAK DbFull: ",
        "  survived: comparator-boundary: `>` → `>=`\n    --> content/db/alerts/DbFull/alert.yaml:14:5\n    \
         -   > 80\n    +   >= 80\n",
        "  survived: threshold-changed: `${threshold}` → `72`\n",
        "at least 95 % is asked for",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let (code, text) = mutate(&[WEAK], &["--min-score", "10"]);
    assert_eq!((code, text.contains("WEAK")), (0, false), "{text}");
}

#[test]
fn a_mark_of_a_mutant_that_a_test_notices_is_an_error_whatever_the_score() {
    let mark =
        "labels: { kind: capacity }\nmutants:\n  - { operator: comparator-boundary, to: '>=', reason: r }\n";
    let edit = (ALERT, "labels: { kind: capacity }\n", mark);
    let (code, text) = mutate(&[edit], &["--min-score", "10"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("the tests notice the mutant `>` → `>=` at 14:5, so it is not equivalent"),
        "{text}"
    );
    assert!(text.contains("alert.yaml:19:5"), "{text}");
}

#[test]
fn a_mark_that_fits_nothing_is_an_error() {
    let mark = "labels: { kind: capacity }\nmutants:\n  - { operator: offset-changed, reason: r }\n";
    let (code, text) = mutate(&[(ALERT, "labels: { kind: capacity }\n", mark)], &["--min-score", "10"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("this marks no mutant (alert/mutants)"), "{text}");
}
