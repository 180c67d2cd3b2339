//! `dmf site versions` on a small repository: what is built of which tag, and how the versions know each other.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use walkdir::WalkDir;

/// A repository with the fixture's content.
struct Repository(tempfile::TempDir);

const PAGE: &str = "content/pages/start.md";

impl Repository {
    /// Tags: one without content, 0.9.0 with a page that is gone today, one that today's program does not understand,
    /// 0.10.0, a release candidate, and one that is no version.
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        fs::write(repository.path("README.md"), "x").unwrap();
        repository.commit("v0.1.0");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/content");
        for entry in WalkDir::new(&from).into_iter().map(Result::unwrap) {
            let path = repository.path("content").join(entry.path().strip_prefix(&from).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::copy(entry.path(), path).unwrap();
            }
        }
        repository.page("Nine");
        fs::write(repository.path("content/pages/gone.md"), "---\ntitle: Gone\nweight: 9\n---\nOld.\n")
            .unwrap();
        repository.commit("v0.9.0");
        fs::write(repository.path("content/site.yaml"), "name: an older format\n").unwrap();
        repository.commit("v0.9.1");
        fs::copy(from.join("site.yaml"), repository.path("content/site.yaml")).unwrap();
        repository.page("Ten");
        fs::remove_file(repository.path("content/pages/gone.md")).unwrap();
        repository.commit("v0.10.0");
        repository.page("Candidate");
        repository.commit("v0.10.1-rc.1");
        repository.git(&["tag", "nightly"]);
        // Not committed: that is what `latest` shows.
        repository.page("Working");
        repository
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn page(&self, word: &str) {
        let front = "---\ntitle: Start\nweight: 1\n---\n";
        fs::write(self.path(PAGE), format!("{front}# Start\n\n{word} words.\n")).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.0.path()).args(["-c", "user.name=T", "-c", "user.email=t@example.com"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self, tag: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", tag]);
        self.git(&["tag", "--annotate", "--message", tag, tag]);
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dmf"));
        command.current_dir(self.0.path()).args(["site", "versions"]);
        // Beside the repository, so that its state can be compared.
        let out = self.out("");
        command.args(["--site-out", out.to_str().unwrap()]).args(arguments);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    fn out(&self, path: &str) -> PathBuf {
        self.path(".git/site").join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.out(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

const BASE: [&str; 2] = ["--base-url", "https://host.example/books/"];

#[test]
fn each_version_has_its_own_content_and_knows_the_others() {
    let repository = Repository::new();
    let before = (repository.git(&["status", "--porcelain"]), repository.git(&["worktree", "list"]));
    let (code, text) = repository.run(&BASE);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("warning: version 0.9.1 is left out, tag `v0.9.1`: this program does not understand"),
        "{text}"
    );
    assert!(
        text.contains("key `charts` is missing") && text.contains("v0.9.1:content/site.yaml:1:1"),
        "{text}"
    );
    assert!(text.contains("version 0.1.0 is left out, tag `v0.1.0`: it has no folder `content/`"), "{text}");
    assert_eq!(before, (repository.git(&["status", "--porcelain"]), repository.git(&["worktree", "list"])));

    for (version, word) in
        [("0.9.0", "Nine"), ("0.10.0", "Ten"), ("0.10.1-rc.1", "Candidate"), ("latest", "Working")]
    {
        let page = repository.read(&format!("{version}/start/index.html"));
        assert!(page.contains(&format!("{word} words.")), "{version}");
        assert!(page.contains(&format!("data-version=\"{version}\"")), "{version} has no switcher");
        assert!(page.contains("href=\"https://host.example/books/latest/start/\""), "{version}");
        assert_eq!(page.contains("class=\"banner\""), version == "0.9.0", "{version}");
        assert!(
            repository.read(&format!("{version}/sitemap.xml")).contains(&format!("/books/{version}/start/"))
        );
    }
    let old = repository.read("0.9.0/start/index.html");
    assert!(old.contains("<a href=\"../../latest/start/index.html\">"), "the same page of the latest");
    assert!(!old.contains("/edit/"), "an old page cannot be edited");
    let gone = repository.read("0.9.0/gone/index.html");
    assert!(gone.contains("<a href=\"../../latest/index.html\">"), "its start, where the page is not");
    assert!(gone.contains("rel=\"canonical\" href=\"https://host.example/books/0.9.0/gone/\""));

    let list: serde_json::Value = serde_json::from_str(&repository.read("versions.json")).unwrap();
    let names: Vec<_> =
        list.as_array().unwrap().iter().map(|entry| entry["version"].as_str().unwrap()).collect();
    assert_eq!(names, ["latest", "0.10.1-rc.1", "0.10.0", "0.9.0"]);
    assert_eq!(list[2]["commit"], repository.git(&["rev-parse", "v0.10.0^{commit}"]).trim());
    assert!(list[1]["prerelease"] == true && list[2]["prerelease"] == false);
    assert!(repository.read("versions.js").starts_with("window.dmfVersions = [{\"version\":\"latest\""));
    let plain = repository.read("versions.html");
    assert!(plain.find("0.10.0/index.html").unwrap() < plain.find("0.9.0/index.html").unwrap());
    assert!(repository.read("index.html").contains("url=latest/index.html"));
    assert!(repository.read("404.html").contains("href=\"/books/latest/"), "hosts serve it from the root");
}

#[test]
fn every_link_between_files_leads_somewhere() {
    let repository = Repository::new();
    assert_eq!(repository.run(&BASE).0, 0);
    let mut links = 0;
    for entry in WalkDir::new(repository.out("")).into_iter().map(Result::unwrap) {
        let path = entry.path();
        if path.extension().is_none_or(|end| end != "html") || path.ends_with("404.html") {
            continue;
        }
        let html = fs::read_to_string(path).unwrap();
        for attribute in [" href=\"", " src=\""] {
            for link in html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                if link.contains(':') || link.starts_with('#') {
                    continue;
                }
                let file = link.split(['#', '?']).next().unwrap();
                assert!(!file.starts_with('/'), "{}: {link} is not relative", path.display());
                assert!(path.parent().unwrap().join(file).is_file(), "{}: {link}", path.display());
                links += 1;
            }
        }
    }
    assert!(links > 200, "{links}");
}

#[test]
fn fewer_can_be_asked_for_and_strict_writes_nothing() {
    let repository = Repository::new();
    let (code, text) = repository.run(&["--strict"]);
    assert_eq!(code, 1);
    assert!(text.contains("error: version 0.9.1") && !repository.out("").exists(), "{text}");
    let (code, text) = repository.run(&["--strict", "--min", "0.10.0", "--releases-only"]);
    assert_eq!(code, 0, "{text}");
    assert!(repository.out("0.10.0").is_dir() && !repository.out("0.10.1-rc.1").exists());
    let (code, text) = repository.run(&["--strict", "--only", "0.9.0,0.10.0"]);
    assert_eq!(code, 0, "{text}");
    assert!(repository.out("0.9.0").is_dir() && repository.out("latest").is_dir());
    let (code, text) = repository.run(&["--strict", "--only", "7.0.0"]);
    assert!(code == 1 && text.contains("there is no tag of version 7.0.0"), "{text}");
    assert!(repository.out("0.9.0").is_dir(), "what was there stays");
    assert_eq!(repository.run(&["--min", "seven"]).0, 2);
}

#[test]
fn without_git_or_a_repository_it_says_so() {
    let repository = Repository::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmf"));
    command.current_dir(repository.0.path()).args(["site", "versions"]).env("PATH", "");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("cannot run `git`"), "{text}");
    fs::remove_dir_all(repository.path(".git")).unwrap();
    let (code, text) = repository.run(&[]);
    assert!(
        code == 2 && text.contains("the versions of `content` are not known: not a git repository"),
        "{text}"
    );
}
