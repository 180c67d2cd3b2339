//! `iam-policy` prints what is needed, and nothing that is not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use integration_tests::aws::{Aws, Fault};
use integration_tests::exporter::Exporter;

use crate::world::{aws, broken, complete};

/// Every action that an exporter of RDS could want.
const ACTIONS: [&str; 17] = [
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeRegions",
    "rds:DescribeCertificates",
    "rds:DescribeDBClusterParameters",
    "rds:DescribeDBClusters",
    "rds:DescribeDBEngineVersions",
    "rds:DescribeDBInstances",
    "rds:DescribeDBLogFiles",
    "rds:DescribeDBMajorEngineVersions",
    "rds:DescribeDBParameters",
    "rds:DescribeEvents",
    "rds:DescribePendingMaintenanceActions",
    "servicequotas:GetServiceQuota",
    "servicequotas:ListServiceQuotas",
    "tag:GetResources",
];

const ACCOUNT: &str = "
instances:
- { identifier: a, tags: { team: payments } }
- { identifier: m, engine: aurora-mysql, cluster: cl }
clusters: [{ identifier: cl, engine: aurora-mysql, tags: { team: payments } }]
";

async fn allowed(aws: &Aws, arguments: &[&str]) -> BTreeSet<String> {
    let (code, text, error) = Exporter::rds(aws).arg("iam-policy").args(arguments).output().await.unwrap();
    assert_eq!((code, error.as_str()), (0, ""));
    let policy: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_printed_policy_is_enough_and_not_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tags.yaml");
    std::fs::write(&file, "tag-selections: { team: payments }\n").unwrap();
    let with_tags = ["--config", file.to_str().unwrap()];
    for arguments in [
        &[][..],
        &["--collect-events", "--collect-latencies"],
        &["--collect-quotas=false", "--collect-usages=false"],
        &with_tags,
    ] {
        let aws = aws(ACCOUNT).await;
        let allowed = allowed(&aws, arguments).await;
        for action in ACTIONS.iter().filter(|action| !allowed.contains(**action)) {
            aws.fault(action, Fault::Deny);
        }
        let exporter = Exporter::rds(&aws).args(arguments).start().await.unwrap();
        let samples = complete(&exporter).await;
        assert_eq!(broken(&samples), [""; 0], "{arguments:?}");
        let asked =
            aws.requests().into_iter().map(|request| format!("{}:{}", request.service, request.action));
        let asked: BTreeSet<String> = asked.filter(|action| !action.starts_with("sts:")).collect();
        assert_eq!(asked, allowed, "{arguments:?}");
    }
}

#[tokio::test]
async fn it_speaks_of_the_partition() {
    let aws = aws("").await;
    let (_, text, _) =
        Exporter::rds(&aws).env("AWS_REGION", "cn-north-1").arg("iam-policy").output().await.unwrap();
    assert!(text.contains("arn:aws-cn:rds:*:*:db:*"), "{text}");
}
