//! What a renderer makes: paths and bytes. The only module that writes output folders.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The file that every output folder holds; a folder without it was not made here and is not replaced.
pub const MARK: &str = "README.md";

/// What the marking file starts with.
pub const MARK_START: &str = "<!-- made by `dmf build`: do not edit -->\n";

/// Files by their path in the output folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Vec<u8>>);

/// How an output folder differs from what would be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Files with other bytes.
    pub stale: Vec<PathBuf>,
    /// Files that are not there.
    pub missing: Vec<PathBuf>,
    /// Files that should not be there.
    pub extra: Vec<PathBuf>,
}

impl Difference {
    /// Whether the folder is as it should be.
    pub fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.missing.is_empty() && self.extra.is_empty()
    }
}

/// Why a folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder holds something that was not made here.
    #[error("`{0}` holds files that dmf did not make, and writing would delete them: name an empty folder")]
    Foreign(PathBuf),
    /// The file system said no.
    #[error("cannot write `{path}`: {error}")]
    Io {
        /// What was being written.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WriteError + '_ {
    |error| WriteError::Io { path: path.to_path_buf(), error }
}

impl Tree {
    /// Adds a file. Two files with one path are a mistake of the renderer.
    pub fn add(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        let path = path.into();
        let before = self.0.insert(path.clone(), bytes.into());
        debug_assert!(before.is_none(), "{} is rendered twice", path.display());
    }

    /// The files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.0.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice()))
    }

    /// Compares an output folder with this tree.
    pub fn compare(&self, folder: &Path) -> Result<Difference, WriteError> {
        let mut difference = Difference::default();
        for (path, bytes) in &self.0 {
            match fs::read(folder.join(path)) {
                Ok(found) if found == *bytes => {}
                Ok(_) => difference.stale.push(path.clone()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    difference.missing.push(path.clone());
                }
                Err(error) => return Err(at(&folder.join(path))(error)),
            }
        }
        for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok) {
            let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            if !entry.file_type().is_dir() && !self.0.contains_key(path) {
                difference.extra.push(path.to_path_buf());
            }
        }
        Ok(difference)
    }

    /// Replaces an output folder as a whole: killed at any moment, it is the old one or the new one.
    /// Returns whether anything changed.
    pub fn write(&self, folder: &Path) -> Result<bool, WriteError> {
        sweep(folder);
        if self.compare(folder)?.is_empty() {
            return Ok(false);
        }
        if is_foreign(folder) {
            return Err(WriteError::Foreign(folder.to_path_buf()));
        }
        let new = sibling(folder, &std::process::id().to_string());
        let written = self.write_new(&new).and_then(|()| exchange(&new, folder));
        let _ = fs::remove_dir_all(&new);
        written.map(|()| true)
    }

    fn write_new(&self, folder: &Path) -> Result<(), WriteError> {
        for (path, bytes) in &self.0 {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(at(parent))?;
            }
            fs::write(&path, bytes).map_err(at(&path))?;
        }
        Ok(())
    }
}

/// A hidden folder beside the output folder, on the same file system.
fn sibling(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.dmf-{suffix}"))
}

/// Removes what a killed run left beside the output folder.
fn sweep(folder: &Path) {
    let prefix = sibling(folder, "");
    let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(&prefix).and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_foreign(folder: &Path) -> bool {
    let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    let mark = fs::read_to_string(folder.join(MARK)).unwrap_or_default();
    !is_empty && !mark.starts_with(MARK_START)
}

/// Puts the new folder in place of the old one in one step, which leaves the old one under the new one's name.
fn exchange(new: &Path, folder: &Path) -> Result<(), WriteError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !folder.exists() {
        return fs::rename(new, folder).map_err(at(folder));
    }
    if renameat_with(CWD, new, CWD, folder, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    // File systems without an exchange: the gap between the two steps is as short as it can be.
    let old = new.with_extension("old");
    fs::rename(folder, &old).and_then(|()| fs::rename(new, folder)).map_err(at(folder))?;
    let _ = fs::remove_dir_all(old);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        tree.add(MARK, MARK_START);
        for (path, text) in files {
            tree.add(*path, *text);
        }
        tree
    }

    #[test]
    fn writing_replaces_the_folder_and_a_second_time_does_nothing() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        assert!(tree(&[("a/b", "1"), ("c", "2")]).write(&out).unwrap());
        let new = tree(&[("a/b", "9"), ("d", "3")]);
        let difference = new.compare(&out).unwrap();
        assert_eq!(
            (difference.stale, difference.missing, difference.extra),
            (vec!["a/b".into()], vec!["d".into()], vec!["c".into()])
        );
        assert!(new.write(&out).unwrap());
        assert!(!new.write(&out).unwrap());
        assert!(new.compare(&out).unwrap().is_empty());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left beside the folder");
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.txt"), "years").unwrap();
        let error = tree(&[]).write(root.path()).unwrap_err();
        assert!(error.to_string().contains("holds files that dmf did not make"), "{error}");
        assert!(root.path().join("thesis.txt").exists());
    }

    #[test]
    fn what_a_killed_run_left_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        fs::create_dir(sibling(&out, "4294967")).unwrap();
        tree(&[]).write(&out).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
