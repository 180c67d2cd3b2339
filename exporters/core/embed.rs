//! For the build script of an exporter: embeds the metrics files of its component, so that it needs no configuration.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Writes `metrics.rs` to the build folder: a slice with path and text of every file in `content/COMPONENT/metrics`.
pub(crate) fn metrics(component: &str) {
    // Asked when it runs, not when it is compiled: a build folder may have been copied.
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let folder = Path::new(&package).join("../../content").join(component).join("metrics");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut code = String::from("&[\n");
    for file in sorted(&folder).iter().filter(|path| path.extension().is_some_and(|ext| ext == "yaml")) {
        let path = file.canonicalize().unwrap_or_default();
        code += &format!("    ({:?}, include_str!({:?})),\n", shown(file), path.display().to_string());
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
