//! Where a server is and how to log in, in the words of libpq: URI or keywords, `PG*` variables, service file,
//! password file.
//!
//! Manual: "Database Connection Control Functions", "Environment Variables", "The Password File", "The Connection
//! Service File".

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use catalogue::suggest::did_you_mean;
use percent_encoding::percent_decode_str;

/// Connection parameters by their libpq name. Debug output hides the password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Dsn(BTreeMap<&'static str, String>);

/// The parameters that are used, each with its environment variable.
const KNOWN: [(&str, &str); 23] = [
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("service", "PGSERVICE"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
];

/// Parameters that change nothing here.
const IGNORED: [&str; 4] =
    ["client_encoding", "fallback_application_name", "gssencmode", "binary_parameters"];

impl Dsn {
    /// Reads a URI (`postgresql://…`) or keywords (`host=… user=…`). The error never quotes a value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let uri = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
        let pairs = match uri {
            Some(rest) => uri_pairs(rest)?,
            None => keyword_pairs(text)?,
        };
        let mut dsn = Self::default();
        for (name, value) in pairs {
            dsn.set(&name, value)?;
        }
        Ok(dsn)
    }

    /// Sets a parameter; unknown names are an error.
    pub fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        if IGNORED.contains(&name) {
            return Ok(());
        }
        let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            let known = KNOWN.iter().map(|(known, _)| *known);
            return Err(format!(
                "unknown connection parameter `{}`, {}",
                name.escape_debug(),
                did_you_mean(name, known)
            ));
        };
        self.0.insert(known, value);
        Ok(())
    }

    /// Takes over the parameters that another one sets.
    pub fn overlay(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, value)| (*name, value.clone())));
    }

    /// A parameter; empty is unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Fills what is not set from the service file, the environment and the defaults, in libpq's order.
    pub fn completed(mut self, environment: &Environment) -> Result<Self, String> {
        let service = self.get("service").map(str::to_owned).or_else(|| environment.variable("PGSERVICE"));
        if let Some(service) = service {
            for (name, value) in environment.service(&service)? {
                if self.get(&name).is_none() {
                    self.set(&name, value)?;
                }
            }
        }
        for (name, variable) in KNOWN {
            if let Some(value) = environment.variable(variable).filter(|_| self.get(name).is_none()) {
                self.0.insert(name, value);
            }
        }
        if self.get("host").is_none() && self.get("hostaddr").is_none() {
            self.0.insert("host", "localhost".to_owned());
        }
        if self.get("user").is_none() {
            let user = environment.variable("USER").or_else(|| environment.variable("LOGNAME"));
            self.0.insert("user", user.unwrap_or_else(|| "postgres".to_owned()));
        }
        if self.get("dbname").is_none() {
            self.0.insert("dbname", "postgres".to_owned());
        }
        Ok(self)
    }

    /// Host and port of the first server, which identify it to people.
    pub fn address(&self) -> String {
        let first = |name| self.get(name).and_then(|value| value.split(',').next());
        let host = first("host").or_else(|| first("hostaddr")).unwrap_or("localhost");
        format!("{host}:{}", first("port").unwrap_or("5432"))
    }

    /// The password: given, or from the password file, which is read anew each time.
    pub fn password(&self, environment: &Environment) -> Option<String> {
        if let Some(password) = self.get("password") {
            return Some(password.to_owned());
        }
        let default = || environment.home.as_ref().map(|home| home.join(".pgpass"));
        let path = self.get("passfile").map(PathBuf::from).or_else(default)?;
        let field =
            |name, default| self.get(name).and_then(|value| value.split(',').next()).unwrap_or(default);
        password_in(
            &path,
            [field("host", "localhost"), field("port", "5432"), field("dbname", ""), field("user", "")],
        )
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().filter(|(name, _)| **name != "password")).finish()
    }
}

/// What libpq reads besides the connection string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        let names = KNOWN.iter().map(|(_, variable)| *variable);
        let names = names.chain(["PGSERVICEFILE", "PGSYSCONFDIR", "USER", "LOGNAME"]);
        let variables = names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        Self { variables: variables.collect(), home: std::env::var_os("HOME").map(PathBuf::from) }
    }

    /// One that only knows these variables; for a target whose file says everything.
    pub fn of(variables: impl IntoIterator<Item = (&'static str, String)>, home: Option<PathBuf>) -> Self {
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            home,
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn service(&self, name: &str) -> Result<Vec<(String, String)>, String> {
        let files = [
            self.variable("PGSERVICEFILE").map(PathBuf::from),
            self.home.as_ref().map(|home| home.join(".pg_service.conf")),
            self.variable("PGSYSCONFDIR").map(|folder| Path::new(&folder).join("pg_service.conf")),
        ];
        for path in files.into_iter().flatten().filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("cannot read the service file `{}`: {error}", path.display()))?;
            let mut lines = text.lines().map(str::trim);
            if lines.any(|line| line == format!("[{name}]")) {
                let own = lines.take_while(|line| !line.starts_with('['));
                let own = own.filter(|line| !line.is_empty() && !line.starts_with('#'));
                let pairs = own.filter_map(|line| line.split_once('='));
                return Ok(pairs
                    .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                    .collect());
            }
        }
        Err(format!("no service file has the service `{name}`"))
    }
}

/// The password of the first line that matches host, port, database and user.
fn password_in(path: &Path, wanted: [&str; 4]) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "password file ignored: others may read it; chmod 0600");
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = unescaped_fields(line);
        let [host, port, database, user, password] = fields.as_slice() else { return None };
        let matches = |(field, wanted): (&String, &str)| field == "*" || field == wanted;
        [host, port, database, user].into_iter().zip(wanted).all(matches).then(|| password.clone())
    })
}

/// The fields of a line, separated by `:`; a backslash makes the next character plain.
fn unescaped_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, fields.len()) {
            (':', ..5) => fields.push(String::new()),
            ('\\', _) => fields.last_mut().into_iter().for_each(|field| field.extend(chars.next())),
            _ => fields.last_mut().into_iter().for_each(|field| field.push(c)),
        }
    }
    fields
}

type Pairs = Vec<(String, String)>;

/// `user:password@host1:port1,host2/dbname?name=value`, each part percent-encoded.
fn uri_pairs(rest: &str) -> Result<Pairs, String> {
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| "the connection URI is not UTF-8".to_owned())
    };
    let mut pairs = Vec::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) =
        authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    if let Some(user) = user {
        let (name, password) = user.split_once(':').map_or((user, None), |(name, word)| (name, Some(word)));
        pairs.push(("user".to_owned(), decoded(name)?));
        if let Some(password) = password {
            pairs.push(("password".to_owned(), decoded(password)?));
        }
    }
    if !hosts.is_empty() {
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            // An IPv6 address stands in brackets.
            let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
                Some((name, port)) => (name, port.strip_prefix(':').unwrap_or("")),
                None => host.split_once(':').unwrap_or((host, "")),
            };
            names.push(decoded(name)?);
            ports.push(port.to_owned());
        }
        pairs.push(("host".to_owned(), names.join(",")));
        if ports.iter().any(|port| !port.is_empty()) {
            let ports = ports.iter().map(|port| if port.is_empty() { "5432" } else { port });
            pairs.push(("port".to_owned(), ports.collect::<Vec<_>>().join(",")));
        }
    }
    if !database.is_empty() {
        pairs.push(("dbname".to_owned(), decoded(database)?));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("a parameter of the connection URI has no `=`")?;
        // libpq's own abbreviation for JDBC users.
        let (name, value) =
            if (name, value) == ("ssl", "true") { ("sslmode", "require") } else { (name, value) };
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(pairs)
}

/// `name = value name='value with blanks'`; a backslash makes the next character plain.
fn keyword_pairs(text: &str) -> Result<Pairs, String> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, tail) = rest.split_once('=').ok_or(
            "the connection string is neither a URI (`postgresql://…`) nor keywords (`host=… user=…`)",
        )?;
        let (value, tail) = keyword_value(tail.trim_start())?;
        pairs.push((name.trim().to_owned(), value));
        rest = tail.trim_start();
    }
    Ok(pairs)
}

fn keyword_value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if c.is_whitespace() && !quoted => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted { Err("a quote in the connection string is not closed".to_owned()) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Dsn::parse(text) {
            Ok(dsn) => {
                dsn.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error,
        }
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(
            shown("postgresql://mon:p%40ss:w@db1:6432,[::1]/app?sslmode=verify-full&options=-c%20a%3Db"),
            "dbname=app host=db1,::1 options=-c a=b password=p@ss:w port=6432,5432 sslmode=verify-full user=mon"
        );
        assert_eq!(shown("postgres:///app?host=/run/postgresql"), "dbname=app host=/run/postgresql");
        assert_eq!(
            shown(r"host = db1 user=mon password='it\'s \\' port=1"),
            r"host=db1 password=it's \ port=1 user=mon"
        );
    }

    #[test]
    fn mistakes_are_named_without_values() {
        assert_eq!(
            shown("host=a sslmod=require"),
            "unknown connection parameter `sslmod`, did you mean `sslmode`?"
        );
        assert!(shown("hunter2").starts_with("the connection string is neither"));
        assert_eq!(shown("host=a password='hunter2"), "a quote in the connection string is not closed");
        for text in ["hunter2", "host=a password='hunter2", "postgresql://u:hunter2@h/d?x"] {
            assert!(!shown(text).contains("hunter2"));
        }
        let dsn = Dsn::parse("postgresql://u:hunter2@h/d").unwrap();
        assert_eq!(format!("{dsn:?}"), r#"{"dbname": "d", "host": "h", "user": "u"}"#);
    }

    #[test]
    fn what_is_not_given_comes_from_service_file_environment_and_defaults() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".pg_service.conf"), "[a]\nhost=no\n\n[b]\n# x\nhost=svc\nport=1\n")
            .unwrap();
        let variables =
            [("PGUSER", "env".to_owned()), ("PGPORT", "2".to_owned()), ("PGSERVICE", "b".to_owned())];
        let environment = Environment::of(variables, Some(home.path().to_owned()));
        let dsn = Dsn::parse("dbname=x").unwrap().completed(&environment).unwrap();
        assert_eq!((dsn.address().as_str(), dsn.get("user")), ("svc:1", Some("env")));
        let other = Dsn::parse("service=none").unwrap().completed(&environment);
        assert_eq!(other.unwrap_err(), "no service file has the service `none`");
        let plain = Dsn::default().completed(&Environment::default()).unwrap();
        assert_eq!((plain.address().as_str(), plain.get("dbname")), ("localhost:5432", Some("postgres")));
    }

    #[test]
    fn the_password_file_is_read_as_libpq_does() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".pgpass");
        std::fs::write(&path, "# x\nother:*:*:mon:no\n*:5432:a\\:b:mon:p\\:a\\\\ss:w\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let environment = Environment::of([], Some(home.path().to_owned()));
        let dsn = Dsn::parse("host=h dbname=a:b user=mon").unwrap();
        assert_eq!(dsn.password(&environment).as_deref(), Some("p:a\\ss:w"));
        assert_eq!(Dsn::parse("host=h dbname=c user=mon").unwrap().password(&environment), None);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(dsn.password(&environment), None);
    }
}
