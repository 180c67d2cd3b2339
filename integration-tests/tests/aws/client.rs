//! A raw client: one connection per call, bytes in, bytes out.

#![allow(clippy::unwrap_used, reason = "this is all test code")]

use std::time::Duration;

use ciborium::Value as Cbor;
use integration_tests::aws::{Account, Aws};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Starts an AWS with this account.
pub(crate) async fn aws(yaml: &str) -> Aws {
    Aws::start(Account::from_yaml(yaml).unwrap()).await.unwrap()
}

/// Who calls, and where.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: String,
    pub(crate) token: Option<String>,
    pub(crate) region: String,
}

impl Default for Caller {
    fn default() -> Self {
        Self { key: "AKIA123456789012MOCK".to_owned(), token: None, region: "eu-west-3".to_owned() }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 when the connection ended before a status.
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether as many bytes came as were promised.
    pub(crate) fn is_whole(&self) -> bool {
        self.header("content-length").is_some_and(|length| length == self.body.len().to_string())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The contents of all XML elements of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let open = format!("<{name}>");
        let parts = text.split(&open).skip(1);
        parts.filter_map(|part| Some(part.split_once(&format!("</{name}>"))?.0.to_owned())).collect()
    }

    /// The content of the first XML element of this name.
    pub(crate) fn first(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// The error code of an XML answer.
    pub(crate) fn code(&self) -> String {
        self.first("Code").unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// CBOR as JSON; points in time must have tag 1 and become seconds.
    pub(crate) fn cbor(&self) -> Json {
        plain(ciborium::from_reader(&*self.body).unwrap())
    }
}

fn plain(value: Cbor) -> Json {
    match value {
        Cbor::Integer(number) => i64::try_from(number).unwrap().into(),
        Cbor::Float(number) => number.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bool(flag) => flag.into(),
        Cbor::Tag(1, seconds) => plain(*seconds),
        Cbor::Array(items) => items.into_iter().map(plain).collect(),
        Cbor::Map(fields) => {
            fields.into_iter().map(|(name, value)| (name.into_text().unwrap(), plain(value))).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// JSON as CBOR; `StartTime` and `EndTime` get tag 1.
fn tagged(name: &str, value: &Json) -> Cbor {
    match value {
        Json::Bool(flag) => Cbor::Bool(*flag),
        Json::Number(number) if name.ends_with("Time") => {
            Cbor::Tag(1, Box::new(Cbor::Float(number.as_f64().unwrap())))
        }
        Json::Number(number) => Cbor::Integer(number.as_i64().unwrap().into()),
        Json::String(text) => Cbor::Text(text.clone()),
        Json::Array(items) => Cbor::Array(items.iter().map(|item| tagged(name, item)).collect()),
        Json::Object(fields) => Cbor::Map(
            fields.iter().map(|(name, value)| (Cbor::Text(name.clone()), tagged(name, value))).collect(),
        ),
        Json::Null => Cbor::Null,
    }
}

impl Caller {
    /// Sends a request and reads until the connection ends.
    pub(crate) async fn send(
        &self,
        aws: &Aws,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let address = aws.url().strip_prefix("http://").unwrap();
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        head.push_str(&format!("content-length: {}\r\n", body.len()));
        if !self.key.is_empty() {
            let Self { key, region, .. } = self;
            head.push_str(&format!(
                "authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{service}/aws4_request, \
                 SignedHeaders=host, Signature=0\r\n"
            ));
        }
        if let Some(token) = &self.token {
            head.push_str(&format!("x-amz-security-token: {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut bytes = Vec::new();
        // A connection that is cut on purpose may end with a reset.
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else { return Answer { status: 0, head: String::new(), body: Vec::new() } };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// A call in the Query protocol.
    pub(crate) async fn query(
        &self,
        aws: &Aws,
        service: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Answer {
        let version = match service {
            "ec2" => "2016-11-15",
            "sts" => "2011-06-15",
            _ => "2014-10-31",
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", version).extend_pairs(parameters);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(aws, service, "/", &headers, form.finish().as_bytes()).await
    }

    /// A call in the JSON 1.1 protocol.
    pub(crate) async fn json(&self, aws: &Aws, service: &str, target: &str, body: &Json) -> Answer {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        self.send(aws, service, "/", &headers, body.to_string().as_bytes()).await
    }

    /// A call in the RPC v2 CBOR protocol.
    pub(crate) async fn cbor(&self, aws: &Aws, service: &str, target: &str, body: &Json) -> Answer {
        let mut bytes = Vec::new();
        ciborium::into_writer(&tagged("", body), &mut bytes).unwrap();
        let (target, action) = target.split_once('.').unwrap();
        let path = format!("/service/{target}/operation/{action}");
        let headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
        self.send(aws, service, &path, &headers, &bytes).await
    }
}

/// A call to RDS by the owner of the account.
pub(crate) async fn rds(aws: &Aws, action: &str, parameters: &[(&str, &str)]) -> Answer {
    Caller::default().query(aws, "rds", action, parameters).await
}

/// A call to CloudWatch by the owner of the account.
pub(crate) async fn cloudwatch(aws: &Aws, action: &str, body: &Json) -> Answer {
    Caller::default().cbor(aws, "monitoring", &format!("GraniteServiceVersion20100801.{action}"), body).await
}
