//! The exporter as a service: formats, TLS, users, reload, signals, configuration mistakes.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::too_many_lines,
    reason = "a test may panic, compares exactly and tells a whole story"
)]

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use integration_tests::eventually;
use integration_tests::exporter::{Exporter, Samples};
use integration_tests::http::{self, Answer};
use integration_tests::postgres::{MONITOR, PASSWORD, Postgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A certificate authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = name("test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, san: &str, year: i32) -> Signed {
        let mut params = CertificateParams::new(vec![san.to_owned()]).unwrap();
        params.distinguished_name = name(san);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

/// An exporter whose server is not there, which is enough to be a web server.
fn lonely() -> integration_tests::exporter::Builder {
    Exporter::postgresql().env("DATA_SOURCE_NAME", "host=127.0.0.1 port=1").args(&["--target-name", "db1"])
}

async fn https(
    address: &str,
    authority: &Authority,
    client: Option<&Signed>,
    headers: &[(&str, &str)],
) -> anyhow::Result<Answer> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    let config = match client {
        Some(signed) => {
            let chain = vec![CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap()];
            builder
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap())?
        }
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    http::request(stream, "GET", "/metrics", headers).await
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn scrapers_get_the_format_that_they_ask_for() {
    let exporter = lonely().start().await.unwrap();
    let plain = exporter.get("/metrics", &[]).await.unwrap();
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let open = exporter
        .get("/metrics", &[("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")])
        .await
        .unwrap();
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text().ends_with("# EOF\n") && !plain.text().contains("# EOF"));
    let zipped = exporter.get("/metrics", &[("Accept-Encoding", "gzip, zstd")]).await.unwrap();
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&zipped.body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(Samples::parse(&text).one("pg_up", &[("target", "db1")]), 0.0);
    for (path, status) in [
        ("/", 200),
        ("/-/healthy", 200),
        ("/-/ready", 200),
        ("/probe", 400),
        ("/nothing", 404),
        ("/metrics?collect[]=nothing", 400),
    ] {
        assert_eq!(exporter.get(path, &[]).await.unwrap().status, status, "{path}");
    }
    assert!(exporter.get("/", &[]).await.unwrap().text().contains("href=\"./metrics\""));
    let samples = exporter.scrape().await.unwrap();
    for name in
        ["process_cpu_seconds_total", "process_resident_memory_bytes", "postgresql_exporter_build_info"]
    {
        assert!(samples.has(name, &[]), "{name}");
    }
}

#[tokio::test]
async fn tls_and_users_of_the_web_config_are_asked_for_and_read_again() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let server = authority.sign("localhost", 2100);
    write(folder.path(), "cert.pem", &server.certificate);
    write(folder.path(), "key.pem", &server.key);
    write(folder.path(), "ca.pem", &authority.pem());
    // `s:ecret`, made by htpasswd -nBC 10.
    let hash = bcrypt::hash("s:ecret", 4).unwrap();
    let tls = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\n";
    write(
        folder.path(),
        "web.yml",
        &format!(
            "{tls}basic_auth_users: {{ prometheus: {hash} }}\nhttp_server_config: {{ headers: {{ X-Frame-Options: deny }} }}\n"
        ),
    );
    let exporter =
        lonely().arg("--web.config.file").arg(folder.path().join("web.yml")).start().await.unwrap();
    let address = exporter.address.clone();

    let refused = https(&address, &authority, None, &[]).await.unwrap();
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Basic realm=\"metrics\""));
    let basic = |text: &str| format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()));
    let right = basic("prometheus:s:ecret");
    let answer = https(&address, &authority, None, &[("Authorization", &right)]).await.unwrap();
    assert_eq!((answer.status, answer.header("x-frame-options")), (200, "deny"));
    let wrong = basic("prometheus:guess");
    assert_eq!(https(&address, &authority, None, &[("Authorization", &wrong)]).await.unwrap().status, 401);
    let http = exporter.get("/metrics", &[]).await.unwrap();
    assert_eq!((http.status, http.text().as_str()), (400, "This port speaks HTTPS, not HTTP.\n"));
    assert!(
        https(&address, &Authority::new(), None, &[]).await.is_err(),
        "another authority's client trusts nobody here"
    );

    // Client certificates, without a restart.
    let client = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [prometheus]";
    write(folder.path(), "web.yml", &tls.replace(" }", &format!(", {client} }}")));
    eventually!("a client without a certificate is sent away", {
        https(&address, &authority, None, &[]).await.is_err().then_some(())
    });
    let good = authority.sign("prometheus", 2100);
    assert_eq!(https(&address, &authority, Some(&good), &[]).await.unwrap().status, 200);
    for bad in [
        authority.sign("somebody", 2100),
        authority.sign("prometheus", 2021),
        Authority::new().sign("prometheus", 2100),
    ] {
        assert!(https(&address, &authority, Some(&bad), &[]).await.is_err());
    }

    // A mistake keeps what was.
    write(folder.path(), "web.yml", "tls_server_config: { cert_file: none.pem }\n");
    assert_eq!(https(&address, &authority, Some(&good), &[]).await.unwrap().status, 200);
    eventually!("the mistake is logged", exporter.log().contains("the old one stays").then_some(()));
    assert!(!exporter.log().contains("s:ecret") && !exporter.log().contains(&hash));
}

#[tokio::test]
async fn the_configuration_is_read_again_and_mistakes_keep_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    let target = |name: &str| format!("  - {{ name: {name}, dsn: 'host=127.0.0.1 port=1' }}\n");
    write(folder.path(), "config.yml", &format!("targets:\n{}", target("a")));
    let exporter = Exporter::postgresql().arg("--config.file").arg(&file).start().await.unwrap();
    let names = async || {
        let samples = exporter.scrape().await.unwrap();
        let successful = samples.one("postgresql_exporter_config_last_reload_successful", &[]);
        let names: Vec<_> = samples.all("pg_up", &[]).map(|sample| sample.labels["target"].clone()).collect();
        (names.join(" "), successful)
    };
    assert_eq!(names().await, ("a".to_owned(), 1.0));
    write(folder.path(), "config.yml", &format!("targets:\n{}{}", target("a"), target("b")));
    exporter.signal(Signal::HUP).unwrap();
    eventually!("the new target is scraped", (names().await.0 == "a b").then_some(()));
    write(folder.path(), "config.yml", "targets:\n  - { nam: c }\n");
    let stream = TcpStream::connect(&exporter.address).await.unwrap();
    let answer = http::request(stream, "POST", "/-/reload", &[]).await.unwrap();
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("config.yml:2:7: unknown key `nam`"), "{}", answer.text());
    assert_eq!(names().await, ("a b".to_owned(), 0.0));
    write(folder.path(), "config.yml", &format!("targets:\n{}", target("c")));
    let stream = TcpStream::connect(&exporter.address).await.unwrap();
    assert_eq!(http::request(stream, "POST", "/-/reload", &[]).await.unwrap().status, 200);
    assert_eq!(names().await, ("c".to_owned(), 1.0));
    // Who expects the others is told that they went on purpose.
    let removed = async || {
        let samples = exporter.scrape().await.unwrap();
        let all = samples.all("pg_target_removed_timestamp_seconds", &[]);
        let mut all: Vec<_> = all.map(|sample| (sample.labels["target"].clone(), sample.value)).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!(all.iter().all(|(_, at)| (now - 60.0..=now).contains(at)), "{all:?}");
        all.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(removed().await, ["a", "b"]);
    for (text, expected) in [
        (format!("targets:\n{}{}removed_targets: [gone]\n", target("c"), target("a")), &["b", "gone"][..]),
        (format!("targets:\n{}", target("a")), &["b", "c", "gone"]),
    ] {
        write(folder.path(), "config.yml", &text);
        exporter.signal(Signal::HUP).unwrap();
        eventually!(format!("{expected:?}"), (removed().await == expected).then_some(()));
    }
    write(folder.path(), "config.yml", &format!("targets:\n{}removed_targets: [a]\n", target("a")));
    exporter.signal(Signal::HUP).unwrap();
    eventually!("both is refused", exporter.log().contains("take it out of one of them").then_some(()));
}

#[tokio::test]
async fn a_running_scrape_is_finished_before_the_end() {
    let server = Postgres::major(17).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "slow.yaml",
        "help: H\nsource: s\nscope: server\nmetrics: { value: { kind: gauge, help: h } }\nqueries:\n  - since: 13\n    sql: SELECT 1 AS value FROM (SELECT pg_sleep(1)) AS s\n",
    );
    let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres"));
    let mut exporter = exporter.arg("--metrics").arg(folder.path()).start().await.unwrap();
    let address = exporter.address.clone();
    let scrape = tokio::spawn(async move { http::get(&address, "/metrics", &[]).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    exporter.signal(Signal::TERM).unwrap();
    let answer = scrape.await.unwrap().unwrap();
    assert_eq!(Samples::parse(&answer.text()).one("slow_value", &[]), 1.0);
    assert_eq!(exporter.wait().await.unwrap(), 0);
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{MONITOR}'");
    eventually!("no connection is left", (server.sql("postgres", &left).await.unwrap() == "0").then_some(()));
}

#[tokio::test]
async fn mistakes_are_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        write(folder.path(), name, text);
        folder.path().join(name).display().to_string()
    };
    let targets = path("targets.yml", "targets:\n  - name: a\n    dsn: host=x sslmod=off password=hunter2\n");
    let web = path("web.yml", "basic_auth_users: { a: hunter2 }\n");
    let metrics = folder.path().join("metrics");
    std::fs::create_dir(&metrics).unwrap();
    write(
        &metrics,
        "x.yaml",
        "help: H\nsource: s\nscope: server\nmetrics: { up: { kind: gaug, help: h } }\nqueries: []\n",
    );
    let metrics = metrics.display().to_string();
    let long = "x".repeat(1025);
    for (arguments, dsn, message) in [
        (
            vec!["--config.file", &targets],
            "",
            "targets.yml:3:10: unknown connection parameter `sslmod`, did you mean `sslmode`?",
        ),
        (vec!["--config.file", "/none.yml"], "", "cannot read `/none.yml`"),
        (
            vec!["--web.config.file", &web],
            "host=127.0.0.1",
            "web.yml:1:24: the password of `a` is not a bcrypt hash",
        ),
        (
            vec!["--metrics", &metrics],
            "host=127.0.0.1",
            "x.yaml:4:24: unknown kind `gaug`, did you mean `gauge`?",
        ),
        (vec![], "postgresql://u:hunter2@h/d?sslrootcert=/none&sslmode=verify-full", "cannot read `/none`"),
        (vec!["--target-name", &long], "host=127.0.0.1", "its name has 1025 bytes"),
        (vec![], "hunter2", "DATA_SOURCE_NAME: the connection string is neither"),
        (vec!["--web.listen-address", "nowhere:1"], "host=127.0.0.1", "cannot listen on `nowhere:1`"),
    ] {
        for check in [true, false] {
            if check && arguments.contains(&"nowhere:1") {
                continue;
            }
            let mut exporter = Exporter::postgresql().args(&arguments).env("DATA_SOURCE_NAME", dsn);
            if check {
                exporter = exporter.arg("--config.check");
            }
            let (code, _, error) = exporter.output().await.unwrap();
            assert_eq!(code, 2, "{arguments:?}: {error}");
            let named = |line: &str| line.starts_with("error: ") && line.contains(message);
            assert!(error.lines().any(named), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("panicked"), "{error}");
        }
    }
    let (code, _, said) = lonely().arg("--config.check").output().await.unwrap();
    assert_eq!((code, said.as_str()), (0, "the configuration is good\n"));
    let (code, _, said) = lonely().arg("--collector.conections").output().await.unwrap();
    assert!(code == 2 && said.contains("no collector `conections`: did you mean `connections`?"), "{said}");
    let (code, _, said) = lonely().arg("--no-collector.nope").output().await.unwrap();
    assert!(code == 2 && said.contains("no collector `nope`") && said.contains("stat_statements"), "{said}");
    let (code, help, _) = lonely().arg("--help").output().await.unwrap();
    assert!(
        code == 0 && help.contains("DATA_SOURCE_NAME") && help.contains("--collector.stat-statements")
            || help.contains("--collector.")
    );
}

#[tokio::test]
async fn servers_are_probed_by_address_with_credentials_of_a_module() {
    let server = Postgres::major(17).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "word", PASSWORD);
    write(
        folder.path(),
        "config.yml",
        &format!(
            "targets:\n  - {{ name: db1, dsn: '{}' }}\nauth_modules:\n  good: {{ type: userpass, userpass: {{ username: {MONITOR}, password_file: word }} }}\n  \
             bad: {{ type: userpass, userpass: {{ username: {MONITOR}, password: wrong }} }}\n",
            server.dsn("postgres")
        ),
    );
    let exporter = Exporter::postgresql()
        .arg("--config.file")
        .arg(folder.path().join("config.yml"))
        .start()
        .await
        .unwrap();
    let probe = async |query: &str| {
        let answer = exporter.get(&format!("/probe?{query}"), &[]).await.unwrap();
        (answer.status, Samples::parse(&answer.text()), answer.text())
    };
    let address = format!("127.0.0.1:{}", server.port);
    let (status, samples, _) = probe("target=db1").await;
    assert_eq!((status, samples.one("pg_up", &[("target", "db1")])), (200, 1.0));
    assert!(!samples.has("process_cpu_seconds_total", &[]), "a probe speaks of its target only");
    let (_, samples, _) =
        probe(&format!("target={address}/postgres&auth_module=good&collect[]=connections")).await;
    assert_eq!(samples.one("pg_up", &[("target", &address)]), 1.0);
    assert!(samples.has("pg_connections_used", &[]) && !samples.has("pg_replication_slots_active", &[]));
    let (status, samples, _) = probe(&format!("target={address}&auth_module=bad")).await;
    assert_eq!((status, samples.one("pg_up", &[])), (200, 0.0));
    for (query, message) in [
        (format!("target={address}"), "is no configured target (db1)"),
        (format!("target={address}&auth_module=none"), "no auth_module has the name `none`"),
        ("target=".to_owned(), "parameter `target` is missing"),
        ("target=db1&collect[]=conections".to_owned(), "did you mean `connections`?"),
    ] {
        let (status, _, text) = probe(&query).await;
        assert_eq!(status, 400);
        assert!(text.contains(message), "{text}");
    }
}

#[tokio::test]
async fn the_servers_certificate_is_verified_as_libpq_does_and_its_end_is_known() {
    let authority = Authority::new();
    let good = authority.sign("127.0.0.1", 2100);
    let hba = "local all all trust\nhost all postgres all trust\nhostssl all all all scram-sha-256\n";
    let server = Postgres::major(17).hba(hba).file("good.crt", &good.certificate).file("good.key", &good.key);
    let expired = authority.sign("127.0.0.1", 2021);
    let other = authority.sign("db.example", 2100);
    let server = server.file("expired.crt", &expired.certificate).file("expired.key", &expired.key);
    let server = server.file("other.crt", &other.certificate).file("other.key", &other.key);
    let server =
        server.setting("ssl", "on").setting("ssl_cert_file", "good.crt").setting("ssl_key_file", "good.key");
    let server = server.start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "ca.pem", &authority.pem());
    write(folder.path(), "wrong.pem", &Authority::new().pem());
    std::fs::set_permissions(folder.path().join("ca.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let login = async |mode: &str, root: &str| {
        let root = if root.is_empty() {
            String::new()
        } else {
            format!("&sslrootcert={}", folder.path().join(root).display())
        };
        let dsn = format!("{}?sslmode={mode}{root}", server.dsn("postgres"));
        let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", dsn).start().await.unwrap();
        let samples = exporter.scrape().await.unwrap();
        let end = samples
            .all("pg_server_certificate_expiry_timestamp_seconds", &[])
            .next()
            .map(|sample| sample.value);
        (samples.one("pg_up", &[]), end)
    };
    let end_of_2099 = Some(4_102_444_800.0);
    for (mode, root, up) in [
        ("disable", "", 0.0),
        ("prefer", "", 1.0),
        ("require", "", 1.0),
        ("require", "wrong.pem", 0.0),
        ("verify-ca", "ca.pem", 1.0),
        ("verify-full", "ca.pem", 1.0),
        ("verify-full", "wrong.pem", 0.0),
    ] {
        let (got, end) = login(mode, root).await;
        assert_eq!(got, up, "{mode} {root}");
        assert!(mode == "disable" || end == end_of_2099, "{mode} {root} {end:?}");
    }
    for (name, expected) in [
        ("other", [("require", "", 1.0), ("verify-ca", "ca.pem", 1.0), ("verify-full", "ca.pem", 0.0)]),
        ("expired", [("require", "", 1.0), ("verify-ca", "ca.pem", 0.0), ("verify-full", "ca.pem", 0.0)]),
    ] {
        server.sql("postgres", &format!("ALTER SYSTEM SET ssl_cert_file = '{name}.crt'")).await.unwrap();
        server.sql("postgres", &format!("ALTER SYSTEM SET ssl_key_file = '{name}.key'")).await.unwrap();
        server.control("reload").await.unwrap();
        if name == "expired" {
            eventually!(
                "the end in the past is shown",
                (login("require", "").await.1 == Some(1_609_459_200.0)).then_some(())
            );
        } else {
            eventually!(
                "the other name is refused",
                (login("verify-full", "ca.pem").await.0 < 1.0).then_some(())
            );
        }
        for (mode, root, up) in expected {
            assert_eq!(login(mode, root).await.0, up, "{name} {mode} {root}");
        }
    }
}
