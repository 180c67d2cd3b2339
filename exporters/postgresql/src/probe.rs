//! What `/probe` may do: a stranger names a server, a module of the configuration says how to log in there.
//!
//! A target is a host, a port and a database. Nothing in it names a file, a socket or a service, and nothing but the
//! module gives credentials.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exporter_core::serve::{Refusal, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::task::AbortHandle;

use super::auth_request::Methods;
use super::config::AuthModule;
use super::dsn::Dsn;
use super::select::matches;
use super::target::Target;

/// Probed servers that are remembered, so that their connections can be used again.
const PROBED: usize = 256;

/// A server that nobody probes for this long is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// The length of a host name at most (RFC 1035, 2.3.4).
const HOST: usize = 253;

/// From weak to strong (manual, "Protection Provided in Different Modes").
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Parameters of files, sockets and services.
const FILES: [&str; 9] = [
    "passfile",
    "service",
    "servicefile",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslrootcert",
];

/// What a probe names.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    host: String,
    port: Option<u16>,
    database: Option<String>,
    sslmode: Option<&'static str>,
    connect_timeout: Option<u32>,
}

/// How a probe logs in: the parameters, and the requests of a server that are answered.
pub fn login(target: &str, module: &AuthModule) -> Result<(Dsn, Methods), Refusal> {
    let wrong = |error: String| Refusal::bad_request(format!("target: {error}"));
    let named = named(target).map_err(wrong)?;
    let methods = match &module.allowed_hosts {
        None => Methods::without_secrets(),
        Some(hosts) if hosts.iter().any(|pattern| allows(pattern, &named.host)) => Methods::default(),
        Some(_) => {
            let message = format!("`allowed_hosts` of the auth_module does not have `{}`", named.host);
            return Err(Refusal { status: StatusCode::FORBIDDEN, message });
        }
    };
    let mut dsn = module.parameters.clone();
    let sslmode = named.sslmode.map(|mode| no_weaker(mode, module)).transpose().map_err(wrong)?;
    let own = [
        ("host", Some(named.host)),
        ("port", named.port.map(|port| port.to_string())),
        ("dbname", named.database),
        ("sslmode", sslmode.map(str::to_owned)),
        ("connect_timeout", named.connect_timeout.map(|seconds| seconds.to_string())),
    ];
    for (name, value) in own.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        dsn.set(name, value).map_err(wrong)?;
    }
    Ok((dsn, methods))
}

/// The `sslmode` of a target, which protects no less than that of the module.
fn no_weaker(mode: &'static str, module: &AuthModule) -> Result<&'static str, String> {
    let strength = |mode: &str| MODES.iter().position(|known| *known == mode).unwrap_or(MODES.len());
    let root = module.parameters.get("sslrootcert");
    let own =
        module.parameters.get("sslmode").or(root.filter(|root| *root == "system").and(Some("verify-full")));
    if let Some(own) = own.filter(|own| strength(mode) < strength(own)) {
        return Err(format!("`sslmode={mode}` is weaker than that of the auth_module, `{own}`"));
    }
    // Without this, a default file would be read because a stranger says so.
    let verifies = |mode: &str| mode.starts_with("verify");
    if verifies(mode) && root.is_none() && !own.is_some_and(verifies) {
        return Err(format!("`sslmode={mode}` needs `sslrootcert` among the options of the auth_module"));
    }
    Ok(mode)
}

/// Reads `host:port/database?sslmode=…`, with or without `postgresql://` before it. Errors quote names of parameters
/// only, for a stranger may have pasted a password.
fn named(target: &str) -> Result<Named, String> {
    let rest = ["postgresql://", "postgres://"].iter().find_map(|scheme| target.strip_prefix(scheme));
    let rest = rest.unwrap_or(target);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if place.contains('@') {
        return Err("user and password come from the auth_module: leave them away".to_owned());
    }
    if place.contains('=') || place.contains(char::is_whitespace) {
        return Err("it is not a host, as in `db1.example:5432/postgres`; keywords are not taken".to_owned());
    }
    let (address, database) = place.split_once('/').unwrap_or((place, ""));
    let (host, port) = match address.strip_prefix('[') {
        Some(address) => {
            let (host, port) = address.split_once(']').ok_or("a bracket of the address is not closed")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| "what is in brackets is no IPv6 address")?;
            (
                host,
                if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or("no port after `]`")?) },
            )
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name =
        host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && host.chars().all(plain);
    if host.len() > HOST || !(is_name || host.parse::<IpAddr>().is_ok()) {
        return Err("one host is named, by its name or address; sockets and lists are not taken".to_owned());
    }
    let port = port
        .map(|port| port.parse().ok().filter(|port| *port != 0).ok_or("the port is no number up to 65535"));
    let database = percent_decode_str(database).decode_utf8().map_err(|_| "the database is not UTF-8")?;
    if database.contains('\0') {
        return Err("the name of the database has a zero".to_owned());
    }
    let mut named = Named {
        host: host.to_ascii_lowercase(),
        port: port.transpose()?,
        database: Some(database.into_owned()).filter(|database| !database.is_empty()),
        sslmode: None,
        connect_timeout: None,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("a parameter has no `=`")?;
        match name {
            "sslmode" => {
                let mode = MODES.into_iter().find(|mode| *mode == value);
                named.sslmode =
                    Some(mode.ok_or_else(|| format!("`sslmode` is one of {}", MODES.join(", ")))?);
            }
            "connect_timeout" => {
                let seconds = value.parse().ok().filter(|seconds| (1..=60).contains(seconds));
                named.connect_timeout =
                    Some(seconds.ok_or("`connect_timeout` is a number of seconds from 1 to 60")?);
            }
            _ => return Err(refused(name)),
        }
    }
    Ok(named)
}

/// Why a target may not have this parameter.
fn refused(name: &str) -> String {
    let shown = name.escape_debug();
    match name {
        "user" | "password" => format!("`{shown}` comes from the auth_module"),
        "host" | "hostaddr" | "port" | "dbname" => format!("`{shown}` stands before the `?`"),
        _ if FILES.contains(&name) => {
            format!("a request names no file: `{shown}` belongs among the options of the auth_module")
        }
        _ => "a target has `sslmode` and `connect_timeout` as parameters; others belong among the options of the \
              auth_module"
            .to_owned(),
    }
}

/// Whether a pattern with `*` allows a host. One of digits means addresses: `10.*` does not allow `10.evil.example`.
fn allows(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let is_address = pattern != "*" && pattern.chars().all(|c| c.is_ascii_digit() || ".:*".contains(c));
    (!is_address || host.parse::<IpAddr>().is_ok()) && matches(&pattern, host)
}

/// Servers that were probed, by the target and the module that were named. Each is forgotten by itself.
#[derive(Debug, Clone, Default)]
pub struct Probed(Arc<Mutex<HashMap<Key, Remembered>>>);

type Key = (String, String);

#[derive(Debug)]
struct Remembered {
    target: Arc<Target>,
    used: tokio::time::Instant,
    forgetting: AbortHandle,
}

impl Drop for Remembered {
    fn drop(&mut self) {
        self.forgetting.abort();
    }
}

impl Probed {
    /// The server, which is made when it is not known.
    pub fn get(
        &self,
        target: &str,
        module: &str,
        make: impl FnOnce() -> Result<Arc<Target>, Refusal>,
    ) -> Result<Arc<Target>, Refusal> {
        let key = (target.to_owned(), module.to_owned());
        let mut probed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let target = match probed.remove(&key) {
            Some(known) => Arc::clone(&known.target),
            None => make()?,
        };
        if probed.len() >= PROBED {
            let oldest = probed.iter().min_by_key(|(_, known)| known.used).map(|(key, _)| key.clone());
            oldest.map(|oldest| probed.remove(&oldest));
        }
        let (all, forgotten) = (self.clone(), key.clone());
        let forget = tokio::spawn(async move {
            tokio::time::sleep(FORGOTTEN).await;
            all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&forgotten);
        });
        let remembered = Remembered {
            target: Arc::clone(&target),
            used: tokio::time::Instant::now(),
            forgetting: forget.abort_handle(),
        };
        probed.insert(key, remembered);
        Ok(target)
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(options: &str, hosts: Option<&[&str]>) -> AuthModule {
        AuthModule {
            parameters: Dsn::parse(&format!("user=u password=hunter2 {options}")).unwrap(),
            password_file: None,
            allowed_hosts: hosts.map(|hosts| hosts.iter().map(|host| (*host).to_owned()).collect()),
        }
    }

    fn shown(target: &str, options: &str) -> String {
        match login(target, &module(options, None)) {
            Ok((dsn, methods)) => {
                assert_eq!(methods, Methods::without_secrets());
                ["host", "port", "dbname", "sslmode", "connect_timeout"]
                    .map(|name| dsn.get(name).unwrap_or("-"))
                    .join(" ")
            }
            Err(refusal) => refusal.message,
        }
    }

    #[test]
    fn a_target_is_host_port_and_database() {
        for (target, what) in [
            ("db1", "db1 - - - -"),
            ("DB1.Example:6432", "db1.example 6432 - - -"),
            ("postgresql://db1/a%20b", "db1 - a b - -"),
            ("db1:5432/db?sslmode=disable&connect_timeout=3", "db1 5432 db disable 3"),
            ("[::1]:5432/db?", "::1 5432 db - -"),
            ("127.0.0.1/a", "127.0.0.1 - a - -"),
        ] {
            assert_eq!(shown(target, ""), what, "{target}");
        }
    }

    #[test]
    fn whatever_else_a_target_has_is_refused_with_a_reason() {
        for (target, why) in [
            ("host=db1 password=hunter2", "keywords are not taken"),
            ("service=x", "keywords are not taken"),
            ("hunter2@db1", "come from the auth_module"),
            ("postgresql://u:hunter2@db1/d", "come from the auth_module"),
            ("", "one host is named"),
            ("/run/postgresql", "one host is named"),
            ("%2Frun%2Fpostgresql", "one host is named"),
            ("a,b", "one host is named"),
            ("http://db1", "the port is no number"),
            ("db1:0", "the port is no number"),
            ("db1:5432,1", "the port is no number"),
            ("[fe80::1%25eth0]:1", "no IPv6 address"),
            ("db1?sslrootcert=/dev/zero", "a request names no file: `sslrootcert`"),
            ("db1?passfile=x", "a request names no file"),
            ("db1?password=hunter2", "`password` comes from the auth_module"),
            ("db1?hostaddr=1.2.3.4", "`hostaddr` stands before the `?`"),
            ("db1?application_name=x", "belong among the options"),
            ("db1?options=-c%20x", "belong among the options"),
            ("db1?sslmode=off", "`sslmode` is one of"),
            ("db1?connect_timeout=0", "from 1 to 60"),
            ("db1?sslmode=verify-full", "needs `sslrootcert`"),
            ("db1/a%00", "has a zero"),
        ] {
            let said = shown(target, "");
            assert!(said.contains(why) && !said.contains("hunter2"), "{target}: {said}");
        }
    }

    #[test]
    fn a_target_never_weakens_what_the_module_asks_for() {
        for (own, mode, fine) in [
            ("", "disable", true),
            ("sslmode=require", "disable", false),
            ("sslmode=require", "prefer", false),
            ("sslmode=require", "require", true),
            ("sslmode=verify-ca", "verify-full", true),
            ("sslmode=verify-full", "require", false),
            ("sslrootcert=system", "require", false),
        ] {
            let said = shown(&format!("db1?sslmode={mode}"), own);
            assert_eq!(said.contains("is weaker than"), !fine, "{own} {mode}: {said}");
        }
        assert_eq!(shown("db1", "sslmode=require"), "db1 - - require -");
    }

    #[test]
    fn only_allowed_hosts_see_more_than_scram() {
        let module = module("", Some(&["*.db.example", "10.1.*", "fd00::*", "one"]));
        for (host, fine) in [
            ("a.db.example", true),
            ("A.DB.Example:1", true),
            ("one", true),
            ("10.1.2.3", true),
            ("[fd00::1]", true),
            ("db.example", false),
            ("a.db.example.evil", false),
            ("10.1.evil.example", false),
            ("10.2.0.1", false),
            ("onemore", false),
        ] {
            match login(host, &module) {
                Ok((_, methods)) => assert!(fine && methods == Methods::default(), "{host}"),
                Err(refusal) => assert!(!fine && refusal.status == StatusCode::FORBIDDEN, "{host}"),
            }
        }
    }
}
