//! Where credentials come from on a machine of AWS: the instance metadata service, the endpoint of containers (ECS, EKS
//! Pod Identity), and the portal of IAM Identity Center.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The sources. They end when this is dropped.
#[derive(Debug)]
pub struct Sources {
    url: String,
    shared: Arc<Mutex<Given>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Given {
    /// Access keys that are given out one after the other; the last one again and again.
    keys: Vec<String>,
    /// What callers must show, where there is something to show.
    token: String,
    asked: usize,
}

impl Sources {
    /// Starts on a free port of the loopback interface.
    pub async fn start(token: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Mutex::new(Given { token: token.to_owned(), ..Given::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, shared, task })
    }

    /// Where they are.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on these keys are given, one after the other, the last one again and again.
    pub fn give(&self, keys: &[&str]) {
        self.lock().keys = keys.iter().rev().map(|key| (*key).to_owned()).collect();
    }

    /// From now on callers must show this token.
    pub fn token(&self, token: &str) {
        token.clone_into(&mut self.lock().token);
    }

    /// How often credentials were asked for.
    pub fn asked(&self) -> usize {
        self.lock().asked
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Given> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// 9999-01-01, as the formats write it.
const FAR: &str = "9999-01-01T00:00:00Z";
const FAR_MILLISECONDS: i64 = 253_370_764_800_000;

async fn answer(
    State(shared): State<Arc<Mutex<Given>>>,
    uri: Uri,
    headers: HeaderMap,
) -> (axum::http::StatusCode, HeaderMap, String) {
    let mut given = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let shown =
        |name: &str| headers.get(name).is_some_and(|value| value.as_bytes() == given.token.as_bytes());
    let (allowed, is_portal) = match uri.path() {
        "/latest/api/token" => {
            let ttl = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
            let ttl =
                ttl.map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
            return (axum::http::StatusCode::OK, ttl.into_iter().collect(), given.token.clone());
        }
        "/latest/meta-data/iam/security-credentials/" => {
            return (axum::http::StatusCode::OK, HeaderMap::new(), "monitor".to_owned());
        }
        "/latest/meta-data/iam/security-credentials/monitor" => (shown("x-aws-ec2-metadata-token"), false),
        "/v1/credentials" => (shown("authorization"), false),
        "/federation/credentials" => (shown("x-amz-sso_bearer_token"), true),
        _ => return (axum::http::StatusCode::NOT_FOUND, HeaderMap::new(), String::new()),
    };
    given.asked += 1;
    if !allowed {
        return (axum::http::StatusCode::UNAUTHORIZED, HeaderMap::new(), "{}".to_owned());
    }
    let key = if given.keys.len() > 1 { given.keys.pop() } else { given.keys.first().cloned() };
    let key = key.unwrap_or_default();
    let body = if is_portal {
        serde_json::json!({ "roleCredentials": { "accessKeyId": key, "secretAccessKey": "mock",
            "sessionToken": "mock", "expiration": FAR_MILLISECONDS } })
    } else {
        serde_json::json!({ "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2020-01-01T00:00:00Z",
            "AccessKeyId": key, "SecretAccessKey": "mock", "Token": "mock", "Expiration": FAR })
    };
    (axum::http::StatusCode::OK, HeaderMap::new(), body.to_string())
}
