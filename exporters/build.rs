//! Embeds every metrics file of `content/`, so that an exporter needs no configuration.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    // Asked when it runs, not when it is compiled: a build folder may have been copied.
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let content = Path::new(&package).join("../content");
    println!("cargo::rerun-if-changed={}", content.display());
    let mut code = String::from("&[\n");
    for component in sorted(&content) {
        for file in sorted(&component.join("metrics"))
            .iter()
            .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        {
            let name = component.file_name().unwrap_or_default().to_string_lossy();
            let path = file.canonicalize().unwrap_or_default();
            code += &format!(
                "    ({name:?}, {:?}, include_str!({:?})),\n",
                shown(file),
                path.display().to_string()
            );
        }
    }
    code += "]\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("metrics.rs"), code).expect("the build folder can be written");
}

/// The path as people know it: from `content` on.
fn shown(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let start = parts.iter().rposition(|part| part == "content").unwrap_or(0);
    parts[start..].join("/")
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
