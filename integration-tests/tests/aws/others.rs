//! EC2, Service Quotas, tagging, STS, and who may call.

use integration_tests::aws::Account;
use serde_json::json;

use crate::client::{Answer, Caller, aws};

#[tokio::test]
async fn instance_types() {
    let aws = aws("unknown_types: [r7g.large]").await;
    let types = async |names: &[&str]| {
        let numbered: Vec<_> = (1..).map(|at| format!("InstanceType.{at}")).take(names.len()).collect();
        let parameters: Vec<_> = numbered.iter().map(String::as_str).zip(names.iter().copied()).collect();
        Caller::default().query(&aws, "ec2", "DescribeInstanceTypes", &parameters).await
    };
    let answer = types(&["r6g.large", "t3.micro"]).await;
    assert_eq!(answer.all("instanceType"), ["t3.micro", "r6g.large"]);
    assert_eq!(answer.all("baselineThroughputInMBps"), ["10.875", "78.75"]);
    assert_eq!(answer.all("sizeInMiB"), ["1024", "16384"]);
    for unknown in ["x2g.large", "r7g.large"] {
        let answer = types(&["r6g.large", unknown]).await;
        assert_eq!((answer.status, &*answer.code()), (400, "InvalidInstanceType"));
        assert!(answer.text().contains("<Response><Errors><Error>"), "{}", answer.text());
    }
    assert_eq!(types(&["r6g.large"; 100]).await.status, 200);
    assert_eq!(types(&["r6g.large"; 101]).await.code(), "InvalidParameterValue");
    let answer = types(&[]).await;
    assert_eq!((answer.all("instanceType").len(), answer.first("nextToken").is_some()), (100, true));
}

#[tokio::test]
async fn regions() {
    let aws = aws("regions: [eu-west-3, eu-south-2]").await;
    let regions = async |parameters: &[(&str, &str)]| {
        Caller::default().query(&aws, "ec2", "DescribeRegions", parameters).await
    };
    let answer = regions(&[]).await;
    assert_eq!(answer.all("regionName"), ["eu-south-2", "eu-west-3"]);
    assert_eq!(answer.all("optInStatus"), ["opted-in", "opt-in-not-required"]);
    assert!(regions(&[("AllRegions", "true")]).await.all("regionName").len() > 20);
    assert_eq!(regions(&[("RegionName.1", "mars-1")]).await.code(), "InvalidParameterValue");
}

#[tokio::test]
async fn quotas() {
    let aws = aws("quotas: { L-7B6409FD: 55 }").await;
    let call = async |action: &str, body: serde_json::Value| {
        Caller::default()
            .json(&aws, "servicequotas", &format!("ServiceQuotasV20190624.{action}"), &body)
            .await
    };
    let get = async |service: &str, code: &str| {
        call("GetServiceQuota", json!({ "ServiceCode": service, "QuotaCode": code })).await
    };
    let values =
        [("L-7B6409FD", 55.0, "None"), ("L-7ADDB58A", 100_000.0, "Gigabytes"), ("L-272F1212", 100.0, "None")];
    for (code, value, unit) in values {
        let quota = get("rds", code).await.json()["Quota"].clone();
        assert_eq!((&quota["Value"], &quota["Unit"]), (&json!(value), &json!(unit)), "{code}");
    }
    for answer in [get("rds", "L-00000000").await, get("vpc", "L-7B6409FD").await] {
        assert_eq!((answer.status, &answer.json()["__type"]), (400, &json!("NoSuchResourceException")));
    }
    let page = call("ListServiceQuotas", json!({ "ServiceCode": "rds", "MaxResults": 5 })).await.json();
    assert_eq!((page["Quotas"].as_array().unwrap().len(), page["NextToken"].is_string()), (5, true));
    let answer = call("ListServiceQuotas", json!({ "ServiceCode": "rds", "MaxResults": 101 })).await;
    assert_eq!(answer.json()["__type"], "IllegalArgumentException");
}

#[tokio::test]
async fn tags() {
    let aws = aws("clusters: [{ identifier: c, tags: { team: x } }]
instances: [{ identifier: db1, tags: { team: x, env: prod } }, { identifier: db2, tags: { team: y } }, { identifier: db3 }]")
    .await;
    let get = async |body: serde_json::Value| {
        Caller::default().json(&aws, "tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", &body).await
    };
    let names = |answer: &Answer| {
        let list = answer.json()["ResourceTagMappingList"].as_array().unwrap().clone();
        let names = list
            .iter()
            .map(|one| one["ResourceARN"].as_str().unwrap().rsplit(':').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&get(json!({})).await), ["c", "db1", "db2"]);
    let filtered =
        json!({ "ResourceTypeFilters": ["rds:db"], "TagFilters": [{ "Key": "team", "Values": ["x", "z"] }] });
    assert_eq!(names(&get(filtered).await), ["db1"]);
    assert_eq!(names(&get(json!({ "TagFilters": [{ "Key": "team" }, { "Key": "env" }] })).await), ["db1"]);
    for wrong in [json!({ "ResourcesPerPage": 101 }), json!({ "ResourceTypeFilters": ["a:b:c"] })] {
        assert_eq!(get(wrong).await.json()["__type"], "InvalidParameterException");
    }
    aws.change(|account| *account = Account::fleet(150));
    let page = get(json!({ "ResourcesPerPage": 100 })).await;
    assert_eq!(names(&page).len(), 100);
    let token = page.json()["PaginationToken"].clone();
    let page = get(json!({ "ResourcesPerPage": 100, "PaginationToken": token })).await;
    assert_eq!((names(&page).len(), &page.json()["PaginationToken"]), (50, &json!("")));
    let cbor = Caller::default()
        .cbor(&aws, "tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", &json!({}))
        .await;
    assert_eq!(cbor.cbor()["ResourceTagMappingList"].as_array().unwrap().len(), 50);
}

const ROLES: &str = "
roles: [{ name: monitoring, account: '222222222222', external_id: secret }]
accounts: [{ id: '222222222222', instances: [{ identifier: other }] }]
instances: [{ identifier: own }]";

#[tokio::test]
async fn roles_lead_to_other_accounts() {
    let aws = aws(ROLES).await;
    let owner = Caller::default();
    let assume = async |extra: &[(&str, &str)]| {
        let mut parameters =
            vec![("RoleArn", "arn:aws:iam::222222222222:role/monitoring"), ("RoleSessionName", "test")];
        parameters.extend(extra);
        owner.query(&aws, "sts", "AssumeRole", &parameters).await
    };
    for wrong in [&[][..], &[("ExternalId", "wrong")]] {
        let answer = assume(wrong).await;
        assert_eq!((answer.status, &*answer.code()), (403, "AccessDenied"));
    }
    assert_eq!(
        assume(&[("ExternalId", "secret"), ("DurationSeconds", "60")]).await.code(),
        "ValidationError"
    );
    let answer = assume(&[("ExternalId", "secret")]).await;
    let (key, token) = (answer.first("AccessKeyId").unwrap(), answer.first("SessionToken"));
    let session = Caller { key, token, ..Caller::default() };
    let identity = session.query(&aws, "sts", "GetCallerIdentity", &[]).await;
    assert_eq!(identity.first("Arn").unwrap(), "arn:aws:sts::222222222222:assumed-role/monitoring/test");
    let there = session.query(&aws, "rds", "DescribeDBInstances", &[]).await;
    assert_eq!(there.all("DBInstanceIdentifier"), ["other"]);
    assert_eq!(aws.count(|request| request.account == "222222222222"), 2);
    let stolen = Caller { token: None, ..session.clone() };
    assert_eq!(stolen.query(&aws, "rds", "DescribeDBInstances", &[]).await.code(), "InvalidClientTokenId");
    aws.expire_credentials();
    let answer = session.query(&aws, "rds", "DescribeDBInstances", &[]).await;
    assert_eq!((answer.status, &*answer.code()), (403, "ExpiredToken"));
    assert_eq!(assume(&[("ExternalId", "secret")]).await.status, 200);
}

#[tokio::test]
async fn strangers_are_refused() {
    let aws = aws("").await;
    let stranger = Caller { key: "AKIASTRANGER".to_owned(), ..Caller::default() };
    let nobody = Caller { key: String::new(), ..Caller::default() };
    for (caller, service, code) in [
        (&stranger, "rds", "InvalidClientTokenId"),
        (&stranger, "ec2", "AuthFailure"),
        (&nobody, "rds", "MissingAuthenticationToken"),
    ] {
        let action = if service == "ec2" { "DescribeRegions" } else { "DescribeDBInstances" };
        assert_eq!(caller.query(&aws, service, action, &[]).await.code(), code);
    }
    // A signature for one service does not open another.
    let target = "ServiceQuotasV20190624.ListServiceQuotas";
    let answer = Caller::default().json(&aws, "rds", target, &json!({ "ServiceCode": "rds" })).await;
    assert_eq!(answer.json()["__type"], "InvalidSignatureException");
    assert_eq!(Caller::default().send(&aws, "rds", "/", &[], b"").await.status, 404);
}
