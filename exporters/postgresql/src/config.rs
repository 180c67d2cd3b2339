//! The configuration file: named servers, and credentials for `/probe`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalogue::decode::{Fields, entries, list, text};
use catalogue::problem::{Problem, Problems};
use catalogue::text::Text;
use catalogue::yaml::{Node, Value};

use super::dsn::Dsn;
use super::select::Databases;
use exporter_core::config::{decode, read, secret};

/// The file's content.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The servers.
    pub targets: Vec<Server>,
    /// Names of servers that are gone on purpose, so that no alert expects them.
    pub removed_targets: Vec<String>,
    /// Credentials by the name that a probe gives.
    pub auth_modules: BTreeMap<String, AuthModule>,
}

/// One named server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The value of the label `target`.
    pub name: String,
    /// Where it is.
    pub dsn: Dsn,
    /// A file with the password, read at each login.
    pub password_file: Option<PathBuf>,
    /// Which databases; `None` where the flags decide.
    pub databases: Option<Databases>,
    /// Collectors to switch on or off here.
    pub collectors: Vec<(String, bool)>,
    /// Connections at most.
    pub max_connections: Option<usize>,
}

/// How a probe logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthModule {
    /// User, password and other connection parameters.
    pub parameters: Dsn,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Patterns of hosts that may see the password; without them it goes nowhere, and SCRAM and certificates are used.
    pub allowed_hosts: Option<Vec<String>>,
}

impl Config {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.auth_modules.is_empty()
    }

    /// Reads the file. Relative paths in it start from its folder.
    pub fn read(path: &Path) -> Result<Self, String> {
        let source = read(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        if source.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        decode(&source, |node, problems| config(node, folder, problems))
    }
}

fn config(node: &Node, folder: &Path, problems: &mut Problems) -> Option<Config> {
    let mut fields = Fields::of(node, problems)?;
    let mut targets: Vec<Server> = Vec::new();
    if let Some(node) = fields.optional("targets") {
        for node in list(node, fields.problems()) {
            let Some(server) = server(node, folder, fields.problems()) else { continue };
            if targets.iter().any(|known| known.name == server.name) {
                let message = format!("two targets have the name `{}`", server.name);
                fields.problems().push(Problem::error("yaml/value", node.place(), message));
            }
            targets.push(server);
        }
    }
    let removed_targets = texts(&mut fields, "removed_targets");
    let mut auth_modules = BTreeMap::new();
    if let Some(node) = fields.optional("auth_modules") {
        for (name, node) in entries(node, fields.problems()) {
            let module = auth_module(node, folder, fields.problems());
            auth_modules.extend(module.map(|module| (name.to_string(), module)));
        }
    }
    fields.finish();
    Some(Config { targets, removed_targets, auth_modules })
}

fn server(node: &Node, folder: &Path, problems: &mut Problems) -> Option<Server> {
    let mut fields = Fields::of(node, problems)?;
    let name = fields.text("name");
    let dsn = fields.text("dsn");
    let dsn = fields.parse(dsn, Dsn::parse);
    let password_file = password_file(&mut fields, folder);
    let include = texts(&mut fields, "include_databases");
    let exclude = texts(&mut fields, "exclude_databases");
    let databases = (!include.is_empty() || !exclude.is_empty()).then_some(Databases { include, exclude });
    let collectors = fields.optional("collectors");
    let collectors = collectors.map_or(Vec::new(), |node| switches(node, fields.problems()));
    let max_connections = fields.optional_text("max_connections");
    let max_connections = fields.parse(max_connections, |text| match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{}` is not a number of connections", text.escape_debug())),
    });
    fields.finish();
    Some(Server { name: name?.to_string(), dsn: dsn?, password_file, databases, collectors, max_connections })
}

fn texts(fields: &mut Fields, name: &'static str) -> Vec<String> {
    fields.texts(name).iter().map(|text| text.to_string()).collect()
}

fn switches(node: &Node, problems: &mut Problems) -> Vec<(String, bool)> {
    let mut switches = Vec::new();
    for (name, node) in entries(node, problems) {
        match &node.value {
            Value::Scalar(text, _) if text == "true" || text == "false" => {
                switches.push((name.to_string(), text == "true"));
            }
            _ => catalogue::decode::wrong_type(node, "true or false", problems),
        }
    }
    switches
}

fn password_file(fields: &mut Fields, folder: &Path) -> Option<PathBuf> {
    let path = fields.optional_text("password_file");
    fields.parse(path, |path| {
        let path = folder.join(path);
        secret(&path).map(|_| path.clone())
    })
}

/// The format of `postgres_exporter`: type `userpass`, its user and password, and other parameters as options.
fn auth_module(node: &Node, folder: &Path, problems: &mut Problems) -> Option<AuthModule> {
    let mut fields = Fields::of(node, problems)?;
    let kind = fields.text("type");
    fields.parse(kind, |kind| match kind {
        "userpass" => Ok(()),
        _ => Err(format!("unknown type `{}`: `userpass` is the only one", kind.escape_debug())),
    });
    let mut parameters = Dsn::default();
    let mut file = None;
    if let Some(node) = fields.required("userpass")
        && let Some(mut own) = Fields::of(node, fields.problems())
    {
        for (key, name) in [("username", "user"), ("password", "password")] {
            let text: Option<Text> = own.optional_text(key);
            own.parse(text, |text| parameters.set(name, text.to_owned()));
        }
        file = password_file(&mut own, folder);
        own.finish();
    }
    for (name, value) in fields.text_map("options") {
        fields.parse(Some(value), |value| match name.as_str() {
            "host" | "hostaddr" | "port" | "service" => {
                Err(format!("`{name}` comes from the target of a probe"))
            }
            _ => parameters.set(&name, value.to_owned()),
        });
    }
    let allowed_hosts = fields.optional("allowed_hosts").map(|node| {
        let patterns = list(node, fields.problems()).iter();
        let patterns: Vec<_> = patterns.filter_map(|node| text(node, fields.problems())).collect();
        if patterns.is_empty() {
            let message = "`allowed_hosts` is empty: no host could be probed";
            fields.problems().push(Problem::error("yaml/value", node.place(), message));
        }
        patterns.iter().map(|pattern| pattern.to_string()).collect()
    });
    fields.finish();
    Some(AuthModule { parameters, password_file: file, allowed_hosts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yml");
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("word"), "hunter2\n").unwrap();
        let shown = format!("{}/", folder.path().display());
        Config::read(&path).map_err(|error| error.replace(&shown, ""))
    }

    #[test]
    fn targets_and_modules_are_read() {
        let config = read(
            "targets:\n  - name: db1\n    dsn: postgresql://mon@db1/app\n    password_file: word\n    exclude_databases: [t*]\n    \
             collectors: { stat_statements: true, wal: false }\n    max_connections: 2\n\
             auth_modules:\n  m:\n    type: userpass\n    userpass: { username: u, password: p }\n    options: { sslmode: require }\n    allowed_hosts: [\"*.example\"]\n",
        );
        let config = config.unwrap();
        let server = &config.targets[0];
        assert_eq!((server.name.as_str(), server.dsn.address().as_str()), ("db1", "db1:5432"));
        assert_eq!(server.collectors, [("stat_statements".to_owned(), true), ("wal".to_owned(), false)]);
        assert_eq!((server.max_connections, server.password_file.is_some()), (Some(2), true));
        assert_eq!(config.auth_modules["m"].parameters.get("sslmode"), Some("require"));
        assert_eq!(config.auth_modules["m"].allowed_hosts, Some(vec!["*.example".to_owned()]));
        assert_eq!(read("# nothing\n").unwrap(), Config::default());
    }

    #[test]
    fn mistakes_have_a_place_and_no_secret() {
        for (text, message) in [
            ("targets:\n  - name: a\n    dns: x\n", "c.yml:3:5: unknown key `dns`"),
            (
                "targets:\n  - { name: a, dsn: 'password=hunter2 x=1' }\n",
                "c.yml:2:21: unknown connection parameter behind the password",
            ),
            (
                "targets:\n  - { name: a, dsn: host=x }\n  - { name: a, dsn: host=y }\n",
                "c.yml:3:5: two targets have the name `a`",
            ),
            (
                "targets:\n  - { name: a, dsn: host=x, password_file: none }\n",
                "c.yml:2:44: cannot read `none`",
            ),
            (
                "targets:\n  - { name: a, dsn: host=x, max_connections: 0 }\n",
                "c.yml:2:46: `0` is not a number",
            ),
            ("auth_modules: { m: { type: ldap, userpass: {} } }\n", "c.yml:1:28: unknown type `ldap`"),
            (
                "auth_modules: { m: { type: userpass, userpass: {}, allowed_hosts: [] } }\n",
                "`allowed_hosts` is empty",
            ),
            (
                "auth_modules: { m: { type: userpass, userpass: {}, options: { hostaddr: 1.2.3.4 } } }\n",
                "`hostaddr` comes from the target",
            ),
            ("targets: [\n", "c.yml:"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
