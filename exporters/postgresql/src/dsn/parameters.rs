//! Every connection parameter of libpq: what it may be here, or why it is refused. Nothing is accepted and ignored.
//!
//! Manual: "Parameter Key Words", "Environment Variables".

use std::net::{IpAddr, Ipv6Addr};

use catalogue::suggest::closest;

use crate::auth_request;

/// A parameter by its libpq name, with its environment variable, or an empty text.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) variable: &'static str,
    accepts: Accepts,
}

/// What a parameter may be.
enum Accepts {
    /// Any text.
    Text,
    /// A text that no message shows and that may hold anything.
    Secret,
    /// A whole number that is not negative.
    Number,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Host names, addresses or folders of sockets, separated by commas.
    Hosts,
    /// IP addresses, separated by commas.
    Addresses,
    /// Ports, separated by commas.
    Ports,
    /// Ways of logging in.
    Methods,
    /// Settings of the session, none of which the exporter makes itself.
    Options,
    /// These words mean what happens anyway; anything else cannot be had, for this reason.
    Only(&'static [&'static str], &'static str),
    /// Cannot be had, for this reason.
    Never(&'static str),
}

use Accepts::{Addresses, Hosts, Methods, Never, Number, Only, Options, Ports, Secret, Text, Words};

const fn parameter(name: &'static str, variable: &'static str, accepts: Accepts) -> Parameter {
    Parameter { name, variable, accepts }
}

const SWITCH: Accepts = Words(&["0", "1"]);
const NO_GSS: &str = "GSSAPI is not spoken";
const NO_OAUTH: &str = "OAuth is not spoken; use a password, `passfile` or a client certificate";
const TLS_VERSIONS: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// What the exporter sets in each of its sessions, so that nobody else can.
const OWN: [&str; 6] = [
    "default_transaction_read_only",
    "idle_in_transaction_session_timeout",
    "jit",
    "lock_timeout",
    "search_path",
    "statement_timeout",
];

/// Other settings that drivers take among the parameters of a connection.
const RUN_TIME: [&str; 12] = [
    "client_min_messages",
    "datestyle",
    "default_transaction_isolation",
    "extra_float_digits",
    "geqo",
    "intervalstyle",
    "log_statement",
    "role",
    "session_authorization",
    "standard_conforming_strings",
    "timezone",
    "work_mem",
];

/// By name.
pub(super) const PARAMETERS: [Parameter; 52] = [
    parameter("application_name", "PGAPPNAME", Text),
    parameter("binary_parameters", "", Only(&["yes", "no"], "it is a setting of another driver")),
    parameter("channel_binding", "PGCHANNELBINDING", Words(&["disable", "prefer", "require"])),
    parameter(
        "client_encoding",
        "PGCLIENTENCODING",
        Only(&["auto", "UTF8", "utf8", "UTF-8", "utf-8"], "the exporter reads UTF-8"),
    ),
    parameter("connect_timeout", "PGCONNECT_TIMEOUT", Number),
    parameter("dbname", "PGDATABASE", Text),
    parameter("fallback_application_name", "", Text),
    parameter("gssdelegation", "PGGSSDELEGATION", Only(&["0"], NO_GSS)),
    parameter("gssencmode", "PGGSSENCMODE", Only(&["disable", "prefer"], NO_GSS)),
    parameter("gsslib", "PGGSSLIB", Never(NO_GSS)),
    parameter("host", "PGHOST", Hosts),
    parameter("hostaddr", "PGHOSTADDR", Addresses),
    parameter("keepalives", "", SWITCH),
    parameter("keepalives_count", "", Number),
    parameter("keepalives_idle", "", Number),
    parameter("keepalives_interval", "", Number),
    parameter("krbsrvname", "PGKRBSRVNAME", Never(NO_GSS)),
    parameter("load_balance_hosts", "PGLOADBALANCEHOSTS", Words(&["disable", "random"])),
    parameter(
        "max_protocol_version",
        "PGMAXPROTOCOLVERSION",
        Only(&["3.0", "3.2", "latest"], "the exporter speaks protocol 3.0"),
    ),
    parameter(
        "min_protocol_version",
        "PGMINPROTOCOLVERSION",
        Only(&["3.0"], "the exporter speaks protocol 3.0"),
    ),
    parameter("oauth_client_id", "", Never(NO_OAUTH)),
    parameter("oauth_client_secret", "", Never(NO_OAUTH)),
    parameter("oauth_issuer", "", Never(NO_OAUTH)),
    parameter("oauth_scope", "", Never(NO_OAUTH)),
    parameter("options", "PGOPTIONS", Options),
    parameter("passfile", "PGPASSFILE", Text),
    parameter("password", "PGPASSWORD", Secret),
    parameter("port", "PGPORT", Ports),
    parameter(
        "replication",
        "",
        Only(&["false", "off", "no", "0"], "a replication connection runs no queries"),
    ),
    parameter("require_auth", "PGREQUIREAUTH", Methods),
    parameter(
        "requirepeer",
        "PGREQUIREPEER",
        Never(
            "the owner of a socket is not checked; keep others out of its folder, or use TLS with `sslmode=verify-full`",
        ),
    ),
    parameter("scram_client_key", "", Never("SCRAM starts from the password; use `password` or `passfile`")),
    parameter("scram_server_key", "", Never("SCRAM starts from the password; use `password` or `passfile`")),
    parameter("service", "PGSERVICE", Text),
    parameter("servicefile", "PGSERVICEFILE", Text),
    parameter(
        "ssl_max_protocol_version",
        "PGSSLMAXPROTOCOLVERSION",
        Only(&["TLSv1.2", "TLSv1.3"], "TLS before 1.2 is not spoken"),
    ),
    parameter("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Words(TLS_VERSIONS)),
    parameter("sslcert", "PGSSLCERT", Text),
    parameter(
        "sslcertmode",
        "PGSSLCERTMODE",
        Only(&["allow"], "a certificate is shown when `sslcert` names one; leave that away to show none"),
    ),
    parameter("sslcompression", "PGSSLCOMPRESSION", Only(&["0"], "compression of TLS is not safe")),
    parameter("sslcrl", "PGSSLCRL", Text),
    parameter("sslcrldir", "PGSSLCRLDIR", Never("no folder of lists is read; name one file in `sslcrl`")),
    parameter("sslkey", "PGSSLKEY", Text),
    parameter("sslkeylogfile", "", Never("keys are never written to a file")),
    parameter(
        "sslmode",
        "PGSSLMODE",
        Words(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
    ),
    parameter("sslnegotiation", "PGSSLNEGOTIATION", Words(&["postgres", "direct"])),
    parameter(
        "sslpassword",
        "",
        Never(
            "keys with a password are not read; write the key without one, with `openssl pkey`, readable for the exporter alone",
        ),
    ),
    parameter("sslrootcert", "PGSSLROOTCERT", Text),
    parameter("sslsni", "PGSSLSNI", SWITCH),
    parameter(
        "target_session_attrs",
        "PGTARGETSESSIONATTRS",
        Words(&["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]),
    ),
    parameter("tcp_user_timeout", "", Number),
    parameter("user", "PGUSER", Text),
];

/// The parameter of that name.
pub(super) fn named(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|known| known.name == name)
}

/// Why there is no parameter of that name. The name is part of a text that may hold a password with a blank: it is
/// quoted only where it must be a misspelt parameter, which the caller knows.
pub(super) fn unknown(name: &str, may_be_secret: bool) -> String {
    let lower = name.to_lowercase();
    if let Some(own) = OWN.into_iter().find(|own| *own == lower) {
        return format!("the exporter sets `{own}` itself, for the good of the server: leave it away");
    }
    if let Some(setting) = RUN_TIME.into_iter().find(|setting| *setting == lower) {
        return format!(
            "`{setting}` is no connection parameter but a setting: write `options='-c {setting}=…'`"
        );
    }
    match closest(name, PARAMETERS.iter().map(|known| known.name)) {
        Some(known) if !may_be_secret => {
            format!("unknown connection parameter `{}`, did you mean `{known}`?", name.escape_debug())
        }
        _ if may_be_secret => {
            "unknown connection parameter behind the password; a password with a blank stands in quotes"
                .to_owned()
        }
        _ => "unknown connection parameter; those of libpq are known here".to_owned(),
    }
}

impl Parameter {
    /// Refuses a value that the parameter cannot have. The error never quotes it.
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        let name = self.name;
        if value.is_empty() {
            return Ok(());
        }
        let wrong = |rest: String| Err(format!("connection parameter `{name}` {rest}"));
        let each = |fits: fn(&str) -> bool| value.split(',').all(|part| part.is_empty() || fits(part));
        let lower = value.to_lowercase();
        let blended = ["password=", "passwd=", "pwd=", "://"].iter().any(|sign| lower.contains(sign));
        if blended && !matches!(self.accepts, Secret | Options) {
            return wrong(
                "holds what looks like another one; blanks separate keywords, and `&` the parameters of a URI".to_owned(),
            );
        }
        match &self.accepts {
            Text | Secret => Ok(()),
            Methods => auth_request::Methods::parse(value).map(drop),
            Number if value.parse::<u32>().is_ok() => Ok(()),
            Number => wrong("is not a whole number".to_owned()),
            Words(words) if words.contains(&value) => Ok(()),
            Words(words) => wrong(format!("can be {}", words.join(", "))),
            Only(words, _) if words.contains(&value) => Ok(()),
            Only(words, reason) => wrong(format!("can be {} here: {reason}", words.join(", "))),
            Never(reason) => wrong(format!("is not supported: {reason}")),
            Hosts if each(is_host) => Ok(()),
            Hosts => wrong("has a character that no host name has".to_owned()),
            Addresses if each(|part| part.parse::<IpAddr>().is_ok()) => Ok(()),
            Addresses => wrong("is not an IP address".to_owned()),
            Ports if each(|part| part.parse().is_ok_and(|port: u16| port > 0)) => Ok(()),
            Ports => wrong(
                "is not a port; a `/`, `?`, `#` or `@` in a password is written as %2F, %3F, %23 or %40"
                    .to_owned(),
            ),
            Options => match OWN.into_iter().find(|own| sets(&lower, own)) {
                Some(own) => {
                    wrong(format!("sets `{own}`, which the exporter sets itself, for the good of the server"))
                }
                None => Ok(()),
            },
        }
    }
}

/// A name, an address, or the folder of a socket.
fn is_host(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    text.starts_with('/')
        || text.chars().all(plain)
        || (text.chars().all(|c| plain(c) || c == ':' || c == '%') && address.parse::<Ipv6Addr>().is_ok())
}

/// Whether options of the server's command line set a parameter: `-c name=…`, `-cname=…`, `--name=…`.
fn sets(options: &str, name: &str) -> bool {
    let mut words = options.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            Some("") => words.peek().copied().unwrap_or_default(),
            Some(setting) => setting,
            None => continue,
        };
        if setting.split_once('=').is_some_and(|(set, _)| set.replace('-', "_") == name) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order_and_unique() {
        assert!(PARAMETERS.is_sorted_by(|one, next| one.name < next.name));
    }

    #[test]
    fn each_works_or_says_why_not() {
        let check = |name: &str, value: &str| named(name).unwrap().check(value).err().unwrap_or_default();
        for (name, good, bad, why) in [
            ("sslmode", "verify-full", "full", "can be disable, allow"),
            ("sslnegotiation", "direct", "fast", "can be postgres, direct"),
            ("target_session_attrs", "prefer-standby", "leader", "prefer-standby"),
            ("ssl_min_protocol_version", "TLSv1.3", "1.3", "can be TLSv1,"),
            ("ssl_max_protocol_version", "TLSv1.2", "TLSv1.1", "TLS before 1.2 is not spoken"),
            ("sslsni", "0", "off", "can be 0, 1"),
            ("keepalives", "0", "no", "can be 0, 1"),
            ("connect_timeout", "3", "3s", "is not a whole number"),
            ("gssencmode", "prefer", "require", "GSSAPI is not spoken"),
            ("client_encoding", "UTF8", "LATIN1", "reads UTF-8"),
            ("replication", "off", "database", "runs no queries"),
            ("sslpassword", "", "x", "keys with a password are not read"),
            ("require_auth", "scram-sha-256,none", "scram", "`require_auth` has a name that does not exist"),
            ("requirepeer", "", "postgres", "owner of a socket"),
            ("sslcrldir", "", "/x", "name one file in `sslcrl`"),
            ("oauth_issuer", "", "x", "OAuth"),
            ("options", "-c timezone=UTC", "-c lock_timeout=1h", "sets `lock_timeout`"),
            ("options", "-ctimezone=UTC", "--statement-timeout=0", "sets `statement_timeout`"),
            ("options", "--x.search_path=a", "-csearch_path=a", "sets `search_path`"),
            ("port", "5432,", "70000", "is not a port"),
            ("hostaddr", "::1,10.0.0.1", "db1", "is not an IP address"),
            ("host", "db-1.example,::1,fe80::1%eth0,/run/x", "h;password=x", "looks like another one"),
            ("host", "db_1", "u:p@h", "no host name has"),
            ("dbname", "a b", "d password=x", "looks like another one"),
        ] {
            assert_eq!(check(name, good), "", "{name}={good}");
            assert!(check(name, bad).contains(why), "{name}={bad}: {}", check(name, bad));
        }
    }

    #[test]
    fn settings_of_a_session_are_named() {
        assert!(unknown("search_path", true).contains("the exporter sets `search_path` itself"));
        assert!(unknown("TimeZone", false).contains("`options='-c timezone=…'`"));
    }
}
