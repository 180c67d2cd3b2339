//! One folder of `content/` and its files: what has no place in it is a problem.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use walkdir::WalkDir;

use crate::problem::{Problem, Problems};
use crate::source::{Place, Source};
use crate::suggest::did_you_mean;

/// The largest file that content may hold, in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// One folder, listed and sorted.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) folders: Vec<PathBuf>,
}

/// How the files of a folder are, so that a change of one is seen without reading it.
pub(crate) type FolderState = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Folder {
    /// How its files and folders are now.
    pub(crate) fn state(&self) -> FolderState {
        let paths = self.files.iter().chain(&self.folders);
        let state = paths.map(|path| {
            let about = path.symlink_metadata().ok();
            let size = about.as_ref().map_or(0, std::fs::Metadata::len);
            (path.clone(), size, about.and_then(|about| about.modified().ok()))
        });
        state.collect()
    }

    pub(crate) fn open(path: &Path, problems: &mut Problems) -> Option<Self> {
        let mut folder = Self { path: path.to_path_buf(), files: Vec::new(), folders: Vec::new() };
        for entry in WalkDir::new(path).min_depth(0).max_depth(1).sort_by_file_name() {
            match entry {
                Err(error) => {
                    let message = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    problems.push(
                        Problem::file("content/file", path, format!("cannot read the folder: {message}"))
                            .help("run dmf in the repository, or name the folder with `--content`"),
                    );
                    return None;
                }
                Ok(entry) if entry.depth() == 0 => {
                    if !path.is_dir() {
                        problems.push(Problem::file("content/file", path, "expected a folder, found a file"));
                        return None;
                    }
                }
                Ok(entry) if entry.file_type().is_symlink() => problems.push(
                    Problem::file("content/file", entry.path(), "symbolic links are not used in content")
                        .help("put the file itself here, or into content/shared"),
                ),
                Ok(entry) if entry.file_name().to_str().is_none() => {
                    problems.push(Problem::file("content/file", entry.path(), "the name is not valid UTF-8"));
                }
                Ok(entry)
                    if entry.file_name().to_str().is_some_and(|name| name.contains(char::is_control)) =>
                {
                    let message = "the name holds a line break or another control character";
                    problems.push(
                        Problem::file("content/file", entry.path(), message)
                            .help("rename it: it becomes a part of addresses"),
                    );
                }
                // What editors and file managers leave behind is nobody's content.
                Ok(entry) if is_scratch(entry.file_name().to_str().unwrap_or_default()) => {}
                Ok(entry) if entry.file_type().is_dir() => folder.folders.push(entry.into_path()),
                // To read a pipe or a device could take for ever.
                Ok(entry) if !entry.file_type().is_file() => problems.push(
                    Problem::file("content/file", entry.path(), "neither a file nor a folder")
                        .help("remove it: content holds ordinary files only"),
                ),
                Ok(entry) => folder.files.push(entry.into_path()),
            }
        }
        Some(folder)
    }

    pub(crate) fn name(&self) -> &str {
        file_name(&self.path)
    }

    pub(crate) fn child(&self, name: &str, problems: &mut Problems) -> Option<Self> {
        let path = self.folders.iter().find(|path| file_name(path) == name)?;
        Self::open(path, problems)
    }

    pub(crate) fn names_with<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a str> {
        let files =
            self.files.iter().filter(move |path| path.extension().is_some_and(|ext| ext == extension));
        files.map(|path| file_name(path))
    }

    pub(crate) fn required_file(&self, name: &str, problems: &mut Problems) -> Option<Arc<Source>> {
        let path = self.path.join(name);
        if !self.files.contains(&path) {
            let message = format!("file `{name}` is missing");
            problems.push(
                Problem::file("content/file", &path, message).help("`dmf new` writes a complete folder"),
            );
            return None;
        }
        read_file(&path, problems)
    }

    pub(crate) fn optional_file(&self, name: &str, problems: &mut Problems) -> Option<Arc<Source>> {
        let path = self.path.join(name);
        self.files.contains(&path).then(|| read_file(&path, problems)).flatten()
    }

    /// The files with one of the extensions; any other file is a problem.
    pub(crate) fn files_with(&self, extensions: &[&str], problems: &mut Problems) -> Vec<Arc<Source>> {
        let mut sources = Vec::new();
        for path in &self.files {
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if extensions.contains(&extension) {
                sources.extend(read_file(path, problems));
            } else {
                let message = format!("unknown file `{}`", file_name(path));
                let help = format!("this folder holds files ending in .{}", extensions.join(", ."));
                problems.push(Problem::file("content/file", path, message).help(help));
            }
        }
        sources
    }

    pub(crate) fn refuse_files(&self, known: &[&str], problems: &mut Problems) {
        for path in self.files.iter().filter(|path| !known.contains(&file_name(path))) {
            let message = format!("unknown file `{}`", file_name(path));
            let problem = Problem::file("content/file", path, message);
            problems.push(match known {
                [] => problem.help("this folder holds folders only"),
                _ => problem.help(did_you_mean(file_name(path), known.iter().copied())),
            });
        }
    }

    pub(crate) fn refuse_folders(&self, known: &[&str], problems: &mut Problems) {
        for path in self.folders.iter().filter(|path| !known.contains(&file_name(path))) {
            let message = format!("unknown folder `{}`", file_name(path));
            let problem = Problem::file("content/file", path, message);
            problems.push(match known {
                [] => problem.help("this folder holds files only"),
                _ => problem.help(did_you_mean(file_name(path), known.iter().copied())),
            });
        }
    }
}

/// Hidden files, and backups of editors.
fn is_scratch(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.starts_with('#')
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Reads one file; what would leak into charts and pages later is refused here.
pub(crate) fn read_file(path: &Path, problems: &mut Problems) -> Option<Arc<Source>> {
    let refuse = |message: String, help: &str| Problem::file("content/file", path, message).help(help);
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    let bytes = match size {
        Ok(size) if size > MAX_BYTES => {
            let message = format!("the file has {size} bytes, more than {MAX_BYTES}");
            problems.push(refuse(message, "content is written by hand: put data elsewhere"));
            return None;
        }
        _ => std::fs::read(path),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(refuse(format!("cannot read the file: {error}"), "check its permissions"));
            return None;
        }
    };
    let valid = std::str::from_utf8(&bytes).map_err(|error| error.valid_up_to());
    let source = Source::new(path, String::from_utf8_lossy(&bytes));
    let (at, message, help) = if let Err(at) = valid {
        let line = source.line_and_column(at).0;
        (at, format!("line {line} is not valid UTF-8"), "save the file as UTF-8")
    } else if source.text.starts_with('\u{feff}') {
        (0, "the file starts with a byte order mark".to_owned(), "save it as UTF-8 without BOM")
    } else if let Some(at) = source.text.find('\r') {
        let line = source.line_and_column(at).0;
        (at, format!("line {line} ends with a carriage return"), "save the file with `\\n` line ends")
    } else {
        return Some(source);
    };
    problems.push(Problem::error("content/file", Place::new(&source, at..at), message).help(help));
    None
}
