//! Finds the programs that rule tests need: Helm and promtool.

use std::path::{Path, PathBuf};

/// Where `just setup` puts programs.
const FOLDER: &str = "tools/bin";

/// The programs.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Helm 3 or 4.
    pub helm: PathBuf,
    /// One or more versions of promtool.
    pub promtools: Vec<PathBuf>,
}

impl Tools {
    /// Finds the programs, or says how to get what is missing.
    pub fn find() -> Result<Self, String> {
        let folder = Path::new(FOLDER);
        let helm = many_in(folder, "HELM", "helm")?.remove(0);
        Ok(Self { helm, promtools: many_in(folder, "PROMTOOL", "promtool")? })
    }
}

/// All versions of a program, at least one: named by a variable, or `promtool-2` and `promtool-3` in a folder of
/// tools, or the one on the PATH.
pub fn many_in(folder: &Path, variable: &str, name: &str) -> Result<Vec<PathBuf>, String> {
    if let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
        let paths: Vec<_> = std::env::split_paths(&value).collect();
        return match paths.iter().find(|path| !path.is_file()) {
            Some(path) => Err(format!("${variable} names `{}`, which is not a file", path.display())),
            None => Ok(paths),
        };
    }
    let installed = in_folder(folder, name);
    if !installed.is_empty() {
        return Ok(installed);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.map(|path| vec![path]).ok_or_else(|| {
        format!(
            "`{name}` is not installed: run `just setup`, or install it and put it on the PATH, or name it in ${variable}"
        )
    })
}

fn in_folder(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            let rest = file.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) && path.is_file()
        })
        .collect();
    found.sort();
    found
}
