//! A folder with metrics files: private CloudWatch metrics, other dimensions, expressions; and mistakes in them.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use integration_tests::exporter::Exporter;

use crate::world::{aws, complete};

const ACCOUNT: &str = "
instances:
- { identifier: a, metrics: { ReadIOPS: 30, WriteIOPS: 10 } }
custom_metrics:
- { namespace: Shop, name: Queue, dimensions: { Database: a-queue, Kind: mail }, values: 7 }
- { namespace: Shop, name: Errors, values: 3 }
";

const SHOP: &str = "
help: The shop
source: CloudWatch namespace Shop
scope: instance
labels: [dbidentifier]
metrics:
  queue:
    kind: gauge
    help: Mails that wait.
    cloudwatch:
      { namespace: Shop, metric: Queue, dimensions: { Database: $id-queue, Kind: mail }, statistic: Average, period: 1m }
  write_percent:
    kind: gauge
    help: Writes among all operations.
    cloudwatch:
      expression: 100 * w / (r + w)
      of: { r: { metric: ReadIOPS, statistic: Average }, w: { metric: WriteIOPS, statistic: Average } }
      period: 1m
";

const ERRORS: &str = "
help: The account
source: CloudWatch namespace Shop
scope: account
prefix: shop_
metrics:
  errors: { kind: gauge, help: H., cloudwatch: { namespace: Shop, metric: Errors, statistic: Maximum, period: 1m } }
";

#[tokio::test]
async fn a_folder_adds_metrics_without_a_rebuild() {
    let aws = aws(ACCOUNT).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.yaml"), SHOP).unwrap();
    std::fs::write(folder.path().join("errors.yaml"), ERRORS).unwrap();
    let exporter = Exporter::rds(&aws).arg("--metrics").arg(folder.path()).start().await.unwrap();
    let samples = complete(&exporter).await;
    let labels = [("aws_account_id", "123456789012"), ("aws_region", "eu-west-3"), ("dbidentifier", "a")];
    assert_eq!(samples.one("shop_queue", &labels), 7.0, "{}", exporter.log());
    assert_eq!(samples.one("shop_write_percent", &labels), 25.0);
    assert_eq!(samples.one("shop_errors", &labels[..2]), 3.0);
    // What is built in is there, too, and each part of an expression is billed.
    assert_eq!(samples.one("rds_read_iops_average", &labels), 30.0);
    let billed = samples.one("rds_api_billed_metrics_total", &[("api", "cloudwatch")])
        + samples.one("rds_api_billed_metrics_total", &[("api", "usage")]);
    assert_eq!(billed, f64::from(u32::try_from(aws.billed_metrics()).unwrap()));
    // A change counts after a reload; a mistake leaves what was.
    std::fs::write(folder.path().join("errors.yaml"), ERRORS.replace("errors:", "mistakes:")).unwrap();
    assert_eq!(exporter.reload().await.unwrap(), 200);
    let samples = complete(&exporter).await;
    assert_eq!((samples.one("shop_mistakes", &[]), samples.has("shop_errors", &[])), (3.0, false));
    std::fs::write(folder.path().join("errors.yaml"), "help: H\n").unwrap();
    assert_eq!(exporter.reload().await.unwrap(), 500);
    assert!(exporter.scrape().await.unwrap().has("shop_mistakes", &[]));
}

#[tokio::test]
async fn mistakes_are_named() {
    let aws = aws("").await;
    let folder = tempfile::tempdir().unwrap();
    for (from, to, message) in [
        ("Average, period: 1m }", "Avrage, period: 1m }", "unknown statistic `Avrage`, did you mean"),
        ("period: 1m\n", "period: 90s\n", "a period is 1s, 5s, 10s, 20s, 30s or whole minutes, not `90s`"),
        ("(r + w)", "(x + w)", "nothing under `of` is called `x`"),
        ("of: { r:", "of: { z: { metric: Z, statistic: Sum }, r:", "`z` does not stand in the expression"),
        ("scope: instance", "scope: exporter", "`shop` has a scope that is not instance, cluster or account"),
        ("[dbidentifier]", "[id]", "`labels` of `shop` must be [dbidentifier]"),
        ("expression: 100", "expresion: 100", "unknown key `expresion`; did you mean `expression`?"),
    ] {
        std::fs::write(folder.path().join("shop.yaml"), SHOP.replace(from, to)).unwrap();
        let check = Exporter::rds(&aws).arg("--config.check").arg("--metrics").arg(folder.path());
        let (code, _, error) = check.output().await.unwrap();
        assert_eq!(code, 2, "{to}");
        assert!(error.contains(message), "{error}");
    }
    let none = Exporter::rds(&aws).args(&["--config.check", "--metrics", "/nowhere"]);
    let (code, _, error) = none.output().await.unwrap();
    assert_eq!((code, error.starts_with("error: cannot read `/nowhere`")), (2, true), "{error}");
}
