//! Connections to AWS: through the proxy of the environment, with the authorities that are trusted there.

use std::net::IpAddr;
use std::sync::OnceLock;

use aws_sdk_rds::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::bound::bounded;

/// The client of all accounts and regions; the error is one line, and stays the same.
pub fn http() -> Result<SharedHttpClient, String> {
    static HTTP: OnceLock<Result<SharedHttpClient, String>> = OnceLock::new();
    let make = || {
        let context = match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            None => TlsContext::default(),
            Some(path) => {
                let store = bundle(path.as_ref()).map_err(|error| format!("AWS_CA_BUNDLE: {error}"))?;
                TlsContext::builder().with_trust_store(store).build().map_err(|error| error.to_string())?
            }
        };
        let client = |proxy: fn() -> ProxyConfig| {
            let context = context.clone();
            Builder::new()
                .build_with_connector_fn(move |settings, parts| connector(&context, proxy(), settings, parts))
        };
        let inside = client(ProxyConfig::disabled);
        let outside = if is_switched_off() { inside.clone() } else { client(ProxyConfig::from_env) };
        Ok(bounded(SharedHttpClient::new(Routes { outside, inside })))
    };
    HTTP.get_or_init(make).clone()
}

/// Whether no host is behind a proxy. The library takes `*` for names alone, and not for addresses.
fn is_switched_off() -> bool {
    let no_proxy = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok());
    no_proxy.is_some_and(|hosts| hosts.split(',').any(|host| host.trim() == "*"))
}

/// Certificates in PEM. They replace those of the system, as in the AWS command line.
fn bundle(path: &std::path::Path) -> Result<TrustStore, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", path.display());
    let pem = std::fs::read(path).map_err(|error| cannot(&error))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| cannot(&error))?;
        roots.add(certificate).map_err(|error| cannot(&error))?;
    }
    if roots.is_empty() {
        return Err(format!("`{}` has no certificate in PEM", path.display()));
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

fn connector(
    context: &TlsContext,
    proxy: ProxyConfig,
    settings: Option<&HttpConnectorSettings>,
    parts: Option<&RuntimeComponents>,
) -> Connector {
    let mut builder = Connector::builder().proxy_config(proxy);
    builder.set_connector_settings(settings.cloned());
    builder.set_sleep_impl(parts.and_then(RuntimeComponents::sleep_impl));
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    builder.tls_provider(provider).tls_context(context.clone()).build()
}

/// Metadata of an instance or a container is asked for on the spot: no proxy knows the address.
#[derive(Debug, Clone)]
struct Routes<T> {
    outside: T,
    inside: T,
}

impl HttpClient for Routes<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Routes {
            outside: self.outside.http_connector(settings, components),
            inside: self.inside.http_connector(settings, components),
        })
    }
}

impl HttpConnector for Routes<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if is_metadata(request.uri()) { self.inside.call(request) } else { self.outside.call(request) }
    }
}

/// Whether an address is that of IMDS, ECS or EKS Pod Identity: `169.254.0.0/16` and `fd00:ec2::/32`.
fn is_metadata(uri: &str) -> bool {
    let host = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, _)) => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.segments().starts_with(&[0xfd00, 0x0ec2]),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_told_from_services() {
        for uri in [
            "http://169.254.169.254/latest",
            "http://169.254.170.23:80/v1",
            "http://[fd00:ec2::23]/v1",
            "http://[fd00:ec2::254]:80",
        ] {
            assert!(is_metadata(uri), "{uri}");
        }
        for uri in
            ["http://127.0.0.1:1/", "https://rds.eu-west-3.amazonaws.com/?a=169.254.1.1", "http://[::1]/", ""]
        {
            assert!(!is_metadata(uri), "{uri}");
        }
    }
}
