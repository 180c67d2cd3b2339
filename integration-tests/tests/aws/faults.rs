//! What can go wrong, and what is counted.

use std::time::{Duration, Instant};

use integration_tests::aws::{Fault, Rule};
use serde_json::json;

use crate::client::{Caller, aws, cloudwatch, rds};

const TWO: &str = "instances: [{ identifier: db1 }, { identifier: db2 }]";
const DB1: [(&str, &str); 1] = [("DBInstanceIdentifier", "db1")];
const DB2: [(&str, &str); 1] = [("DBInstanceIdentifier", "db2")];

#[tokio::test]
async fn throttling_in_the_words_of_each_service() {
    let aws = aws(TWO).await;
    aws.fault("*", Fault::Throttle);
    let caller = Caller::default();
    let answer = rds(&aws, "DescribeDBInstances", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (400, "Throttling"));
    assert_eq!(answer.first("Type").as_deref(), Some("Sender"));
    let answer = caller.query(&aws, "ec2", "DescribeRegions", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (503, "RequestLimitExceeded"));
    let answer = cloudwatch(&aws, "ListMetrics", &json!({})).await;
    assert_eq!((answer.status, answer.header("x-amzn-query-error")), (400, Some("Throttling;Sender")));
    assert_eq!(answer.cbor()["__type"], "com.amazonaws.cloudwatch#ThrottlingException");
    for (service, target, code) in [
        ("servicequotas", "ServiceQuotasV20190624.ListServiceQuotas", "TooManyRequestsException"),
        ("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", "ThrottledException"),
    ] {
        let answer = caller.json(&aws, service, target, &json!({})).await;
        assert_eq!((answer.status, &answer.json()["__type"]), (400, &json!(code)));
    }
    aws.mend("*");
    assert_eq!(rds(&aws, "DescribeDBInstances", &[]).await.status, 200);
}

#[tokio::test]
async fn a_fault_can_be_for_some_calls_only() {
    let aws = aws(TWO).await;
    aws.rule(Rule::new("rds:DescribeDBLogFiles", Fault::Throttle).instance("db1").times(2));
    let mut statuses = Vec::new();
    for parameters in [DB1, DB2, DB1, DB1] {
        statuses.push(rds(&aws, "DescribeDBLogFiles", &parameters).await.status);
    }
    assert_eq!(statuses, [400, 200, 400, 200]);
    aws.rule(Rule::new("rds", Fault::Deny).region("us-east-1"));
    let there = Caller { region: "us-east-1".to_owned(), ..Caller::default() };
    let answer = there.query(&aws, "rds", "DescribeDBInstances", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (403, "AccessDenied"));
    assert!(answer.text().contains("is not authorized to perform: rds:DescribeDBInstances on resource"));
    assert_eq!(rds(&aws, "DescribeDBInstances", &[]).await.status, 200);
}

#[tokio::test]
async fn denials_and_other_errors() {
    let aws = aws(TWO).await;
    aws.fault("servicequotas", Fault::Deny);
    aws.fault("ec2", Fault::Deny);
    aws.fault("cloudwatch", Fault::Expired);
    aws.fault("rds:DescribeDBClusters", Fault::Error { code: "InternalFailure".to_owned(), status: 500 });
    aws.fault("rds:DescribeEvents", Fault::Status(503));
    let caller = Caller::default();
    let answer =
        caller.json(&aws, "servicequotas", "ServiceQuotasV20190624.GetServiceQuota", &json!({})).await;
    assert_eq!((answer.status, &answer.json()["__type"]), (400, &json!("AccessDeniedException")));
    let answer = caller.query(&aws, "ec2", "DescribeRegions", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (403, "UnauthorizedOperation"));
    let answer = cloudwatch(&aws, "ListMetrics", &json!({})).await;
    assert_eq!((answer.status, answer.header("x-amzn-query-error")), (403, Some("ExpiredToken;Sender")));
    let answer = rds(&aws, "DescribeDBClusters", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (500, "InternalFailure"));
    assert_eq!(answer.first("Type").as_deref(), Some("Receiver"));
    let answer = rds(&aws, "DescribeEvents", &[]).await;
    assert_eq!((answer.status, answer.body.len()), (503, 0));
    aws.mend_all();
    assert_eq!(rds(&aws, "DescribeEvents", &[]).await.status, 200);
}

#[tokio::test]
async fn damaged_answers() {
    let aws = aws(TWO).await;
    let ask = async || rds(&aws, "DescribeDBInstances", &[]).await;
    aws.rule(Rule::new("rds", Fault::Garble).times(1));
    let answer = ask().await;
    assert_eq!((answer.status, answer.is_whole(), answer.body[0]), (200, true, 0xff));
    aws.rule(Rule::new("rds", Fault::Half).times(1));
    let answer = ask().await;
    assert_eq!((answer.status, answer.is_whole(), answer.body.is_empty()), (200, false, false));
    aws.rule(Rule::new("rds", Fault::Cut).times(1));
    assert_eq!(ask().await.status, 0);
    aws.rule(Rule::new("rds", Fault::Empty).times(1));
    assert!(ask().await.text().contains("<DescribeDBInstancesResult></DescribeDBInstancesResult>"));
    aws.rule(Rule::new("rds", Fault::Drop("StorageType".to_owned())).times(1));
    assert_eq!(ask().await.all("StorageType").len(), 0);
    aws.rule(Rule::new("rds", Fault::Drop("StorageType".to_owned())).instance("db2").times(1));
    assert_eq!(ask().await.all("StorageType").len(), 1);
    let answer = ask().await;
    assert_eq!((answer.is_whole(), answer.all("StorageType").len()), (true, 2));
    let statuses: Vec<_> = aws.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 200, 0, 200, 200, 200, 200]);
}

#[tokio::test]
async fn late_answers_and_none() {
    let aws = aws(TWO).await;
    aws.latency(Duration::from_millis(200));
    let begin = Instant::now();
    let asks = [rds(&aws, "DescribeDBInstances", &[]), rds(&aws, "DescribeDBInstances", &[])];
    futures_util::future::join_all(asks).await;
    assert!(begin.elapsed() >= Duration::from_millis(200));
    assert_eq!(aws.peak_concurrency(), 2);
    assert!(aws.requests().iter().all(|request| request.took >= Duration::from_millis(200)));
    aws.mend_all();
    aws.fault("rds", Fault::Hang);
    let ask = rds(&aws, "DescribeDBInstances", &[]);
    assert!(tokio::time::timeout(Duration::from_millis(300), ask).await.is_err());
    // A call counts from its beginning.
    assert_eq!(aws.requests().last().map(|request| request.status), Some(0));
    aws.reset_counts();
    assert_eq!(aws.requests().len(), 0);
}

#[tokio::test]
async fn faults_come_from_yaml_too() {
    let aws = aws("instances: [{ identifier: db1 }]
faults:
- { on: 'rds:DescribeDBInstances', fault: throttle, times: 1 }
- { on: rds, fault: { delay: 10ms } }
- { on: 'rds:DescribeDBClusters', fault: { error: { code: Foo, status: 418 } } }")
    .await;
    assert_eq!(rds(&aws, "DescribeDBInstances", &[]).await.code(), "Throttling");
    assert_eq!(rds(&aws, "DescribeDBInstances", &[]).await.status, 200);
    assert_eq!(rds(&aws, "DescribeDBClusters", &[]).await.status, 418);
    aws.read("instances: [{ identifier: db1 }]").unwrap();
    assert_eq!(rds(&aws, "DescribeDBClusters", &[]).await.status, 200);
    for wrong in ["{ on: s3, fault: deny }", "{ on: 'rds:Foo', fault: deny }", "{ on: rds, fault: burn }"] {
        assert!(aws.read(&format!("faults: [{wrong}]")).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn calls_are_counted() {
    let aws = aws(TWO).await;
    rds(&aws, "DescribeDBInstances", &[]).await;
    rds(&aws, "DescribeDBLogFiles", &DB1).await;
    rds(&aws, "DescribeDBLogFiles", &DB2).await;
    assert_eq!((aws.calls("rds", "DescribeDBInstances"), aws.calls("rds", "DescribeDBLogFiles")), (1, 2));
    assert_eq!(aws.count(|request| request.instances == ["db1"]), 1);
    assert_eq!(aws.count(|request| request.account == "123456789012"), 3);
    let environment = aws.env();
    assert!(environment.contains(&("AWS_ENDPOINT_URL".to_owned(), aws.url().to_owned())));
    assert!(environment.contains(&("AWS_REGION".to_owned(), "eu-west-3".to_owned())));
}
