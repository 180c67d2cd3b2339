//! The exporter as the web server sees it: all targets, single targets, probes, reload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;

use super::collector::{Definitions, Files};
use super::config::{AuthModule, Config, Server};
use super::dsn::{Dsn, Environment};
use super::probe::{self, Probed};
use super::report;
use super::select::{Databases, Selection, Switches};
use super::session::Login;
use super::target::Target;
use exporter_core::config::off_thread;
use exporter_core::exposition::{Own, Page};
use exporter_core::removed::Removed;
use exporter_core::sample::Limits;
use exporter_core::serve::{About, Exporter, Future_, Refusal};

/// There is nothing to do, and nobody is guessed at.
const NOTHING: &str = "no server is configured: set DATA_SOURCE_NAME, or PGHOST and the other variables of libpq, or \
    name a file with `targets` or `auth_modules` in --config.file";

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
    /// Metrics files that add to or replace the embedded ones.
    pub files: Files,
    /// The configuration file.
    pub config_file: Option<std::path::PathBuf>,
    /// The servers that the environment describes: their name, connection string and password file.
    pub environment: Vec<Server>,
    /// Name of the label with the name of a server.
    pub label: Arc<str>,
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
    probed: Probed,
}

/// One reading of the configuration.
#[derive(Debug)]
pub struct Setup {
    definitions: Arc<Definitions>,
    /// The servers of `/metrics`.
    pub targets: Vec<Arc<Target>>,
    auth_modules: BTreeMap<String, AuthModule>,
    /// The servers that an earlier reading had, or that are said to be removed.
    removed: Removed<String>,
    /// Whether the configuration file names anything.
    is_configured: bool,
}

impl Setup {
    /// Reads everything. Targets of an earlier reading that are still the same are kept, with their connections.
    pub fn read(options: &Options, before: Option<&Self>) -> Result<Self, String> {
        let definitions = match before {
            Some(before) if options.files.is_empty() => Arc::clone(&before.definitions),
            _ => Arc::new(Definitions::of(&options.files)?),
        };
        let config = options.config_file.as_deref().map(Config::read).transpose()?.unwrap_or_default();
        if config.is_empty() && before.is_some_and(|before| before.is_configured) {
            return Err("the configuration file is empty, or is being written".to_owned());
        }
        let is_configured = !config.is_empty();
        let mut servers = config.targets;
        servers.splice(0..0, options.environment.clone());
        if servers.is_empty() && config.auth_modules.is_empty() {
            return Err(NOTHING.to_owned());
        }
        let mut targets = Vec::new();
        for server in servers {
            let target = Arc::new(target(options, &definitions, server, Environment::of_process())?);
            let known = before.and_then(|before| before.targets.iter().find(|known| known.is_same(&target)));
            targets.push(known.map_or(target, Arc::clone));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = targets.iter().find(|target| !names.insert(target.name.as_str())) {
            return Err(format!("two targets have the name `{}`", twice.name));
        }
        if let Some(both) = config.removed_targets.iter().find(|name| names.contains(name.as_str())) {
            return Err(format!(
                "`{both}` is under `targets` and under `removed_targets`: take it out of one of them"
            ));
        }
        let read: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
        let gone = before.into_iter().flat_map(|before| &before.targets).map(|target| target.name.clone());
        let removed = before.map_or_else(Removed::default, |before| before.removed.clone());
        let removed = removed.after(gone, &config.removed_targets, &read);
        Ok(Self { definitions, targets, auth_modules: config.auth_modules, removed, is_configured })
    }

    /// Says in the log what will be done, and with which logins.
    pub fn announce(&self) {
        for target in &self.targets {
            let login = &target.login;
            tracing::info!(
                target_name = target.name,
                server = login.address(),
                user = login.user(),
                database = login.database(),
                "this server is read"
            );
        }
        for (module, _) in self.auth_modules.iter().filter(|(_, module)| module.allowed_hosts.is_none()) {
            tracing::warn!(
                module,
                "this auth_module has no `allowed_hosts`: it logs in with SCRAM or a certificate only, wherever a \
                 probe sends it"
            );
        }
    }
}

impl Server {
    /// One that only has a name and a connection string; an empty name means its address.
    pub fn of(name: String, dsn: Dsn, password_file: Option<std::path::PathBuf>) -> Self {
        Self { name, dsn, password_file, databases: None, collectors: Vec::new(), max_connections: None }
    }
}

fn target(
    options: &Options,
    definitions: &Arc<Definitions>,
    server: Server,
    environment: Environment,
) -> Result<Target, String> {
    let named = |error: String| match server.name.as_str() {
        "" => error,
        name => format!("target `{name}`: {error}"),
    };
    let dsn = server.dsn.completed(&environment).map_err(named)?;
    let name = if server.name.is_empty() { dsn.address() } else { server.name.clone() };
    let longest = options.limits.label;
    if name.len() > longest {
        let start: String = name.chars().take(40).collect();
        return Err(format!(
            "target `{start}…`: its name has {} bytes, and a label value {longest} at most: give it a shorter name",
            name.len()
        ));
    }
    let mut switches = options.switches.clone();
    switches.by_name.extend(server.collectors);
    let selection = Selection {
        collectors: switches.collectors(definitions).map_err(named)?,
        databases: server.databases.unwrap_or_else(|| options.databases.clone()),
        limits: options.limits,
        max_connections: server.max_connections.unwrap_or(options.max_connections),
        compat: switches.compat,
        label: Arc::clone(&options.label),
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
            probed: Probed::default(),
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
        self.probed.get(target, module, || self.to_probe(setup, target, module).map(Arc::new))
    }

    fn to_probe(&self, setup: &Setup, target: &str, module: &str) -> Result<Target, Refusal> {
        if module.is_empty() {
            let names: Vec<_> = setup.targets.iter().map(|target| target.name.as_str()).collect();
            return Err(Refusal::bad_request(format!(
                "this is no configured target ({}), and no auth_module says how to log in",
                names.join(", ")
            )));
        }
        let Some(known) = setup.auth_modules.get(module) else {
            let message = format!("no auth_module has the name `{}`", module.escape_debug());
            return Err(Refusal::bad_request(message));
        };
        let (dsn, methods) = probe::login(target, known)?;
        let server = Server::of(dsn.address(), dsn, known.password_file.clone());
        // What is wrong now is wrong with files of the module, which are no business of who probes.
        let made = self::target(&self.options, &setup.definitions, server, Environment::default());
        let mut made = made.map_err(|error| {
            tracing::error!(module, %error, "an auth_module cannot be used");
            Refusal::unavailable("the auth_module cannot be used; the log of the exporter says why")
        })?;
        made.login = made.login.answering(methods);
        Ok(made.fleeting())
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
            if only.is_none() {
                all.extend(report::removed(&self.options.label, &setup.removed, &setup.definitions));
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
            let (options, before) = (self.options.clone(), self.setup());
            let setup = off_thread(move || Setup::read(&options, Some(&before))).await?;
            setup.announce();
            *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
            self.probed.clear();
            Ok(())
        })
    }

    fn own(&self) -> &Own {
        &self.own
    }
}
