//! The client's side of TLS, with libpq's meaning of `sslmode`; remembers when the server's certificate expires.
//!
//! Manual: "SSL Support", "Protection Provided in Different Modes".

mod common_name;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::dsn::Dsn;
use exporter_core::config;
use exporter_core::serve::tls::certificates;
use verifier::Verifier;

/// How much of the server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS when the server does not let one in without; nothing is verified.
    Allow,
    /// TLS when the server has it and lets one in with it; nothing is verified.
    Prefer,
    /// TLS; nothing is verified.
    Require,
    /// TLS, and a known authority.
    VerifyCa,
    /// TLS, a known authority, and the right name.
    VerifyFull,
}

impl Mode {
    /// That of a connection string. As in libpq, a root certificate makes `require` verify the authority.
    pub fn of(dsn: &Dsn) -> Result<Self, String> {
        let system = dsn.get("sslrootcert") == Some("system");
        let mode = match dsn.get("sslmode") {
            None if system => Self::VerifyFull,
            Some("disable") => Self::Disable,
            Some("allow") => Self::Allow,
            Some("require") if dsn.get("sslrootcert").is_some() => Self::VerifyCa,
            Some("require") => Self::Require,
            Some("verify-ca") => Self::VerifyCa,
            Some("verify-full") => Self::VerifyFull,
            _ => Self::Prefer,
        };
        if system && mode != Self::VerifyFull {
            return Err(
                "`sslrootcert=system` trusts every public authority, which needs `sslmode=verify-full`"
                    .to_owned(),
            );
        }
        if dsn.get("sslnegotiation") == Some("direct")
            && matches!(mode, Self::Disable | Self::Allow | Self::Prefer)
        {
            return Err("`sslnegotiation=direct` needs `sslmode=require` or one that verifies".to_owned());
        }
        Ok(mode)
    }

    /// Whether the server must show that a known authority vouches for it.
    fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }
}

/// When the certificate that a server showed last expires: seconds since 1970, or none.
#[derive(Debug, Clone, Default)]
pub struct Expiry(Arc<AtomicI64>);

impl Expiry {
    /// Seconds since 1970; `None` before the first handshake and without TLS.
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds != 0)
    }

    /// Sets it.
    pub fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

/// The rustls configuration for a connection string; reads its files.
pub fn client_config(dsn: &Dsn, mode: Mode, expiry: &Expiry) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let anchors = if mode.verifies() { Some(Anchors::read(dsn, &provider)?) } else { None };
    if dsn.get("sslcrl").is_some() && anchors.is_none() {
        return Err(
            "`sslcrl` is looked into where the certificate is verified: `sslmode=verify-ca` or `verify-full`"
                .to_owned(),
        );
    }
    let verifier = Verifier { mode, anchors, provider: Arc::clone(&provider), expiry: expiry.clone() };
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&versions(dsn)?);
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match dsn.get("sslcert") {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let path = dsn.get("sslkey").ok_or("`sslcert` is set, but `sslkey` is not")?;
            let chain = certificates(&config::read(certificate.as_ref())?.text, certificate)?;
            let key = config::read(path.as_ref())?;
            let key = PrivateKeyDer::from_pem_slice(key.text.as_bytes())
                .map_err(|_| format!("`{path}` holds no private key in PEM format without a password"))?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| format!("`sslcert` and `sslkey` do not fit: {error}"))?
        }
    };
    config.enable_sni = dsn.get("sslsni") != Some("0");
    // What `sslnegotiation=direct` asks for, and what servers since 17 expect.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

/// The versions of TLS from `ssl_min_protocol_version` to `ssl_max_protocol_version`; 1.2 and 1.3 are there.
fn versions(dsn: &Dsn) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let (min, max) = (dsn.get("ssl_min_protocol_version"), dsn.get("ssl_max_protocol_version"));
    let mut versions = Vec::new();
    versions.extend((min != Some("TLSv1.3")).then_some(&TLS12));
    versions.extend((max != Some("TLSv1.2")).then_some(&TLS13));
    if versions.is_empty() {
        return Err("`ssl_min_protocol_version` is above `ssl_max_protocol_version`".to_owned());
    }
    Ok(versions)
}

/// The authorities that are trusted.
#[derive(Debug)]
struct Anchors {
    /// Nothing where none of the certificates can vouch for another, as those of X.509 version 1.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    /// As they stand in the file: a server may show one of them itself.
    certificates: Vec<CertificateDer<'static>>,
}

impl Anchors {
    fn read(dsn: &Dsn, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let certificates = match dsn.get("sslrootcert") {
            Some("system") => rustls_native_certs::load_native_certs().certs,
            Some(path) => certificates(&config::read(path.as_ref())?.text, path)?,
            None => {
                let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
                let path = home.join(".postgresql/root.crt");
                let source = config::read(&path).map_err(|error| {
                    format!(
                        "{error}; sslmode verify-ca and verify-full need `sslrootcert`, a file or `system`"
                    )
                })?;
                self::certificates(&source.text, &path.display().to_string())?
            }
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        if roots.is_empty() {
            return Ok(Self { verifier: None, certificates });
        }
        let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        if let Some(path) = dsn.get("sslcrl") {
            let text = config::read(path.as_ref())?;
            let lists: Result<Vec<_>, _> =
                CertificateRevocationListDer::pem_slice_iter(text.text.as_bytes()).collect();
            let lists = lists.ok().filter(|lists| !lists.is_empty());
            let lists = lists.ok_or_else(|| format!("`{path}` holds no revocation list in PEM format"))?;
            builder =
                builder.with_crls(lists).only_check_end_entity_revocation().allow_unknown_revocation_status();
        }
        let verifier = builder.build().map_err(|error| format!("`sslrootcert` is of no use: {error}"))?;
        Ok(Self { verifier: Some(verifier), certificates })
    }
}
