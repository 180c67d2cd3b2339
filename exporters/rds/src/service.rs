//! The exporter as the web server sees it: pages made from what the collectors found, whatever AWS does now.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use catalogue::metric::Kind;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::claims::Claims;
use super::page::{Definitions, page, removed};
use super::settings::{Inputs, Options};
use super::state::Collector;
use super::target::Target;
use exporter_core::config::off_thread;
use exporter_core::exposition::{Own, Page};
use exporter_core::removed::Removed;
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
    /// Who serves which account and region.
    claims: Arc<Claims>,
    running: Vec<Arc<Running>>,
    /// Accounts with a region that an earlier reading had, or that are said to be removed.
    removed: Removed<(String, String)>,
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
        let definitions =
            Definitions::read(options.latencies, options.metrics_interval, options.metrics.as_deref())?;
        // Positions of metrics in a target are those of its definitions, and a folder may have changed.
        let without_targets =
            |options: &Options| Options { accounts: Vec::new(), removed: Vec::new(), ..options.clone() };
        let same = |before: &&Self| {
            options.metrics.is_none() && without_targets(&before.options) == without_targets(&options)
        };
        let earlier = before;
        let before = before.filter(same);
        // Where all targets are new, none of them waits for those that are about to end.
        let claims = before.map_or_else(Arc::default, |before| Arc::clone(&before.claims));
        let before = before.map(|before| before.running.as_slice()).unwrap_or_default();
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
            let target = Target::new(account.clone(), choice, Arc::clone(&definitions.metrics), &claims);
            let mut tasks = JoinSet::new();
            target.start(&mut tasks, on).await?;
            running.push(Arc::new(Running { target, _tasks: tasks }));
        }
        for known in before {
            known.target.look_again();
        }
        let gone = earlier.into_iter().flat_map(|earlier| &earlier.running);
        let gone = gone.filter(|gone| !options.accounts.contains(&gone.target.account));
        let gone = gone.filter_map(|gone| gone.target.place());
        let removed = earlier.map_or_else(Removed::default, |earlier| earlier.removed.clone());
        let removed = removed.after(gone, &options.removed, &[]);
        Ok(Self { options, definitions, claims, running, removed })
    }

    /// The targets that are served.
    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.running.iter().map(|running| &*running.target).filter(|target| !target.is_double())
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
        let is_complete = setup.targets().all(|target| target.state().is_complete());
        let life = if is_complete { LIFE } else { FIRST_LIFE };
        let mut all = Page::default();
        let mut served = BTreeSet::new();
        for target in setup.targets() {
            let (place, own) = page(target, &setup.definitions);
            // Two whose account is not known yet look the same.
            if served.insert(place) {
                all.extend(own);
            }
        }
        let read: Vec<_> = setup.targets().filter_map(Target::place).collect();
        all.extend(removed(
            setup.removed.iter().filter(|(place, _)| !read.contains(place)),
            &setup.definitions,
        ));
        if setup.options.choice.compat {
            all.extend(up(&setup));
        }
        *last = Some((Instant::now() + life, all.clone()));
        all
    }
}

/// The label-less `up` of the exporter that came before; it hides Prometheus' own.
fn up(setup: &Setup) -> Page {
    let works = setup.targets().all(|target| target.state().instances().is_some());
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
        let waiting = setup.targets().filter(|target| !target.state().is_settled());
        match waiting.count() {
            0 => Ok(()),
            count => {
                Err(format!("{count} of {} accounts and regions have no inventory yet", setup.running.len()))
            }
        }
    }

    fn reload(&self) -> Future_<'_, Result<(), String>> {
        Box::pin(async move {
            let (inputs, before) = (self.inputs.clone(), self.setup());
            let options = {
                let before = before.options.clone();
                off_thread(move || inputs.again(&before)).await?
            };
            let setup = Setup::start(options, Some(&before), &self.collecting).await?;
            *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Ok(())
        })
    }

    fn own(&self) -> &Own {
        &self.own
    }
}
