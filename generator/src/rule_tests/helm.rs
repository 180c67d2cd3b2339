//! The rules of each chart as Helm renders them.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use catalogue::{Catalogue, Component};
use rayon::prelude::*;
use serde_json::Value;

use super::expand::{EXTRA_LABEL, Variant};
use crate::render;
use crate::tools::Tools;

/// Rules by alert and variant, as they stand in the rendered file.
#[derive(Debug, Default)]
pub(super) struct Rules(HashMap<(String, Variant), Value>);

impl Rules {
    /// The rule of an alert.
    pub(super) fn of(&self, alert: &str, variant: Variant) -> Result<&Value, String> {
        let rule = self.0.get(&(alert.to_owned(), variant));
        rule.ok_or_else(|| format!("the chart does not render alert `{alert}`"))
    }
}

/// Writes the charts and renders each in both variants.
pub(super) fn render(catalogue: &Catalogue, tools: &Tools, scratch: &Path) -> Result<Rules, String> {
    let charts = scratch.join("charts");
    let tree = render::chart::render(catalogue, render::chart::Release::default());
    tree.write(&charts).map_err(|error| error.to_string())?;
    let jobs: Vec<_> = catalogue
        .components
        .iter()
        .flat_map(|component| [(component, Variant::Plain), (component, Variant::Injected)])
        .collect();
    let rendered: Result<Vec<_>, String> = jobs
        .par_iter()
        .map(|(component, variant)| {
            template(component, *variant, tools, &charts).map(|rules| (rules, *variant))
        })
        .collect();
    let mut rules = Rules::default();
    for (found, variant) in rendered? {
        for rule in found {
            let name = rule["alert"].as_str().unwrap_or_default().to_owned();
            rules.0.insert((name, variant), rule);
        }
    }
    Ok(rules)
}

fn template(
    component: &Component,
    variant: Variant,
    tools: &Tools,
    charts: &Path,
) -> Result<Vec<Value>, String> {
    let chart = &*component.about.chart;
    let mut command = Command::new(&tools.helm);
    command
        .args(["template", "test"])
        .arg(charts.join(chart))
        .args(["--set", "format=PrometheusConfigurationFile"]);
    if variant == Variant::Injected {
        command.args(["--set", &format!("global.additionalExprLabels={{{EXTRA_LABEL}=x}}")]);
        command.args(["--set", &format!("global.additionalAggregationLabels={{{EXTRA_LABEL}}}")]);
    }
    let output =
        command.output().map_err(|error| format!("cannot run `{}`: {error}", tools.helm.display()))?;
    if !output.status.success() {
        return Err(format!(
            "helm refuses chart `{chart}`:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let file: Value = serde_yaml::from_str(&text)
        .map_err(|error| format!("helm rendered no YAML from `{chart}`: {error}"))?;
    let groups = file["groups"].as_array().cloned().unwrap_or_default();
    Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
}
