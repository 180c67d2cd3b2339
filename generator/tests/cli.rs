//! What people type: `dmf` as a process, with its exit codes and what it leaves on disk.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use walkdir::WalkDir;

/// A copy of the fixture's content with room for output.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/content");
        for entry in
            WalkDir::new(&from).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
        {
            let path = home.path("content").join(entry.path().strip_prefix(&from).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(entry.path(), &path).unwrap();
        }
        home
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dmf"));
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        (status.code().unwrap(), text)
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.path(path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {}", path.display());
        fs::write(&path, text.replace(from, to)).unwrap();
    }
}

const ALERT: &str = "content/db/alerts/DbFull/alert.yaml";

#[test]
fn build_writes_and_build_check_compares() {
    let home = Home::new();
    let (code, text) = home.run(&["build", "--check"]);
    assert_eq!(code, 1);
    assert!(text.contains("missing: charts-out/tiny-alerts-chart/Chart.yaml"), "{text}");
    assert_eq!(home.run(&["build"]).0, 0);
    let (code, text) = home.run(&["build"]);
    assert_eq!((code, text.contains("unchanged")), (0, true), "{text}");
    assert_eq!(home.run(&["build", "--check"]).0, 0);
    fs::write(home.path("charts-out/tiny-alerts-chart/values.yaml"), "edited").unwrap();
    fs::write(home.path("charts-out/tiny-alerts-chart/notes.txt"), "mine").unwrap();
    let (code, text) = home.run(&["build", "--check"]);
    assert_eq!(code, 1);
    assert!(text.contains("stale: charts-out/tiny-alerts-chart/values.yaml"), "{text}");
    assert!(text.contains("extra: charts-out/tiny-alerts-chart/notes.txt"), "{text}");
}

#[test]
fn a_release_stamps_its_version() {
    let home = Home::new();
    assert_eq!(home.run(&["build", "--release", "1.2.3"]).0, 0);
    let chart = fs::read_to_string(home.path("charts-out/tiny-alerts-chart/Chart.yaml")).unwrap();
    assert!(chart.contains("version: \"1.2.3\""), "{chart}");
    assert_eq!(home.run(&["build", "--release", "v1"]).0, 2);
}

#[test]
fn bad_content_is_reported_completely_and_nothing_is_written() {
    let home = Home::new();
    home.edit(ALERT, "severity: warning", "severity: wrning");
    home.edit("content/db/alerts/DbFull/runbook.md", "## Impact", "## Imapct");
    home.edit("content/db/alerts/DbExporterDown/alert.yaml", "for: 5m", "for: 5");
    let (code, text) = home.run(&["build"]);
    assert_eq!(code, 1);
    for expected in [
        "error: unknown severity `wrning`, did you mean `warning`? (yaml/value)",
        "--> content/db/alerts/DbFull/alert.yaml:3:11",
        "--> content/db/alerts/DbExporterDown/alert.yaml:4:6",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!home.path("charts-out").exists());
    let (code, text) = home.run(&["check", "--format", "json"]);
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json["problems"].as_array().unwrap().iter().any(|problem| problem["check"] == "alert/for"));
}

#[test]
fn what_only_checks_find_is_reported_although_all_is_made_meanwhile() {
    let made = |edit: &dyn Fn(&Home)| {
        let home = Home::new();
        edit(&home);
        let before = WalkDir::new(home.path("")).into_iter().count();
        let (code, text) = home.run(&["build", "--site-out", "deep/down/site"]);
        assert_eq!(code, 1, "{text}");
        assert_eq!(WalkDir::new(home.path("")).into_iter().count(), before, "something is left: {text}");
        text
    };
    let text = made(&|home| home.edit(ALERT, "> ${threshold}", "> > ${threshold}"));
    assert!(text.contains("(promql/syntax)"), "{text}");
    let text = made(&|home| {
        fs::write(home.path("content/pages/print.md"), "---\ntitle: A\n---\n").unwrap();
    });
    assert!(text.contains("`print/` of the site is generated"), "{text}");
    // The same alert in another component, where it stands further back than in its own.
    let text = made(&|home| {
        let about = fs::read_to_string(home.path("content/db/component.yaml")).unwrap();
        for number in 0..20 {
            let name = if number == 19 { "DbFull".to_owned() } else { format!("DbAgain{number:02}") };
            let folder = home.path("content/other/alerts").join(&name);
            fs::create_dir_all(&folder).unwrap();
            for file in fs::read_dir(home.path("content/db/alerts/DbFull")).unwrap().map(Result::unwrap) {
                let text = fs::read_to_string(file.path()).unwrap().replace("DbFull", &name);
                fs::write(folder.join(file.file_name()), text).unwrap();
            }
        }
        let about = about.replace("tiny-alerts-chart", "other-chart");
        fs::write(home.path("content/other/component.yaml"), about).unwrap();
    });
    assert!(text.contains("(alert/duplicate)"), "{text}");
}

#[test]
fn one_mistake_is_one_problem_and_hides_no_other() {
    let home = Home::new();
    home.edit(ALERT, "severity: warning", "severty: warning");
    home.edit("content/db/alerts/DbFull/runbook.md", "## Impact", "## Imapct");
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 1);
    for expected in [
        "unknown key `severty`",
        "key `severity` is missing",
        "unknown section `Imapct`",
        "section `Impact` is missing",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(text.ends_with("4 errors, 0 warnings\n"), "{text}");

    // What cannot be read at all makes nothing else look missing.
    let home = Home::new();
    home.edit(ALERT, "expr: |", "exprs: |");
    let (_, text) = home.run(&["check"]);
    assert!(text.ends_with("2 errors, 0 warnings\n"), "{text}");
    let home = Home::new();
    home.edit("content/db/metrics/db.yaml", "kind: gauge", "kind: guage");
    let (_, text) = home.run(&["check"]);
    assert!(text.ends_with("2 errors, 0 warnings\n") && !text.contains("produced by no metric"), "{text}");
}

#[test]
fn content_that_is_not_there_is_a_plain_sentence() {
    let home = Home::new();
    let (code, text) = home.run(&["--content", "nowhere", "check"]);
    assert_eq!(code, 2, "it is nothing that is wrong with content");
    assert!(text.contains("there is no folder `nowhere`") && text.contains("name the folder with"), "{text}");
    let (code, text) = home.run(&["explain", "alert/fro"]);
    assert_eq!(
        (code, text.as_str()),
        (2, "error: there is no check `alert/fro`, did you mean `alert/for`?\n")
    );
    let (code, text) = home.run(&["explain", "alert/for"]);
    assert!(code == 0 && text.starts_with("alert/for\n\n`for` and `keep_firing_for`"), "{text}");
}

#[test]
fn missing_tools_are_named_with_a_remedy() {
    let home = Home::new();
    let output =
        home.command(&["test"]).env("PATH", "").env_remove("HELM").env_remove("PROMTOOL").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("`helm` is not installed") && text.contains("just setup"), "{text}");
    let output = home.command(&["test"]).env("HELM", "/nonexistent/helm").output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("$HELM names `/nonexistent/helm`, which is not a file")
    );
}

#[test]
fn a_new_alert_passes_once_it_is_filled_in() {
    let home = Home::new();
    assert_eq!(home.run(&["new", "metric", "db", "db_load"]).0, 0);
    assert_eq!(home.run(&["new", "alert", "db", "DbLoad"]).0, 0);
    assert_eq!(home.run(&["check"]).0, 1, "a skeleton is not finished");
    home.edit("content/db/metrics/db_load.yaml", "fixme", "percent");
    home.edit("content/db/metrics/db_load.yaml", "FIXME", "load");
    for file in ["alert.yaml", "tests.yaml", "runbook.md", "diagnosis.sql"] {
        let path = format!("content/db/alerts/DbLoad/{file}");
        let series =
            if file == "alert.yaml" || file == "tests.yaml" { "db_load_percent" } else { "Something." };
        home.edit(&path, "FIXME", series);
    }
    home.edit("content/db/alerts/DbLoad/alert.yaml", "group: db_load_percent", "group: space");
    home.edit("content/db/alerts/DbLoad/alert.yaml", "summary: db_load_percent", "summary: The load is high");
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "{text}");
    for (arguments, expected) in [
        (["new", "alert", "db", "DbLoad"], "exists already"),
        (["new", "alert", "db", "Load"], "start with `Db`"),
        (["new", "alert", "db", "Db/Load"], "is not an alert name"),
        (["new", "alert", "bd", "DbLoad"], "did you mean `db`?"),
        (["new", "metric", "db", "Db Load"], "is not a name"),
    ] {
        let (code, text) = home.run(&arguments);
        assert!(code == 2 && text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn mistakes_in_a_new_metric_are_found() {
    let home = Home::new();
    // A component without SQL: its numbers come from AWS.
    for file in WalkDir::new(home.path("content/db/metrics")).into_iter().filter_map(Result::ok) {
        if fs::read_to_string(file.path()).is_ok_and(|text| text.contains("\nqueries:")) {
            fs::remove_file(file.path()).unwrap();
        }
    }
    assert_eq!(home.run(&["new", "metric", "db", "shop"]).0, 0);
    let path = "content/db/metrics/shop.yaml";
    home.edit(path, "FIXME", "Shop");
    let skeleton = fs::read_to_string(home.path(path)).unwrap();
    let cloudwatch = skeleton.lines().last().unwrap().trim().to_owned();
    for (from, to, message) in [
        ("Average", "Avrage", "unknown statistic `Avrage`, did you mean `Average`?"),
        ("period: 1m", "period: 90s", "a period is 1s"),
        ("kind: gauge", "kind: gage", "unknown kind `gage`, did you mean `gauge`?"),
        ("namespace: Shop", "nmespace: Shop", "unknown key `nmespace`"),
        (&cloudwatch, "api: DescribeDBInstances.Iopps", "did you mean `DescribeDBInstances.Iops`?"),
        (
            &cloudwatch,
            "api: DescribeDBInstances.Foo",
            "the RDS exporter reads no field `DescribeDBInstances.Foo`",
        ),
    ] {
        fs::write(home.path(path), skeleton.replace(from, to)).unwrap();
        let (code, text) = home.run(&["check"]);
        assert!(code == 1 && text.contains(message), "{to}: {text}");
    }
}

#[test]
fn killed_at_any_moment_the_output_is_the_old_or_the_new() {
    let home = Home::new();
    assert_eq!(home.run(&["build", "--release", "1.0.0"]).0, 0);
    let version = || {
        let chart = fs::read_to_string(home.path("charts-out/tiny-alerts-chart/Chart.yaml"));
        let files = WalkDir::new(home.path("charts-out")).into_iter().filter_map(Result::ok).count();
        chart.map(|chart| {
            (chart.lines().find(|line| line.starts_with("version")).unwrap_or_default().to_owned(), files)
        })
    };
    let (_, files) = version().unwrap();
    for round in 0..40_u32 {
        let release = format!("2.0.{round}");
        let mut child =
            home.command(&["build", "--release", &release]).stdout(Stdio::null()).spawn().unwrap();
        // Spreads the kills over the run time of a build; any of them may come too late.
        std::thread::sleep(Duration::from_micros(u64::from(round) * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        let (version, found) = version().expect("there is always a chart");
        assert!(version.starts_with("version: \""), "round {round}: {version}");
        assert_eq!(found, files, "round {round}: the folder is whole");
    }
    assert_eq!(home.run(&["build", "--release", "3.0.0"]).0, 0);
    let left: Vec<_> =
        fs::read_dir(home.path(".")).unwrap().filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 3, "nothing is left beside content, charts-out and site-out: {left:?}");
}

#[test]
fn content_is_looked_for_above_and_its_absence_is_no_problem_of_content() {
    let home = Home::new();
    let below = home.path("content/db/alerts");
    let Output { status, stderr, .. } = home.command(&["check"]).current_dir(&below).output().unwrap();
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&stderr));
    let empty = tempfile::tempdir().unwrap();
    for arguments in [&["check"][..], &["build"], &["check", "--content", "nowhere"]] {
        let Output { status, stderr, .. } =
            home.command(arguments).current_dir(empty.path()).output().unwrap();
        let text = String::from_utf8_lossy(&stderr).into_owned();
        assert_eq!(status.code(), Some(2), "{text}");
        assert!(text.contains("there is no folder") && text.contains("--content"), "{text}");
    }
}

#[test]
fn an_unknown_alert_is_named_before_any_tool_is_looked_for() {
    let home = Home::new();
    for command in ["test", "mutate"] {
        let output =
            home.command(&[command, "NoSuchAlert"]).env("PATH", "").env("HELM", "/nowhere").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(text.contains("there is no alert `NoSuchAlert`"), "{text}");
    }
}

#[test]
fn hostile_files_end_with_a_message() {
    let checked = |path: &str, text: &str| {
        let home = Home::new();
        fs::write(home.path(path), text).unwrap();
        home.run(&["check"])
    };
    for (open, close) in [("(", ")"), ("-", ""), ("1 + ", ""), ("sum(1 + ", ")")] {
        let home = Home::new();
        home.edit(ALERT, "> ${threshold}\n", &format!("> {}1{}\n", open.repeat(4_662), close.repeat(4_662)));
        let (code, text) = home.run(&["check"]);
        assert_eq!(code, 1, "{open}: {text:.300}");
        assert!(
            text.contains("nested more than 600 deep") && text.contains("alert.yaml:"),
            "{open}: {text:.300}"
        );
    }
    let (code, text) = checked("content/pages/a\nb.md", "---\ntitle: A\n---\n");
    assert!(code == 1 && text.contains("the name holds a line break"), "{text}");
    let (code, text) = checked("content/evidence.json", &"[".repeat(9_000));
    assert!(code == 1 && text.contains("evidence.json") && text.contains("is not JSON"), "{text}");
    let pictures = format!("---\ntitle: A\n---\n\n{}\n", "![p](no.svg)".repeat(16_000));
    let (code, text) = checked("content/pages/a.md", &pictures);
    assert!(code == 1 && text.contains("15900 more of this kind in this file"), "{text:.300}");
    assert!(text.len() < 200_000, "{} bytes of report", text.len());
    let keys: String = (0..100_000).map(|number| format!("k{number}: 1\n")).collect();
    let (code, text) = checked("content/site.yaml", &keys);
    assert!(code == 1 && text.contains("more of this kind"), "{text:.300}");
}

#[test]
fn what_is_no_ordinary_file_is_not_read() {
    let home = Home::new();
    let pipe = home.path("content/pages/pipe.md");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (code, text) = home.run(&["check"]);
    assert!(code == 1 && text.contains("neither a file nor a folder"), "{text}");
    fs::remove_file(&pipe).unwrap();
    assert!(Command::new("mkfifo").arg(home.path("content/evidence.json")).status().unwrap().success());
    assert_eq!(home.run(&["check"]).0, 1);
}

#[test]
fn what_is_not_filled_in_is_one_problem() {
    let home = Home::new();
    home.edit(ALERT, "severity: warning", "severity: FIXME");
    let (_, text) = home.run(&["check"]);
    assert_eq!(text.matches("alert.yaml:3:").count(), 1, "{text}");
    for value in ["NaN", "1e400", "inf"] {
        let home = Home::new();
        home.edit(ALERT, "value: 80", &format!("value: {value}"));
        let (code, text) = home.run(&["check"]);
        assert!(code == 1 && text.contains(&format!("`{value}` is not a number")), "{text}");
    }
}
