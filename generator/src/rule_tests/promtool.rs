//! Runs of promtool, and what it says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rayon::prelude::*;

use crate::progress::Progress;
use crate::tools::Tools;

/// What promtool says about one case.
#[derive(Debug)]
pub(super) struct Failure {
    /// Index of the case; the largest number when promtool does not say which.
    pub(super) case: usize,
    /// Name of the rule; empty when promtool does not say which.
    pub(super) rule: String,
    /// Version of promtool.
    pub(super) version: String,
    /// Expected and got.
    pub(super) text: String,
}

/// Runs all files with each promtool, one process each, side by side.
pub(super) fn run(tools: &Tools, folder: &Path, files: &[PathBuf]) -> Result<Vec<Failure>, String> {
    let progress = Progress::new("testing rules", "files", files.len() * tools.promtools.len());
    let run = |program: &PathBuf| {
        let version = version(program)?;
        run_one(program, &version, folder, files, &|| progress.done(1))
    };
    let runs: Result<Vec<_>, String> = tools.promtools.par_iter().map(run).collect();
    Ok(runs?.into_iter().flatten().collect())
}

/// Runs some files with one promtool, of this version.
pub(super) fn run_one(
    program: &Path,
    version: &str,
    folder: &Path,
    files: &[PathBuf],
    starts: &(dyn Fn() + Sync),
) -> Result<Vec<Failure>, String> {
    let cannot = |error: std::io::Error| format!("cannot run `{}`: {error}", program.display());
    let program = program.canonicalize().map_err(cannot)?;
    let mut child = Command::new(&program)
        .current_dir(folder)
        // What promtool leaves behind goes away with the folder.
        .env("TMPDIR", ".")
        // It makes a database for each test, and much of its time goes into collecting their garbage.
        .env("GOGC", "400")
        // But not without end: some tests of hours are large.
        .env("GOMEMLIMIT", "1GiB")
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
        if line.starts_with("Unit Testing:") {
            starts();
        }
        said += &(line + "\n");
    }
    said += &errors.and_then(|thread| thread.join().ok()).unwrap_or(Ok(String::new())).map_err(cannot)?;
    if child.wait().map_err(cannot)?.success() {
        return Ok(Vec::new());
    }
    let failures = parse(&said, version);
    if failures.is_empty() {
        return Err(format!("promtool {version} cannot run the tests:\n{}", said.trim()));
    }
    Ok(failures)
}

/// The number in what `promtool --version` says.
pub(super) fn version(program: &Path) -> Result<String, String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| format!("cannot run `{}`: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.split([' ', ',', '+']).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    Ok(number.unwrap_or("unknown").to_owned())
}

/// Reads promtool's report.
fn parse(said: &str, version: &str) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    let mut open = false;
    let mut case = usize::MAX;
    let add = |failures: &mut Vec<Failure>, case: usize, rule: &str, text: &str| {
        failures.push(Failure {
            case,
            rule: rule.to_owned(),
            version: version.to_owned(),
            text: text.to_owned(),
        });
    };
    for line in said.lines() {
        let said = line.trim();
        let number = said.split_once("case ").map(|(_, rest)| {
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(usize::MAX)
        });
        if let (true, Some(number)) = (said.starts_with("name: case "), number) {
            case = number;
            open = false;
        } else if let (Some(expr), Some(number)) = (said.strip_prefix("expr: \""), number) {
            add(&mut failures, number, between(expr, "alertname=\\\"", "\\\""), "");
            open = true;
        } else if let Some(rest) = said.strip_prefix("alertname: ") {
            add(&mut failures, case, between(rest, "", ", time: "), "");
            open = true;
        } else if let (Some(rest), true) = (said.strip_prefix("rule: "), said.contains(", err: ")) {
            // promtool does not say in which test.
            add(&mut failures, usize::MAX, between(rest, "", ", time: "), line);
            open = false;
        } else if line.starts_with("Unit Testing:") || said == "FAILED:" || said == "SUCCESS" {
            open = false;
        } else if let Some(failure) = failures.last_mut().filter(|_| open && !said.is_empty()) {
            failure.text.push_str(line.trim_end());
            failure.text.push('\n');
        } else if line.contains("error") {
            // Such as values that do not parse.
            add(&mut failures, usize::MAX, "", line);
        }
    }
    failures
}

/// The part of a text between two others; empty when they are not there.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split_once(after)).map_or("", |(part, _)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let said = r#"Unit Testing:  a
  FAILED:
    expr: "ALERTS{alertname=\"A\",alertstate=\"firing\"} # case 3", time: 2m,
        exp: {a="c"} 1E+00
        got: nil
    name: case 12,
    alertname: B, time: 3m, 
        exp:[]
    expr: "vector(0) # case 12", time: 0s,
        exp: nil
        got: {} 0E+00
    rule: C, time: 0s, err: multiple matches for labels

Unit Testing:  b
  SUCCESS
"#;
        let failures = parse(said, "3.5.0");
        let failures: Vec<_> =
            failures.iter().map(|failure| (failure.case, &*failure.rule, &*failure.text)).collect();
        assert_eq!(failures[0], (3, "A", "        exp: {a=\"c\"} 1E+00\n        got: nil\n"));
        assert_eq!(failures[1], (12, "B", "        exp:[]\n"));
        assert_eq!((failures[2].0, failures[2].1), (12, ""));
        assert_eq!(failures[3], (usize::MAX, "C", "    rule: C, time: 0s, err: multiple matches for labels"));
        assert_eq!(failures.len(), 4);
    }
}
