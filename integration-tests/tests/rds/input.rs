//! What people write: flags, variables, files; and their mistakes.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use integration_tests::exporter::Exporter;

use crate::world::{aws, complete};

/// Every mistake is one line that names it, before anything listens.
#[tokio::test]
async fn mistakes_are_named_and_end_it() {
    let aws = aws("").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    let path = file.to_str().unwrap().to_owned();
    // A port that is taken: whoever binds first fails differently.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (text, arguments, message) in [
        (
            "colect-quotas: true\n",
            &[][..],
            "c.yaml:1:1: unknown key `colect-quotas`; did you mean `collect-quotas`?",
        ),
        (
            "targets:\n- role-arn: arn:aws:iam::1:role/x\n",
            &[],
            "c.yaml:2:13: `arn:aws:iam::1:role/x` is not the ARN of a role",
        ),
        (
            "targets:\n- region: paris\n",
            &[],
            "c.yaml:2:11: `paris` is not a region: write for example `eu-west-3`",
        ),
        ("collect-quotas: maybe\n", &[], "`collect-quotas` is `maybe`, not true or false"),
        ("", &["--aws-assume-role-arn", "me"], "`aws-assume-role-arn`: `me` is not the ARN of a role"),
        ("", &["--log-format", "xml"], "`log-format` is `xml`: json and logfmt exist"),
        ("", &["--metrics-path", "metrics"], "`metrics-path`: a path starts with `/`"),
        ("", &["--tls-cert-path", "a.pem"], "`tls-cert-path` and `tls-key-path` go together"),
        ("", &["--tls-cert-path", "none.pem", "--tls-key-path", "none.key"], "none.pem"),
        ("", &["--web.config.file", "none.yml"], "cannot read `none.yml`"),
        ("", &["--metrics-interval", "soon"], "`metrics-interval`: "),
    ] {
        std::fs::write(&file, text).unwrap();
        let run =
            Exporter::rds(&aws).args(&["--config", &path, "--listen-address", &address]).args(arguments);
        let (code, out, error) = run.output().await.unwrap();
        assert_eq!((code, out.as_str()), (2, ""), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        assert!(error.starts_with("error: ") && error.contains(message), "{error}");
    }
    let (code, _, error) = Exporter::rds(&aws).args(&["--config", "/nowhere/c.yaml"]).output().await.unwrap();
    assert_eq!((code, error.as_str()), (2, "error: cannot read `/nowhere/c.yaml`: no such file\n"));
    let (code, _, error) = Exporter::rds(&aws).env("AWS_REGION", "Paris").output().await.unwrap();
    assert_eq!((code, error.starts_with("error: AWS_REGION: `Paris` is not a region")), (2, true), "{error}");
    let nowhere = Exporter::rds(&aws)
        .without("AWS_REGION")
        .without("AWS_DEFAULT_REGION")
        .args(&["--listen-address", &address]);
    let (code, _, error) = nowhere.output().await.unwrap();
    assert_eq!((code, error.as_str()), (2, "error: no region: set AWS_REGION, or `region` of a target\n"));
    let (code, _, error) = Exporter::rds(&aws).args(&["--no-such-flag"]).output().await.unwrap();
    assert_eq!((code, error.contains("--no-such-flag")), (2, true), "{error}");
    assert_eq!(aws.requests().len(), 0);
}

/// Flags, keys and variables of the exporter that came before.
#[tokio::test]
async fn old_flags_keys_and_variables_go_on_working() {
    let aws = aws("instances: [{ identifier: a }]").await;
    let folder = tempfile::tempdir().unwrap();
    let file = "debug: false\nlog-format: json\nmetrics-path: /old\nlisten-address: ':1'\ntls-cert-path: ''\ntls-key-path: ''\n\
        enable-otel-traces: true\naws-assume-role-arn: ''\naws-assume-role-session: me\ncollect-instance-metrics: true\n\
        collect-instance-tags: false\ncollect-instance-types: true\ncollect-logs-size: true\ncollect-serverless-logs-size: true\n\
        collect-maintenances: true\ncollect-cluster-metrics: true\ncollect-quotas: true\ncollect-usages: true\n\
        collect-engine-support: true\n";
    std::fs::write(folder.path().join("prometheus-rds-exporter.yaml"), file).unwrap();
    let exporter = Exporter::rds(&aws)
        .folder(folder.path())
        .env("PROMETHEUS_RDS_EXPORTER_COLLECT_QUOTAS", "false")
        .env("PROMETHEUS_RDS_EXPORTER_COLLECT-USAGES", "false")
        .env("PROMETHEUS_RDS_EXPORTER_DEBUG", "true")
        .env("PROMETHEUS_RDS_EXPORTER_SERVICE_HOST", "10.0.0.1")
        .args(&["-d", "--collect-logs-size=false", "--enable-otel-traces", "--metrics-path", "/metrics"]);
    let exporter = exporter.start().await.unwrap();
    let samples = complete(&exporter).await;
    let mut on: Vec<_> = samples
        .all("rds_exporter_collector_success", &[])
        .map(|sample| sample.labels["collector"].clone())
        .collect();
    on.sort();
    assert_eq!(
        on,
        [
            "clusters",
            "engine_support",
            "identity",
            "instance_metrics",
            "instance_types",
            "instances",
            "maintenances"
        ]
    );
    assert!(!samples.has("rds_instance_tags", &[]));
    assert!(exporter.log().contains("enable-otel-traces has no effect"));
    assert_eq!(exporter.get("/old", &[]).await.unwrap().status, 404);
}

#[tokio::test]
async fn the_old_certificate_flags_serve_https() {
    let aws = aws("").await;
    let folder = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&cert, signed.cert.pem()).unwrap();
    std::fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let exporter = Exporter::rds(&aws)
        .arg("--tls-cert-path")
        .arg(&cert)
        .arg("--tls-key-path")
        .arg(&key)
        .start()
        .await
        .unwrap();
    assert!(exporter.log().contains("\"tls\":true"));
    let answer = exporter.get("/metrics", &[]).await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (400, "This port speaks HTTPS, not HTTP.\n"));
}

#[tokio::test]
async fn it_checks_explains_and_introduces_itself() {
    let aws = aws("").await;
    let (code, _, error) = Exporter::rds(&aws).arg("--config.check").output().await.unwrap();
    assert_eq!((code, error.as_str()), (0, "the configuration is good\n"));
    let (code, text, _) = Exporter::rds(&aws).arg("--help").output().await.unwrap();
    assert_eq!(code, 0);
    for word in [
        "--collect-serverless-logs-size",
        "--web.listen-address",
        "iam-policy",
        "AWS_REGION",
        "--metrics-interval",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("otel"));
    for flag in ["-v", "--version"] {
        let (code, text, _) = Exporter::rds(&aws).arg(flag).output().await.unwrap();
        assert_eq!((code, text.starts_with("rds-exporter ")), (0, true), "{text}");
    }
    let exporter = Exporter::rds(&aws).start().await.unwrap();
    for (path, status) in [("/", 200), ("/-/healthy", 200), ("/probe", 404), ("/nothing", 404)] {
        assert_eq!(exporter.get(path, &[]).await.unwrap().status, status, "{path}");
    }
    let open = [("Accept", "application/openmetrics-text;version=1.0.0"), ("Accept-Encoding", "gzip")];
    let answer = exporter.get("/metrics", &open).await.unwrap();
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    assert_eq!(answer.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let aws = aws("instances: [{ identifier: a }]").await;
    aws.fault("rds:DescribeDBClusters", integration_tests::aws::Fault::Deny);
    aws.fault("servicequotas", integration_tests::aws::Fault::Garble);
    let exporter = Exporter::rds(&aws)
        .env("AWS_SECRET_ACCESS_KEY", "very-s3cret-key")
        .args(&["--log.level", "debug"])
        .start()
        .await
        .unwrap();
    let samples = complete(&exporter).await;
    assert_eq!(crate::world::broken(&samples), ["clusters", "quotas"]);
    let page = exporter.get("/metrics", &[]).await.unwrap().text();
    for secret in ["very-s3cret-key", "AKIA"] {
        assert!(!exporter.log().contains(secret) && !page.contains(secret), "{secret}");
    }
}
