//! The web configuration file in the format of Prometheus' exporter-toolkit: TLS, client certificates, users.
//!
//! Format: <https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use catalogue::decode::{Fields, text_map};
use catalogue::duration::PromDuration;
use catalogue::problem::Problems;
use catalogue::suggest::did_you_mean;
use catalogue::yaml::Node;

use crate::config;

/// The file's content.
#[derive(Debug, Default)]
pub struct WebConfig {
    /// How to speak TLS; plain HTTP without it.
    pub tls: Option<TlsConfig>,
    /// Whether HTTP/2 is spoken over TLS.
    pub http2: bool,
    /// Headers of every answer.
    pub headers: HeaderMap,
    /// Bcrypt hashes by user; everybody may read when there is none.
    pub users: HashMap<String, String>,
    /// How often requests may come.
    pub rate_limit: Option<RateLimit>,
}

/// `tls_server_config`, with the files read.
#[derive(Debug)]
pub struct TlsConfig {
    /// The chain, PEM.
    pub certificates: String,
    /// The private key, PEM.
    pub key: String,
    /// Authorities of client certificates, PEM.
    pub client_ca: Option<String>,
    /// Whether clients need a certificate.
    pub client_auth: ClientAuth,
    /// Names of which a client's certificate must carry one; any when empty.
    pub client_allowed_sans: Vec<String>,
    /// Lowest and highest version, 2 for TLS 1.2.
    pub versions: (u8, u8),
    /// Names of allowed cipher suites of TLS 1.2; all when empty.
    pub cipher_suites: Vec<String>,
    /// Names of allowed curves; all when empty.
    pub curves: Vec<String>,
}

/// Who needs a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nobody.
    None,
    /// Who shows one shows a good one.
    IfGiven,
    /// Everybody.
    Required,
}

/// A token bucket.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// Time that makes one token.
    pub interval: Duration,
    /// Tokens that can be saved.
    pub burst: u32,
}

/// Headers that the format allows.
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
];

impl WebConfig {
    /// Plain HTTP, for everybody.
    pub fn plain() -> Self {
        Self { http2: true, ..Self::default() }
    }

    /// TLS with a certificate, for everybody; and the files.
    pub fn with_tls(certificate: &Path, key: &Path) -> Result<(Self, Vec<PathBuf>), String> {
        let tls = TlsConfig {
            certificates: config::read(certificate)?.text.clone(),
            key: config::read(key)?.text.clone(),
            client_ca: None,
            client_auth: ClientAuth::None,
            client_allowed_sans: Vec::new(),
            versions: (2, 3),
            cipher_suites: Vec::new(),
            curves: Vec::new(),
        };
        let files = vec![certificate.to_path_buf(), key.to_path_buf()];
        Ok((Self { tls: Some(tls), ..Self::plain() }, files))
    }

    /// Reads the file and the files that it names; the second value lists all of them.
    pub fn read(path: &Path) -> Result<(Self, Vec<PathBuf>), String> {
        let source = config::read(path)?;
        let mut files = vec![path.to_path_buf()];
        let folder = path.parent().unwrap_or(Path::new("."));
        if source.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok((Self::plain(), files));
        }
        let config = config::decode(&source, |node, problems| web(node, folder, &mut files, problems))?;
        Ok((config, files))
    }
}

fn web(node: &Node, folder: &Path, files: &mut Vec<PathBuf>, problems: &mut Problems) -> Option<WebConfig> {
    let mut fields = Fields::of(node, problems)?;
    let tls = fields.optional("tls_server_config");
    let tls = tls.map(|node| tls_config(node, folder, files, fields.problems()));
    let http = fields.optional("http_server_config");
    let (http2, headers) =
        http.map_or(Some((true, HeaderMap::new())), |node| http_config(node, fields.problems()))?;
    let users = fields.optional("basic_auth_users");
    let users = users.map(|node| text_map(node, fields.problems())).unwrap_or_default();
    let users = users.into_iter().filter_map(|(user, hash)| {
        let hash = fields.parse(Some(hash), |hash| match hash.get(..4) {
            Some("$2a$" | "$2b$" | "$2y$") => Ok(hash.to_owned()),
            _ => Err(format!(
                "the password of `{user}` is not a bcrypt hash; make one with `htpasswd -nBC 10 \"\"`"
            )),
        });
        Some((user.clone(), hash?))
    });
    let users = users.collect();
    let rate_limit = fields.optional("rate_limit");
    let rate_limit = rate_limit.and_then(|node| rate(node, fields.problems()));
    fields.finish();
    // A block that could not be read must not mean that there is none.
    let tls = match tls {
        Some(tls) => Some(tls?),
        None => None,
    };
    Some(WebConfig { tls, http2, headers, users, rate_limit })
}

fn tls_config(
    node: &Node,
    folder: &Path,
    files: &mut Vec<PathBuf>,
    problems: &mut Problems,
) -> Option<TlsConfig> {
    let mut fields = Fields::of(node, problems)?;
    let mut pem = |fields: &mut Fields, inline: &'static str, file: &'static str| {
        let given = fields.optional_text(inline).map(|text| text.to_string());
        let path = fields.optional_text(file);
        let read = fields.parse(path, |path| {
            let path = folder.join(path);
            files.push(path.clone());
            config::read(&path).map(|source| source.text.clone())
        });
        given.or(read)
    };
    let certificates = pem(&mut fields, "cert", "cert_file");
    let key = pem(&mut fields, "key", "key_file");
    let client_ca = pem(&mut fields, "client_ca", "client_ca_file");
    let client_auth = fields.optional_text("client_auth_type");
    let client_auth = fields.parse(client_auth, client_auth_type).unwrap_or(ClientAuth::None);
    let client_allowed_sans = fields.texts("client_allowed_sans").iter().map(|san| san.to_string()).collect();
    let mut version = |name, default| {
        let text = fields.optional_text(name);
        text.map_or(Some(default), |text| fields.parse(Some(text), tls_version))
    };
    let (lowest, highest) = (version("min_version", 2), version("max_version", 3));
    let cipher_suites = fields.texts("cipher_suites").iter().map(|name| name.to_string()).collect();
    let curves = fields.texts("curve_preferences").iter().map(|name| name.to_string()).collect();
    // The server of this program always takes the client's order, which is what Go does by now too.
    fields.flag("prefer_server_cipher_suites");
    let missing = |what: &str| {
        catalogue::Problem::error(
            "yaml/missing-key",
            node.place(),
            format!("`tls_server_config` has no {what}"),
        )
    };
    if certificates.is_none() && fields.problems().is_empty() {
        fields.problems().push(missing("`cert_file`"));
    }
    if key.is_none() && fields.problems().is_empty() {
        fields.problems().push(missing("`key_file`"));
    }
    if client_auth != ClientAuth::None && client_ca.is_none() && fields.problems().is_empty() {
        fields.problems().push(missing("`client_ca_file`, which `client_auth_type` needs"));
    }
    fields.finish();
    Some(TlsConfig {
        certificates: certificates?,
        key: key?,
        client_ca,
        client_auth,
        client_allowed_sans,
        versions: (lowest?, highest?),
        cipher_suites,
        curves,
    })
}

fn client_auth_type(text: &str) -> Result<ClientAuth, String> {
    match text {
        "NoClientCert" => Ok(ClientAuth::None),
        "VerifyClientCertIfGiven" => Ok(ClientAuth::IfGiven),
        "RequireAndVerifyClientCert" => Ok(ClientAuth::Required),
        "RequestClientCert" | "RequireAnyClientCert" => Err(format!(
            "`{text}` verifies nothing: use `VerifyClientCertIfGiven` or `RequireAndVerifyClientCert`"
        )),
        _ => {
            let known = ["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"];
            Err(format!("unknown client_auth_type `{text}`, {}", did_you_mean(text, known)))
        }
    }
}

fn tls_version(text: &str) -> Result<u8, String> {
    match text {
        "TLS12" => Ok(2),
        "TLS13" => Ok(3),
        _ => Err(format!("`{text}` is not supported: use `TLS12` or `TLS13`")),
    }
}

fn http_config(node: &Node, problems: &mut Problems) -> Option<(bool, HeaderMap)> {
    let mut fields = Fields::of(node, problems)?;
    let http2 = fields.flag("http2").unwrap_or(true);
    let mut headers = HeaderMap::new();
    for (name, value) in fields.text_map("headers") {
        let known = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(&name));
        let header = fields.parse(Some(value), |value| {
            let Some(known) = known else {
                return Err(format!("header `{name}` cannot be set; those that can: {}", HEADERS.join(", ")));
            };
            let name = HeaderName::from_bytes(known.as_bytes()).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("`{known}` has characters that a header cannot"))?;
            Ok((name, value))
        });
        headers.extend(header.map(|(name, value)| (Some(name), value)));
    }
    fields.finish();
    Some((http2, headers))
}

fn rate(node: &Node, problems: &mut Problems) -> Option<RateLimit> {
    let mut fields = Fields::of(node, problems)?;
    let interval = fields.text("interval");
    let interval = fields.parse(interval, PromDuration::new);
    let burst = fields.optional_text("burst");
    let burst = burst.map_or(Some(1), |text| {
        fields.parse(Some(text), |text| {
            text.parse().map_err(|_| format!("`{text}` is not a number of requests"))
        })
    });
    fields.finish();
    Some(RateLimit { interval: Duration::from_millis(interval?.milliseconds()), burst: burst? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<WebConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        std::fs::write(&path, text).unwrap();
        let shown = format!("{}/", folder.path().display());
        WebConfig::read(&path).map(|(config, _)| config).map_err(|error| error.replace(&shown, ""))
    }

    #[test]
    fn what_the_toolkit_knows_is_known() {
        let config = read(
            "http_server_config: { http2: false, headers: { X-Frame-Options: deny } }\n\
             basic_auth_users: { a: $2y$10$abcdefghijklmnopqrstuv }\nrate_limit: { interval: 1s, burst: 5 }\n",
        );
        let config = config.unwrap();
        assert!(!config.http2 && config.tls.is_none());
        assert_eq!(config.headers["x-frame-options"], "deny");
        assert_eq!(config.users["a"], "$2y$10$abcdefghijklmnopqrstuv");
        assert_eq!(config.rate_limit.unwrap().burst, 5);
        assert!(read("").unwrap().http2);
    }

    #[test]
    fn mistakes_are_named_and_secrets_are_not() {
        for (text, message) in [
            (
                "basic_auth_users: { a: secret }",
                "web.yml:1:24: the password of `a` is not a bcrypt hash; make one with `htpasswd -nBC 10 \"\"`",
            ),
            (
                "tls_server_config: { cert_file: none.pem }",
                "web.yml:1:33: cannot read `none.pem`: No such file or directory (os error 2)",
            ),
            (
                "tls_server_config: {}",
                "web.yml:1:20: `tls_server_config` has no `cert_file`\nweb.yml:1:20: `tls_server_config` has no `key_file`",
            ),
            (
                "tls_server_config: { cert: a, key: b, min_version: TLS10 }",
                "web.yml:1:52: `TLS10` is not supported: use `TLS12` or `TLS13`",
            ),
            (
                "http_server_config: { headers: { Server: x } }",
                "web.yml:1:42: header `Server` cannot be set; those that can: Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(message.lines().next().unwrap()), "{error}");
        }
    }
}
