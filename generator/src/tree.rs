//! What a renderer makes: paths and bytes. The only module that writes output folders.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

/// The file that lists what dmf made in an output folder. What it does not list is somebody else's and is never
/// deleted.
const MANIFEST: &str = ".made-by-dmf";

/// The empty file by which git keeps a folder whose content it ignores. It stays.
const KEEP: &str = ".gitkeep";

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
    #[error("`{0}` was not made by dmf, and writing would delete it: move it away, or name an empty folder")]
    Foreign(PathBuf),
    /// The folder is something else.
    #[error("`{0}` is not a folder")]
    NoFolder(PathBuf),
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

    /// Adds the files of another tree.
    pub fn extend(&mut self, other: Self) {
        for (path, bytes) in other.0 {
            self.add(path, bytes);
        }
    }

    /// Adds the files of another tree in a folder.
    pub fn extend_below(&mut self, folder: &str, other: Self) {
        for (path, bytes) in other.0 {
            self.add(Path::new(folder).join(path), bytes);
        }
    }

    /// Puts the files of another tree in the place of those with the same paths.
    pub fn replace(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The bytes of a file.
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&[u8]> {
        self.0.get(path.as_ref()).map(Vec::as_slice)
    }

    /// The files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.0.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice()))
    }

    /// Compares an output folder with this tree.
    pub fn compare(&self, folder: &Path) -> Result<Difference, WriteError> {
        let mut difference = Difference::default();
        let tree = self.with_manifest();
        let read = tree.par_iter().map(|(path, bytes)| match fs::read(folder.join(path)) {
            Ok(found) => Ok((*path, Some(found == **bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((*path, None)),
            Err(error) => Err(at(&folder.join(path))(error)),
        });
        for (path, is_same) in read.collect::<Result<Vec<_>, _>>()? {
            match is_same {
                Some(true) => {}
                Some(false) => difference.stale.push(path.to_path_buf()),
                None => difference.missing.push(path.to_path_buf()),
            }
        }
        let found = files_of(folder).into_iter();
        difference.extra = found.filter(|path| !tree.contains_key(path.as_path())).collect();
        Ok(difference)
    }

    /// Replaces an output folder as a whole: killed at any moment, it is the old one or the new one.
    /// Returns whether anything changed.
    pub fn write(&self, folder: &Path) -> Result<bool, WriteError> {
        if folder.exists() && !folder.is_dir() {
            return Err(WriteError::NoFolder(folder.to_path_buf()));
        }
        // A link to a folder stays a link: what it leads to is replaced.
        let folder = &folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        sweep(folder);
        if folder.exists() && self.compare(folder)?.is_empty() {
            return Ok(false);
        }
        if let Some(foreign) = self.foreign(folder) {
            return Err(WriteError::Foreign(folder.join(foreign)));
        }
        let new = sibling(folder, &std::process::id().to_string());
        let keep = folder.join(KEEP).exists();
        let written = self.write_new(&new, keep).and_then(|()| exchange(&new, folder));
        let _ = fs::remove_dir_all(&new);
        written.map(|()| true)
    }

    /// The files together with the one that lists them.
    fn with_manifest(&self) -> BTreeMap<&Path, Cow<'_, [u8]>> {
        let names: Vec<_> = self.0.keys().map(|path| path.to_string_lossy()).collect();
        let list = format!("# What `dmf build` made here; it deletes nothing else.\n{}\n", names.join("\n"));
        let files = self.0.iter().map(|(path, bytes)| (path.as_path(), Cow::Borrowed(bytes.as_slice())));
        files.chain([(Path::new(MANIFEST), Cow::Owned(list.into_bytes()))]).collect()
    }

    /// A file or link of the folder that was made neither here nor by an earlier run.
    fn foreign(&self, folder: &Path) -> Option<PathBuf> {
        let manifest = fs::read_to_string(folder.join(MANIFEST)).unwrap_or_default();
        let made: BTreeSet<&Path> = manifest.lines().map(Path::new).chain([Path::new(MANIFEST)]).collect();
        let is_empty = manifest.is_empty();
        let ours = |path: &PathBuf| made.contains(path.as_path()) || (!is_empty && self.0.contains_key(path));
        files_of(folder).into_iter().find(|path| !ours(path))
    }

    fn write_new(&self, folder: &Path, keep: bool) -> Result<(), WriteError> {
        let files = self.with_manifest();
        let folders: BTreeSet<_> = files.keys().filter_map(|path| path.parent()).collect();
        folders
            .into_par_iter()
            .map(|path| folder.join(path))
            .try_for_each(|path| fs::create_dir_all(&path).map_err(at(&path)))?;
        files.par_iter().try_for_each(|(path, bytes)| {
            let path = folder.join(path);
            fs::write(&path, bytes).map_err(at(&path))
        })?;
        if keep {
            fs::write(folder.join(KEEP), "").map_err(at(folder))?;
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

/// The files and links below a folder, sorted, relative to it; without the one that only keeps the folder.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    let paths = files.filter_map(|entry| entry.path().strip_prefix(folder).ok().map(Path::to_path_buf));
    paths.filter(|path| path != Path::new(KEEP)).collect()
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
            (vec![MANIFEST.into(), "a/b".into()], vec!["d".into()], vec!["c".into()])
        );
        assert!(new.write(&out).unwrap());
        assert!(!new.write(&out).unwrap());
        assert!(new.compare(&out).unwrap().is_empty());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left beside the folder");
    }

    #[test]
    fn a_folder_that_git_keeps_is_still_kept() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(KEEP), "").unwrap();
        assert!(tree(&[("a", "1")]).write(root.path()).unwrap());
        assert!(!tree(&[("a", "1")]).write(root.path()).unwrap());
        assert!(root.path().join(KEEP).exists() && root.path().join("a").exists());
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.txt"), "years").unwrap();
        let error = tree(&[]).write(root.path()).unwrap_err();
        assert!(error.to_string().contains("thesis.txt` was not made by dmf"), "{error}");
        assert!(root.path().join("thesis.txt").exists());
    }

    #[test]
    fn what_somebody_adds_to_an_output_folder_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        tree(&[("a", "1"), ("b", "2")]).write(&out).unwrap();
        fs::create_dir(out.join(".git")).unwrap();
        fs::write(out.join(".git/config"), "mine").unwrap();
        let error = tree(&[("a", "9")]).write(&out).unwrap_err();
        assert!(error.to_string().contains(".git/config` was not made by dmf"), "{error}");
        assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "1", "nothing is written");
        fs::remove_dir_all(out.join(".git")).unwrap();
        assert!(
            tree(&[("a", "9")]).write(&out).unwrap(),
            "files of an earlier run go away without a question"
        );
        assert!(!out.join("b").exists());
    }

    #[test]
    fn a_link_to_the_folder_stays_a_link_and_a_file_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let (real, link, file) =
            (root.path().join("real"), root.path().join("link"), root.path().join("file"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(tree(&[("a", "1")]).write(&link).unwrap());
        assert!(link.is_symlink() && real.join("a").exists());
        fs::write(&file, "x").unwrap();
        assert!(matches!(tree(&[("a", "1")]).write(&file), Err(WriteError::NoFolder(_))));
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
