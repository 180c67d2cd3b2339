//! Many accounts and regions in one process, tags, credentials.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use integration_tests::aws::{Aws, Fault, Rule};
use integration_tests::eventually;
use integration_tests::exporter::{Builder, Exporter};

use crate::world::{aws, complete};

const TWO: &str = "
regions: [eu-west-3, us-east-1]
instances:
- { identifier: a }
- { identifier: b, region: us-east-1 }
roles: [{ name: monitor, account: '222222222222', external_id: s3cret-id }]
accounts:
- { id: '222222222222', instances: [{ identifier: a }, { identifier: c }] }
";

const TARGETS: &str = "
targets:
- regions: [eu-west-3, us-east-1]
- region: eu-west-3
  role-arn: arn:aws:iam::222222222222:role/monitor
  external-id: s3cret-id
";

async fn with(account: &str, file: &str) -> (Aws, tempfile::TempDir, Builder) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yaml");
    std::fs::write(&path, file).unwrap();
    let aws = aws(account).await;
    let exporter = Exporter::rds(&aws).arg("--config").arg(&path);
    (aws, folder, exporter)
}

#[tokio::test]
async fn each_account_and_region_for_itself() {
    let (aws, _folder, exporter) = with(TWO, TARGETS).await;
    aws.rule(Rule::new("rds:DescribeDBClusters", Fault::Deny).region("us-east-1"));
    let exporter = exporter.args(&["--log.level", "debug"]).start().await.unwrap();
    let samples = complete(&exporter).await;
    for (account, region, count) in [
        ("123456789012", "eu-west-3", 1.0),
        ("123456789012", "us-east-1", 1.0),
        ("222222222222", "eu-west-3", 2.0),
    ] {
        let labels = [("aws_account_id", account), ("aws_region", region)];
        assert_eq!(samples.one("rds_exporter_target_instances", &labels), count, "{account} {region}");
        assert_eq!(samples.one("rds_exporter_target_info", &labels), 1.0);
        let clusters = [("aws_account_id", account), ("aws_region", region), ("collector", "clusters")];
        assert_eq!(
            samples.one("rds_exporter_collector_success", &clusters),
            f64::from(u8::from(region == "eu-west-3"))
        );
    }
    assert!(samples.has("rds_instance_info", &[("aws_account_id", "222222222222"), ("dbidentifier", "c")]));
    assert!(!exporter.log().contains("s3cret-id"));
}

#[tokio::test]
async fn credentials_that_expire_are_fetched_again() {
    let (aws, _folder, exporter) = with(TWO, TARGETS).await;
    let exporter = exporter.start().await.unwrap();
    complete(&exporter).await;
    let before = aws.calls("sts", "AssumeRole");
    aws.expire_credentials();
    exporter.reload().await.unwrap();
    let labels = [("aws_account_id", "222222222222"), ("collector", "instances")];
    let failed = eventually!("the expired credentials are noticed", {
        let samples = exporter.scrape().await.unwrap();
        let failed = samples.one("rds_exporter_errors_total", &labels);
        (failed > 0.0 || aws.calls("sts", "AssumeRole") > before).then_some(failed)
    });
    // What was known is served meanwhile.
    let samples = exporter.scrape().await.unwrap();
    assert!(failed <= 1.0 && samples.has("rds_instance_info", &[("dbidentifier", "c")]));
}

#[tokio::test]
async fn a_role_that_is_refused_hurts_only_its_own_account() {
    let (_aws, _folder, exporter) =
        with(TWO, &TARGETS.replace("external-id: s3cret-id", "external-id: wrong-one")).await;
    let exporter = exporter.start().await.unwrap();
    let labels = [("aws_account_id", "222222222222"), ("collector", "instances")];
    let samples = eventually!("the refusal is counted", {
        let samples = exporter.scrape().await.unwrap();
        (samples.maybe("rds_exporter_errors_total", &labels) == Some(1.0)).then_some(samples)
    });
    assert!(samples.has("rds_instance_info", &[("dbidentifier", "b")]));
    // Known from the ARN of the role, so that the alert can name it.
    assert_eq!(samples.one("rds_exporter_target_info", &labels[..1]), 1.0);
    assert!(!samples.has("rds_exporter_target_instances", &labels[..1]));
    assert!(
        !exporter.log().contains("wrong-one") && exporter.log().contains("AccessDenied"),
        "{}",
        exporter.log()
    );
}

#[tokio::test]
async fn tags_select() {
    let account = "instances:\n- { identifier: a, tags: { team: payments, env: prod } }\n- { identifier: b, tags: { team: cards, env: prod } }\n- { identifier: c, tags: { team: cards } }\n";
    let (_aws, _folder, exporter) =
        with(account, "tag-selections: { team: [payments, cards], env: prod }\n").await;
    let exporter = exporter.start().await.unwrap();
    let samples = complete(&exporter).await;
    let ids: Vec<_> =
        samples.all("rds_instance_info", &[]).map(|sample| sample.labels["dbidentifier"].clone()).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[tokio::test]
async fn tags_that_nothing_has_select_nothing_and_say_so() {
    let (aws, _folder, exporter) =
        with("instances: [{ identifier: a }]", "tag-selections: { team: [nobody] }\n").await;
    let exporter = exporter.start().await.unwrap();
    let samples = complete(&exporter).await;
    assert_eq!(samples.one("rds_exporter_target_instances", &[]), 0.0);
    assert_eq!(samples.one("rds_api_billed_metrics_total", &[("api", "cloudwatch")]), 0.0);
    assert_eq!((aws.calls("rds", "DescribeDBInstances"), aws.calls("rds", "DescribeDBLogFiles")), (0, 0));
    assert!(exporter.log().contains("no database carries these tags"));
}

#[tokio::test]
async fn a_selection_that_cannot_be_read_is_not_everything() {
    let (aws, _folder, exporter) =
        with("instances: [{ identifier: a }]", "tag-selections: { team: [x] }\n").await;
    aws.fault("tag", Fault::Deny);
    let exporter = exporter.start().await.unwrap();
    eventually!("the refusal is told", exporter.log().contains("GetResources").then_some(()));
    let samples = exporter.scrape().await.unwrap();
    assert!(!samples.has("rds_exporter_target_instances", &[]));
    assert_eq!(aws.calls("rds", "DescribeDBInstances"), 0);
}

#[tokio::test]
async fn targets_can_be_added_while_it_runs() {
    let (_aws, folder, exporter) = with(TWO, "targets: [{ region: eu-west-3 }]\n").await;
    let exporter = exporter.start().await.unwrap();
    complete(&exporter).await;
    std::fs::write(folder.path().join("c.yaml"), TARGETS).unwrap();
    assert_eq!(exporter.reload().await.unwrap(), 200);
    let samples = complete(&exporter).await;
    assert_eq!(samples.all("rds_exporter_target_instances", &[]).count(), 3);
    std::fs::write(folder.path().join("c.yaml"), "targets: [{ region: paris }]\n").unwrap();
    assert_eq!(exporter.reload().await.unwrap(), 500);
    let samples = exporter.scrape().await.unwrap();
    assert_eq!(samples.one("rds_exporter_config_last_reload_successful", &[]), 0.0);
    assert_eq!(samples.all("rds_exporter_target_instances", &[]).count(), 3);
}

#[tokio::test]
async fn what_was_removed_on_purpose_is_told() {
    let (_aws, folder, exporter) = with(TWO, "targets: [{ regions: [eu-west-3, us-east-1] }]\n").await;
    let exporter = exporter.start().await.unwrap();
    complete(&exporter).await;
    let removed = async || {
        let samples = exporter.scrape().await.unwrap();
        let all = samples.all("rds_exporter_target_removed_timestamp_seconds", &[]);
        let mut all: Vec<_> = all.map(|one| one.labels["aws_region"].clone()).collect();
        all.sort();
        all
    };
    assert_eq!(removed().await, [""; 0]);
    let file = folder.path().join("c.yaml");
    let text = "targets: [{ region: eu-west-3 }]\nremoved-targets: [{ account: '999999999999', region: eu-west-1 }]\n";
    std::fs::write(&file, text).unwrap();
    assert_eq!(exporter.reload().await.unwrap(), 200);
    assert_eq!(removed().await, ["eu-west-1", "us-east-1"]);
    let gone = [("aws_region", "us-east-1")];
    assert!(!exporter.scrape().await.unwrap().has("rds_exporter_target_info", &gone));
    std::fs::write(
        &file,
        "targets: [{ regions: [eu-west-3, us-east-1] }]\nremoved-targets: [{ acount: '9' }]\n",
    )
    .unwrap();
    assert_eq!(exporter.reload().await.unwrap(), 500);
}
