//! promtool's test files, its runs, and what it says.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::expand::{Expanded, evaluation_ms};
use super::helm::Rules;
use crate::tools::Tools;

/// What promtool says about one case.
#[derive(Debug)]
pub(super) struct Failure {
    /// Index of the case.
    pub(super) case: usize,
    /// Version of promtool.
    pub(super) version: String,
    /// Expected and got.
    pub(super) text: String,
}

/// Writes the test files: one per alert, variant and evaluation interval, each with only that alert's rule.
pub(super) fn write(folder: &Path, rules: &Rules, cases: &[Expanded]) -> Result<Vec<PathBuf>, String> {
    let mut files: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let rule = rules
            .get(&(case.alert.clone(), case.variant))
            .ok_or_else(|| format!("the chart does not render alert `{}`", case.alert))?;
        let rule = serde_json::to_value(rule).map_err(|error| error.to_string())?;
        let step = evaluation_ms(&case.interval);
        let name = format!("{}-{:?}-{step}", case.alert, case.variant).to_lowercase();
        let rule_file = format!("{name}.rules.json");
        let (file, tests) = files.entry(name).or_insert_with(|| {
            let groups = json!({ "groups": [{ "name": "test", "rules": [rule] }] });
            let file = json!({ "rule_files": [rule_file], "evaluation_interval": format!("{step}ms"), "rules": groups });
            (file, Vec::new())
        });
        tests.push(test(index, case, &file["rules"]["groups"][0]["rules"][0]));
    }
    let mut paths = Vec::new();
    for (name, (mut file, tests)) in files {
        let rules = file["rules"].take();
        file.as_object_mut().map(|file| file.remove("rules"));
        file["tests"] = tests.into();
        for (suffix, value) in [("rules", &rules), ("tests", &file)] {
            let path = folder.join(format!("{name}.{suffix}.json"));
            let text = format!("{value:#}");
            fs::write(&path, text).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        }
        paths.push(PathBuf::from(format!("{name}.tests.json")));
    }
    Ok(paths)
}

/// One test of promtool. Its number stands in the name and, because promtool prints no name there, as a comment
/// in the expression.
fn test(index: usize, case: &Expanded, rule: &Value) -> Value {
    let added = rule["labels"].as_object().cloned().unwrap_or_default();
    let at = format!("{}ms", case.at_ms);
    let series: Vec<_> =
        case.series.iter().map(|(series, values)| json!({ "series": series, "values": values })).collect();
    let samples = case.fires.iter().map(|labels| {
        let mut all: BTreeMap<&str, &str> =
            BTreeMap::from([("alertname", case.alert.as_str()), ("alertstate", "firing")]);
        all.extend(added.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())));
        all.extend(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let labels: Vec<_> =
            all.iter().map(|(name, value)| format!("{name}={}", Value::from(*value))).collect();
        json!({ "labels": format!("ALERTS{{{}}}", labels.join(",")), "value": 1 })
    });
    let samples: Vec<_> = samples.collect();
    let expr = format!("ALERTS{{alertname=\"{}\",alertstate=\"firing\"}} # case {index}", case.alert);
    let mut test = json!({
        "name": format!("case {index}"),
        "interval": case.interval.to_string(),
        "input_series": series,
        "promql_expr_test": [{ "expr": expr, "eval_time": at, "exp_samples": samples }],
    });
    if let (false, [labels]) = (case.texts.is_empty(), case.fires.as_slice()) {
        let mut all = added;
        all.extend(labels.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
        let mut annotations = rule["annotations"].as_object().cloned().unwrap_or_default();
        annotations
            .extend(case.texts.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
        let alert = json!({ "exp_labels": all, "exp_annotations": annotations });
        test["alert_rule_test"] =
            json!([{ "alertname": case.alert, "eval_time": at, "exp_alerts": [alert] }]);
    }
    test
}

/// Runs all files with each promtool, one process each, side by side.
pub(super) fn run(tools: &Tools, folder: &Path, files: &[PathBuf]) -> Result<Vec<Failure>, String> {
    let style = ProgressStyle::with_template("testing rules [{bar:30}] {pos}/{len} files, {elapsed}");
    let progress = ProgressBar::new((files.len() * tools.promtools.len()) as u64);
    progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let run = |program: &PathBuf| run_one(program, folder, files, &progress);
    let runs: Result<Vec<_>, String> = tools.promtools.par_iter().map(run).collect();
    progress.finish_and_clear();
    Ok(runs?.into_iter().flatten().collect())
}

fn run_one(
    program: &Path,
    folder: &Path,
    files: &[PathBuf],
    progress: &ProgressBar,
) -> Result<Vec<Failure>, String> {
    let cannot = |error: std::io::Error| format!("cannot run `{}`: {error}", program.display());
    let program = program.canonicalize().map_err(cannot)?;
    let version = version(&program).map_err(cannot)?;
    let mut child = Command::new(&program)
        .current_dir(folder)
        // What promtool leaves behind goes away with the folder.
        .env("TMPDIR", ".")
        .args(["test", "rules"])
        .args(files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    let errors = child.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).map(|_| text)
        })
    });
    let mut said = String::new();
    for line in child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        let line = line.map_err(cannot)?;
        progress.inc(u64::from(line.starts_with("Unit Testing:")));
        said += &(line + "\n");
    }
    said += &errors.and_then(|thread| thread.join().ok()).unwrap_or(Ok(String::new())).map_err(cannot)?;
    if child.wait().map_err(cannot)?.success() {
        return Ok(Vec::new());
    }
    let failures = parse(&said, &version);
    if failures.is_empty() {
        return Err(format!("promtool {version} cannot run the tests:\n{}", said.trim()));
    }
    Ok(failures)
}

/// The number in what `promtool --version` says.
fn version(program: &Path) -> std::io::Result<String> {
    let output = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.split([' ', ',', '+']).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    Ok(number.unwrap_or("unknown").to_owned())
}

/// Reads promtool's report.
fn parse(said: &str, version: &str) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    let mut open = false;
    for line in said.lines() {
        let number = line.split_once("case ").and_then(|(before, rest)| {
            let starts =
                before.trim_start().starts_with("name: ") || before.trim_start().starts_with("expr: ");
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            starts.then(|| digits.parse().ok()).flatten()
        });
        if let Some(case) = number {
            failures.push(Failure { case, version: version.to_owned(), text: String::new() });
            open = true;
        } else if line.starts_with("Unit Testing:") || line.trim() == "FAILED:" || line.trim() == "SUCCESS" {
            open = false;
        } else if let Some(failure) = failures.last_mut().filter(|_| open && !line.trim().is_empty()) {
            failure.text.push_str(line.trim_end());
            failure.text.push('\n');
        } else if line.contains("error") {
            // Such as values that do not parse: promtool does not say in which test.
            failures.push(Failure { case: usize::MAX, version: version.to_owned(), text: line.to_owned() });
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let said = "Unit Testing:  a\n  FAILED:\n    expr: \"ALERTS{} # case 3\", time: 2m,\n        exp: {a=\"c\"} 1E+00\n        \
                    got: nil\n    name: case 12,\n    alertname: A, time: 3m, \n        exp:[]\n\nUnit Testing:  b\n  SUCCESS\n";
        let failures: Vec<_> =
            parse(said, "3.5.0").into_iter().map(|failure| (failure.case, failure.text)).collect();
        assert_eq!(failures[0], (3, "        exp: {a=\"c\"} 1E+00\n        got: nil\n".to_owned()));
        assert_eq!(failures[1].0, 12);
        assert_eq!(failures.len(), 2);
    }
}
