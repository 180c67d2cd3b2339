//! Commands that people and machines are told to run exist: in the workflow, the pages and the files at the top.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use generator::cli::Cli;
use integration_tests::setup::root;
use serde_json::Value;
use walkdir::WalkDir;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn recipes() -> Vec<String> {
    let justfile = read("justfile");
    let heads = justfile.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    heads.map(|line| line.split([' ', ':']).next().unwrap().to_owned()).collect()
}

/// What is wrong with a command line, if it is one of ours.
fn mistake(line: &str) -> Option<String> {
    // Up to what a shell gives to others.
    let words: Vec<_> = line
        .split_whitespace()
        .take_while(|word| !["|", "&&", ">", "#", ";"].contains(word))
        .map(|word| word.trim_matches(['"', '\'']))
        .collect();
    match words[..] {
        ["just", recipe, ..] if recipe.starts_with(|c: char| c.is_ascii_lowercase()) => {
            (!recipes().contains(&recipe.to_owned())).then(|| format!("there is no recipe `{recipe}`"))
        }
        ["cargo", "run", ..] if words.contains(&"generator") || words.get(2) == Some(&"--") => {
            let at = words.iter().position(|word| *word == "--")?;
            dmf(&words[at + 1..])
        }
        ["dmf", ref rest @ ..] if !rest.is_empty() => dmf(rest),
        _ => None,
    }
}

fn dmf(words: &[&str]) -> Option<String> {
    let error = Cli::try_parse_from(std::iter::once("dmf").chain(words.iter().copied())).err()?;
    // Help and version are answered in this way too.
    error.use_stderr().then(|| error.to_string())
}

#[test]
fn commands_of_the_texts_exist() {
    let pages =
        WalkDir::new(root().join("content/pages")).into_iter().map(|entry| entry.unwrap().into_path());
    let texts = ["README.md", "CONTRIBUTING.md"].map(|name| root().join(name));
    let files: Vec<PathBuf> =
        pages.filter(|path| path.extension().is_some_and(|end| end == "md")).chain(texts).collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        // Every second part is code, in a block or in a line.
        for code in text.split('`').skip(1).filter(|code| !code.is_empty()) {
            for line in code.lines() {
                let line = line.trim_start_matches("bash").trim();
                seen += usize::from(line.starts_with("just ") || line.starts_with("cargo run"));
                wrong.extend(mistake(line).map(|mistake| format!("{}: {line}: {mistake}", path.display())));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 15, "{seen} commands are too few: the texts are read wrongly");
}

#[test]
fn the_workflow_runs_what_exists_and_may_do_little() {
    let workflow: Value = serde_yaml::from_str(&read(".github/workflows/site.yaml")).unwrap();
    assert_eq!(workflow["permissions"], serde_json::json!({}), "nothing is allowed by default");
    let mut runs = 0;
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        let allowed = job["permissions"].as_object().unwrap();
        for (scope, right) in allowed {
            let may_write = name == "deploy" && ["pages", "id-token"].contains(&scope.as_str());
            assert!(right == "read" || may_write, "{name} may {right} {scope}");
        }
        for step in job["steps"].as_array().unwrap() {
            if let Some(action) = step["uses"].as_str() {
                let (owner, version) = action.split_once('@').unwrap();
                assert!(owner.starts_with("actions/") && version.starts_with('v'), "{action}");
            }
            for line in step["run"].as_str().into_iter().flat_map(str::lines) {
                assert_eq!(mistake(line), None, "{line}");
                runs += usize::from(line.contains("site versions"));
            }
        }
    }
    assert_eq!(runs, 1, "the site is built");
    let build = workflow["jobs"]["build"]["steps"].as_array().unwrap();
    assert!(build.iter().any(|step| step["with"]["fetch-depth"] == 0), "versions are tags");
}

#[test]
fn a_mistake_is_found() {
    for wrong in
        ["just nonsense", "cargo run -- site version", "dmf build --chek", "dmf site versions --min one"]
    {
        assert!(mistake(wrong).is_some(), "{wrong}");
    }
    for right in ["just serve --open", "cargo run --release --package generator -- serve", "dmf --help", "ls"]
    {
        assert_eq!(mistake(right), None, "{right}");
    }
}

#[test]
fn the_policy_for_hosts_is_that_of_the_pages() {
    let head = read("generator/theme/templates/layout.hbs");
    let policy =
        head.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    let page = read("content/pages/deploying-the-site.md");
    let expected = format!("{policy}; frame-ancestors 'none'");
    assert!(page.contains(&format!("Content-Security-Policy: {expected}\n")), "{expected}");
    assert!(
        page.contains(&format!("add_header Content-Security-Policy \"{expected}\" always;")),
        "{expected}"
    );
}
