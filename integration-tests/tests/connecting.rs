//! The PostgreSQL exporter on its way to a server, as libpq goes it and as `postgres_exporter` is told: several servers,
//! with and without TLS, passwords that change, and none that gets out.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test may panic, compares exactly and tells a whole story"
)]

use std::path::Path;

use data_encoding::BASE64;
use integration_tests::eventually;
use integration_tests::exporter::{Exporter, Samples};
use integration_tests::postgres::{MONITOR, PASSWORD, Postgres};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SigningKey as _};

fn up(samples: &Samples) -> f64 {
    samples.one("pg_up", &[])
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// A value of DER: tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], length.as_slice(), content].concat()
}

/// The values that a content of DER consists of, each with its tag.
fn values(mut content: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [tag, first, rest @ ..] = content {
        let long = if *first < 0x80 { 0 } else { usize::from(first & 0x7f) };
        let length = match long {
            0 => usize::from(*first),
            _ => rest[..long].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        found.push((*tag, rest[long..long + length].to_vec()));
        content = &rest[long + length..];
    }
    found
}

/// A self-signed certificate of X.509 version 1, as the manual of PostgreSQL makes it, and its key.
fn version_1() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    let third = params.self_signed(&key).unwrap();
    let parts = values(&values(third.der())[0].1);
    // Version 1 has neither a version (0) nor extensions (3).
    let first = values(&parts[0].1).into_iter().filter(|(tag, _)| ![0xa0, 0xa3].contains(tag));
    let signed = der(0x30, &first.flat_map(|(tag, content)| der(tag, &content)).collect::<Vec<_>>());
    let signature = [&[0], key.sign(&signed).unwrap().as_slice()].concat();
    let whole = der(0x30, &[signed, der(0x30, &parts[1].1), der(0x03, &signature)].concat());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64.encode(&whole));
    (pem, key.serialize_pem())
}

#[tokio::test]
async fn tls_is_tried_and_left_as_libpq_does_with_any_certificate() {
    let (certificate, key) = version_1();
    let with = |hba: &str| {
        let hba = format!("local all all trust\nhost all postgres all trust\n{hba}");
        let server = Postgres::major(17).hba(&hba).file("v1.crt", &certificate).file("v1.key", &key);
        server.setting("ssl", "on").setting("ssl_cert_file", "v1.crt").setting("ssl_key_file", "v1.key")
    };
    let folder = tempfile::tempdir().unwrap();
    let root = write(folder.path(), "root.crt", &certificate);
    for (hba, expected) in [
        (
            "hostssl all all all scram-sha-256\n",
            [("disable", 0.0), ("allow", 1.0), ("prefer", 1.0), ("require", 1.0), ("verify-full", 0.0)],
        ),
        (
            "hostssl all all all reject\nhostnossl all all all scram-sha-256\n",
            [("disable", 1.0), ("allow", 1.0), ("prefer", 1.0), ("require", 0.0), ("verify-full", 0.0)],
        ),
    ] {
        let server = with(hba).start().await.unwrap();
        for (mode, is_up) in expected {
            let root = if mode == "verify-full" { format!("&sslrootcert={root}") } else { String::new() };
            for more in ["", "&ssl_max_protocol_version=TLSv1.2"] {
                let dsn = format!("{}?sslmode={mode}{root}{more}", server.dsn("postgres"));
                let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", dsn).start().await.unwrap();
                let samples = exporter.scrape().await.unwrap();
                assert_eq!(up(&samples), is_up, "{mode}{more}: {}", exporter.log());
                let says = exporter.log().contains("X.509 version 1, which cannot be verified");
                assert_eq!(says, mode == "verify-full", "{}", exporter.log());
            }
        }
    }
}

#[tokio::test]
async fn several_servers_are_tried_with_the_password_of_each() {
    let server = Postgres::major(17).start().await.unwrap();
    let port = server.port;
    let folder = tempfile::tempdir().unwrap();
    let pgpass = write(
        folder.path(),
        "pgpass",
        &format!(
            "127.0.0.1:1:*:*:wrong\nlocalhost:{port}:*:{MONITOR}:wrong\n127.0.0.1:{port}:*:{MONITOR}:{PASSWORD}\n"
        ),
    );
    let hosts = format!("host=127.0.0.1,127.0.0.1 port=1,{port} user={MONITOR} dbname=postgres");
    for (more, is_up) in [
        ("", true),
        ("target_session_attrs=primary load_balance_hosts=random", true),
        ("target_session_attrs=read-write", true),
        ("target_session_attrs=prefer-standby", true),
        ("target_session_attrs=standby", false),
        ("target_session_attrs=read-only", false),
        ("require_auth=scram-sha-256", true),
        ("require_auth=password", false),
    ] {
        let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", format!("{hosts} {more}"));
        let exporter = exporter.env("PGPASSFILE", &pgpass).start().await.unwrap();
        let samples = exporter.scrape().await.unwrap();
        let target =
            if is_up { format!("127.0.0.1:{port}") } else { format!("127.0.0.1:1,127.0.0.1:{port}") };
        let found = samples.one("pg_up", &[("target", &target)]);
        assert_eq!(found, f64::from(u8::from(is_up)), "{more}: {}", exporter.log());
    }
}

#[tokio::test]
async fn a_password_file_of_the_environment_is_read_at_each_login() {
    let server = Postgres::major(17).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "password", "old\n");
    let exporter = Exporter::postgresql()
        .env("DATA_SOURCE_URI", format!("127.0.0.1:{}/postgres", server.port))
        .env("DATA_SOURCE_USER", MONITOR)
        .env("DATA_SOURCE_PASS_FILE", &file);
    let exporter = exporter.start().await.unwrap();
    assert_eq!(up(&exporter.scrape().await.unwrap()), 0.0);
    write(folder.path(), "password", &format!("{PASSWORD}\n"));
    eventually!("the new password is used", (up(&exporter.scrape().await.unwrap()) == 1.0).then_some(()));
}

#[tokio::test]
async fn two_connection_strings_are_two_targets_and_the_label_has_the_name_that_is_wanted() {
    let server = Postgres::major(17).start().await.unwrap();
    let list = format!("{},host=127.0.0.1 port=1 user=x", server.dsn("postgres"));
    let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", list).args(&["--target-label", "server"]);
    let samples = exporter.start().await.unwrap().scrape().await.unwrap();
    let name = format!("127.0.0.1:{}", server.port);
    assert_eq!(samples.one("pg_up", &[("server", &name), ("target", "")]), 1.0);
    assert_eq!(samples.one("pg_up", &[("server", "127.0.0.1:1"), ("target", "")]), 0.0);
    assert!(samples.has("pg_connections_used", &[("server", &name), ("target", "")]));
}

/// Flags and variables of `postgres_exporter` that cannot be meant, each with a word of what is said.
#[tokio::test]
async fn what_postgres_exporter_is_told_works_or_stops_the_start() {
    for (variable, argument, word) in [
        ("PG_EXPORTER_CONSTANT_LABELS=a=b", "", "relabel_configs"),
        ("PG_EXPORTER_METRIC_PREFIX=my", "", "metric_relabel_configs"),
        ("PG_EXPORTER_EXTEND_QUERY_PATH=/none.yaml", "", "cannot read `/none.yaml`"),
        ("PG_EXPORTER_COLLECTION_TIMEOUT=never", "", "never"),
        ("PG_EXPORTER_TELEMETRY_PATH=/x", "", "`PG_EXPORTER_WEB_TELEMETRY_PATH`"),
        ("X=", "--constantLabels=a=b", "relabel_configs"),
        ("X=", "--metric-prefix=my", "metric_relabel_configs"),
        ("X=", "--dumpmaps", "--help"),
        ("X=", "--collector.stat_statements.limit=5", "--metrics DIR"),
        ("X=", "--collector.stat_statements.exclude_users=a", "--metrics DIR"),
    ] {
        let (name, value) = variable.split_once('=').unwrap();
        let exporter =
            Exporter::postgresql().env("DATA_SOURCE_NAME", "host=127.0.0.1 port=1").env(name, value);
        let exporter = exporter.args(&["--config.check", argument][..=usize::from(!argument.is_empty())]);
        let (code, _, said) = exporter.output().await.unwrap();
        assert!(code == 2 && said.contains(word), "{variable} {argument}: {said}");
    }
    let server = Postgres::major(17).start().await.unwrap();
    server.sql("postgres", "CREATE DATABASE other").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let queries = write(
        folder.path(),
        "queries.yaml",
        "own:\n  query: SELECT true AS yes, '1970-01-01 00:01:00+00'::timestamptz AS at, interval '2 min' AS span, 7.5::numeric AS n, \
         '8' AS text, 'x' AS word, '{1}'::int[] AS ids, now() AS stamp\n  metrics:\n    - ids: { usage: LABEL }\n    - yes: { usage: GAUGE }\n    \
         - at: { usage: GAUGE }\n    - span: { usage: GAUGE }\n    - n: { usage: COUNTER }\n    - text: { usage: GAUGE }\n    - word: { usage: GAUGE }\n    \
         - stamp: { usage: DISCARD }\n    - odd: { usage: HISTOGRAM }\n",
    );
    let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres"));
    let exporter = exporter
        .env("PG_EXPORTER_EXTEND_QUERY_PATH", &queries)
        .env("PG_EXPORTER_WEB_TELEMETRY_PATH", "/theirs")
        .env("PG_EXPORTER_DISABLE_SETTINGS_METRICS", "true")
        .env("PG_EXPORTER_DISABLE_DEFAULT_METRICS", "1")
        .env("PG_EXPORTER_AUTO_DISCOVER_DATABASES", "true")
        .env("PG_EXPORTER_EXCLUDE_DATABASES", "")
        .env("PG_EXPORTER_PORT_9187_TCP_ADDR", "10.0.0.1");
    let exporter = exporter.start().await.unwrap();
    let samples = Samples::parse(&exporter.get("/theirs", &[]).await.unwrap().text());
    for database in ["postgres", "other"] {
        let labels = [("datname", database), ("ids", "{1}")];
        for (name, value) in
            [("own_yes", 1.0), ("own_at", 60.0), ("own_span", 120.0), ("own_n", 7.5), ("own_text", 8.0)]
        {
            assert_eq!(samples.one(name, &labels), value, "{name}: {}", exporter.log());
        }
    }
    assert!(
        !samples.has("own_word", &[]) && exporter.log().contains("`own_odd` is left out"),
        "{}",
        exporter.log()
    );
    assert!(!samples.has("pg_settings_max_connections", &[]));
    assert!(!samples.has("pg_static", &[]) && samples.has("pg_connections_used", &[]));
    // The same, as files.
    let output = folder.path().join("metrics").display().to_string();
    let convert = || Exporter::postgresql().args(&["convert", &queries, "--output", &output]);
    let (code, files, notes) = convert().output().await.unwrap();
    assert!(
        code == 0 && files.ends_with("queries_own.yaml\n") && notes.contains("`own_odd` is left out"),
        "{notes}"
    );
    let again = convert().output().await.unwrap();
    assert!(again.0 == 2 && again.2.contains("cannot write"), "{}", again.2);
    let exporter =
        Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres")).args(&["--metrics", &output]);
    let samples = exporter.start().await.unwrap().scrape().await.unwrap();
    assert_eq!(samples.one("own_at", &[("ids", "{1}")]), 60.0);
}

/// Ways to write a connection string wrong, `{}` being a password.
const MALFORMED: [&str; 12] = [
    "postgresql://u:{}@127.0.0.1:1/d,postgresql://u:{}@127.0.0.1:2/d",
    "postgresql://u:x?{}@127.0.0.1/d",
    "postgresql://u:x/{}@127.0.0.1/d",
    "postgresql://u:x?host={}@127.0.0.1/d",
    "postgresql://u@127.0.0.1:1/d password={}",
    "postgresql://u@127.0.0.1:1/d&password={}",
    "postgresql://u@127.0.0.1:1/d?sslmode=disable,password={}",
    "host=127.0.0.1 port=1 password=x {} user=u",
    "host=127.0.0.1 port=1 password=x {}=y user=u",
    "host=127.0.0.1 port=1 password='x {} user=u",
    "host=127.0.0.1;port=1;password={}",
    "\"postgresql://u:{}@127.0.0.1:1/d?sslmode=disable\"",
];

#[tokio::test]
async fn a_password_in_a_malformed_connection_string_is_nowhere_to_be_read() {
    let key = KeyPair::generate().unwrap().serialize_der();
    let secret: String = data_encoding::HEXLOWER.encode(&key[key.len() - 8..]);
    for form in MALFORMED {
        let dsn = form.replace("{}", &secret);
        let builder = || Exporter::postgresql().env("DATA_SOURCE_NAME", &dsn);
        let (code, out, error) = builder().arg("--config.check").output().await.unwrap();
        let mut seen = format!("{out}{error}");
        if code == 0 {
            let exporter = builder().args(&["--log.level", "debug"]).start().await.unwrap();
            seen += &exporter.get("/metrics", &[]).await.unwrap().text();
            seen += &exporter.get("/", &[]).await.unwrap().text();
            seen += &exporter.log();
        }
        assert!(!seen.contains(&secret), "{form}: {seen}");
    }
}
