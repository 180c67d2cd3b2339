//! When files of content changed last, and in which commit: from git, if there is any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::render::site::Change;

/// Marks a line that names a commit; no path contains it.
const COMMIT: char = '\u{1}';

/// The last change of files, by their path as the catalogue has it.
pub type History = BTreeMap<PathBuf, Change>;

/// The last change of each file below a folder. Empty without git, in a folder that is in no repository, and in a
/// shallow clone, whose dates would be wrong.
pub fn read(content: &Path) -> History {
    at(content, "HEAD", content)
}

/// The same as of a revision, whose files the catalogue has read from the folder `root`.
pub fn at(content: &Path, revision: &str, root: &Path) -> History {
    log(content, revision).map_or_else(BTreeMap::new, |log| parse(root, &log))
}

fn git(content: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(content).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn log(content: &Path, revision: &str) -> Option<String> {
    if git(content, &["rev-parse", "--is-shallow-repository"])?.trim() != "false" {
        return None;
    }
    let format = format!("--format={COMMIT}%H %cs");
    git(
        content,
        &[
            "-c",
            "core.quotePath=false",
            "log",
            "--relative",
            "--name-only",
            "--no-renames",
            "--no-merges",
            &format,
            revision,
            "--",
            ".",
        ],
    )
}

fn parse(content: &Path, log: &str) -> History {
    let mut history = BTreeMap::new();
    let mut commit: Option<Change> = None;
    for line in log.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix(COMMIT) {
            Some(head) => {
                let date =
                    |date: &&str| date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                commit = head
                    .split_once(' ')
                    .filter(|(_, found)| date(found))
                    .map(|(commit, date)| Change { date: date.to_owned(), commit: commit.to_owned() });
            }
            None => {
                // The newest commit comes first.
                if let Some(commit) = &commit {
                    history.entry(content.join(line)).or_insert_with(|| commit.clone());
                }
            }
        }
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_commit_counts_and_odd_dates_do_not() {
        let log = "\u{1}aaa 2026-11-02\n\npages/a.md\n\n\u{1}bbb 2026-10-01\n\npages/a.md\npages/b.md\n\u{1}ccc nonsense\nx\n";
        let history = parse(Path::new("content"), log);
        assert_eq!(history[Path::new("content/pages/a.md")].commit, "aaa");
        assert_eq!(history[Path::new("content/pages/b.md")].date, "2026-10-01");
        assert_eq!(history.len(), 2);
        assert!(read(Path::new("/")).is_empty());
    }
}
