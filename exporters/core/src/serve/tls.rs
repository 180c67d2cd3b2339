//! The server's side of TLS: from the web configuration to rustls.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{NamedGroup, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::web_config::{ClientAuth, TlsConfig};

/// The rustls configuration for a web configuration.
pub fn server_config(config: &TlsConfig, http2: bool) -> Result<ServerConfig, String> {
    let chain = certificates(&config.certificates, "cert_file")?;
    let key = PrivateKeyDer::from_pem_slice(config.key.as_bytes())
        .map_err(|_| "`key_file` holds no private key in PEM format".to_owned())?;
    let provider = Arc::new(provider(config)?);
    let verifier = match &config.client_ca {
        Some(authorities) if config.client_auth != ClientAuth::None => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(authorities, "client_ca_file")? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("`client_ca_file` has a bad certificate: {error}"))?;
            }
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            let builder = match config.client_auth {
                ClientAuth::Required => builder,
                _ => builder.allow_unauthenticated(),
            };
            builder.build().map_err(|error| format!("`client_ca_file` is of no use: {error}"))?
        }
        _ => WebPkiClientVerifier::no_client_auth(),
    };
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions(config.versions));
    let builder = builder.map_err(|error| format!("no cipher suite fits the versions: {error}"))?;
    let built = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key);
    let mut built = built.map_err(|error| format!("`cert_file` and `key_file` do not fit: {error}"))?;
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    built.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(built)
}

/// Certificates of a PEM text; none is an error.
pub fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("`{what}` holds no certificate in PEM format")),
    }
}

fn versions((lowest, highest): (u8, u8)) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    all.into_iter()
        .filter(|(number, _)| (lowest..=highest).contains(number))
        .map(|(_, version)| version)
        .collect()
}

/// The ciphers and curves; names are those of Go's crypto/tls, which the format uses.
fn provider(config: &TlsConfig) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if !config.cipher_suites.is_empty() {
        let name = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
        for wanted in &config.cipher_suites {
            if !provider.cipher_suites.iter().any(|suite| name(suite).replace("TLS13_", "TLS_") == *wanted) {
                return Err(format!("cipher suite `{wanted}` is not supported"));
            }
        }
        // As in Go, the suites of TLS 1.3 cannot be chosen.
        provider
            .cipher_suites
            .retain(|suite| suite.tls13().is_some() || config.cipher_suites.contains(&name(suite)));
    }
    if !config.curves.is_empty() {
        let mut groups = Vec::new();
        for wanted in &config.curves {
            let group = match wanted.as_str() {
                "CurveP256" => NamedGroup::secp256r1,
                "CurveP384" => NamedGroup::secp384r1,
                "X25519" => NamedGroup::X25519,
                _ => {
                    return Err(format!(
                        "curve `{wanted}` is not supported: CurveP256, CurveP384 and X25519 are"
                    ));
                }
            };
            groups.extend(provider.kx_groups.iter().copied().filter(|known| known.name() == group));
        }
        provider.kx_groups = groups;
    }
    Ok(provider)
}

/// Whether a client's certificate carries one of the names.
pub fn has_san(certificate: &CertificateDer, allowed: &[String]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| {
        let text = match name {
            GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
                (*text).to_owned()
            }
            GeneralName::IPAddress(bytes) => {
                match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                    (Ok(v4), _) => std::net::IpAddr::from(v4).to_string(),
                    (_, Ok(v6)) => std::net::IpAddr::from(v6).to_string(),
                    _ => return false,
                }
            }
            _ => return false,
        };
        allowed.contains(&text)
    })
}
