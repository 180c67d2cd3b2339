//! A second opinion: inventory, clusters, EC2 types, tags and roles against the `moto` server, which others wrote.
//! It knows no CloudWatch of today's protocol, no maintenance, no life cycles and no quotas of RDS.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic and compares exactly")]

use integration_tests::eventually;
use integration_tests::exporter::Exporter;
use integration_tests::moto::{KEY, Moto};

use crate::world::{broken, complete};

const REGION: &str = "eu-west-3";

async fn instance(moto: &Moto, key: &str, id: &str, more: &[(&str, &str)]) {
    let mut parameters = vec![
        ("Action", "CreateDBInstance"),
        ("Version", "2014-10-31"),
        ("DBInstanceIdentifier", id),
        ("MasterUsername", "root"),
        ("MasterUserPassword", "secret-password"),
    ];
    parameters.extend(more);
    moto.call(key, REGION, "rds", &parameters).await.unwrap();
}

const PLAIN: [(&str, &str); 4] = [
    ("Engine", "postgres"),
    ("DBInstanceClass", "db.m5.large"),
    ("AllocatedStorage", "100"),
    ("StorageType", "gp2"),
];

#[tokio::test]
async fn inventory_types_tags_and_roles() {
    let moto = Moto::start().await.unwrap();
    let tagged = [PLAIN.as_slice(), &[("Tags.Tag.1.Key", "team"), ("Tags.Tag.1.Value", "payments")]].concat();
    instance(&moto, KEY, "main", &tagged).await;
    // More than one page.
    for at in 0..105 {
        instance(&moto, KEY, &format!("db{at:03}"), &PLAIN).await;
    }
    let replica = [
        ("Action", "CreateDBInstanceReadReplica"),
        ("DBInstanceIdentifier", "copy"),
        ("SourceDBInstanceIdentifier", "main"),
    ];
    moto.call(KEY, REGION, "rds", &replica).await.unwrap();
    let cluster = [
        ("Action", "CreateDBCluster"),
        ("DBClusterIdentifier", "cl"),
        ("Engine", "aurora-postgresql"),
        ("MasterUsername", "root"),
        ("MasterUserPassword", "secret-password"),
        ("ServerlessV2ScalingConfiguration.MinCapacity", "1"),
        ("ServerlessV2ScalingConfiguration.MaxCapacity", "8"),
    ];
    moto.call(KEY, REGION, "rds", &cluster).await.unwrap();
    let member =
        [("Engine", "aurora-postgresql"), ("DBInstanceClass", "db.x2g.large"), ("DBClusterIdentifier", "cl")];
    instance(&moto, KEY, "member", &member).await;
    // Another account, by a role.
    let role = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::222222222222:role/monitor"),
        ("RoleSessionName", "test"),
    ];
    let answer = moto.call(KEY, REGION, "sts", &role).await.unwrap();
    let key = answer.split("<AccessKeyId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    instance(&moto, &key, "elsewhere", &PLAIN).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    let targets = "targets:\n- region: eu-west-3\n- { region: eu-west-3, role-arn: 'arn:aws:iam::222222222222:role/monitor' }\n";
    std::fs::write(&file, targets).unwrap();
    let exporter = Exporter::rds_with(&moto.env(REGION)).arg("--config").arg(&file).start().await.unwrap();
    let samples = complete(&exporter).await;

    let own = ("aws_account_id", "123456789012");
    let other = ("aws_account_id", "222222222222");
    assert_eq!(samples.one("rds_exporter_target_instances", &[own]), 108.0);
    assert_eq!(samples.one("rds_exporter_target_instances", &[other]), 1.0);
    assert!(samples.has("rds_instance_info", &[other, ("dbidentifier", "elsewhere")]));
    for (id, role, source) in
        [("main", "primary", None), ("copy", "replica", Some("main")), ("member", "writer", None)]
    {
        let labels = [("dbidentifier", id)];
        let info = samples.all("rds_instance_info", &labels).next().unwrap();
        assert_eq!(info.labels["role"], role, "{id}");
        assert_eq!(info.labels.get("source_dbidentifier").map(String::as_str), source, "{id}");
    }
    assert_eq!(samples.one("rds_cluster_acu_max_average", &[("cluster_identifier", "cl")]), 8.0);
    assert_eq!(samples.one("rds_instance_vcpu_average", &[own, ("instance_class", "db.m5.large")]), 2.0);
    assert_eq!(
        samples.one("rds_instance_memory_bytes", &[own, ("instance_class", "db.x2g.large")]),
        32.0 * 1_073_741_824.0
    );
    assert_eq!(samples.one("rds_max_disk_iops_average", &[("dbidentifier", "main")]), 3_000.0);
    let size = eventually!("the size of log files", {
        let samples = exporter.scrape().await.unwrap();
        samples.all("rds_instance_log_files_size_bytes", &[]).next().map(|sample| sample.value)
    });
    assert_eq!(size, 123.0);
    assert_eq!(samples.one("rds_instance_tags", &[("dbidentifier", "main"), ("tag_team", "payments")]), 0.0);
    let mut unknown = broken(&samples);
    unknown.dedup();
    assert_eq!(unknown, ["engine_support", "instance_metrics", "maintenances", "usages"]);
}

#[tokio::test]
async fn tags_select() {
    let moto = Moto::start().await.unwrap();
    for (id, team) in [("a", "payments"), ("b", "cards"), ("c", "payments")] {
        let tagged = [PLAIN.as_slice(), &[("Tags.Tag.1.Key", "team"), ("Tags.Tag.1.Value", team)]].concat();
        instance(&moto, KEY, id, &tagged).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    std::fs::write(&file, "tag-selections: { team: [payments] }\n").unwrap();
    let exporter = Exporter::rds_with(&moto.env(REGION)).arg("--config").arg(&file).start().await.unwrap();
    let samples = complete(&exporter).await;
    let ids: Vec<_> =
        samples.all("rds_instance_info", &[]).map(|sample| sample.labels["dbidentifier"].clone()).collect();
    assert_eq!(ids, ["a", "c"]);
}
