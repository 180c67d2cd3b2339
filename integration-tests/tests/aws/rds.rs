//! RDS: inventory, pages, filters, errors.

use integration_tests::aws::Account;

use crate::client::{Caller, aws, rds};

#[tokio::test]
async fn three_lines_make_an_instance() {
    let aws = aws("instances: [{ identifier: db1 }]").await;
    let answer = rds(&aws, "DescribeDBInstances", &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml;charset=UTF-8")));
    let text = answer.text();
    let start = "<DescribeDBInstancesResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><DescribeDBInstancesResult>";
    assert!(text.starts_with(start), "{text}");
    for (field, value) in [
        ("DBInstanceIdentifier", "db1"),
        ("DBInstanceClass", "db.m6g.large"),
        ("Engine", "postgres"),
        ("DBInstanceStatus", "available"),
        ("StorageType", "gp3"),
        ("AllocatedStorage", "100"),
        ("Iops", "3000"),
        ("DBInstanceArn", "arn:aws:rds:eu-west-3:123456789012:db:db1"),
        ("ParameterApplyStatus", "in-sync"),
        ("CAIdentifier", "rds-ca-rsa2048-g1"),
        ("PendingModifiedValues", ""),
    ] {
        assert_eq!(answer.first(field).as_deref(), Some(value), "{field}");
    }
    let created = answer.first("InstanceCreateTime").unwrap();
    assert!(created.ends_with('Z') && created.len() == 24, "{created}");
}

#[tokio::test]
async fn lists_come_in_pages_of_100() {
    let aws = aws("").await;
    aws.change(|account| *account = Account::fleet(205));
    let mut sizes = Vec::new();
    let mut marker = String::new();
    loop {
        let answer = rds(&aws, "DescribeDBInstances", &[("Marker", &marker)]).await;
        sizes.push(answer.all("DBInstanceArn").len());
        match answer.first("Marker") {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(sizes, [100, 100, 5]);
    assert_eq!(aws.calls("rds", "DescribeDBInstances"), 3);
    let answer = rds(&aws, "DescribeDBInstances", &[("MaxRecords", "20")]).await;
    assert_eq!(answer.all("DBInstanceArn").len(), 20);
    for wrong in [("MaxRecords", "19"), ("MaxRecords", "101"), ("Marker", "nonsense")] {
        let answer = rds(&aws, "DescribeDBInstances", &[wrong]).await;
        assert_eq!((answer.status, &*answer.code()), (400, "InvalidParameterValue"), "{wrong:?}");
    }
    // The marker of one list does not open another.
    let answer = rds(&aws, "DescribeDBClusters", &[("Marker", &marker)]).await;
    assert_eq!(answer.code(), "InvalidParameterValue");
}

#[tokio::test]
async fn filters_and_names() {
    let aws = aws("clusters: [{ identifier: c }]
instances:
- { identifier: db1 }
- { identifier: db2, engine: mysql }
- { identifier: m, engine: aurora-postgresql, cluster: c }")
    .await;
    let filter = async |name: &str, value: &str| {
        let filter = [("Filters.Filter.1.Name", name), ("Filters.Filter.1.Values.Value.1", value)];
        rds(&aws, "DescribeDBInstances", &filter).await
    };
    let names = [
        ("db-instance-id", "db2", "db2"),
        ("db-instance-id", "arn:aws:rds:eu-west-3:123456789012:db:db1", "db1"),
        ("db-cluster-id", "c", "m"),
        ("engine", "mysql", "db2"),
    ];
    for (name, value, expected) in names {
        assert_eq!(filter(name, value).await.all("DBInstanceIdentifier"), [expected], "{name}={value}");
    }
    let answer = filter("db-instance-id", "nobody").await;
    assert_eq!((answer.status, answer.all("DBInstanceArn").len()), (200, 0));
    assert_eq!(filter("colour", "red").await.code(), "InvalidParameterValue");
    let answer = rds(&aws, "DescribeDBInstances", &[("DBInstanceIdentifier", "DB1")]).await;
    assert_eq!(answer.all("DBInstanceIdentifier"), ["db1"]);
    let answer = rds(&aws, "DescribeDBInstances", &[("DBInstanceIdentifier", "nobody")]).await;
    assert_eq!((answer.status, &*answer.code()), (404, "DBInstanceNotFound"));
    let answer = rds(&aws, "DescribeDBClusters", &[("DBClusterIdentifier", "nobody")]).await;
    assert_eq!((answer.status, &*answer.code()), (404, "DBClusterNotFoundFault"));
    assert_eq!(rds(&aws, "DescribeNothing", &[]).await.code(), "InvalidAction");
}

#[tokio::test]
async fn what_the_yaml_says_is_answered() {
    let aws = aws("instances:
- identifier: db1
  replica_of: db2
  status: storage-full
  pending: { AllocatedStorage: 200, MultiAZ: true }
  parameter_groups: [{ name: own, status: pending-reboot }]
  certificate: { ca: rds-ca-2019, valid_till: 2030-01-02 }
  tags: { team: 'a<b & c' }
  omit: [StorageType]
- { identifier: db2, status: creating, certificate: null }")
    .await;
    let answer = rds(&aws, "DescribeDBInstances", &[("DBInstanceIdentifier", "db1")]).await;
    let pending = "<AllocatedStorage>200</AllocatedStorage><MultiAZ>true</MultiAZ>";
    for (field, value) in [
        ("PendingModifiedValues", pending),
        ("ParameterApplyStatus", "pending-reboot"),
        ("ValidTill", "2030-01-02T00:00:00.000Z"),
        ("TagList", "<Tag><Key>team</Key><Value>a&lt;b &amp; c</Value></Tag>"),
        ("ReadReplicaSourceDBInstanceIdentifier", "db2"),
    ] {
        assert_eq!(answer.first(field).as_deref(), Some(value), "{field}");
    }
    assert_eq!(answer.first("StorageType"), None);
    let answer = rds(&aws, "DescribeDBInstances", &[("DBInstanceIdentifier", "db2")]).await;
    for field in ["Endpoint", "InstanceCreateTime", "LatestRestorableTime", "CertificateDetails"] {
        assert_eq!(answer.first(field), None, "{field}");
    }
    aws.change(|account| account.instance_mut("db2").status = "available".to_owned());
    let answer = rds(&aws, "DescribeDBInstances", &[("DBInstanceIdentifier", "db2")]).await;
    assert!(answer.first("InstanceCreateTime").is_some());
    aws.read("instances: [{ identifier: other }]").unwrap();
    assert_eq!(rds(&aws, "DescribeDBInstances", &[]).await.all("DBInstanceIdentifier"), ["other"]);
    assert!(aws.read("instances: [{ identifier: db1, colour: red }]").is_err());
    assert_eq!(rds(&aws, "DescribeDBInstances", &[]).await.all("DBInstanceIdentifier"), ["other"]);
}

#[tokio::test]
async fn clusters_know_their_writer() {
    let aws = aws("clusters: [{ identifier: c, writer: b, serverless: { min: 0.5, max: 16 } }]
instances:
- { identifier: a, engine: aurora-postgresql, cluster: c }
- { identifier: b, engine: aurora-postgresql, cluster: c }")
    .await;
    let answer = rds(&aws, "DescribeDBClusters", &[]).await;
    assert_eq!(answer.all("DBInstanceIdentifier"), ["b", "a"]);
    assert_eq!(answer.all("IsClusterWriter"), ["true", "false"]);
    assert_eq!(
        (&*answer.all("MinCapacity"), &*answer.all("MaxCapacity")),
        (&["0.5".into()][..], &["16".into()][..])
    );
    assert_eq!(answer.first("DBClusterArn").unwrap(), "arn:aws:rds:eu-west-3:123456789012:cluster:c");
}

#[tokio::test]
async fn maintenance_of_instances_and_clusters() {
    let aws = aws("clusters: [{ identifier: c, maintenance: [{ action: os-upgrade }] }]
instances:
- { identifier: db1, maintenance: [{ action: system-update, forced_apply: in 2d }, { action: db-upgrade }] }
- { identifier: db2 }")
    .await;
    let answer = rds(&aws, "DescribePendingMaintenanceActions", &[]).await;
    let arn = |resource: &str| format!("arn:aws:rds:eu-west-3:123456789012:{resource}");
    assert_eq!(answer.all("ResourceIdentifier"), [arn("db:db1"), arn("cluster:c")]);
    assert_eq!(answer.all("Action"), ["system-update", "db-upgrade", "os-upgrade"]);
    assert_eq!(answer.all("ForcedApplyDate").len(), 1);
    let answer = rds(&aws, "DescribePendingMaintenanceActions", &[("ResourceIdentifier", "arn:x")]).await;
    assert_eq!((answer.status, &*answer.code()), (404, "ResourceNotFoundFault"));
}

#[tokio::test]
async fn log_files() {
    let aws = aws("instances: [{ identifier: db1 }, { identifier: off, status: stopped }]").await;
    let files = async |parameters: &[(&str, &str)]| rds(&aws, "DescribeDBLogFiles", parameters).await;
    assert_eq!(files(&[("DBInstanceIdentifier", "db1")]).await.all("Size").len(), 3);
    let answer = files(&[("DBInstanceIdentifier", "db1"), ("FilenameContains", "log.1")]).await;
    assert_eq!(answer.all("LogFileName"), ["error/postgresql.log.1"]);
    let answer = files(&[("DBInstanceIdentifier", "off")]).await;
    assert_eq!((answer.status, &*answer.code()), (400, "DBInstanceNotReady"));
    let answer = files(&[("DBInstanceIdentifier", "nobody")]).await;
    assert_eq!((answer.status, &*answer.code()), (404, "DBInstanceNotFound"));
    assert_eq!(files(&[]).await.code(), "MissingParameter");
    aws.change(|account| *account = Account::fleet(20));
    let answer = files(&[("DBInstanceIdentifier", "db-00017")]).await;
    assert_eq!((answer.all("Size").len(), answer.first("Marker").is_some()), (100, true));
}

#[tokio::test]
async fn engines_have_lifecycles() {
    let aws = aws("").await;
    let majors = async |engine: &str| rds(&aws, "DescribeDBMajorEngineVersions", &[("Engine", engine)]).await;
    let answer = majors("postgres").await;
    let names = answer.all("LifecycleSupportName");
    assert!(names.contains(&"open-source-rds-extended-support".to_owned()), "{names:?}");
    assert!(
        answer.text().contains("<LifecycleSupportEndDate>2027-02-28T23:59:59.999Z</LifecycleSupportEndDate>")
    );
    assert!(!majors("mariadb").await.text().contains("extended"));
    assert_eq!(majors("oracle-ee").await.all("LifecycleSupportName").len(), 0);
    assert_eq!(majors("neptune").await.code(), "InvalidParameterValue");
    aws.read("lifecycles: [{ engine: postgres, major: '16', standard_end: in 30d }]").unwrap();
    assert_eq!(majors("postgres").await.all("LifecycleSupportEndDate").len(), 1);
    let default = [("Engine", "mysql"), ("DefaultOnly", "true")];
    assert_eq!(rds(&aws, "DescribeDBEngineVersions", &default).await.all("EngineVersion"), ["8.0.42"]);
}

#[tokio::test]
async fn certificates_events_and_parameters() {
    let aws = aws("instances: [{ identifier: db1 }]
parameter_groups: { own: [{ name: max_connections, value: '500' }] }
events:
- { source: db1, message: restarted, categories: [availability], at: 10m ago }
- { source: db1, message: older, at: 3h ago }
- { source: db1, message: forgotten, at: 15d ago }")
    .await;
    let answer = rds(&aws, "DescribeCertificates", &[]).await;
    assert_eq!(answer.first("DefaultCertificateForNewLaunches").unwrap(), "rds-ca-rsa2048-g1");
    let answer = rds(&aws, "DescribeCertificates", &[("CertificateIdentifier", "mine")]).await;
    assert_eq!((answer.status, &*answer.code()), (404, "CertificateNotFound"));
    assert_eq!(rds(&aws, "DescribeEvents", &[]).await.all("Message"), ["restarted"]);
    let answer = rds(&aws, "DescribeEvents", &[("Duration", "30000")]).await;
    assert_eq!(answer.all("Message"), ["older", "restarted"]);
    let answer = rds(&aws, "DescribeEvents", &[("SourceIdentifier", "db1")]).await;
    assert_eq!(answer.code(), "InvalidParameterCombination");
    let own = [("DBParameterGroupName", "own"), ("Source", "user")];
    assert_eq!(rds(&aws, "DescribeDBParameters", &own).await.all("ParameterValue"), ["500"]);
    let default = [("DBClusterParameterGroupName", "default.postgres16")];
    assert!(rds(&aws, "DescribeDBClusterParameters", &default).await.all("ParameterName").len() > 5);
    let answer = rds(&aws, "DescribeDBParameters", &[("DBParameterGroupName", "none")]).await;
    assert_eq!((answer.status, &*answer.code()), (404, "DBParameterGroupNotFound"));
}

#[tokio::test]
async fn regions_hold_their_own() {
    let aws = aws("regions: [eu-west-3, us-east-1]
instances: [{ identifier: here }, { identifier: there, region: us-east-1 }]")
    .await;
    let there = Caller { region: "us-east-1".to_owned(), ..Caller::default() };
    let answer = there.query(&aws, "rds", "DescribeDBInstances", &[]).await;
    assert_eq!(answer.all("DBInstanceIdentifier"), ["there"]);
    let nowhere = Caller { region: "ap-south-1".to_owned(), ..Caller::default() };
    let answer = nowhere.query(&aws, "rds", "DescribeDBInstances", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (403, "InvalidClientTokenId"));
    assert_eq!(aws.count(|request| request.region == "us-east-1" && request.status == 200), 1);
}
