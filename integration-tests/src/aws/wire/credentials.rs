//! Who calls: the scope in the Authorization header of Signature Version 4.

use axum::http::HeaderMap;

/// What the Authorization header says. The signature itself is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Access key.
    pub(crate) key: String,
    /// Session token of temporary credentials.
    pub(crate) token: Option<String>,
    /// Region.
    pub(crate) region: String,
    /// Signing name of the service.
    pub(crate) service: String,
}

impl Scope {
    /// Reads `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get("authorization")?.to_str().ok()?;
        let mut parts = header.strip_prefix("AWS4-HMAC-SHA256")?.split(',').map(str::trim);
        let credential = parts.find_map(|part| part.strip_prefix("Credential="))?;
        let mut fields = credential.split('/');
        let (key, _date, region, service, end) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
        (end == "aws4_request").then(|| Self {
            key: key.to_owned(),
            token: token.map(str::to_owned),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_read_from_the_header() {
        let mut headers = HeaderMap::new();
        let text = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-3/rds/aws4_request, SignedHeaders=host, Signature=0";
        headers.insert("authorization", text.parse().unwrap());
        let scope = Scope::read(&headers).unwrap();
        assert_eq!((&*scope.key, &*scope.region, &*scope.service), ("AKIA", "eu-west-3", "rds"));
        headers.insert("authorization", "Basic eDp5".parse().unwrap());
        assert_eq!(Scope::read(&headers), None);
    }
}
