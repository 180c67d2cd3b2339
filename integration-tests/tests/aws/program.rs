//! The program for demos, and the file that it reads.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use integration_tests::aws::Account;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_serves_and_says_how_to_reach_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-mock"));
    let mut child =
        Running(command.args(["--port", "0", "--fleet", "3"]).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let lines: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.starts_with("aws ")).collect();
    let url = lines.iter().find_map(|line| line.strip_prefix("export AWS_ENDPOINT_URL=")).unwrap();
    assert!(lines[0].contains(url), "{lines:?}");
    std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
}

#[test]
fn every_key_of_an_account_is_known() {
    let account = Account::from_yaml(include_str!("account.yaml")).unwrap();
    assert_eq!((account.instances.len(), account.clusters.len(), account.faults.len()), (7, 1, 8));
    let growing = account.instances.iter().find(|instance| instance.identifier == "growing").unwrap();
    assert_eq!(growing.certificate, None);
}

#[test]
fn a_wrong_account_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "instances: [{ identifier: db1, colour: red }]").unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_aws-mock")).args(["--port", "0"]).arg(file.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("colour"), "{text}");
}
