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
    for (region, partition) in [
        ("eu-west-3", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
    ] {
        let run = Exporter::rds(&aws).env("AWS_REGION", region).arg("iam-policy").output().await.unwrap();
        assert!(run.1.contains(&format!("\"arn:{partition}:rds:*:*:db:*\"")), "{region}: {run:?}");
    }
}

#[tokio::test]
async fn it_follows_the_targets() {
    let aws = aws("").await;
    let folder = tempfile::tempdir().unwrap();
    let (file, profiles) = (folder.path().join("c.yaml"), folder.path().join("config"));
    std::fs::write(&profiles, "[profile china]\nregion = cn-north-1\n").unwrap();
    let policy = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        let run = Exporter::rds(&aws).without("AWS_REGION").without("AWS_DEFAULT_REGION");
        let run = run.env("AWS_CONFIG_FILE", &profiles).arg("iam-policy").arg("--config").arg(&file);
        run.output().await.unwrap()
    };
    let (code, text, _) = policy(
        "targets:\n- region: cn-north-1\n  tag-selections: { a: b }\n- region: cn-northwest-1\n  role-arn: arn:aws-cn:iam::123456789012:role/b\n\
         - region: cn-north-1\n  role-arn: arn:aws-cn:iam::123456789012:role/a\n",
    )
    .await;
    assert_eq!(code, 0);
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    let statements = read["Statement"].as_array().unwrap();
    let roles: Vec<_> = statements.iter().filter(|one| one["Action"][0] == "sts:AssumeRole").collect();
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0]["Sid"], "AssumeTheRolesOfTargets");
    let arns = ["arn:aws-cn:iam::123456789012:role/a", "arn:aws-cn:iam::123456789012:role/b"];
    assert_eq!(roles[0]["Resource"], serde_json::json!(arns));
    assert!(text.contains("tag:GetResources") && text.contains("\"arn:aws-cn:rds:*:*:db:*\""), "{text}");
    for (target, partition) in
        [("role-arn: arn:aws-us-gov:iam::123456789012:role/a", "aws-us-gov"), ("profile: china", "aws-cn")]
    {
        let (_, text, _) = policy(&format!("targets: [{{ {target} }}]\n")).await;
        assert!(text.contains(&format!("\"arn:{partition}:rds:*:*:db:*\"")), "{target}: {text}");
    }
    let (code, text, error) = policy("targets: [{ regions: [eu-west-3, cn-north-1] }]\n").await;
    assert_eq!((code, text.as_str()), (2, ""));
    assert!(error.starts_with("error: the targets are in several partitions of AWS"), "{error}");
}
