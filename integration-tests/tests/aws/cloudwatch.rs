//! CloudWatch: values, labels, limits.

use integration_tests::aws::{Account, Moment};
use serde_json::{Value, json};

use crate::client::{Caller, aws, cloudwatch};

fn query(id: &str, name: &str, dimensions: &[(&str, &str)]) -> Value {
    let dimensions: Vec<_> =
        dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    let metric = json!({ "Namespace": "AWS/RDS", "MetricName": name, "Dimensions": dimensions });
    json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Average" } })
}

fn of(id: &str, name: &str, instance: &str) -> Value {
    query(id, name, &[("DBInstanceIdentifier", instance)])
}

fn usage(id: &str, resource: &str) -> Value {
    let dimensions = [("Service", "RDS"), ("Type", "Resource"), ("Resource", resource), ("Class", "None")];
    let mut query = query(id, "ResourceCount", &dimensions);
    query["MetricStat"]["Metric"]["Namespace"] = "AWS/Usage".into();
    query["MetricStat"]["Period"] = 300.into();
    query
}

/// The last minutes, up to now.
fn last(minutes: i64, queries: &[Value]) -> Value {
    let now = Moment::now().seconds();
    json!({ "MetricDataQueries": queries, "StartTime": now - minutes * 60, "EndTime": now })
}

#[tokio::test]
async fn the_newest_minute_comes_first() {
    let aws =
        aws("instances: [{ identifier: db1, metrics: { CPUUtilization: [10, null, 30], ReadIOPS: none } }]")
            .await;
    let queries = [of("a", "CPUUtilization", "db1"), of("b", "ReadIOPS", "db1"), of("c", "Foo", "db1")];
    let answer = cloudwatch(&aws, "GetMetricData", &last(4, &queries)).await;
    assert_eq!((answer.status, answer.header("smithy-protocol")), (200, Some("rpc-v2-cbor")));
    let results = answer.cbor()["MetricDataResults"].clone();
    // A minute may end between reading the account and asking.
    let values: Vec<f64> = serde_json::from_value(results[0]["Values"].clone()).unwrap();
    assert!(values == [30.0, 10.0, 10.0] || values == [30.0, 30.0, 10.0], "{values:?}");
    let times: Vec<f64> = serde_json::from_value(results[0]["Timestamps"].clone()).unwrap();
    assert!(times[0] > times[1] && times.iter().all(|time| time % 60.0 == 0.0), "{times:?}");
    assert_eq!(results[0]["StatusCode"], "Complete");
    assert_eq!((&results[1]["Values"], &results[2]["Values"]), (&json!([]), &json!([])));
    assert_eq!(aws.billed_metrics(), 3);
    let mut body = last(3, &queries[..1]);
    body["ScanBy"] = "TimestampAscending".into();
    let times =
        cloudwatch(&aws, "GetMetricData", &body).await.cbor()["MetricDataResults"][0]["Timestamps"].clone();
    assert!(times[0].as_f64() < times[1].as_f64(), "{times}");
}

#[tokio::test]
async fn labels_say_what_differs() {
    let aws = aws("instances: [{ identifier: db1 }, { identifier: db2 }]").await;
    let labels = async |queries: &[Value]| {
        let answer = cloudwatch(&aws, "GetMetricData", &last(600, queries)).await.cbor();
        let results = answer["MetricDataResults"].as_array().unwrap().clone();
        results.iter().map(|one| one["Label"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(labels(&[of("a", "CPUUtilization", "db1")]).await, ["CPUUtilization"]);
    let two = [of("a", "CPUUtilization", "db1"), of("b", "CPUUtilization", "db2")];
    assert_eq!(labels(&two).await, ["db1", "db2"]);
    let both = [of("a", "CPUUtilization", "db1"), of("b", "ReadIOPS", "db2")];
    assert_eq!(labels(&both).await, ["db1 CPUUtilization", "db2 ReadIOPS"]);
    assert_eq!(
        labels(&[usage("a", "DBInstances"), usage("b", "AllocatedStorage")]).await,
        ["DBInstances", "AllocatedStorage"]
    );
    let mut own = of("a", "CPUUtilization", "db1");
    own["Label"] = "${PROP('Dim.DBInstanceIdentifier')} of ${PROP('AccountId')}".into();
    assert_eq!(labels(&[own]).await, ["db1 of 123456789012"]);
}

#[tokio::test]
async fn usage_follows_the_account() {
    let aws = aws("instances: [{ identifier: db1, storage: 20 }, { identifier: db2, storage: 30 }]
usages: { ManualSnapshots: 7 }")
    .await;
    let queries = [usage("a", "DBInstances"), usage("b", "AllocatedStorage"), usage("c", "ManualSnapshots")];
    let results =
        cloudwatch(&aws, "GetMetricData", &last(300, &queries)).await.cbor()["MetricDataResults"].clone();
    let newest = [0, 1, 2].map(|at: usize| results[at]["Values"][0].as_f64().unwrap());
    assert_eq!(newest.map(|value| value.to_string()), ["2", "50", "7"]);
    let count = results[0]["Values"].as_array().unwrap().len();
    assert!((59..=61).contains(&count), "{count}");
}

#[tokio::test]
async fn clusters_and_roles_are_dimensions() {
    let aws = aws("clusters: [{ identifier: c, metrics: { VolumeBytesUsed: 5 } }]
instances:
- { identifier: a, engine: aurora-postgresql, cluster: c, metrics: { CPUUtilization: 10 } }
- { identifier: b, engine: aurora-postgresql, cluster: c, metrics: { CPUUtilization: 30 } }")
    .await;
    let c = ("DBClusterIdentifier", "c");
    let queries = [
        query("a", "VolumeBytesUsed", &[c]),
        query("b", "CPUUtilization", &[c]),
        query("c", "CPUUtilization", &[c, ("Role", "WRITER")]),
        query("d", "AuroraReplicaLag", &[c, ("Role", "READER")]),
        query("e", "AuroraReplicaLag", &[c, ("Role", "WRITER")]),
        query("f", "CPUUtilization", &[c, ("Colour", "red")]),
    ];
    let results =
        cloudwatch(&aws, "GetMetricData", &last(2, &queries)).await.cbor()["MetricDataResults"].clone();
    let newest = [0, 1, 2, 3, 4, 5].map(|at: usize| results[at]["Values"][0].as_f64());
    assert_eq!(newest, [Some(5.0), Some(20.0), Some(10.0), Some(15.0), None, None]);
}

#[tokio::test]
async fn limits_of_one_call() {
    let aws = aws("instances: [{ identifier: db1 }]").await;
    let many = |count: usize| {
        (0..count).map(|at| of(&format!("q{at}"), "CPUUtilization", "db1")).collect::<Vec<_>>()
    };
    let answer = cloudwatch(&aws, "GetMetricData", &last(3, &many(500))).await;
    assert_eq!(answer.cbor()["MetricDataResults"].as_array().unwrap().len(), 500);
    let one = many(1);
    let change = |field: &str, value: Value| {
        let mut body = last(3, &one);
        body[field] = value;
        body
    };
    let mut period = of("a", "CPUUtilization", "db1");
    period["MetricStat"]["Period"] = 61.into();
    let mut stat = of("a", "CPUUtilization", "db1");
    stat["MetricStat"]["Stat"] = "Mode".into();
    let wrong = [
        last(3, &many(501)),
        last(0, &one),
        last(3, &[]),
        last(3, &[of("A", "CPUUtilization", "db1")]),
        last(3, &[one[0].clone(), one[0].clone()]),
        last(3, &[period]),
        last(3, &[stat]),
        last(3, &[json!({ "Id": "a", "Expression": "SELECT 1" })]),
        change("MaxDatapoints", 100_801.into()),
        change("ScanBy", "Sideways".into()),
    ];
    for body in wrong {
        let answer = cloudwatch(&aws, "GetMetricData", &body).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-query-error")),
            (400, Some("ValidationError;Sender"))
        );
        assert_eq!(answer.cbor()["__type"], "com.amazonaws.cloudwatch#ValidationException");
    }
    let answer = cloudwatch(&aws, "GetMetricData", &change("NextToken", "nonsense".into())).await;
    assert_eq!(answer.header("x-amzn-query-error"), Some("InvalidNextToken;Sender"));
    assert_eq!(aws.billed_metrics(), 500);
}

#[tokio::test]
async fn points_come_in_pages() {
    let aws = aws("instances: [{ identifier: db1 }]").await;
    let queries = [of("a", "CPUUtilization", "db1"), of("b", "Foo", "db1"), of("c", "SwapUsage", "db1")];
    let mut body = last(60, &queries);
    body["MaxDatapoints"] = 50.into();
    let mut pages = Vec::new();
    let mut points = 0;
    loop {
        let answer = cloudwatch(&aws, "GetMetricData", &body).await.cbor();
        let results = answer["MetricDataResults"].as_array().unwrap();
        points += results.iter().map(|one| one["Values"].as_array().unwrap().len()).sum::<usize>();
        let page: Vec<_> = results.iter().map(|one| format!("{} {}", one["Id"], one["StatusCode"])).collect();
        pages.push(page.join(", ").replace('"', ""));
        if answer["NextToken"].is_null() {
            break;
        }
        body["NextToken"] = answer["NextToken"].clone();
    }
    assert_eq!(pages, ["a PartialData, b Complete", "a Complete, c PartialData", "c Complete"]);
    assert!((118..=122).contains(&points), "{points}");
}

#[tokio::test]
async fn metrics_are_listed_500_at_a_time() {
    let aws = aws("").await;
    aws.change(|account| *account = Account::fleet(50));
    let first = cloudwatch(&aws, "ListMetrics", &json!({})).await.cbor();
    assert_eq!(first["Metrics"].as_array().unwrap().len(), 500);
    let second = cloudwatch(&aws, "ListMetrics", &json!({ "NextToken": first["NextToken"] })).await.cbor();
    assert_ne!(first["Metrics"][0], second["Metrics"][0]);
    let of_one = json!({ "Namespace": "AWS/RDS", "MetricName": "CPUUtilization",
        "Dimensions": [{ "Name": "DBInstanceIdentifier", "Value": "db-00001" }] });
    let metrics = cloudwatch(&aws, "ListMetrics", &of_one).await.cbor()["Metrics"].clone();
    assert_eq!(metrics.as_array().unwrap().len(), 1);
    let answer = cloudwatch(&aws, "ListMetrics", &json!({ "RecentlyActive": "PT1H" })).await;
    assert_eq!(answer.header("x-amzn-query-error"), Some("InvalidParameterValue;Sender"));
}

#[tokio::test]
async fn json_is_spoken_too() {
    let aws = aws("instances: [{ identifier: db1 }]").await;
    let body = last(3, &[of("a", "CPUUtilization", "db1")]);
    let target = "GraniteServiceVersion20100801.GetMetricData";
    let answer = Caller::default().json(&aws, "monitoring", target, &body).await;
    assert_eq!(answer.json()["MetricDataResults"][0]["Values"][0], 12.5);
}
