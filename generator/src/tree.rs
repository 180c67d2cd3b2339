//! What a renderer makes: paths and bytes. The only module that writes output folders.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    /// Two files have the same path.
    #[error("two files are called `{0}`")]
    Twice(PathBuf),
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

impl From<WriteError> for String {
    fn from(error: WriteError) -> Self {
        error.to_string()
    }
}

/// Where a renderer puts its files, from any thread.
pub trait Sink: Sync {
    /// Adds a file.
    ///
    /// # Errors
    /// There is one of that path already, or the file system says no.
    fn add(&self, path: PathBuf, bytes: Vec<u8>) -> Result<(), WriteError>;
}

impl Sink for Mutex<Tree> {
    fn add(&self, path: PathBuf, bytes: Vec<u8>) -> Result<(), WriteError> {
        match lock(self).0.entry(path) {
            Entry::Vacant(place) => {
                place.insert(bytes);
                Ok(())
            }
            Entry::Occupied(other) => Err(WriteError::Twice(other.key().clone())),
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WriteError + '_ {
    |error| WriteError::Io { path: path.to_path_buf(), error }
}

impl Tree {
    /// What a renderer makes, in memory.
    ///
    /// # Errors
    /// Those of the renderer.
    pub fn of<E>(render: impl FnOnce(&dyn Sink) -> Result<(), E>) -> Result<Self, E> {
        let tree = Mutex::default();
        render(&tree)?;
        Ok(tree.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

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
        let names: BTreeSet<_> = self.0.keys().map(PathBuf::as_path).collect();
        let list = manifest(&names);
        let files = self.0.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice()));
        let files: Vec<_> = files.chain([(Path::new(MANIFEST), list.as_bytes())]).collect();
        let read = files.into_par_iter().map(|(path, bytes)| match fs::read(folder.join(path)) {
            Ok(found) => Ok((path, Some(found == bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path, None)),
            Err(error) => Err(at(&folder.join(path))(error)),
        });
        let mut read = read.collect::<Result<Vec<_>, _>>()?;
        read.sort_unstable();
        for (path, is_same) in read {
            match is_same {
                Some(true) => {}
                Some(false) => difference.stale.push(path.to_path_buf()),
                None => difference.missing.push(path.to_path_buf()),
            }
        }
        let found = files_of(folder).into_iter();
        difference.extra =
            found.filter(|path| path != Path::new(MANIFEST) && !names.contains(path.as_path())).collect();
        Ok(difference)
    }

    /// Writes an output folder.
    ///
    /// # Errors
    /// It holds something that was not made here, or the file system says no.
    pub fn write(&self, folder: &Path) -> Result<Finished, WriteError> {
        let out = Folder::begin(folder)?;
        self.0.par_iter().try_for_each(|(path, bytes)| out.write(path, bytes))?;
        out.finish()
    }
}

/// The text of the file that lists what was made.
fn manifest(names: &BTreeSet<&Path>) -> String {
    let names: Vec<_> = names.iter().map(|path| path.to_string_lossy()).collect();
    format!("# What `dmf build` made here; it deletes nothing else.\n{}\n", names.join("\n"))
}

/// An output folder that is being written: beside the old one, in whose place it comes when it is complete. Killed at
/// any moment, the folder is the old one or the new one.
#[derive(Debug)]
pub struct Folder {
    /// Where it comes.
    place: PathBuf,
    /// Where it is written.
    new: PathBuf,
    /// The folders that were made for it, the nearest first.
    above: Vec<PathBuf>,
    /// The files so far.
    files: Mutex<BTreeSet<PathBuf>>,
    /// The parents that are there for them.
    parents: Mutex<HashSet<PathBuf>>,
    /// Whether a file differs from the old one.
    changed: AtomicBool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Whether anything changed.
    pub changed: bool,
    /// How many files there are.
    pub files: usize,
}

impl Folder {
    /// Begins to write; what is there stays until the end.
    ///
    /// # Errors
    /// Something else is in its place, or the file system says no.
    pub fn begin(folder: &Path) -> Result<Self, WriteError> {
        if folder.exists() && !folder.is_dir() {
            return Err(WriteError::NoFolder(folder.to_path_buf()));
        }
        // A link to a folder stays a link: what it leads to is replaced.
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        sweep(&folder);
        let new = sibling(&folder, &std::process::id().to_string());
        // A process of the same number may have left one.
        let _ = fs::remove_dir_all(&new);
        let above = new.ancestors().skip(1).take_while(|path| !path.exists()).map(Path::to_path_buf);
        let above = above.filter(|path| !path.as_os_str().is_empty()).collect();
        fs::create_dir_all(&new).map_err(at(&new))?;
        let changed = AtomicBool::new(!folder.exists());
        Ok(Self { place: folder, new, above, files: Mutex::default(), parents: Mutex::default(), changed })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
        let new = self.new.join(path);
        let parent = new.parent().unwrap_or(&self.new);
        let is_new = !lock(&self.parents).contains(parent);
        if is_new {
            fs::create_dir_all(parent).map_err(at(parent))?;
            lock(&self.parents).insert(parent.to_path_buf());
        }
        // Once anything differs, nothing more has to be compared.
        if !self.changed.load(Ordering::Relaxed)
            && fs::read(self.place.join(path)).map_or(true, |found| found != bytes)
        {
            self.changed.store(true, Ordering::Relaxed);
        }
        if !lock(&self.files).insert(path.to_path_buf()) {
            return Err(WriteError::Twice(path.to_path_buf()));
        }
        fs::write(&new, bytes).map_err(at(&new))
    }

    /// Puts the folder in its place, if it differs from what is there.
    ///
    /// # Errors
    /// The old one holds something that was not made here, or the file system says no.
    pub fn finish(self) -> Result<Finished, WriteError> {
        let files = std::mem::take(&mut *lock(&self.files));
        let names: BTreeSet<_> = files.iter().map(PathBuf::as_path).collect();
        let list = manifest(&names);
        let old_list = fs::read_to_string(self.place.join(MANIFEST)).unwrap_or_default();
        let old = files_of(&self.place);
        let made: BTreeSet<&Path> = old_list.lines().map(Path::new).chain([Path::new(MANIFEST)]).collect();
        let ours = |path: &&PathBuf| {
            made.contains(path.as_path()) || (!old_list.is_empty() && files.contains(*path))
        };
        if let Some(foreign) = old.iter().find(|path| !ours(path)) {
            return Err(WriteError::Foreign(self.place.join(foreign)));
        }
        let finished = |changed| Ok(Finished { changed, files: files.len() });
        if !self.changed.load(Ordering::Relaxed) && list == old_list && old.len() == files.len() + 1 {
            return finished(false);
        }
        let keep = self.place.join(KEEP).exists().then_some((KEEP, ""));
        for (name, text) in [(MANIFEST, &*list)].into_iter().chain(keep) {
            fs::write(self.new.join(name), text).map_err(at(&self.new))?;
        }
        exchange(&self.new, &self.place)?;
        finished(true)
    }
}

impl Sink for Folder {
    fn add(&self, path: PathBuf, bytes: Vec<u8>) -> Result<(), WriteError> {
        self.write(&path, &bytes)
    }
}

/// What is not finished, or was exchanged, goes.
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.new);
        // One with something in it stays.
        for path in &self.above {
            let _ = fs::remove_dir(path);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(tree(&[("a/b", "1"), ("c", "2")]).write(&out).unwrap().changed);
        let new = tree(&[("a/b", "9"), ("d", "3")]);
        let difference = new.compare(&out).unwrap();
        assert_eq!(
            (difference.stale, difference.missing, difference.extra),
            (vec![MANIFEST.into(), "a/b".into()], vec!["d".into()], vec!["c".into()])
        );
        assert!(new.write(&out).unwrap().changed);
        assert!(!new.write(&out).unwrap().changed);
        assert!(new.compare(&out).unwrap().is_empty());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left beside the folder");
    }

    #[test]
    fn a_folder_that_git_keeps_is_still_kept() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(KEEP), "").unwrap();
        assert!(tree(&[("a", "1")]).write(root.path()).unwrap().changed);
        assert!(!tree(&[("a", "1")]).write(root.path()).unwrap().changed);
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
            tree(&[("a", "9")]).write(&out).unwrap().changed,
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
        assert!(tree(&[("a", "1")]).write(&link).unwrap().changed);
        assert!(link.is_symlink() && real.join("a").exists());
        fs::write(&file, "x").unwrap();
        assert!(matches!(tree(&[("a", "1")]).write(&file), Err(WriteError::NoFolder(_))));
    }

    #[test]
    fn what_is_not_finished_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        tree(&[("a", "1")]).write(&out).unwrap();
        let folder = Folder::begin(&out).unwrap();
        folder.add("b/c".into(), b"2".to_vec()).unwrap();
        assert!(matches!(folder.add("b/c".into(), Vec::new()), Err(WriteError::Twice(_))));
        drop(folder);
        drop(Folder::begin(&root.path().join("x/y/z")).unwrap());
        assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "1");
        assert!(!out.join("b").exists());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        let folder = Folder::begin(&out).unwrap();
        folder.add("a".into(), b"1".to_vec()).unwrap();
        assert_eq!(folder.finish().unwrap(), Finished { changed: false, files: 1 });
        let folder = Folder::begin(&out).unwrap();
        assert_eq!(folder.finish().unwrap(), Finished { changed: true, files: 0 }, "what is gone counts");
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
