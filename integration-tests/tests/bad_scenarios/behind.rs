//! Whatever ends `prove`, nothing stays behind: no container, no process, no folder.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use integration_tests::images::engine_answers;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::ALERT;

/// A running `prove` with folders of its own.
struct Prove {
    child: Child,
    folder: TempDir,
}

impl Prove {
    fn start(alert: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_prove"));
        command.args([alert, "--version", "18"]).env("TMPDIR", folder.path()).process_group(0);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, folder }
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a state is shown: then a server and an exporter run.
    fn until(&mut self, state: &str) {
        let stdout = self.child.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        while !line.contains(state) {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ends before `{state}`");
        }
        self.child.stdout = Some(lines.into_inner());
        assert!(!self.processes().is_empty(), "an exporter runs");
        assert!(!engine_answers() || !containers(self.id()).is_empty(), "a container runs");
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Its exit code, or minus a signal, and what it said; and that nothing is left.
    fn ends(mut self) -> (i32, String) {
        let limit = Instant::now() + Duration::from_mins(3);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < limit, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(containers(self.id()), Vec::<String>::new(), "containers after {status}: {said}");
        assert_eq!(self.processes(), Vec::<String>::new(), "processes after {status}: {said}");
        let files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files, Vec::<std::path::PathBuf>::new(), "files after {status}: {said}");
        (status.code().unwrap_or_else(|| -status.signal().unwrap()), said)
    }

    /// The processes of its group, without itself and without those that are dead.
    fn processes(&self) -> Vec<String> {
        let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
        let own = self.id().to_string();
        let of_group = |stat: &String| {
            let (before, after) = stat.rsplit_once(") ").unwrap_or_default();
            let fields: Vec<_> = after.split(' ').collect();
            !before.starts_with(&format!("{own} ")) && fields[0] != "Z" && fields[2] == own
        };
        stats.filter(of_group).collect()
    }
}

/// Containers that a process made, also those that do not run.
fn containers(process: u32) -> Vec<String> {
    if !engine_answers() {
        return servers();
    }
    let label = format!("label=org.dmf.test={process}");
    let list = Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &label]).output().unwrap();
    String::from_utf8(list.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Without an engine, the data folders of servers that run, or are left.
fn servers() -> Vec<String> {
    let images =
        std::fs::read_dir(integration_tests::setup::root().join("tools/images")).into_iter().flatten();
    let homes = images.filter_map(Result::ok).flat_map(|image| {
        std::fs::read_dir(image.path().join("tmp")).into_iter().flatten().filter_map(Result::ok)
    });
    homes
        .map(|home| home.path())
        .filter(|home| is_server(home))
        .map(|home| home.display().to_string())
        .collect()
}

fn is_server(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("dmf-"))
}

#[test]
fn after_success_and_after_failure() {
    let (code, said) = Prove::start(ALERT).ends();
    assert_eq!(code, 0, "{said}");
    let (code, said) = Prove::start("PostgreSQLNoSuchAlert").ends();
    assert_eq!(code, 2, "{said}");
}

#[test]
fn after_a_signal_in_the_middle_of_a_scenario() {
    for (signal, message) in [(Signal::INT, "interrupted"), (Signal::TERM, "ended")] {
        let mut prove = Prove::start(ALERT);
        prove.until("healthy");
        prove.signal(signal);
        let (code, said) = prove.ends();
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(&format!("error: {message}: the servers and exporters are gone")), "{said}");
    }
}

/// While a container is being made, nobody holds it yet who could remove it.
#[test]
fn after_a_signal_while_a_server_is_made() {
    for milliseconds in [0, 100, 300, 1000] {
        let prove = Prove::start(ALERT);
        let limit = Instant::now() + Duration::from_mins(1);
        while containers(prove.id()).is_empty() {
            assert!(Instant::now() < limit, "no container is made");
        }
        std::thread::sleep(Duration::from_millis(milliseconds));
        prove.signal(Signal::TERM);
        let (code, said) = prove.ends();
        assert_eq!(code, 2, "after {milliseconds} ms: {said}");
    }
}

/// Nobody reads what it shows: printing panics.
#[test]
fn after_a_panic() {
    let mut prove = Prove::start(ALERT);
    prove.until("healthy");
    drop(prove.child.stdout.take());
    let (code, said) = prove.ends();
    assert_eq!(code, 101, "{said}");
    assert!(said.contains("failed printing to stdout"), "{said}");
}
