//! What strangers can do to an exporter: clients that keep connections, servers that want passwords, pages in browsers.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use integration_tests::eventually;
use integration_tests::exporter::{Builder, Exporter, Samples};
use integration_tests::http::{self, Answer};
use integration_tests::postgres::Postgres;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const NOBODY: &str = "host=127.0.0.1 port=1";

fn lonely() -> Builder {
    Exporter::postgresql().env("DATA_SOURCE_NAME", NOBODY).args(&["--target-name", "db1"])
}

/// An exporter with a configuration file.
fn configured(folder: &tempfile::TempDir, text: &str) -> (Builder, PathBuf) {
    let file = folder.path().join("config.yml");
    std::fs::write(&file, text).unwrap();
    (Exporter::postgresql().arg("--config.file").arg(&file), file)
}

async fn post(exporter: &Exporter, headers: &[(&str, &str)]) -> Answer {
    let stream = TcpStream::connect(&exporter.address).await.unwrap();
    http::request(stream, "POST", "/-/reload", headers).await.unwrap()
}

/// Says something, and then nothing, on so many connections.
async fn hold(exporter: &Exporter, said: &[u8], connections: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(&exporter.address).await.unwrap();
        // Who was displaced already may find its connection closed.
        let _ = stream.write_all(said).await;
        held.push(stream);
    }
    held
}

/// An HTTP/2 preface and an empty SETTINGS frame (RFC 9113, 3.4 and 6.5).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn who_says_nothing_keeps_nobody_out() {
    let exporter = lonely().start().await.unwrap();
    for said in [&b""[..], b"GET /metrics HTTP/1.1\r\nHost: x\r\n", &PREFACE[..10], PREFACE] {
        let mut held = hold(&exporter, said, 520).await;
        for path in ["/-/healthy", "/-/ready", "/metrics"] {
            let answer = exporter.get(path, &[]).await.unwrap();
            assert_eq!(answer.status, 200, "{path} after {said:?}");
        }
        // The last of them was not displaced: it has had its time.
        let mut last = held.pop().unwrap();
        let ended = tokio::time::timeout(integration_tests::patience(), async {
            let mut rest = Vec::new();
            let _ = last.read_to_end(&mut rest).await;
        });
        assert!(ended.await.is_ok(), "a connection that said {said:?} stays");
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let name = "x".repeat(1_000);
    let targets = (0..600).map(|at| format!("  - {{ name: {name}{at}, dsn: '{NOBODY}' }}\n"));
    let (builder, _) = configured(&folder, &format!("targets:\n{}", targets.collect::<String>()));
    let exporter = builder.args(&["--scrape.timeout=2s", "--log.level=debug"]).start().await.unwrap();
    let mut stream = TcpStream::connect(&exporter.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    eventually!("it is cut", exporter.log().contains("took too long").then_some(()));
    let mut page = Vec::new();
    let _ = stream.read_to_end(&mut page).await;
    assert!(page.starts_with(b"HTTP/1.1 200") && !page.ends_with(b"0\r\n\r\n"), "{} bytes", page.len());
    let page = exporter.get("/metrics", &[]).await.unwrap();
    assert!(page.text().contains("process_cpu_seconds_total"), "who reads gets all of it");
}

#[tokio::test]
async fn who_has_no_time_shortens_nothing_for_others() {
    let server = Postgres::major(17).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("slow.yaml"),
        "help: H\nsource: s\nscope: server\nmetrics: { value: { kind: gauge, help: h } }\nqueries:\n  - since: 13\n    sql: SELECT 1 AS value FROM (SELECT pg_sleep(2)) AS s\n",
    )
    .unwrap();
    let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres"));
    let exporter = exporter.arg("--metrics").arg(folder.path()).start().await.unwrap();
    exporter.scrape().await.unwrap();
    let hurried = async {
        let mut up = Vec::new();
        for _ in 0..5 {
            let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "0.001")];
            let answer = exporter.get("/metrics", &headers).await.unwrap();
            up.push(Samples::parse(&answer.text()).one("pg_up", &[]));
        }
        up
    };
    let (all, up) = tokio::join!(exporter.scrape(), hurried);
    assert_eq!(all.unwrap().one("slow_value", &[]), 1.0);
    assert_eq!(up, [1.0; 5]);
}

/// A server that asks for the password in its own way, and remembers what it is told.
async fn thief(request: &'static [u8]) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let notes = Arc::clone(&notes);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                loop {
                    let Ok(length @ 1..) = stream.read(&mut buffer).await else { return };
                    let said = &buffer[..length];
                    notes.lock().unwrap().extend_from_slice(said);
                    // A request for TLS is 8 bytes long, a start has version 3.0.
                    let answer: &[u8] = match said {
                        [0, 0, 0, 8, ..] => b"N",
                        [_, _, _, _, 0, 3, 0, 0, ..] => request,
                        _ => return,
                    };
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    (port, told)
}

#[tokio::test]
async fn a_password_goes_only_where_its_module_allows() {
    for request in [&b"R\0\0\0\x08\0\0\0\x03"[..], b"R\0\0\0\x0c\0\0\0\x05salt"] {
        let (port, told) = thief(request).await;
        let folder = tempfile::tempdir().unwrap();
        let user = "type: userpass, userpass: { username: mon, password: hunter2 }";
        let (builder, _) = configured(
            &folder,
            &format!(
                "auth_modules:\n  plain: {{ {user} }}\n  here: {{ {user}, allowed_hosts: ['127.0.*'] }}\n  \
                 there: {{ {user}, allowed_hosts: ['127.0.0.2', '*.example'] }}\n"
            ),
        );
        let builder = builder.env("PGPASSWORD", "hunter3").env("PGUSER", "me").env("PGDATABASE", "d");
        let exporter = builder.env("PGHOST", "127.0.0.1").env("PGPORT", "1").start().await.unwrap();
        assert!(exporter.log().contains("has no `allowed_hosts`"), "{}", exporter.log());
        let probe = async |target: &str, module: &str| {
            let path = format!("/probe?target={target}&auth_module={module}");
            exporter.get(&path, &[]).await.unwrap()
        };
        let told = || String::from_utf8_lossy(&told.lock().unwrap()).into_owned();
        let address = format!("127.0.0.1:{port}");
        for target in [
            format!("host%3D127.0.0.1%20port%3D{port}"),
            format!("postgresql%3A%2F%2F127.0.0.1%3A{port}%2Fd"),
            address.clone(),
        ] {
            assert_eq!(probe(&target, "").await.status, 400, "{target}");
        }
        assert_eq!(probe(&address, "there").await.status, 403);
        assert_eq!(told(), "", "nobody was called");
        assert_eq!(probe(&address, "plain").await.status, 200);
        assert!(
            told().contains("mon") && !told().contains("hunter") && !told().contains("md5"),
            "{}",
            told()
        );
        eventually!("it says why", exporter.log().contains("authentication refused").then_some(()));
        // The same thief as a server that is trusted, so that this test can fail.
        assert_eq!(probe(&format!("{address}/postgres?sslmode=disable"), "here").await.status, 200);
        assert!(told().contains("hunter2") || told().contains("md5"), "{}", told());
        assert!(!told().contains("hunter3") && !exporter.log().contains("hunter"));
    }
}

#[tokio::test]
async fn a_request_names_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (builder, _) = configured(
        &folder,
        "auth_modules: { m: { type: userpass, userpass: { username: mon, password: hunter2 } } }\n",
    );
    let exporter = builder.start().await.unwrap();
    let mut answers = Vec::new();
    for file in ["/dev/zero", "/etc/passwd", "/none"] {
        for name in ["sslrootcert", "sslcert", "sslkey", "passfile", "service"] {
            for target in [format!("127.0.0.1:1/d%3Fsslmode%3Dverify-full%26{name}%3D{file}")] {
                let answer =
                    exporter.get(&format!("/probe?target={target}&auth_module=m"), &[]).await.unwrap();
                assert_eq!(answer.status, 400, "{}", answer.text());
                answers.push(answer.text().replace(name, ""));
            }
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "whether there is such a file cannot be told: {answers:?}");
}

#[tokio::test]
async fn a_silent_server_is_let_go_when_the_probe_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let (builder, _) = configured(
        &folder,
        "auth_modules: { m: { type: userpass, userpass: { username: mon, password: hunter2 } } }\n",
    );
    let exporter = builder.arg("--scrape.timeout=1s").start().await.unwrap();
    let path = format!("/probe?target=127.0.0.1:{port}&auth_module=m");
    let (answer, accepted) = tokio::join!(exporter.get(&path, &[]), listener.accept());
    assert_eq!(Samples::parse(&answer.unwrap().text()).one("pg_up", &[]), 0.0);
    let mut said = Vec::new();
    let mut stream = accepted.unwrap().0;
    let closed = tokio::time::timeout(integration_tests::patience(), stream.read_to_end(&mut said)).await;
    assert!(closed.is_ok(), "the connection stays open after the probe");
}

#[tokio::test]
async fn a_reload_is_not_for_pages_and_an_empty_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = format!("targets:\n  - {{ name: a, dsn: '{NOBODY}' }}\n");
    let (builder, file) = configured(&folder, &target);
    let exporter = builder.arg("--web.reload-interval=1h").start().await.unwrap();
    for header in [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        assert_eq!(post(&exporter, &[header]).await.status, 403, "{header:?}");
    }
    for text in ["", "# nothing\n", "targets: []\n"] {
        std::fs::write(&file, text).unwrap();
        let answer = post(&exporter, &[]).await;
        assert!(answer.status == 500 && answer.text().contains("is empty"), "{}", answer.text());
        let samples = exporter.scrape().await.unwrap();
        assert!(samples.has("pg_up", &[("target", "a")]));
        assert_eq!(samples.one("postgresql_exporter_config_last_reload_successful", &[]), 0.0);
    }
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(post(&exporter, &[]).await.status);
    }
    assert_eq!(statuses.last(), Some(&429));
    std::fs::write(&file, target.replace("name: a", "name: b")).unwrap();
    exporter.signal(Signal::HUP).unwrap();
    eventually!("a signal always counts", {
        exporter.scrape().await.unwrap().has("pg_up", &[("target", "b")]).then_some(())
    });
    let closed = lonely().arg("--web.disable-reload").start().await.unwrap();
    assert_eq!(post(&closed, &[]).await.status, 403);
}

#[tokio::test]
async fn who_has_nothing_to_do_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let empty = || configured(&folder, "# nothing\n").0;
    for builder in [
        Exporter::postgresql(),
        Exporter::postgresql().env("PGPASSWORD", "hunter2"),
        Exporter::postgresql().arg("--config.check"),
        empty(),
    ] {
        let (code, _, said) = builder.output().await.unwrap();
        assert!(code == 2 && said.contains("no server is configured"), "{code}: {said}");
        assert!(!said.contains("hunter2"));
    }
    let exporter = Exporter::postgresql().env("PGHOST", "127.0.0.1").env("PGUSER", "me").env("PGPORT", "1");
    let exporter = exporter.start().await.unwrap();
    assert!(exporter.log().contains("\"user\":\"me\""), "{}", exporter.log());
}
