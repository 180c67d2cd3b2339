//! The client's side of TLS, with libpq's meaning of `sslmode`; remembers when the server's certificate expires.
//!
//! Manual: "SSL Support", "Protection Provided in Different Modes".

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::dsn::Dsn;
use exporter_core::config;
use exporter_core::serve::tls::certificates;

/// How much of the server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS when the server has it; nothing is verified.
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
        match dsn.get("sslmode") {
            None if system => Ok(Self::VerifyFull),
            Some("disable") => Ok(Self::Disable),
            None | Some("allow" | "prefer") => Ok(Self::Prefer),
            Some("require") if dsn.get("sslrootcert").is_some() => Ok(Self::VerifyCa),
            Some("require") => Ok(Self::Require),
            Some("verify-ca") => Ok(Self::VerifyCa),
            Some("verify-full") => Ok(Self::VerifyFull),
            Some(other) => Err(format!(
                "unknown sslmode `{}`: disable, allow, prefer, require, verify-ca and verify-full exist",
                other.escape_debug()
            )),
        }
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

    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

/// The rustls configuration for a connection string; reads its files.
pub fn client_config(dsn: &Dsn, mode: Mode, expiry: &Expiry) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let anchors = match mode {
        Mode::VerifyCa | Mode::VerifyFull => Some(Anchors::read(dsn, &provider)?),
        _ => None,
    };
    let verifier = Verifier { mode, anchors, provider: Arc::clone(&provider), expiry: expiry.clone() };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let Some(certificate) = dsn.get("sslcert") else {
        return Ok(builder.with_no_client_auth());
    };
    let key = dsn.get("sslkey").ok_or("`sslcert` is set, but `sslkey` is not")?;
    let chain = certificates(&config::read(certificate.as_ref())?.text, certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| {
        format!("`{key}` cannot be read, or holds no private key in PEM format without a password")
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("`sslcert` and `sslkey` do not fit: {error}"))
}

/// The authorities that are trusted.
#[derive(Debug)]
struct Anchors {
    verifier: Arc<WebPkiServerVerifier>,
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
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let verifier = builder.build().map_err(|error| format!("`sslrootcert` is of no use: {error}"))?;
        Ok(Self { verifier, certificates })
    }
}

#[derive(Debug)]
struct Verifier {
    mode: Mode,
    anchors: Option<Anchors>,
    provider: Arc<CryptoProvider>,
    expiry: Expiry,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let validity =
            X509Certificate::from_der(end_entity).ok().map(|(_, certificate)| certificate.validity().clone());
        if let Some(validity) = &validity {
            self.expiry.set(validity.not_after.timestamp());
        }
        let Some(anchors) = &self.anchors else { return Ok(ServerCertVerified::assertion()) };
        let verified = anchors.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp, now);
        let wrong_name = matches!(
            verified,
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ))
        );
        if wrong_name && self.mode == Mode::VerifyCa {
            return Ok(ServerCertVerified::assertion());
        }
        // OpenSSL accepts a self-signed certificate that is itself in the file; webpki does not.
        let trusted = anchors.certificates.iter().any(|known| known.as_ref() == end_entity.as_ref());
        if verified.is_err() && trusted {
            let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            if !validity.is_some_and(|validity| {
                (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
            }) {
                return Err(Error::InvalidCertificate(CertificateError::Expired));
            }
            if self.mode == Mode::VerifyFull {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
