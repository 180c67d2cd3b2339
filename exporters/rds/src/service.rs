//! The exporter as the web server sees it: pages made from what the collectors found, whatever AWS does now.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use catalogue::metric::Kind;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::page::{Definitions, page};
use super::settings::{Inputs, Options};
use super::state::Collector;
use super::target::Target;
use exporter_core::exposition::{Own, Page};
use exporter_core::sample::{Family, Table};
use exporter_core::serve::{About, Exporter, Future_, Refusal};

/// How long a page is served again.
const LIFE: Duration = Duration::from_secs(1);

/// The same while it is being filled for the first time: each answer of AWS adds something.
const FIRST_LIFE: Duration = Duration::from_millis(100);

/// The running exporter.
#[derive(Debug)]
pub struct Service {
    inputs: Inputs,
    /// Where the collectors run.
    collecting: Handle,
    own: Own,
    setup: RwLock<Arc<Setup>>,
    /// The last page and until when who asks gets the same.
    last: Mutex<Option<(Instant, Page)>>,
}

/// One reading of the configuration, with its collectors.
#[derive(Debug)]
struct Setup {
    options: Options,
    definitions: Definitions,
    running: Vec<Arc<Running>>,
}

/// An account and region with its collectors, which end with it.
#[derive(Debug)]
struct Running {
    target: Arc<Target>,
    _tasks: JoinSet<()>,
}

impl Setup {
    /// Starts what is new; what is the same goes on with all that it knows, and looks again at once.
    async fn start(options: Options, before: Option<&Self>, on: &Handle) -> Result<Self, String> {
        let definitions = Definitions::read(options.latencies, options.metrics_interval)?;
        let same = |before: &&Self| {
            Options { accounts: Vec::new(), ..before.options.clone() }
                == Options { accounts: Vec::new(), ..options.clone() }
        };
        let before = before.filter(same).map(|before| before.running.as_slice()).unwrap_or_default();
        let mut running = Vec::new();
        for account in &options.accounts {
            if let Some(known) = before.iter().find(|known| known.target.account == *account) {
                running.push(Arc::clone(known));
                continue;
            }
            let mut choice = options.choice.clone();
            if account.tags.is_empty() {
                choice.collectors.remove(&Collector::Tags);
            }
            let target = Target::new(account.clone(), choice, Arc::clone(&definitions.metrics));
            let mut tasks = JoinSet::new();
            target.start(&mut tasks, on).await?;
            running.push(Arc::new(Running { target, _tasks: tasks }));
        }
        for known in before {
            known.target.look_again();
        }
        Ok(Self { options, definitions, running })
    }
}

impl Service {
    /// Starts the collectors on a runtime.
    pub async fn new(inputs: Inputs, collecting: Handle) -> Result<Self, String> {
        let setup = Setup::start(inputs.options()?, None, &collecting).await?;
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit_sha", option_env!("DMF_REVISION").unwrap_or("unknown")),
            ("build_date", option_env!("DMF_BUILD_DATE").unwrap_or("unknown")),
        ];
        let own = Own::new("rds_exporter", &labels);
        Ok(Self { inputs, collecting, own, setup: RwLock::new(Arc::new(setup)), last: Mutex::default() })
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn page(&self) -> Page {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, page)) = last.as_ref()
            && Instant::now() < *until
        {
            return page.clone();
        }
        let setup = self.setup();
        let is_complete = setup.running.iter().all(|running| running.target.state().is_complete());
        let life = if is_complete { LIFE } else { FIRST_LIFE };
        let mut all = Page::default();
        for running in &setup.running {
            all.extend(page(&running.target, &setup.definitions));
        }
        if setup.options.choice.compat {
            all.extend(up(&setup));
        }
        *last = Some((Instant::now() + life, all.clone()));
        all
    }
}

/// The label-less `up` of the exporter that came before; it hides Prometheus' own.
fn up(setup: &Setup) -> Page {
    let works = setup.running.iter().all(|running| running.target.state().instances().is_some());
    let help = "1 when the inventory of every account is known".to_owned();
    let family = Family { name: "up".to_owned(), kind: Kind::Counter, unit: None, help };
    let table = Table::single([family].into(), &[f64::from(u8::from(works))]);
    let mut page = Page::default();
    page.add(&"".into(), Arc::new(table));
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
        let waiting = setup.running.iter().filter(|running| !running.target.state().is_settled());
        match waiting.count() {
            0 => Ok(()),
            count => {
                Err(format!("{count} of {} accounts and regions have no inventory yet", setup.running.len()))
            }
        }
    }

    fn reload(&self) -> Future_<'_, Result<(), String>> {
        Box::pin(async move {
            let setup = Setup::start(self.inputs.options()?, Some(&self.setup()), &self.collecting).await?;
            *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Ok(())
        })
    }

    fn own(&self) -> &Own {
        &self.own
    }
}
