//! Getting to AWS: every source of credentials and its changes, proxies, authorities, endpoints; and what is said when
//! it does not work.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use integration_tests::aws::{Aws, Fault, Rule, Sources};
use integration_tests::eventually;
use integration_tests::exporter::{Builder, Exporter};
use integration_tests::proxy::Proxy;

use crate::world::{aws, broken, complete, tried};

const ONE: &str = "AKIA123456789012MOCK1";
const TWO: &str = "AKIA123456789012MOCK2";

const ACCOUNT: &str = "
instances: [{ identifier: a }]
roles: [{ name: monitor, account: '123456789012' }]
";

/// A source of credentials: how the exporter is led to it, and how it changes.
struct Source {
    name: &'static str,
    lead: fn(Builder, &World) -> Builder,
    give: fn(&World, &str),
}

struct World {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl World {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn keys(key: &str) -> String {
    format!("aws_access_key_id = {key}\naws_secret_access_key = mock\n")
}

fn config(builder: Builder, world: &World, text: &str) -> Builder {
    world.write("config", text);
    builder.env("AWS_CONFIG_FILE", world.path("config"))
}

/// Everything but the keys of the environment, which cannot change while a program runs.
const SOURCES: [Source; 7] = [
    Source {
        name: "shared credentials file",
        lead: |builder, world| builder.env("AWS_SHARED_CREDENTIALS_FILE", world.path("credentials")),
        give: |world, key| world.write("credentials", &format!("[default]\n{}", keys(key))),
    },
    Source {
        name: "profile with a role",
        lead: |builder, world| {
            config(
                builder,
                world,
                "[profile p]\nrole_arn = arn:aws:iam::123456789012:role/monitor\nsource_profile = base\nregion = eu-west-3\n",
            )
            .env("AWS_SHARED_CREDENTIALS_FILE", world.path("credentials"))
            .env("AWS_PROFILE", "p")
        },
        give: |world, key| world.write("credentials", &format!("[base]\n{}", keys(key))),
    },
    Source {
        name: "process",
        lead: |builder, world| {
            let file = world.path("process.json");
            config(builder, world, &format!("[default]\ncredential_process = /bin/cat {}\n", file.display()))
        },
        give: |world, key| {
            let text =
                format!("{{\"Version\": 1, \"AccessKeyId\": \"{key}\", \"SecretAccessKey\": \"mock\"}}");
            world.write("process.json", &text);
        },
    },
    Source {
        name: "web identity",
        lead: |builder, world| {
            builder
                .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/monitor")
                .env("AWS_WEB_IDENTITY_TOKEN_FILE", world.path("token"))
        },
        // The token stands for the key that signs it.
        give: |world, key| world.write("token", key),
    },
    Source {
        name: "container, as EKS Pod Identity",
        lead: |builder, world| {
            builder
                .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", world.sources.url()))
                .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", world.path("token"))
        },
        // Kubernetes changes the token, too.
        give: |world, key| {
            world.write("token", &format!("token of {key}"));
            world.sources.token(&format!("token of {key}"));
            world.sources.give(&[key]);
        },
    },
    Source {
        name: "instance metadata",
        lead: |builder, world| {
            builder
                .without("AWS_EC2_METADATA_DISABLED")
                .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", world.sources.url())
        },
        give: |world, key| world.sources.give(&[key]),
    },
    Source {
        name: "IAM Identity Center",
        lead: |builder, world| {
            config(
                builder,
                world,
                "[default]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-3\n\
                 sso_account_id = 123456789012\nsso_role_name = monitor\n",
            )
            .env("HOME", world.folder.path())
            .env("AWS_ENDPOINT_URL_SSO", world.sources.url())
        },
        give: |world, key| {
            // The name is the SHA-1 sum of the start URL.
            let text = format!(
                "{{\"startUrl\": \"https://example.awsapps.com/start\", \"region\": \"eu-west-3\", \
                 \"accessToken\": \"token of {key}\", \"expiresAt\": \"9999-01-01T00:00:00Z\"}}"
            );
            world.write(".aws/sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json", &text);
            world.sources.token(&format!("token of {key}"));
            world.sources.give(&[key]);
        },
    },
];

async fn world() -> World {
    World { folder: tempfile::tempdir().unwrap(), sources: Sources::start("token").await.unwrap() }
}

/// An exporter without keys of its own.
fn without_keys(aws: &Aws) -> Builder {
    Exporter::rds(aws)
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .env("AWS_ENDPOINT_URL_STS", aws.url())
}

fn works(aws: &Aws, action: &str) -> usize {
    aws.count(|request| request.action == action && request.status == 200)
}

#[tokio::test]
async fn every_source_is_read_again_when_it_changes() {
    for Source { name, lead, give } in SOURCES {
        let (aws, world) = (aws(ACCOUNT).await, world().await);
        give(&world, ONE);
        let exporter = lead(without_keys(&aws), &world).start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), [""; 0], "{name}: {}", exporter.log());
        give(&world, TWO);
        aws.revoke(ONE);
        aws.reset_counts();
        assert_eq!(exporter.reload().await.unwrap(), 200);
        let works = || (works(&aws, "DescribeDBInstances") > 0).then_some(());
        eventually!(format!("{name}: {}", exporter.log()), works());
        assert_eq!(aws.count(|request| request.status == 403), 0, "{name}");
    }
}

/// Without a reload, and without waiting for the end that the source announced.
#[tokio::test]
async fn refused_credentials_are_fetched_anew_at_once() {
    for code in ["ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"] {
        let (aws, world) = (aws(ACCOUNT).await, world().await);
        world.sources.give(&[ONE, TWO]);
        aws.revoke_with(ONE, code);
        let exporter = (SOURCES[5].lead)(without_keys(&aws), &world).start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), [""; 0], "{code}: {}", exporter.log());
        assert_eq!(samples.one("rds_exporter_errors_total", &[("collector", "instances")]), 0.0);
        assert_eq!(world.sources.asked(), 2, "{code}");
    }
}

/// A source that has nothing better is not asked without end.
#[tokio::test]
async fn credentials_that_stay_refused_are_no_storm() {
    let (aws, world) = (aws(ACCOUNT).await, world().await);
    world.sources.give(&[ONE]);
    aws.revoke(ONE);
    let exporter = (SOURCES[5].lead)(without_keys(&aws), &world).start().await.unwrap();
    let samples = tried(&exporter).await;
    let labels = [("collector", "instances"), ("code", "InvalidClientTokenId")];
    assert_eq!(samples.one("rds_exporter_collector_failing", &labels), 1.0);
    assert_eq!(world.sources.asked(), 2);
    assert!(aws.calls("rds", "DescribeDBInstances") <= 2);
}

/// What is said when it does not work: code, and a part of the message.
#[tokio::test]
async fn failures_are_told_apart() {
    let (aws, world) = (aws(ACCOUNT).await, world().await);
    // It listens as long as this test runs, and answers nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let role = "arn:aws:iam::222222222222:role/other";
    let tls = tls(&aws, "127.0.0.1", &world).await;
    let cases: [(Builder, &str, &str); 7] = [
        (without_keys(&aws), "no_credentials", "set AWS_ACCESS_KEY_ID"),
        (
            without_keys(&aws)
                .without("AWS_EC2_METADATA_DISABLED")
                .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &silent),
            "imds",
            "hop limit",
        ),
        (Exporter::rds(&aws).args(&["--aws-assume-role-arn", role]), "AccessDenied", role),
        (Exporter::rds(&aws).env("AWS_ENDPOINT_URL", "http://rds.invalid"), "dns", "does not resolve"),
        (Exporter::rds(&aws).env("AWS_ENDPOINT_URL", format!("https://{tls}")), "tls", "AWS_CA_BUNDLE"),
        (Exporter::rds(&aws).env("AWS_ENDPOINT_URL", format!("http://{closed}")), "network", "refused"),
        (
            Exporter::rds(&aws)
                .env("AWS_ENDPOINT_URL", format!("https://{tls}"))
                .env("HTTPS_PROXY", format!("http://{closed}")),
            "proxy",
            "HTTPS_PROXY",
        ),
    ];
    for (exporter, code, message) in cases {
        let exporter = exporter.start().await.unwrap();
        let labels = [("collector", "instances"), ("code", code)];
        eventually!(format!("{code}: {}", exporter.log()), {
            let samples = exporter.scrape().await.unwrap();
            samples.maybe("rds_exporter_collector_failing", &labels)
        });
        let log = exporter.log();
        let line = log.lines().find(|line| line.contains(&format!("\"code\":\"{code}\""))).unwrap();
        assert!(line.contains(message), "{line}");
    }
}

/// HTTPS in front of an AWS, with a certificate for a name; host and port. The authority is in `ca.pem`.
async fn tls(aws: &Aws, name: &str, world: &World) -> std::net::SocketAddr {
    let signed = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    world.write("ca.pem", &signed.cert.pem());
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = aws.url().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut inside) = acceptor.accept(socket).await else { return };
                let Ok(mut aws) = tokio::net::TcpStream::connect(behind).await else { return };
                drop(tokio::io::copy_bidirectional(&mut inside, &mut aws).await);
            });
        }
    });
    address
}

fn with_bundle(builder: Builder, bundle: &Path) -> Builder {
    builder.env("AWS_CA_BUNDLE", bundle)
}

#[tokio::test]
async fn every_service_goes_through_the_proxy() {
    let account = ACCOUNT.replace("identifier: a", "identifier: a, tags: { team: x }");
    let (aws, world) = (aws(&account).await, world().await);
    let inside = tls(&aws, "*.eu-west-3.amazonaws.com", &world).await;
    let proxy = Proxy::start(inside).await.unwrap();
    world.write(
        "c.yaml",
        "tag-selections: { team: x }\naws-assume-role-arn: arn:aws:iam::123456789012:role/monitor\n",
    );
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let exporter = with_bundle(Exporter::rds(&aws), &world.path("ca.pem"))
            .without("AWS_ENDPOINT_URL")
            .env(variable, proxy.url())
            .arg("--config")
            .arg(world.path("c.yaml"));
        let exporter = exporter.start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), [""; 0], "{}", exporter.log());
    }
    assert!(works(&aws, "AssumeRole") > 0);
    let services = ["ec2", "monitoring", "rds", "servicequotas", "sts", "tagging"];
    assert_eq!(proxy.names(), services.map(|name| format!("{name}.eu-west-3.amazonaws.com:443")));
}

#[tokio::test]
async fn no_proxy_names_what_goes_directly() {
    let aws = aws(ACCOUNT).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (no_proxy, works) in [("", false), ("127.0.0.1", true), ("*", true)] {
        let exporter = Exporter::rds(&aws).env("HTTP_PROXY", format!("http://{closed}"));
        let exporter = exporter.env("NO_PROXY", no_proxy).start().await.unwrap();
        let samples = if works { complete(&exporter).await } else { tried(&exporter).await };
        assert_eq!(broken(&samples).is_empty(), works, "{no_proxy}: {}", exporter.log());
    }
}

#[tokio::test]
async fn a_bundle_that_is_none_is_named() {
    let (aws, world) = (aws("").await, world().await);
    world.write("empty.pem", "nothing\n");
    for (file, message) in
        [("none.pem", "none.pem`: No such file"), ("empty.pem", "has no certificate in PEM")]
    {
        let exporter = with_bundle(Exporter::rds(&aws), &world.path(file)).arg("--config.check");
        let (code, _, error) = exporter.output().await.unwrap();
        assert_eq!(code, 2);
        assert!(error.starts_with("error: AWS_CA_BUNDLE: ") && error.contains(message), "{error}");
    }
}

/// The STS of a region that the caller's account has not enabled does not know the caller.
#[tokio::test]
async fn a_role_is_asked_for_where_the_caller_is() {
    let account = "regions: [eu-west-3, eu-west-1, af-south-1]\nroles: [{ name: monitor, account: '222222222222' }]\n\
                   accounts: [{ id: '222222222222', regions: [af-south-1], instances: [{ identifier: c }] }]\n";
    let target = "targets:\n- region: af-south-1\n  role-arn: arn:aws:iam::222222222222:role/monitor\n";
    for (more, region) in [("", "eu-west-3"), ("  sts-region: eu-west-1\n", "eu-west-1")] {
        let (aws, world) = (aws(account).await, world().await);
        aws.rule(
            Rule::new(
                "sts:AssumeRole",
                Fault::Error { code: "InvalidClientTokenId".to_owned(), status: 403 },
            )
            .region("af-south-1"),
        );
        world.write("c.yaml", &format!("{target}{more}"));
        let exporter = Exporter::rds(&aws).arg("--config").arg(world.path("c.yaml")).start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), [""; 0], "{}", exporter.log());
        assert!(aws.count(|request| request.action == "AssumeRole" && request.region == region) > 0);
    }
}

#[tokio::test]
async fn endpoints_have_a_rank() {
    let (all, variable, named) = (aws(ACCOUNT).await, aws(ACCOUNT).await, aws(ACCOUNT).await);
    let world = world().await;
    let target = format!(
        "targets:\n- region: eu-west-3\n  endpoint: {}\n  endpoints: {{ cloudwatch: '{}' }}\n",
        all.url(),
        named.url()
    );
    world.write("c.yaml", &target);
    let exporter = Exporter::rds(&all)
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_RDS", variable.url())
        .env("AWS_ENDPOINT_URL_CLOUDWATCH", variable.url())
        .arg("--config")
        .arg(world.path("c.yaml"));
    let exporter = exporter.start().await.unwrap();
    let samples = complete(&exporter).await;
    assert_eq!(broken(&samples), [""; 0], "{}", exporter.log());
    let services = |aws: &Aws| {
        let mut found: Vec<_> = aws.requests().into_iter().map(|request| request.service).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    assert_eq!(services(&named), ["cloudwatch"]);
    assert_eq!(services(&variable), ["rds"]);
    assert_eq!(services(&all), ["ec2", "servicequotas", "sts"]);
}
