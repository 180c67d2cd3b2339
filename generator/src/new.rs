//! Skeletons: folders that pass `dmf check` once what says FIXME is filled in.

use std::fs;
use std::path::{Path, PathBuf};

use catalogue::component::Platform;
use catalogue::name::{AlertName, Key};
use catalogue::suggest::did_you_mean;

const ALERT: &str = include_str!("new/alert.yaml");
const TESTS: &str = include_str!("new/tests.yaml");
const SCENARIO: &str = include_str!("new/scenario.yaml");
const AWS_SCENARIO: &str = include_str!("new/scenario-aws.yaml");
const RUNBOOK: &str = include_str!("new/runbook.md");
const SQL: &str = include_str!("new/diagnosis.sql");
const SQL_METRIC: &str = include_str!("new/sql-metric.yaml");
const API_METRIC: &str = include_str!("new/api-metric.yaml");

/// Writes the skeleton of an alert; returns the files.
pub fn alert(content: &Path, component: &str, name: &str) -> Result<Vec<PathBuf>, String> {
    let (folder, component) = component_folder(content, component)?;
    let about = &component.about;
    let name = AlertName::new(name)?;
    if !about.prefixes.iter().any(|prefix| name.starts_with(&**prefix)) {
        let prefixes: Vec<_> = about.prefixes.iter().map(|prefix| format!("`{}`", &**prefix)).collect();
        return Err(format!("alerts of `{}` start with {}", component.name, prefixes.join(" or ")));
    }
    let folder = folder.join("alerts").join(&*name);
    if folder.exists() {
        return Err(format!("`{}` exists already", folder.display()));
    }
    let groups: Vec<_> = about.groups.keys().map(String::as_str).collect();
    let groups = groups.join(", ");
    let label = about.labels.first().map_or("instance", |(label, _)| &**label);
    let fill = |text: &str| text.replace("NAME", &name).replace("GROUPS", &groups).replace("LABEL", label);
    let files =
        [("alert.yaml", ALERT), ("tests.yaml", TESTS), ("runbook.md", RUNBOOK), ("diagnosis.sql", SQL)];
    // One proven alert of a component obliges all.
    let proven = component.alerts.iter().any(|alert| alert.scenario.is_some());
    let scenario = match component.platform() {
        Platform::Server => SCENARIO,
        Platform::Aws => AWS_SCENARIO,
    };
    let files = files.into_iter().chain(proven.then_some(("scenario.yaml", scenario)));
    write(&folder, files.map(|(file, text)| (file.to_owned(), fill(text))))
}

/// Writes the skeleton of a metrics file; returns it.
pub fn metric(content: &Path, component: &str, name: &str) -> Result<Vec<PathBuf>, String> {
    let (folder, _) = component_folder(content, component)?;
    let name = Key::new(name)?;
    let folder = folder.join("metrics");
    let path = folder.join(format!("{name}.yaml"));
    if path.exists() {
        return Err(format!("`{}` exists already", path.display()));
    }
    let from_sql = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .any(|entry| fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("\nqueries:")));
    let text = if from_sql { SQL_METRIC } else { API_METRIC };
    write(&folder, [(format!("{name}.yaml"), text.to_owned())])
}

fn component_folder(content: &Path, component: &str) -> Result<(PathBuf, catalogue::Component), String> {
    let Some(loaded) = catalogue::load(content).catalogue else {
        return Err(format!("`{}` is not a whole content folder: `dmf check` says why", content.display()));
    };
    let mut components = loaded.components;
    let index = components.iter().position(|known| *known.name == *component);
    let Some(index) = index else {
        let names: Vec<_> = components.iter().map(|known| &*known.name).collect();
        let help = if names.is_empty() {
            format!("`{}` holds no components", content.display())
        } else {
            did_you_mean(component, names.iter().copied())
        };
        return Err(format!("there is no component `{component}`, {help}"));
    };
    Ok((content.join(component), components.swap_remove(index)))
}

fn write(folder: &Path, files: impl IntoIterator<Item = (String, String)>) -> Result<Vec<PathBuf>, String> {
    let cannot = |path: &Path, error: std::io::Error| format!("cannot write `{}`: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| cannot(&path, error))?;
        paths.push(path);
    }
    Ok(paths)
}
