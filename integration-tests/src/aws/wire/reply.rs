//! Answers and refusals as HTTP.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::{Call, Fields, Protocol, Refusal, Value, cbor, xml};

/// An answer, before faults of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers.
    headers: Vec<(&'static str, String)>,
    /// Body.
    pub(crate) body: Vec<u8>,
}

/// Writes an answer or a refusal in the protocol of the caller.
pub(crate) fn reply(call: &Call, result: &Result<Value, Refusal>, id: &str) -> Reply {
    let mut headers =
        vec![("content-type", call.content_type.to_owned()), ("x-amzn-requestid", id.to_owned())];
    if call.protocol == Protocol::Cbor {
        headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
    }
    let (status, body) = match result {
        Ok(value) => (200, answer(call, value, id)),
        Err(refusal) => {
            if let Some(header) = query_error(call, refusal) {
                headers.push(("x-amzn-query-error", header));
            }
            (refusal.status, decline(call, refusal, id))
        }
    };
    Reply { status, headers, body }
}

/// An answer of the service's front, outside any protocol.
pub(crate) fn wrong(status: u16, text: &str) -> Reply {
    Reply { status, headers: vec![("content-type", "text/plain".to_owned())], body: text.as_bytes().to_vec() }
}

fn answer(call: &Call, value: &Value, id: &str) -> Vec<u8> {
    match call.protocol {
        Protocol::Query | Protocol::Ec2Query => {
            xml::answer(call.protocol, call.service, &call.action, value, id).into_bytes()
        }
        Protocol::Json => value.json().to_string().into_bytes(),
        Protocol::Cbor => cbor::encode(value),
    }
}

fn decline(call: &Call, refusal: &Refusal, id: &str) -> Vec<u8> {
    let fields =
        |kind: String| Value::from(Fields::new().with("__type", kind).with("message", &refusal.message));
    match call.protocol {
        Protocol::Query | Protocol::Ec2Query => {
            xml::refusal(call.protocol, call.service, refusal, id).into_bytes()
        }
        Protocol::Json => fields(shape(&refusal.code)).json().to_string().into_bytes(),
        Protocol::Cbor => {
            let name = format!("com.amazonaws.{}#{}", call.service.prefix(), shape(&refusal.code));
            cbor::encode(&fields(name))
        }
    }
}

/// The name of an error's shape, where it differs from the code that the Query protocol has for it.
fn shape(code: &str) -> String {
    match code {
        "InvalidParameterValue" | "AccessDenied" | "InvalidParameterCombination" | "MissingParameter" => {
            format!("{code}Exception")
        }
        "InternalServiceError" => "InternalServiceFault".to_owned(),
        "Throttling" => "ThrottlingException".to_owned(),
        "ExpiredToken" => "ExpiredTokenException".to_owned(),
        "InvalidClientTokenId" => "UnrecognizedClientException".to_owned(),
        "ValidationError" => "ValidationException".to_owned(),
        code => code.to_owned(),
    }
}

/// CloudWatch used to speak Query; its newer protocols go on telling the code of that time in a header.
fn query_error(call: &Call, refusal: &Refusal) -> Option<String> {
    let compatible = call.service == super::Service::CloudWatch && call.protocol != Protocol::Query;
    compatible.then(|| format!("{};{}", refusal.code, refusal.kind()))
}

impl Reply {
    /// The same with a body that is neither XML nor JSON nor CBOR.
    pub(crate) fn garbled(mut self) -> Self {
        self.body.splice(0..0, *b"\xff<{&");
        self
    }

    /// As HTTP.
    pub(crate) fn response(self, body: Body, length: usize) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().insert("content-length", length.into());
        response
    }
}
