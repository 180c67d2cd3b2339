//! The exporter as the web server sees it: pages made from what the collectors found, whatever AWS does now.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::config::{Account, File};
use super::page::{Definitions, page};
use super::target::{Choice, Target};
use crate::exposition::{Own, Page};
use crate::sample::{Family, Limits, Table};
use crate::serve::{About, Exporter, Future_, Refusal};

/// What the command line, the environment and the file say together.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration files, in the order in which they are read.
    pub files: Vec<std::path::PathBuf>,
    /// The account and region when the file names none.
    pub account: Account,
    /// What is collected.
    pub choice: Choice,
    /// Whether CloudWatch is asked for latencies and queues, which costs extra.
    pub latencies: bool,
    /// Whether values are those of the exporter that came before, mistakes included.
    pub compat: bool,
}

/// The running exporter.
#[derive(Debug)]
pub struct Service {
    options: Options,
    definitions: Arc<Definitions>,
    own: Own,
    setup: RwLock<Arc<Setup>>,
    /// The last page; who asks within a second gets the same.
    last: Mutex<Option<(Instant, Page)>>,
}

/// One reading of the configuration, with its running collectors.
#[derive(Debug)]
struct Setup {
    targets: Vec<Arc<Target>>,
    _tasks: JoinSet<()>,
}

impl Setup {
    async fn read(options: &Options, definitions: &Definitions) -> Result<Self, String> {
        let accounts = accounts(options)?;
        let mut tasks = JoinSet::new();
        let mut targets = Vec::new();
        for account in accounts {
            let mut choice = options.choice.clone();
            if account.tags.is_empty() {
                choice.collectors.remove(&super::state::Collector::Tags);
            }
            let target = Target::new(account, choice, Arc::clone(&definitions.metrics));
            target.start(&mut tasks).await?;
            targets.push(target);
        }
        Ok(Self { targets, _tasks: tasks })
    }
}

/// The accounts and regions to read.
pub fn accounts(options: &Options) -> Result<Vec<Account>, String> {
    let mut file = File::default();
    for path in &options.files {
        let own = File::read(path)?;
        file.tags.extend(own.tags);
        if !own.targets.is_empty() {
            file.targets = own.targets;
        }
    }
    let mut accounts = if file.targets.is_empty() { vec![options.account.clone()] } else { file.targets };
    for account in &mut accounts {
        if account.tags.is_empty() {
            account.tags.clone_from(&file.tags);
        }
    }
    let mut known = BTreeSet::new();
    for account in &accounts {
        let key = (&account.region, &account.role_arn, &account.profile, &account.endpoint);
        if !known.insert(key) {
            return Err(format!("two targets are the same: {account:?}"));
        }
    }
    Ok(accounts)
}

impl Service {
    /// Starts the collectors.
    pub async fn new(options: Options) -> Result<Self, String> {
        let definitions = Arc::new(Definitions::read(options.latencies)?);
        let setup = Setup::read(&options, &definitions).await?;
        Ok(Self {
            options,
            definitions,
            own: Own::new("rds_exporter"),
            setup: RwLock::new(Arc::new(setup)),
            last: Mutex::default(),
        })
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn page(&self) -> Page {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, page)) = last.as_ref()
            && at.elapsed() < Duration::from_secs(1)
        {
            return page.clone();
        }
        let mut all = Page::default();
        for target in &self.setup().targets {
            all.extend(page(target, &self.definitions, self.options.compat));
        }
        all.extend(build_info());
        if self.options.compat {
            all.extend(self.up());
        }
        *last = Some((Instant::now(), all.clone()));
        all
    }

    /// The label-less `up` of the exporter that came before; it hides Prometheus' own.
    fn up(&self) -> Page {
        let works = self.setup().targets.iter().all(|target| target.state().instances().is_some());
        let help = "1 when the inventory of every account is known";
        single("up", catalogue::metric::Kind::Counter, help, &[], f64::from(u8::from(works)))
    }
}

/// `rds_exporter_build_info` with the labels that dashboards know.
fn build_info() -> Page {
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("commit_sha", option_env!("DMF_REVISION").unwrap_or("unknown")),
        ("build_date", option_env!("DMF_BUILD_DATE").unwrap_or("unknown")),
    ];
    let help = "Always 1; the labels say what was built";
    single("rds_exporter_build_info", catalogue::metric::Kind::Info, help, &labels, 1.0)
}

fn single(name: &str, kind: catalogue::metric::Kind, help: &str, labels: &[(&str, &str)], value: f64) -> Page {
    let family = Family { name: name.to_owned(), kind, unit: None, help: help.to_owned() };
    let mut builder = Table::builder([family].into(), Limits::default());
    builder.row(labels.iter().copied(), &[value]);
    let mut page = Page::default();
    page.add(&"".into(), Arc::new(builder.finish().0));
    page
}

impl Exporter for Service {
    fn about(&self) -> About {
        About {
            name: "rds-exporter",
            description: "Prometheus metrics of Amazon RDS and Aurora.",
            probes: false,
            timeout: Duration::from_secs(10),
        }
    }

    fn metrics<'a>(&'a self, _: &'a [(String, String)], _: Duration) -> Future_<'a, Result<Page, Refusal>> {
        Box::pin(async move { Ok(self.page()) })
    }

    fn probe<'a>(&'a self, _: &'a [(String, String)], _: Duration) -> Future_<'a, Result<Page, Refusal>> {
        Box::pin(async move { Err(Refusal::bad_request("this exporter has no probes")) })
    }

    fn ready(&self) -> Result<(), String> {
        let setup = self.setup();
        let waiting = setup.targets.iter().filter(|target| target.state().instances().is_none());
        match waiting.count() {
            0 => Ok(()),
            count => Err(format!("{count} of {} accounts and regions have no inventory yet", setup.targets.len())),
        }
    }

    fn reload(&self) -> Future_<'_, Result<(), String>> {
        Box::pin(async move {
            let setup = Setup::read(&self.options, &self.definitions).await?;
            *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Ok(())
        })
    }

    fn own(&self) -> &Own {
        &self.own
    }
}
