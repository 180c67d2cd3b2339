//! The whole chain with a real clock: chart values, Helm, exporters, Prometheus, Alertmanager, a webhook, and the runbook
//! behind the link in the message.

#![allow(clippy::unwrap_used, clippy::too_many_lines, reason = "a test may panic, and tells a whole story")]

use std::future::IntoFuture as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use generator::render::site::theme::Theme;
use generator::render::site::{self, Material};
use generator::tree::Tree;
use integration_tests::alertmanager::{Alertmanager, Message, Webhook};
use integration_tests::aws::{Account, Aws};
use integration_tests::exporter::Exporter;
use integration_tests::helm::{Helm, charts};
use integration_tests::postgres::Postgres;
use integration_tests::prometheus::{Config, Prometheus};
use integration_tests::scenario::show;
use integration_tests::{eventually, http};
use rustix::process::Signal;

const POSTGRESQL: &str = "prometheus-postgresql-alerts-chart";
const RDS: &str = "prometheus-rds-alerts-chart";

/// Thresholds that a test reaches, and times that it can wait for.
const POSTGRESQL_VALUES: &str = "
rules:
  PostgreSQLMaxConnections: { for: 3s, severity: critical, params: { threshold: 20, lookback: 20s } }
  SQLExporterDown: { for: 6s }
";

const RDS_VALUES: &str = "
rules:
  RDSDiskSpaceLimit: { for: 3s, labels: { team: storage }, params: { threshold: 15, gap: 10s } }
";

const ACCOUNT: &str = "
id: '123456789012'
regions: [eu-west-3]
instances:
  - { identifier: payments, engine: postgres, version: '16.8', class: db.r6g.large, storage: 100, metrics: { FreeStorageSpace: 50000000000, CPUUtilization: 10 } }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_reaches_the_webhook_and_its_runbook_opens() {
    let site = Site::start().await;
    let server = Postgres::major(17).start().await.unwrap();
    let sql = || Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("postgres"));
    let mut sql_exporter = sql().args(&["--target-name", "db1"]).start().await.unwrap();
    let aws = Aws::start(Account::from_yaml(ACCOUNT).unwrap()).await.unwrap();
    let rds_exporter = Exporter::rds(&aws).start().await.unwrap();
    let webhook = Webhook::start().await.unwrap();
    let alertmanager = Alertmanager::start(&webhook).await.unwrap();
    let config = Config {
        rules: vec![site.rules(POSTGRESQL, POSTGRESQL_VALUES), site.rules(RDS, RDS_VALUES)],
        jobs: vec![
            ("postgresql-exporter", sql_exporter.address.clone()),
            ("rds-exporter", rds_exporter.address.clone()),
        ],
        alertmanager: alertmanager.address().to_owned(),
        interval: Duration::from_secs(1),
    };
    let prometheus = Prometheus::start(&config).await.unwrap();
    eventually!("both exporters are scraped", {
        let targets = prometheus.targets().await.unwrap();
        let up = |target: &&serde_json::Value| target["health"] == "up";
        (targets["data"]["activeTargets"].as_array().unwrap().iter().filter(up).count() == 2).then_some(())
    });
    // Before the first scrape, the alerts about exporters wait.
    eventually!("nothing is wrong", {
        let alerts = prometheus.alerts().await.unwrap();
        (alerts["data"]["alerts"] == serde_json::json!([])).then_some(())
    });

    let sessions = sessions(&server).await;
    free(&aws, 5e9);
    rds_exporter.reload().await.unwrap();
    let message = get(&webhook, 0, "PostgreSQLMaxConnections", "firing").await.1;
    assert_eq!(labels(&message), "alertname=PostgreSQLMaxConnections severity=critical target=db1");
    assert!(message.annotations["description"].starts_with("db1 uses 3"), "{message:?}");
    assert!(message.annotations["description"].contains("(limit 20%"), "{message:?}");
    assert_eq!(message.annotations["summary"], "A PostgreSQL server is close to its connection limit.");
    site.opens(&message).await;
    let message = get(&webhook, 0, "RDSDiskSpaceLimit", "firing").await.1;
    assert_eq!(
        labels(&message),
        "alertname=RDSDiskSpaceLimit aws_account_id=123456789012 aws_region=eu-west-3 dbidentifier=payments severity=critical team=storage"
    );
    let description = &message.annotations["description"];
    assert!(description.starts_with("payments has 4.657GiB of disk left (limit 15%"), "{description}");
    site.opens(&message).await;

    drop(sessions);
    free(&aws, 5e10);
    rds_exporter.reload().await.unwrap();
    get(&webhook, 0, "PostgreSQLMaxConnections", "resolved").await;
    get(&webhook, 0, "RDSDiskSpaceLimit", "resolved").await;

    // The alert does not end in silence when nobody can see its reason any more.
    let seen = webhook.messages().len();
    let sessions = self::sessions(&server).await;
    get(&webhook, seen, "PostgreSQLMaxConnections", "firing").await;
    sql_exporter.signal(Signal::KILL).unwrap();
    sql_exporter.wait().await.unwrap();
    let (down, message) = get(&webhook, seen, "SQLExporterDown", "firing").await;
    let instance = format!("instance={} job=postgresql-exporter", sql_exporter.address);
    assert_eq!(labels(&message), format!("alertname=SQLExporterDown {instance} severity=critical"));
    assert!(message.annotations["description"].contains("does not answer Prometheus"), "{message:?}");
    site.opens(&message).await;
    let messages = webhook.messages();
    let silent =
        messages[seen..down].iter().any(|message| message.says("PostgreSQLMaxConnections", "resolved"));
    assert!(!silent, "it ended before SQLExporterDown fired: {messages:#?}");
    let named = |message: &&Message| {
        ["PostgreSQLMaxConnections", "RDSDiskSpaceLimit", "SQLExporterDown"].contains(&message.alert())
    };
    let others: Vec<_> = messages.iter().filter(|message| !named(message)).collect();
    assert!(others.is_empty(), "others cry as well: {others:#?}");
    drop(sessions);
}

/// CloudWatch says that so many bytes of the disk are free.
fn free(aws: &Aws, bytes: f64) {
    let name = "FreeStorageSpace".to_owned();
    aws.change(|account| account.instance_mut("payments").metrics.insert(name, bytes.into()));
}

/// Thirty of the 97 connections that ordinary users can have.
async fn sessions(server: &Postgres) -> Vec<tokio_postgres::Client> {
    let mut sessions = Vec::new();
    for _ in 0..30 {
        sessions.push(server.client("postgres").await.unwrap());
    }
    sessions
}

/// Waits for a message after the first `after`; its place and the message.
async fn get(webhook: &Webhook, after: usize, alert: &str, status: &str) -> (usize, Message) {
    eventually!(format!("{alert} is {status}; the webhook got {:#?}", webhook.messages()), {
        let messages = webhook.messages().into_iter().enumerate().skip(after);
        messages.into_iter().find(|(_, message)| message.says(alert, status))
    })
}

fn labels(message: &Message) -> String {
    message.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// The site, served from a folder as a web server does that knows nothing about it.
struct Site {
    folder: tempfile::TempDir,
    /// What the chart has as the address of the site.
    published: String,
    address: String,
}

impl Site {
    async fn start() -> Self {
        let catalogue = show::catalogue().unwrap();
        let material = Material {
            version: None,
            url: "http://localhost",
            revision: "main",
            shelf: None,
            history: std::collections::BTreeMap::new(),
            evidence: serde_json::Value::Null,
            charts: Vec::new(),
            checks: Vec::new(),
            only: None,
        };
        let theme = Theme::read(None).unwrap();
        let tree = Tree::of(|out| site::render(&catalogue, &theme, &material, out)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // The link of a chart names the version of the chart.
        let chart: serde_yaml::Value = serde_yaml::from_str(
            &std::fs::read_to_string(charts().join(POSTGRESQL).join("Chart.yaml")).unwrap(),
        )
        .unwrap();
        tree.write(&folder.path().join(chart["version"].as_str().unwrap())).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serve = async |State(root): State<PathBuf>, uri: Uri| {
            let path = root.join(uri.path().trim_start_matches('/'));
            let path = if path.is_dir() { path.join("index.html") } else { path };
            std::fs::read(path).map_err(|_| StatusCode::NOT_FOUND)
        };
        let router = Router::new().fallback(serve).with_state(folder.path().to_path_buf());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { folder, published: catalogue.site.url.to_string(), address }
    }

    /// A chart's rules with these values, and links that lead to this site.
    fn rules(&self, chart: &str, values: &str) -> String {
        let own = std::fs::read_to_string(charts().join(chart).join("values.yaml")).unwrap();
        let own: serde_yaml::Value = serde_yaml::from_str(&own).unwrap();
        let link = own["defaultRunbookUrl"].as_str().unwrap();
        let link = link.replace(&self.published, &format!("http://{}", self.address));
        let file = self.folder.path().join("values.yaml");
        std::fs::write(&file, format!("{values}\ndefaultRunbookUrl: '{link}'\n")).unwrap();
        let helm = Helm::all().unwrap().pop().unwrap();
        helm.template(chart, Some(&file), &["format=PrometheusConfigurationFile"]).unwrap()
    }

    /// The link of a message leads to the runbook of its alert.
    async fn opens(&self, message: &Message) {
        let url = &message.annotations["runbook_url"];
        let path = url.strip_prefix(&format!("http://{}", self.address)).unwrap();
        assert!(
            self.folder.path().join(Path::new(path.trim_start_matches('/'))).join("index.html").is_file()
        );
        let answer = http::get(&self.address, path, &[]).await.unwrap();
        assert_eq!(answer.status, 200, "{url}");
        let page = answer.text();
        let heading = page.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0;
        assert_eq!(heading.replace("<wbr>", ""), message.alert(), "{url}");
    }
}
