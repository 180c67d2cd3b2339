//! Where a server is and how to log in, in the words of libpq: connection string, `PG*` variables, service file,
//! password file.
//!
//! Manual: "Database Connection Control Functions".

mod environment;
mod parameters;
mod parse;
mod pgpass;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub use environment::Environment;
use parameters::{PARAMETERS, named, unknown};

/// Connection parameters by their libpq name. Debug output shows only what leads to the server.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Dsn(BTreeMap<&'static str, String>);

/// One of the servers of a connection string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name, address, or folder of a socket.
    pub host: String,
    /// Address that spares looking up the name.
    pub address: Option<String>,
    /// Port.
    pub port: u16,
}

impl Place {
    /// Whether it is a socket of this machine.
    pub fn is_socket(&self) -> bool {
        self.address.is_none() && self.host.starts_with('/')
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Dsn {
    /// Reads a URI (`postgresql://…`) or keywords (`host=… user=…`). The error never quotes a value.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Self::parse_list(text)?.as_slice() {
            [] => Ok(Self::default()),
            [dsn] => Ok(dsn.clone()),
            several => Err(format!(
                "{} connection strings, separated by commas, where one can stand: make each a target of its own",
                several.len()
            )),
        }
    }

    /// Reads connection strings that commas separate, as `postgres_exporter` does.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let list: Vec<Self> =
            parse::split(text).into_iter().map(Self::parse_one).collect::<Result<_, _>>()?;
        let names_server =
            |dsn: &Self| ["host", "hostaddr", "service"].iter().any(|name| dsn.get(name).is_some());
        if list.len() > 1 && !list.iter().all(names_server) {
            return Err(
                "a comma stands between keywords, or a connection string of a list names no host; blanks \
                        separate keywords"
                    .to_owned(),
            );
        }
        Ok(list)
    }

    fn parse_one(text: &str) -> Result<Self, String> {
        let mut dsn = Self::default();
        for (name, value) in parse::pairs(text)? {
            dsn.set(&name, value)?;
        }
        dsn.places()?;
        Ok(dsn)
    }

    /// Sets a parameter; a name that is unknown and a value that cannot be are errors, which never quote a value.
    pub fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        // Behind a password, a name may be the rest of it.
        let parameter = named(name).ok_or_else(|| unknown(name, self.0.contains_key("password")))?;
        parameter.check(&value)?;
        self.0.insert(parameter.name, value);
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

    /// A parameter that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Fills what is not set from the service file, the environment and the defaults, in libpq's order.
    pub fn completed(mut self, environment: &Environment) -> Result<Self, String> {
        let own = |name: &str, variable| {
            self.get(name).map(str::to_owned).or_else(|| environment.variable(variable))
        };
        let file = own("servicefile", "PGSERVICEFILE");
        if let Some(service) = own("service", "PGSERVICE") {
            let mut found = Self::default();
            for (name, value) in environment.service(&service, file)? {
                found.set(&name, value).map_err(|error| format!("service `{service}`: {error}"))?;
            }
            found.overlay(&self);
            self = found;
        }
        for parameter in &PARAMETERS {
            let value =
                environment.variable(parameter.variable).filter(|_| self.get(parameter.name).is_none());
            if let Some(value) = value {
                self.set(parameter.name, value)
                    .map_err(|error| format!("{}: {error}", parameter.variable))?;
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
        self.places()?;
        Ok(self)
    }

    /// The servers, in their order; more than one where `host` or `hostaddr` is a list.
    pub fn places(&self) -> Result<Vec<Place>, String> {
        let list =
            |name: &str| self.get(name).map_or(Vec::new(), |value| value.split(',').collect::<Vec<_>>());
        let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
        let count = hosts.len().max(addresses.len()).max(1);
        for (what, length) in [("hosts", hosts.len()), ("addresses", addresses.len()), ("ports", ports.len())]
        {
            if length != count && length > usize::from(what == "ports") {
                return Err(format!("{length} {what} for {count} servers"));
            }
        }
        let place = |at: usize| {
            let of =
                |list: &[&str]| list.get(at).filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
            let address = of(&addresses);
            let port = of(&ports)
                .or_else(|| ports.first().filter(|_| ports.len() == 1).map(|port| (*port).to_owned()));
            Place {
                host: of(&hosts).or_else(|| address.clone()).unwrap_or_else(|| "localhost".to_owned()),
                address,
                port: port.and_then(|port| port.parse().ok()).unwrap_or(5432),
            }
        };
        Ok((0..count).map(place).collect())
    }

    /// Hosts and ports of the servers, which identify them to people.
    pub fn address(&self) -> String {
        let places: Vec<_> = self.places().unwrap_or_default().iter().map(Place::to_string).collect();
        places.join(",")
    }

    /// The password for a database of a server: given, or from the password file, which is read anew each time.
    pub fn password(&self, environment: &Environment, place: &Place, database: &str) -> Option<String> {
        if let Some(password) = self.get("password") {
            return Some(password.to_owned());
        }
        let default = || environment.home.as_ref().map(|home| home.join(".pgpass"));
        let path = self.get("passfile").map(PathBuf::from).or_else(default)?;
        // A socket in libpq's own folder is `localhost` in the file.
        let local = place.is_socket()
            && ["/tmp", "/run/postgresql", "/var/run/postgresql"].contains(&place.host.as_str());
        let host = if local { "localhost" } else { &place.host };
        let (port, user) = (place.port.to_string(), self.get("user").unwrap_or_default());
        // A line for the database of the connection string counts for those that are found on the server, too.
        [database, self.get("dbname").unwrap_or_default()]
            .into_iter()
            .find_map(|database| pgpass::password_in(&path, [host, &port, database, user]))
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = ["dbname", "host", "hostaddr", "port", "user"];
        f.debug_map().entries(self.0.iter().filter(|(name, _)| shown.contains(name))).finish()
    }
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
        assert!(shown("host=a password=x usr=y").ends_with("a password with a blank stands in quotes"));
        assert!(shown("host=a,host=b").starts_with("2 connection strings"));
        assert_eq!(shown("host=a,b,c port=1,2"), "2 ports for 3 servers");
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
        let first =
            |dsn: &Dsn| dsn.password(&environment, &dsn.places().unwrap()[0], dsn.get("dbname").unwrap());
        assert_eq!(first(&dsn).as_deref(), Some("p:a\\ss:w"));
        assert_eq!(first(&Dsn::parse("host=h dbname=c user=mon").unwrap()), None);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(first(&dsn), None);
    }

    #[test]
    fn each_server_has_its_line_in_the_password_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".pgpass");
        std::fs::write(&path, "a:1:*:mon:one\nb:2:*:mon:two\nlocalhost:5432:*:mon:three\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let environment = Environment::of([], Some(home.path().to_owned()));
        let dsn = Dsn::parse("host=a,b,/run/postgresql port=1,2,5432 user=mon").unwrap();
        let word = |place: &Place| dsn.password(&environment, place, "x").unwrap();
        assert_eq!(dsn.places().unwrap().iter().map(word).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(dsn.address(), "a:1,b:2,/run/postgresql:5432");
    }

    /// Ways to write a connection string that people try, right and wrong; `{}` is the password as it is.
    const FORMS: [&str; 37] = [
        "postgresql://u:{}@h/d",
        "postgresql://u:{}@h:5432/d?sslmode=disable",
        "postgres://u:{}@h1,h2:1/d",
        "postgres://u:{}@h1/d,postgres://u:{}@h2/d",
        "postgres://u:{}@h1/d, host=h2 user=u password={}",
        "host=h1 user=u password={},host=h2 user=u password={}",
        "postgresql://u:{}@/d",
        "postgresql://u:{}@[::1/d",
        "postgresql://u:{}@h/d sslmode=disable password={}",
        "postgresql://u@h/d password={}",
        "postgresql://u@h/d&password={}",
        "postgresql://u@h/d;password={}",
        "postgresql://u@h/d?sslmode=disable&amp;password={}",
        "postgresql://u@h/d?sslmode=disable;password={}",
        "postgresql://u@h/d?sslmode=disable,password={}",
        "postgresql://u@h/d?password={}",
        "postgresql://u@h/d?pasword={}",
        "postgresql:/u:{}@h/d?sslmode=disable",
        "postgresql//u:{}@h/d?sslmode=disable",
        "postgres:u:{}@h/d?sslmode=disable",
        "POSTGRES://u:{}@h/d?sslmode=disable",
        "jdbc:postgresql://h/d?user=u&password={}",
        "\"postgresql://u:{}@h/d?sslmode=disable\"",
        "u:{}@h/d?sslmode=disable",
        "host=h user=u password={}",
        "host=h user=u password={} dbname=d",
        "host=h user=u password='{}' dbname=d",
        "host=h user=u password='{} dbname=d",
        "host=h user=u password={}' dbname='d",
        "host=h user=u pasword={} dbname=d",
        "host=h user=u sslpassword={} dbname=d",
        "host=h;user=u;password={};dbname=d",
        "host=h, user=u, password={}, dbname=d",
        "host=u:{}@h dbname=d",
        "host=h port=x password={}",
        "password={} host=h sslmode=never",
        "{}",
    ];

    proptest::proptest! {
        /// Neither an error nor anything that is shown, resolved, or sent in the clear has a part of the password.
        #[test]
        fn passwords_stay_where_they_belong(
            form in proptest::sample::select(FORMS.as_slice()),
            parts in proptest::collection::vec("[qxzQXZ][0-9][qxzQXZ][0-9]{2}", 1..4),
            between in proptest::collection::vec("[ /?@#:,;=&%+\\\\'\"\\[\\]!$]", 3),
        ) {
            let glue = between.iter().map(String::as_str).chain([""]);
            let secret: String = parts.iter().map(String::as_str).zip(glue).flat_map(|(part, glue)| [part, glue]).collect();
            let text = form.replace("{}", &secret);
            let seen = match Dsn::parse_list(&text) {
                Err(error) => error,
                Ok(list) => list.iter().map(|dsn| {
                    let known = dsn.0.iter().filter(|(name, _)| !name.ends_with("password"));
                    format!("{dsn:?} {} {:?}", dsn.address(), known.collect::<Vec<_>>())
                }).collect(),
            };
            for part in &parts {
                proptest::prop_assert!(!seen.contains(part.as_str()), "{text} shows {part}: {seen}");
            }
        }
    }
}
