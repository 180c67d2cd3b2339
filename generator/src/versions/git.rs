//! Reads tags and their files through git: from its database, so that nobody's working tree is touched.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Component, Path};
use std::process::{Command, Stdio};

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) name: String,
    /// The commit that it names.
    pub(super) commit: String,
    /// The day of that commit.
    pub(super) date: String,
}

fn git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .map_err(|error| missing(&error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(message.lines().next().unwrap_or("git failed").trim_start_matches("fatal: ").to_owned())
}

fn missing(error: &std::io::Error) -> String {
    format!("cannot run `git`, which knows the versions: {error}")
}

/// All tags of the repository that a folder is in.
pub(super) fn tags(folder: &Path) -> Result<Vec<Tag>, String> {
    // Of an annotated tag, the fields with a star are those of its commit.
    let format = "--format=%(refname:strip=2)%00%(objectname)%00%(*objectname)%00%(committerdate:short)%00%(*committerdate:short)";
    let text = git(folder, &["for-each-ref", format, "refs/tags"])
        .map_err(|error| format!("the versions of `{}` are not known: {error}", folder.display()))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let tags = text.lines().filter_map(|line| {
        let fields: Vec<_> = line.split('\0').collect();
        let [name, commit, peeled, date, peeled_date] = fields[..] else { return None };
        let (commit, date) = if peeled.is_empty() { (commit, date) } else { (peeled, peeled_date) };
        Some(Tag { name: name.to_owned(), commit: commit.to_owned(), date: date.to_owned() })
    });
    Ok(tags.collect())
}

/// Whether a clone lacks a part of its history, and so perhaps tags.
pub(super) fn is_shallow(folder: &Path) -> bool {
    git(folder, &["rev-parse", "--is-shallow-repository"]).is_ok_and(|text| text.starts_with(b"true"))
}

/// Where a folder is in its repository, with a slash at its end.
pub(super) fn prefix(folder: &Path) -> Result<String, String> {
    let text = git(folder, &["rev-parse", "--show-prefix"])?;
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

/// A file as git lists it.
struct Entry {
    object: String,
    path: String,
}

/// Writes the files that a folder had at a commit to an empty folder, and says how many there are.
///
/// # Errors
/// The folder holds what is no plain file, or cannot be read or written.
pub(super) fn extract(folder: &Path, commit: &str, to: &Path) -> Result<usize, String> {
    let list = git(folder, &["ls-tree", "-r", "-z", commit, "--", "."])?;
    let list = String::from_utf8(list).map_err(|_| "the name of a file is not valid UTF-8".to_owned())?;
    let entries =
        list.split('\0').filter(|line| !line.is_empty()).map(entry).collect::<Result<Vec<_>, _>>()?;
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| missing(&error))?;
    let (Some(mut ask), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("git cannot be talked to".to_owned());
    };
    let objects: String = entries.iter().map(|entry| format!("{}\n", entry.object)).collect();
    // Questions and answers at the same time, or both sides would wait for each other once the pipes are full.
    let asked = std::thread::spawn(move || ask.write_all(objects.as_bytes()));
    let result = write_all(&entries, BufReader::new(answers), to);
    let _ = asked.join();
    let _ = child.wait();
    result.map(|()| entries.len())
}

fn entry(line: &str) -> Result<Entry, String> {
    let (about, path) = line.split_once('\t').ok_or("git lists files in an unknown way")?;
    let mut about = about.split(' ');
    let (mode, _, object) = (about.next(), about.next(), about.next().unwrap_or_default());
    if !matches!(mode, Some("100644" | "100755" | "100664")) {
        return Err(format!("`{path}` is a link or a submodule"));
    }
    if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("`{path}` leads out of its folder"));
    }
    Ok(Entry { object: object.to_owned(), path: path.to_owned() })
}

fn write_all(entries: &[Entry], mut answers: impl std::io::BufRead, to: &Path) -> Result<(), String> {
    for entry in entries {
        let io = |error: std::io::Error| format!("`{}`: {error}", entry.path);
        let mut head = String::new();
        answers.by_ref().take(1_000).read_line(&mut head).map_err(io)?;
        let size = head.trim_end().rsplit_once(" blob ").and_then(|(_, size)| size.parse::<u64>().ok());
        let size = size.ok_or_else(|| format!("git has no file `{}`", entry.path))?;
        let mut bytes = Vec::new();
        answers.by_ref().take(size + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.pop() != Some(b'\n') || bytes.len() as u64 != size {
            return Err(format!("git gave only a part of `{}`", entry.path));
        }
        let path = to.join(&entry.path);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_inside_the_folder_are_taken() {
        let fine = entry("100644 blob abc\tpages/a.md").map(|entry| (entry.object, entry.path));
        assert_eq!(fine, Ok(("abc".to_owned(), "pages/a.md".to_owned())));
        for wrong in ["120000 blob abc\tlink", "160000 commit abc\tsub", "100644 blob abc\t../a", "nonsense"]
        {
            assert!(entry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error() {
        let to = tempfile::tempdir().expect("a folder");
        let entries = [entry("100644 blob abc\ta").expect("an entry")];
        assert_eq!(write_all(&entries, &b"abc blob 2\nhi\n"[..], to.path()), Ok(()));
        assert_eq!(std::fs::read(to.path().join("a")).expect("a file"), b"hi");
        for cut in [&b"abc blob 3\nhi\n"[..], b"abc missing\n", b""] {
            assert!(write_all(&entries, cut, to.path()).is_err());
        }
    }
}
