//! What the server shows, judged as OpenSSL does for libpq.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use super::common_name::stands_for;
use super::{Anchors, Expiry, Mode};

#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) mode: Mode,
    pub(super) anchors: Option<Anchors>,
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) expiry: Expiry,
}

/// A reason in words, where rustls has none.
#[derive(Debug)]
struct Reason(&'static str);

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Reason {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = X509Certificate::from_der(end_entity).ok().map(|(_, certificate)| certificate);
        if let Some(certificate) = &parsed {
            self.expiry.set(certificate.validity().not_after.timestamp());
        }
        let Some(anchors) = &self.anchors else { return Ok(ServerCertVerified::assertion()) };
        if parsed.as_ref().is_some_and(|certificate| certificate.version() != X509Version::V3) {
            return Err(Error::Other(OtherError(Arc::new(Reason(
                "the server's certificate is X.509 version 1, which cannot be verified; make one of version 3, with \
                 `openssl x509 -req -extfile` and a line `subjectAltName=DNS:` with the name of the server",
            )))));
        }
        let verified = match &anchors.verifier {
            Some(verifier) => verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        let wrong_name = matches!(
            verified,
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ))
        );
        let by_common_name =
            || parsed.as_ref().is_some_and(|certificate| stands_for(certificate, server_name));
        if wrong_name && (self.mode == Mode::VerifyCa || by_common_name()) {
            return Ok(ServerCertVerified::assertion());
        }
        // OpenSSL accepts a self-signed certificate that is itself in the file; webpki does not.
        let trusted = anchors.certificates.iter().any(|known| known.as_ref() == end_entity.as_ref());
        let revoked = matches!(verified, Err(Error::InvalidCertificate(CertificateError::Revoked)));
        if verified.is_err() && trusted && !revoked {
            let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            let validity = parsed.as_ref().map(|certificate| certificate.validity());
            if !validity.is_some_and(|validity| {
                (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
            }) {
                return Err(Error::InvalidCertificate(CertificateError::Expired));
            }
            if self.mode == Mode::VerifyFull && !by_common_name() {
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
        self.verify_signature(message, certificate, signature, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, certificate, signature, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Whether the server holds the key of its certificate, of whatever version of X.509 that is: webpki reads version 3
    /// alone, and the manual of PostgreSQL makes certificates of version 1.
    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        tls13: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let (_, certificate) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = certificate.public_key();
        let id = algorithm_id(key.raw).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let mapping = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
        // TLS 1.3 fixes the curve with the scheme, which the first of the list has.
        let candidates =
            mapping.map_or(&[][..], |(_, list)| if tls13 { &list[..1.min(list.len())] } else { list });
        let fits = candidates.iter().filter(|algorithm| algorithm.public_key_alg_id().as_ref() == id);
        for algorithm in fits {
            let checked =
                algorithm.verify_signature(&key.subject_public_key.data, message, signature.signature());
            if checked.is_ok() {
                return Ok(HandshakeSignatureValid::assertion());
            }
        }
        Err(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

/// The content of the first of the two values in a `SubjectPublicKeyInfo` (DER).
fn algorithm_id(key: &[u8]) -> Option<&[u8]> {
    use x509_parser::asn1_rs::{Any, FromDer as _};
    let (_, key) = Any::from_der(key).ok()?;
    let (_, id) = Any::from_der(key.data).ok()?;
    Some(id.data)
}
