//! Helm: renders and lints charts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_yaml::Value;

use crate::setup::root;

/// One version of Helm.
#[derive(Debug, Clone)]
pub struct Helm(PathBuf);

impl Helm {
    /// All installed versions: those of tools/bin, or the one on the PATH.
    pub fn all() -> Result<Vec<Self>> {
        Ok(programs("HELM", "helm")?.into_iter().map(Self).collect())
    }

    /// Renders a chart of charts-out with a values file; the error is what Helm says.
    pub fn template(&self, chart: &str, values: Option<&Path>, set: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.0);
        command.args(["template", "release"]).arg(charts().join(chart));
        self.run(command, values, set)
    }

    /// Renders a chart in a folder or a package.
    pub fn template_of(&self, chart: &Path, set: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.0);
        command.args(["template", "release"]).arg(chart);
        self.run(command, None, set)
    }

    /// Packages a chart into a folder, as Helm does it itself; the file.
    pub fn package(&self, chart: &Path, folder: &Path) -> Result<PathBuf> {
        let mut command = Command::new(&self.0);
        command.arg("package").arg(chart).arg("--destination").arg(folder);
        self.run(command, None, &[])?;
        only_file(folder)
    }

    /// Pushes a package to a repository of a registry without TLS.
    pub fn push(&self, package: &Path, repository: &str) -> Result<String> {
        let mut command = Command::new(&self.0);
        command.arg("push").arg(package).args([repository, "--plain-http"]);
        self.run(command, None, &[])
    }

    /// Pulls a chart from a registry without TLS into a folder; the package.
    pub fn pull(&self, chart: &str, version: &str, folder: &Path) -> Result<PathBuf> {
        let own = folder.join(chart.rsplit('/').next().unwrap_or_default());
        std::fs::create_dir_all(&own)?;
        let mut command = Command::new(&self.0);
        command.args(["pull", chart, "--plain-http", "--version", version, "--destination"]).arg(&own);
        self.run(command, None, &[])?;
        only_file(&own)
    }

    /// Renders a parent that has charts of charts-out by other names: pairs of alias and chart.
    pub fn parent(&self, release: &str, charts: &[(&str, &str)], values: &Path) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let dependency = |(alias, chart): &(&str, &str)| {
            format!("- {{ name: {chart}, alias: {alias}, version: '*', repository: '' }}\n")
        };
        let dependencies: String = charts.iter().map(dependency).collect();
        let about = format!("apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n{dependencies}");
        std::fs::write(folder.path().join("Chart.yaml"), about)?;
        std::fs::create_dir(folder.path().join("charts"))?;
        for (_, chart) in charts {
            std::os::unix::fs::symlink(self::charts().join(chart), folder.path().join("charts").join(chart))
                .ok();
        }
        let mut command = Command::new(&self.0);
        command.args(["template", "--namespace", "monitoring", release]).arg(folder.path());
        self.run(command, Some(values), &[])
    }

    /// Renders a chart of another folder as a rule file.
    pub fn rules_of(&self, folder: &Path, chart: &str) -> Result<Vec<Value>> {
        let mut command = Command::new(&self.0);
        command.args(["template", "release"]).arg(folder.join(chart));
        rules(&self.run(command, None, &["format=PrometheusConfigurationFile"])?)
    }

    /// Lints a chart of charts-out strictly.
    pub fn lint(&self, chart: &str, values: Option<&Path>, set: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.0);
        command.args(["lint", "--strict"]).arg(charts().join(chart));
        self.run(command, values, set)
    }

    /// What people read after an installation. Helm prints notes only with a cluster, so a copy of the chart gets a
    /// template that includes them.
    pub fn notes(&self, chart: &str) -> Result<String> {
        let copy = tempfile::tempdir()?;
        let status = Command::new("cp").arg("-r").arg(charts().join(chart)).arg(copy.path()).status()?;
        anyhow::ensure!(status.success(), "cannot copy `{chart}`");
        let template = "notes: |\n{{ include (print $.Template.BasePath \"/NOTES.txt\") . | indent 2 }}\n";
        std::fs::write(copy.path().join(chart).join("templates/notes.yaml"), template)?;
        let mut command = Command::new(&self.0);
        command
            .args(["template", "release"])
            .arg(copy.path().join(chart))
            .args(["--show-only", "templates/notes.yaml"]);
        let rendered = self.run(command, None, &[])?;
        let notes = documents(&rendered)?
            .into_iter()
            .find_map(|document| document["notes"].as_str().map(str::to_owned));
        notes.context("the chart has no notes")
    }

    fn run(&self, mut command: Command, values: Option<&Path>, set: &[&str]) -> Result<String> {
        if let Some(values) = values {
            command.arg("--values").arg(values);
        }
        for value in set {
            command.args(["--set", value]);
        }
        let output = command.output().with_context(|| format!("cannot run {}", self.0.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !output.status.success() {
            bail!("{}{}", text(&output.stdout), text(&output.stderr));
        }
        Ok(text(&output.stdout))
    }
}

/// The one file of a folder.
fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut entries = std::fs::read_dir(folder)?;
    let entry = entries.next().with_context(|| format!("nothing in `{}`", folder.display()))?;
    Ok(entry?.path())
}

/// The generated charts.
pub fn charts() -> PathBuf {
    root().join("charts-out")
}

/// The documents of a rendered chart, in the order of their kind and name.
pub fn documents(text: &str) -> Result<Vec<Value>> {
    let documents = serde_yaml::Deserializer::from_str(text).map(|document| {
        let value: Value = serde::Deserialize::deserialize(document)?;
        Ok(value)
    });
    let documents: Result<Vec<_>> = documents.collect();
    Ok(documents?.into_iter().filter(|document| !document.is_null()).collect())
}

/// The rules of a rendered chart, in order, of a PrometheusRule or a file.
pub fn rules(text: &str) -> Result<Vec<Value>> {
    let documents = documents(text)?;
    let groups = documents.iter().flat_map(|document| {
        let groups =
            if document["spec"].is_null() { &document["groups"] } else { &document["spec"]["groups"] };
        groups.as_sequence().cloned().unwrap_or_default()
    });
    Ok(groups.flat_map(|group| group["rules"].as_sequence().cloned().unwrap_or_default()).collect())
}

/// Versions of a program; the search is dmf's own, from the root of the repository.
pub(crate) fn programs(variable: &str, name: &str) -> Result<Vec<PathBuf>> {
    generator::tools::many_in(&root().join("tools/bin"), variable, name).map_err(anyhow::Error::msg)
}
