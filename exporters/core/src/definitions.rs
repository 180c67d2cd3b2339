//! Metric definitions: the built-in ones, and those of a folder, which add to them or replace those of the same name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalogue::metric::Query;
use catalogue::problem::{Problem, Problems};

use crate::config;

/// Reads the files of a folder. `usable` reports what the exporter cannot do with one. The error is one line.
pub fn extend(
    queries: &mut Vec<Query>,
    folder: &Path,
    usable: impl Fn(&Query, &mut Problems),
    problems: &mut Problems,
) -> Result<(), String> {
    for path in files(folder)? {
        let source = config::read(&path)?;
        let Some(query) = Query::read(&source, problems) else { continue };
        usable(&query, problems);
        queries.retain(|known| known.name != query.name);
        queries.push(query);
    }
    Ok(())
}

/// The definitions, when nothing is wrong with them and none makes a series that another makes, too. The error lists
/// every problem, one per line.
pub fn checked(queries: Vec<Query>, mut problems: Problems) -> Result<Vec<Query>, String> {
    let mut producers: BTreeMap<&str, &Query> = BTreeMap::new();
    for query in &queries {
        for metric in &query.metrics {
            if let Some(first) = producers.insert(&metric.series, query) {
                let message = format!("`{}` is produced by `{}` too", &*metric.series, first.name);
                problems.push(Problem::error("metric/duplicate", metric.key.place(), message));
            }
        }
    }
    if problems.is_empty() { Ok(queries) } else { Err(config::describe(problems)) }
}

/// The metrics files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error| format!("cannot read `{}`: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(format!("`{}` has no .yaml file", folder.display()));
    }
    paths.sort();
    Ok(paths)
}
