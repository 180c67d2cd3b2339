//! One request as what it means: service, action, caller, parameters.

use axum::http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;

use super::{Form, Refusal, Scope, Service, cbor};

/// How a caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A form in, XML out.
    Query,
    /// The same with EC2's way to write lists and errors.
    Ec2Query,
    /// JSON both ways.
    Json,
    /// Smithy RPC v2 with CBOR both ways.
    Cbor,
}

/// Parameters.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Of the Query protocols.
    Form(Form),
    /// Of JSON and CBOR; points in time are seconds since 1970.
    Tree(serde_json::Value),
}

/// A request that could be read.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// How the caller speaks.
    pub(crate) protocol: Protocol,
    /// Content type of the answer.
    pub(crate) content_type: &'static str,
    /// Service.
    pub(crate) service: Service,
    /// Action.
    pub(crate) action: String,
    /// Region.
    pub(crate) region: String,
    /// Parameters.
    pub(crate) input: Input,
}

impl Call {
    /// Reads a request. Without a scope the service is guessed from the parameters, so that the answer about missing
    /// credentials has the right form.
    pub(crate) fn read(uri: &Uri, headers: &HeaderMap, body: &[u8], scope: Option<&Scope>) -> Option<Self> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let region = scope.map_or(String::new(), |scope| scope.region.clone());
        let by_target = |target: &str| Service::ALL.into_iter().find(|one| one.target() == Some(target));
        if let Some((target, action)) = rpc(uri.path()) {
            let input = if body.is_empty() { serde_json::json!({}) } else { cbor::decode(body)? };
            return (header("smithy-protocol") == "rpc-v2-cbor").then_some(Self {
                protocol: Protocol::Cbor,
                content_type: "application/cbor",
                service: by_target(target)?,
                action: action.to_owned(),
                region,
                input: Input::Tree(input),
            });
        }
        if let Some((target, action)) = header("x-amz-target").split_once('.') {
            let modern = header("content-type").contains("json-1.1");
            return Some(Self {
                protocol: Protocol::Json,
                content_type: if modern {
                    "application/x-amz-json-1.1"
                } else {
                    "application/x-amz-json-1.0"
                },
                service: by_target(target)?,
                action: action.to_owned(),
                region,
                input: Input::Tree(serde_json::from_slice(body).ok()?),
            });
        }
        let form = Form::read(body);
        let version = form.text("Version").unwrap_or_default();
        let scoped =
            scope.and_then(|scope| Service::ALL.into_iter().find(|one| one.signing() == scope.service));
        let versioned = Service::ALL.into_iter().find(|one| !version.is_empty() && one.version() == version);
        let service = scoped.filter(|one| one.target().is_none()).or(versioned)?;
        Some(Self {
            protocol: if service == Service::Ec2 { Protocol::Ec2Query } else { Protocol::Query },
            content_type: "text/xml;charset=UTF-8",
            service,
            action: form.text("Action")?.to_owned(),
            region,
            input: Input::Form(form),
        })
    }

    /// The parameters of a Query protocol; empty for the others.
    pub(crate) fn form(&self) -> Form {
        match &self.input {
            Input::Form(form) => form.clone(),
            Input::Tree(_) => Form::default(),
        }
    }

    /// The parameters of JSON and CBOR.
    pub(crate) fn tree<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let tree = match &self.input {
            Input::Form(_) => serde_json::json!({}),
            Input::Tree(tree) => tree.clone(),
        };
        serde_json::from_value(tree)
            .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))
    }

    /// How many metrics a call of `GetMetricData` asks for.
    pub(crate) fn metric_queries(&self) -> usize {
        let Input::Tree(tree) = &self.input else { return 0 };
        let queries = tree["MetricDataQueries"].as_array().into_iter().flatten();
        queries.filter(|query| !query["MetricStat"].is_null()).count()
    }

    /// The same call for the first page.
    pub(crate) fn first_page(&self) -> Self {
        let mut first = self.clone();
        match &mut first.input {
            Input::Form(form) => form.remove("Marker"),
            Input::Tree(tree) => {
                if let Some(fields) = tree.as_object_mut() {
                    fields.retain(|name, _| !["NextToken", "PaginationToken"].contains(&name.as_str()));
                }
            }
        }
        first
    }

    /// The queries of `GetMetricData` about an instance, or all of them, by their names.
    pub(crate) fn queries_about(&self, instance: Option<&str>) -> Vec<String> {
        let Input::Tree(tree) = &self.input else { return Vec::new() };
        let queries = tree["MetricDataQueries"].as_array().into_iter().flatten();
        let about = queries.filter(|query| {
            let mut values = query["MetricStat"]["Metric"]["Dimensions"].as_array().into_iter().flatten();
            instance.is_none_or(|name| values.any(|dimension| dimension["Value"] == name))
        });
        about.filter_map(|query| query["Id"].as_str().map(str::to_owned)).collect()
    }

    /// The instances that the call names, as a parameter, a filter or a dimension.
    pub(crate) fn instances(&self) -> Vec<&str> {
        match &self.input {
            Input::Form(form) => form.text("DBInstanceIdentifier").into_iter().collect(),
            Input::Tree(tree) => {
                let queries = tree["MetricDataQueries"].as_array().into_iter().flatten();
                let dimensions = queries
                    .filter_map(|query| query["MetricStat"]["Metric"]["Dimensions"].as_array())
                    .flatten();
                let about = dimensions.filter(|dimension| dimension["Name"] == "DBInstanceIdentifier");
                let mut names: Vec<&str> =
                    about.filter_map(|dimension| dimension["Value"].as_str()).collect();
                names.sort_unstable();
                names.dedup();
                names
            }
        }
    }
}

/// `/service/<target>/operation/<action>`.
fn rpc(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/service/")?.split_once("/operation/")
}
