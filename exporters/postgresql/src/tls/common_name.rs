//! The name in a certificate's subject, which counts where no other name is in it.
//!
//! Manual: "Client Verification of Server Certificates".

use rustls_pki_types::ServerName;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

/// Whether the common name of a certificate without names of hosts and addresses is the server's.
pub(super) fn stands_for(certificate: &X509Certificate<'_>, server: &ServerName<'_>) -> bool {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    if names.iter().any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_))) {
        return false;
    }
    let common = certificate.subject().iter_common_name().next();
    let Some(common) = common.and_then(|name| name.as_str().ok()) else { return false };
    fits(common, &server.to_str())
}

/// A wildcard stands for the first part of a name with at least two more.
fn fits(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let rest = |text: &str| text.split_once('.').map(|(_, rest)| rest.to_ascii_lowercase());
    pattern.starts_with("*.") && rest(pattern).is_some_and(|own| own.contains('.') && rest(host) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn wildcards_stand_for_one_part() {
        for (pattern, host, is) in [
            ("db1.example.org", "DB1.example.org", true),
            ("*.example.org", "db1.example.org", true),
            ("*.example.org", "a.db1.example.org", false),
            ("*.org", "example.org", false),
            ("*", "localhost", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("other", "db1", false),
        ] {
            assert_eq!(fits(pattern, host), is, "{pattern} {host}");
        }
    }
}
