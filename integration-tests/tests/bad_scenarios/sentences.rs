//! What a scenario says that goes wrong.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use catalogue::scenario::Scenario;
use catalogue::source::Source;
use integration_tests::images::engine_answers;
use integration_tests::postgres::Postgres;
use integration_tests::scenario::exporters::{Exporters, Watched};
use integration_tests::scenario::page::Act;
use integration_tests::scenario::show::{self, Rules, Version};
use integration_tests::scenario::verdict::Case;
use tokio::sync::Mutex;

use super::ALERT;

/// One server at a time: a test looks for the containers of this process.
static ONE: Mutex<()> = Mutex::const_new(());

const REST: &str = "fires: [{ target: db1 }]\nnear_misses: []\nrecover: []\nclears: 1m\n\
    gone: { exporter: SQLExporterDown, target: SQLExporterMissingTarget }\n";

/// What is said when these steps provoke the fault.
async fn said(provoke: &str, watch: &(dyn Fn(&Act) + Sync)) -> String {
    let _one = ONE.lock().await;
    let catalogue = show::catalogue().unwrap();
    let rules = Rules::render(&catalogue).unwrap();
    let real = show::select(&catalogue, &rules, &[ALERT.to_owned()]).unwrap().pop().unwrap();
    let mut problems = catalogue::Problems::default();
    let source = Source::new("scenario.yaml", format!("provoke:\n{provoke}{REST}"));
    let scenario = Scenario::read(&source, &mut problems).unwrap();
    assert!(problems.is_empty(), "{:?}", problems.into_sorted());
    let case = Case { play: scenario.play().unwrap(), ..real };
    let takes = show::record(&[case], &[Version::PostgreSql(18)], false, watch).await;
    format!("{:#}", takes.scenarios[0].recording.as_ref().unwrap_err())
}

fn starts(said: &str, expected: &str) {
    assert!(said.starts_with(expected), "{expected}\n{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_fails_is_named_with_its_line() {
    for (steps, what, why) in [
        (
            "  - sql: SELECT 1\n  - sql: SELECT 1/0\n",
            "line 3 (`sql: SELECT 1/0`): ",
            "ERROR: division by zero",
        ),
        (
            "  - sql: { run: SELECT 1, fails: division }\n",
            "line 2 (`sql: SELECT 1`): ",
            "it does not fail with `division`",
        ),
        ("  - standby: stop\n", "line 2 (`standby: stop`): ", "no standby was started"),
        (
            "  - settings: { no_such_setting: 1 }\n",
            "line 2 (`settings: no_such_setting`): ",
            "unrecognized configuration parameter",
        ),
        (
            "  - stop\n  - sql: SELECT 1\n",
            "line 3 (`sql: SELECT 1`): the server does not answer any more: ",
            "Connection refused",
        ),
    ] {
        let said = said(steps, &|_| ()).await;
        starts(&said, &format!("`{ALERT}` on PostgreSQL 18: provoke, {what}"));
        assert!(said.contains(why), "{why}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_dies_is_noticed_at_the_next_step() {
    if !engine_answers() {
        // Then a server is a process, and the test above stops it.
        return;
    }
    let kill = |act: &Act| {
        assert_eq!(act.name, "healthy");
        let label = format!("label=org.dmf.test={}", std::process::id());
        let list = Command::new("docker").args(["ps", "--quiet", "--filter", &label]).output().unwrap();
        for id in String::from_utf8(list.stdout).unwrap().lines() {
            assert!(Command::new("docker").args(["rm", "--force", id]).output().unwrap().status.success());
        }
    };
    for step in ["sql: SELECT 1", "restart"] {
        let said = said(&format!("  - {step}\n"), &kill).await;
        let place = format!("provoke, line 2 (`{step}`): the server does not answer any more");
        starts(&said, &format!("`{ALERT}` on PostgreSQL 18: {place}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named() {
    let _one = ONE.lock().await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let Err(error) = Postgres::major(18).port(port).start().await else { panic!("it starts") };
    starts(&format!("{error:#}"), &format!("PostgreSQL 18: port {port} is taken by another program: "));
}

/// The sources of a scrape's time are real, and what is judged is virtual: a busy moment must not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_that_was_slow_is_done_again() {
    let _one = ONE.lock().await;
    let server = Postgres::major(18).start().await.unwrap();
    let exporters = Exporters::start(Watched::Server(server.dsn("postgres"))).await.unwrap();
    exporters.observe().await.unwrap();
    server.signal_all("STOP").await.unwrap();
    let busy = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        server.signal_all("CONT").await.unwrap();
    };
    let (observation, ()) = tokio::join!(exporters.observe(), busy);
    let observation = observation.unwrap();
    let page = observation.pages["exporter:9187"].as_ref().unwrap();
    let took = page.samples.iter().find(|sample| sample.name == "pg_scrape_duration_seconds").unwrap().value;
    assert!(took < 5.0, "{took} s went into the samples");
}

/// What `dmf check` and `prove` say, each with its scenario, before anything is played.
#[test]
fn what_cannot_be_played_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let content = folder.path().join("content");
    let original = integration_tests::setup::root().join("content");
    assert!(Command::new("cp").arg("-r").arg(original).arg(&content).status().unwrap().success());
    let scenario = content.join(format!("postgresql/alerts/{ALERT}/scenario.yaml"));
    let text = std::fs::read_to_string(&scenario).unwrap();
    std::fs::write(&scenario, text.replacen("provoke:\n", "provoke:\n  - restrt\n", 1)).unwrap();
    let problems = catalogue::load(&content).problems.into_sorted();
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(problem.message, "there is no step `restrt`");
    assert!(problem.spot.path().ends_with(format!("postgresql/alerts/{ALERT}/scenario.yaml")));

    for (arguments, image, expected) in [
        (
            ["--version", "14"],
            "",
            format!(
                "error: `{ALERT}` on PostgreSQL 14: no image has PostgreSQL 14; the tests know [13, 15, 17, 18]"
            ),
        ),
        (
            ["--version", "18"],
            "localhost:1/no/such:1",
            format!(
                "FAIL `{ALERT}` on PostgreSQL 18: PostgreSQL 18: the image `localhost:1/no/such:1` does not start: "
            ),
        ),
    ] {
        let mut prove = Command::new(env!("CARGO_BIN_EXE_prove"));
        prove.arg(ALERT).args(arguments);
        if !image.is_empty() {
            prove.env("DMF_POSTGRESQL_18_IMAGE", image);
        }
        let output = prove.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(&expected), "{expected}\n{said}");
    }
    let misspelt = Command::new(env!("CARGO_BIN_EXE_prove")).arg("PostgreSQLMaxConection").output().unwrap();
    let said = String::from_utf8_lossy(&misspelt.stderr).into_owned();
    starts(&said, &format!("error: there is no alert `PostgreSQLMaxConection`, did you mean `{ALERT}`?"));
}
