//! `dmf serve` as a process: what it answers, and that it follows what is saved.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use walkdir::WalkDir;

/// How long a test waits for what must happen.
fn patience() -> Duration {
    let seconds = std::env::var("DMF_PATIENCE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// A preview of a copy of the fixture.
struct Preview {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Preview {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }
}

impl Preview {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/content");
        for entry in WalkDir::new(&from).into_iter().map(Result::unwrap) {
            let path = folder.path().join("content").join(entry.path().strip_prefix(&from).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::copy(entry.path(), path).unwrap();
            }
        }
        fs::create_dir_all(folder.path().join("theme/static")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dmf"));
        command.current_dir(folder.path()).args(["serve", "--listen", "127.0.0.1:0", "--theme", "theme"]);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let line = lines.find(|line| line.contains("http://")).expect("it says where it is");
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{from} is not in {path}");
        // As editors do: a new file under the old name.
        fs::write(self.path("content/.new~"), text.replace(from, to)).unwrap();
        fs::rename(self.path("content/.new~"), self.path(path)).unwrap();
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(patience())).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, header: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{header}\r\n");
        let mut text = String::new();
        self.send(&request).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// The states that the stream of events tells, as they come.
    fn states(&self) -> impl Iterator<Item = serde_json::Value> + use<> {
        let stream = self.send("GET /.dmf/events HTTP/1.1\r\nHost: test\r\n\r\n");
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let data = lines.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned));
        data.map(|json| serde_json::from_str(&json).unwrap())
    }
}

#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience(), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const RUNBOOK: &str = "content/db/alerts/DbFull/runbook.md";
const PAGE: &str = "/runbooks/db/DbFull/";

#[test]
fn files_are_answered_as_a_host_of_the_site_does() {
    let preview = Preview::start(&[]);
    let start = preview.get("/");
    assert_eq!((start.status, start.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(start.body.contains("src=\"/.dmf/live.js\" data-tag="));
    let page = preview.get(PAGE);
    assert!(
        page.status == 200 && page.body.contains("<h1>") && page.body.contains("Content-Security-Policy")
    );
    let folder = preview.get("/runbooks/db/DbFull?target=db1");
    assert_eq!((folder.status, folder.header("location")), (308, "/runbooks/db/DbFull/?target=db1"));
    for (path, kind) in [
        ("/static/style.css", "text/css; charset=utf-8"),
        ("/static/site.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
        ("/alerts.json", "application/json"),
        ("/sitemap.xml", "application/xml"),
        ("/feed.xml", "application/atom+xml; charset=utf-8"),
        ("/runbooks/db/DbFull/index.md", "text/markdown; charset=utf-8"),
        ("/runbooks/db/DbFull/space.sql", "text/plain; charset=utf-8"),
    ] {
        let answer = preview.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{path}");
        assert!(!answer.body.contains("/.dmf/"), "{path}");
    }
    let redirect = preview.get("/a/DbFull/");
    assert!(redirect.body.contains("http-equiv=\"refresh\"") && !redirect.body.contains("/.dmf/"));

    let head = preview.ask("HEAD", PAGE, "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), page.header("content-length"));
    let known = preview.ask("GET", PAGE, &format!("If-None-Match: {}\r\n", page.header("etag")));
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let post = preview.ask("POST", PAGE, "Content-Length: 0\r\n");
    assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD"));
}

#[test]
fn what_is_not_on_the_site_gets_its_404_page_wherever_it_lies() {
    let preview = Preview::start(&[]);
    fs::write(preview.path("secret"), "secret").unwrap();
    for path in [
        "/nothing",
        "/nothing/",
        "/../secret",
        "/runbooks/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "//secret",
        "/content/site.yaml",
        "/.dmf/../secret",
    ] {
        let answer = preview.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.body.contains("secret"), "{path}");
    }
    assert!(preview.get("/nothing").body.contains("data-suggest"));
}

#[test]
fn a_saved_runbook_is_shown_and_told() {
    let preview = Preview::start(&[]);
    let before = preview.get(PAGE);
    let mut states = preview.states();
    states.next().unwrap();
    preview.edit(RUNBOOK, "## Impact", "A zebra was here.\n\n## Impact");
    states.next().unwrap();
    eventually("the page is new", || preview.get(PAGE).body.contains("zebra"));
    assert_ne!(preview.get(PAGE).header("etag"), before.header("etag"));
    // The rest follows: the search index, which no hurry makes.
    eventually("the index is new", || preview.get("/search-index.js").body.contains("zebra"));
}

#[test]
fn a_problem_is_shown_over_the_last_good_site_until_it_is_fixed() {
    let preview = Preview::start(&[]);
    let mut states = preview.states();
    assert_eq!(states.next().unwrap()["problems"], serde_json::json!([]));
    let alert = "content/db/alerts/DbFull/alert.yaml";
    preview.edit(alert, "severity: warning", "severity: wrning");
    let wrong = states.find(|state| state["problems"] != serde_json::json!([])).unwrap();
    let problem = &wrong["problems"][0];
    assert_eq!(problem["path"], alert);
    assert_eq!((&problem["line"], &problem["column"]), (&3.into(), &11.into()));
    assert!(problem["message"].as_str().unwrap().contains("did you mean `warning`?"), "{problem}");
    assert_eq!(preview.get(PAGE).status, 200, "the last good site stays");
    preview.edit(alert, "severity: wrning", "severity: critical");
    states.find(|state| state["problems"] == serde_json::json!([])).unwrap();
    assert!(preview.get(PAGE).body.contains("data-severity=\"critical\""));

    // What only the checks find is shown together with the new text.
    preview.edit(RUNBOOK, "## Impact", "## Imapct");
    let found = states.find(|state| state["problems"] != serde_json::json!([])).unwrap();
    assert!(found["problems"].to_string().contains("unknown section `Imapct`"), "{found}");
    assert!(preview.get(PAGE).body.contains("Imapct"));

    // A page that has the address of another says so, and ends nothing.
    fs::write(preview.path("content/pages/print.md"), "---\ntitle: A\n---\n").unwrap();
    let found = states.find(|state| state["problems"].to_string().contains("print")).unwrap();
    assert!(found["problems"].to_string().contains("`print/` of the site is generated"), "{found}");
    fs::remove_file(preview.path("content/pages/print.md")).unwrap();
    preview.edit(RUNBOOK, "## Imapct", "## Impact");
    states.find(|state| state["problems"] == serde_json::json!([])).unwrap();
}

#[test]
fn new_and_removed_folders_and_the_theme_are_followed_even_without_the_system() {
    for more in [&[][..], &["--poll"]] {
        let preview = Preview::start(more);
        let section = preview.path("content/pages/guides");
        fs::create_dir(&section).unwrap();
        fs::write(section.join("first.md"), "---\ntitle: First\nweight: 9\n---\nHello.\n").unwrap();
        eventually("a page in a new folder", || preview.get("/guides/first/").status == 200);
        fs::remove_dir_all(&section).unwrap();
        eventually("it is gone", || preview.get("/guides/first/").status == 404);
        fs::write(preview.path("theme/static/style.css"), "/* mine */").unwrap();
        eventually("the theme is new", || preview.get("/static/style.css").body == "/* mine */");
        fs::create_dir(preview.path("theme/templates")).unwrap();
        let mut states = preview.states();
        fs::write(preview.path("theme/templates/page.hbs"), "{{#if").unwrap();
        let wrong = states.find(|state| state["problems"] != serde_json::json!([])).unwrap();
        assert!(wrong.to_string().contains("`templates/page.hbs` of the theme"), "{wrong}");
        fs::remove_file(preview.path("theme/templates/page.hbs")).unwrap();
        states.find(|state| state["problems"] == serde_json::json!([])).unwrap();
    }
}

#[test]
fn a_signal_ends_it_and_a_taken_port_is_one_plain_line() {
    for signal in ["-TERM", "-INT"] {
        let mut preview = Preview::start(&[]);
        // A page that is open holds nothing up.
        let mut states = preview.states();
        states.next().unwrap();
        let taken = Command::new(env!("CARGO_BIN_EXE_dmf"))
            .current_dir(preview.folder.path())
            .args(["serve", "--listen", &preview.address])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&taken.stderr).into_owned();
        assert_eq!((taken.status.code(), text.lines().count()), (Some(2), 1), "{text}");
        assert!(
            text.starts_with("error: cannot listen on 127.0.0.1:") && text.contains("--listen"),
            "{text}"
        );
        let pid = preview.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        eventually("it ends", || preview.child.try_wait().unwrap().is_some());
        assert_eq!(preview.child.wait().unwrap().code(), Some(0));
    }
}
