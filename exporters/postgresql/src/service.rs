//! The exporter as the web server sees it: all targets, single targets, probes, reload.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::collector::Definitions;
use super::config::{AuthModule, Config, Server};
use super::dsn::{Dsn, Environment};
use super::select::{Databases, Selection, Switches};
use super::session::Login;
use super::target::Target;
use exporter_core::exposition::{Own, Page};
use exporter_core::sample::Limits;
use exporter_core::serve::{About, Exporter, Future_, Refusal};

/// Probed servers that are remembered, so that their connections can be used again.
const PROBED: usize = 256;

/// A server that nobody probes for this long is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// What was built.
const BUILD: [(&str, &str); 3] = [
    ("version", env!("CARGO_PKG_VERSION")),
    (
        "revision",
        match option_env!("DMF_REVISION") {
            Some(revision) => revision,
            None => "unknown",
        },
    ),
    ("rust_version", env!("CARGO_PKG_RUST_VERSION")),
];

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder with metrics files that add to or replace the embedded ones.
    pub metrics: Option<std::path::PathBuf>,
    /// The configuration file.
    pub config_file: Option<std::path::PathBuf>,
    /// The server that the environment describes: its name, connection string and password file.
    pub environment: Option<Server>,
    /// Which collectors are on.
    pub switches: Switches,
    /// Which databases are read, where a target does not say.
    pub databases: Databases,
    /// The most that a scrape may take.
    pub timeout: Duration,
    /// Connections to a server at most, where a target does not say.
    pub max_connections: usize,
    /// The most that a collector yields.
    pub limits: Limits,
}

/// The running exporter.
#[derive(Debug)]
pub struct Service {
    options: Options,
    own: Own,
    setup: RwLock<Arc<Setup>>,
    probed: Mutex<Probed>,
}

/// Servers by the target and the module that a probe named, with the time of the last one.
type Probed = HashMap<(String, String), (Arc<Target>, Instant)>;

/// One reading of the configuration.
#[derive(Debug)]
pub struct Setup {
    definitions: Arc<Definitions>,
    /// The servers of `/metrics`.
    pub targets: Vec<Arc<Target>>,
    auth_modules: std::collections::BTreeMap<String, AuthModule>,
}

impl Setup {
    /// Reads everything. Targets of an earlier reading that are still the same are kept, with their connections.
    pub fn read(options: &Options, before: Option<&Self>) -> Result<Self, String> {
        let definitions = match before {
            Some(before) if options.metrics.is_none() => Arc::clone(&before.definitions),
            _ => Arc::new(Definitions::read(options.metrics.as_deref())?),
        };
        let config = options.config_file.as_deref().map(Config::read).transpose()?.unwrap_or_default();
        let mut servers = config.targets;
        if let Some(server) = &options.environment {
            servers.insert(0, server.clone());
        } else if servers.is_empty() && config.auth_modules.is_empty() {
            servers.push(Server::of(String::new(), Dsn::default(), None));
        }
        let mut targets = Vec::new();
        for server in servers {
            let target = target(options, &definitions, server)?;
            let known = before.and_then(|before| before.targets.iter().find(|known| known.is_same(&target)));
            targets.push(known.map_or(target, Arc::clone));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = targets.iter().find(|target| !names.insert(target.name.as_str())) {
            return Err(format!("two targets have the name `{}`", twice.name));
        }
        Ok(Self { definitions, targets, auth_modules: config.auth_modules })
    }
}

impl Server {
    /// One that only has a name and a connection string; an empty name means its address.
    pub fn of(name: String, dsn: Dsn, password_file: Option<std::path::PathBuf>) -> Self {
        Self { name, dsn, password_file, databases: None, collectors: Vec::new(), max_connections: None }
    }
}

fn target(options: &Options, definitions: &Arc<Definitions>, server: Server) -> Result<Arc<Target>, String> {
    let environment = Environment::of_process();
    let named = |error: String| match server.name.as_str() {
        "" => error,
        name => format!("target `{name}`: {error}"),
    };
    let dsn = server.dsn.completed(&environment).map_err(named)?;
    let name = if server.name.is_empty() { dsn.address() } else { server.name.clone() };
    let mut switches = options.switches.clone();
    switches.by_name.extend(server.collectors);
    let selection = Selection {
        collectors: switches.collectors(definitions).map_err(named)?,
        databases: server.databases.unwrap_or_else(|| options.databases.clone()),
        limits: options.limits,
        max_connections: server.max_connections.unwrap_or(options.max_connections),
        compat: switches.compat,
    };
    let login = Login::new(dsn, environment, server.password_file, options.timeout).map_err(named)?;
    Ok(Target::new(name, login, selection, Arc::clone(definitions)))
}

impl Service {
    /// Starts with a first reading of the configuration.
    pub fn new(options: Options) -> Result<Self, String> {
        let setup = Setup::read(&options, None)?;
        Ok(Self {
            options,
            own: Own::new("postgresql_exporter", &BUILD),
            setup: RwLock::new(Arc::new(setup)),
            probed: Mutex::default(),
        })
    }

    /// The current reading of the configuration.
    pub fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The target that a probe names: a configured one, or an address with credentials.
    fn probed(&self, setup: &Setup, target: &str, module: &str) -> Result<Arc<Target>, Refusal> {
        if let Some(known) = setup.targets.iter().find(|known| known.name == target && module.is_empty()) {
            return Ok(Arc::clone(known));
        }
        let key = (target.to_owned(), module.to_owned());
        let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        probed.retain(|_, (_, used)| used.elapsed() < FORGOTTEN);
        if let Some((known, used)) = probed.get_mut(&key) {
            *used = Instant::now();
            return Ok(Arc::clone(known));
        }
        let new = self.to_probe(setup, target, module)?;
        if probed.len() >= PROBED {
            let oldest = probed.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.map(|oldest| probed.remove(&oldest));
        }
        probed.insert(key, (Arc::clone(&new), Instant::now()));
        Ok(new)
    }

    fn to_probe(&self, setup: &Setup, target: &str, module: &str) -> Result<Arc<Target>, Refusal> {
        // `host:port/database` is a URI without its scheme.
        let complete = target.contains("://") || target.contains('=');
        let text = if complete { target.to_owned() } else { format!("postgresql://{target}") };
        let mut dsn = Dsn::parse(&text).map_err(|error| Refusal::bad_request(format!("target: {error}")))?;
        let mut password_file = None;
        match setup.auth_modules.get(module) {
            Some(module) => {
                dsn.overlay(&module.parameters);
                password_file.clone_from(&module.password_file);
            }
            None if module.is_empty() && complete => {}
            None if module.is_empty() => {
                let names: Vec<_> = setup.targets.iter().map(|target| target.name.as_str()).collect();
                let message = format!(
                    "`{target}` is no configured target ({}), and no auth_module says how to log in",
                    names.join(", ")
                );
                return Err(Refusal::bad_request(message));
            }
            None => return Err(Refusal::bad_request(format!("no auth_module has the name `{module}`"))),
        }
        let name = dsn.address();
        let server = Server::of(name, dsn, password_file);
        self::target(&self.options, &setup.definitions, server).map_err(Refusal::bad_request)
    }
}

/// The collectors that a request asks for with `collect[]`.
fn only(setup: &Setup, query: &[(String, String)]) -> Result<Option<BTreeSet<String>>, Refusal> {
    let names =
        query.iter().filter(|(name, _)| name == "collect[]" || name == "collect").map(|(_, value)| value);
    let found: Result<BTreeSet<_>, _> =
        names.map(|name| setup.definitions.named(name).map(|found| found.name().to_owned())).collect();
    let found = found.map_err(Refusal::bad_request)?;
    Ok((!found.is_empty()).then_some(found))
}

impl Exporter for Service {
    fn about(&self) -> About {
        About {
            name: "postgresql-exporter",
            description: "Prometheus metrics of PostgreSQL servers.",
            probes: true,
            timeout: self.options.timeout,
        }
    }

    fn metrics<'a>(
        &'a self,
        query: &'a [(String, String)],
        budget: Duration,
    ) -> Future_<'a, Result<Page, Refusal>> {
        Box::pin(async move {
            let setup = self.setup();
            let only = only(&setup, query)?;
            let scrapes = setup.targets.iter().map(|target| target.scrape(only.clone(), budget));
            let mut all = Page::default();
            // In the order of the configuration, whichever answers first.
            for page in join_all(scrapes).await {
                all.extend(page);
            }
            Ok(all)
        })
    }

    fn probe<'a>(
        &'a self,
        query: &'a [(String, String)],
        budget: Duration,
    ) -> Future_<'a, Result<Page, Refusal>> {
        Box::pin(async move {
            let setup = self.setup();
            let parameter =
                |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let Some(target) = parameter("target").filter(|target| !target.is_empty()) else {
                return Err(Refusal::bad_request("parameter `target` is missing: /probe?target=NAME"));
            };
            let only = only(&setup, query)?;
            let target = self.probed(&setup, target, parameter("auth_module").unwrap_or_default())?;
            Ok(target.scrape(only, budget).await)
        })
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn reload(&self) -> Future_<'_, Result<(), String>> {
        Box::pin(async move {
            let setup = Setup::read(&self.options, Some(&self.setup()))?;
            *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
            self.probed.lock().unwrap_or_else(PoisonError::into_inner).clear();
            Ok(())
        })
    }

    fn own(&self) -> &Own {
        &self.own
    }
}
