//! Commands that people and machines are told to run exist: in the workflow, the pages and the files at the top.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use generator::cli::Cli;
use integration_tests::setup::{self, root};
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
        // What a variable of this name holds.
        .map(|word| if word == "$VERSION" { "1.2.3" } else { word })
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

/// Name and content of each workflow.
fn workflows() -> Vec<(String, Value)> {
    let folder = fs::read_dir(root().join(".github/workflows")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    };
    files.map(read).collect()
}

/// What a job may write, and why it must.
const WRITES: [(&str, &str, &[&str]); 2] = [
    ("site", "deploy", &["pages", "id-token"]),
    // The release itself, signatures without a key, and where each file was built.
    ("release", "publish", &["contents", "id-token", "attestations"]),
];

#[test]
fn the_workflows_run_what_exists_and_may_do_little() {
    let mut runs = Vec::new();
    for (workflow, content) in workflows() {
        assert_eq!(
            content["permissions"],
            serde_json::json!({}),
            "{workflow}: nothing is allowed by default"
        );
        for (name, job) in content["jobs"].as_object().unwrap() {
            for (scope, right) in job["permissions"].as_object().unwrap() {
                let may_write = WRITES
                    .iter()
                    .any(|(of, job, scopes)| of == &workflow && job == name && scopes.contains(&&**scope));
                assert!(right == "read" || may_write, "{workflow}: {name} may {right} {scope}");
            }
            for step in job["steps"].as_array().unwrap() {
                if let Some(action) = step["uses"].as_str() {
                    let (_, commit) = action.split_once('@').unwrap();
                    let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
                    assert!(is_commit, "{workflow}: {action} is not pinned by its commit");
                }
                for line in step["run"].as_str().into_iter().flat_map(str::lines) {
                    assert_eq!(mistake(line), None, "{workflow}: {line}");
                    runs.push((workflow.clone(), line.to_owned()));
                }
            }
        }
    }
    for (workflow, command) in [
        ("site", "site versions"),
        ("test", ".ci/run"),
        ("release", "just dist"),
        ("release", "package --release"),
    ] {
        let found = runs.iter().any(|(name, line)| name == workflow && line.contains(command));
        assert!(found, "{workflow} does not run `{command}`");
    }
    let (_, site) = workflows().into_iter().find(|(name, _)| name == "site").unwrap();
    let build = site["jobs"]["build"]["steps"].as_array().unwrap();
    assert!(build.iter().any(|step| step["with"]["fetch-depth"] == 0), "versions are tags");
}

#[test]
fn linters_of_workflows_find_nothing() {
    for (program, arguments) in
        [("zizmor", &["--offline", "--no-progress", ".github/workflows"][..]), ("actionlint", &[])]
    {
        let mut command = std::process::Command::new(setup::program(program).unwrap());
        let output = command.args(arguments).current_dir(root()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{program}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn rust_has_its_version_in_one_place() {
    let toolchain = read("rust-toolchain.toml");
    let line = toolchain.lines().find(|line| line.starts_with("channel")).unwrap();
    let version = line.split('"').nth(1).unwrap().trim_end_matches(".0");
    let pages =
        WalkDir::new(root().join("content/pages")).into_iter().map(|entry| entry.unwrap().into_path());
    let pages = pages.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let others =
        ["README.md", "CONTRIBUTING.md", ".github/workflows/test.yml", ".github/workflows/release.yml"];
    for path in pages.chain(others.map(|name| root().join(name))) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&format!("Rust {version}")), "{}: leave the version out", path.display());
    }
    // Cargo's own field cannot point to the file.
    assert!(read("Cargo.toml").contains(&format!("rust-version = \"{version}\"\n")));
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
