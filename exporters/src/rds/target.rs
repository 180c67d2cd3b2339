//! One account and region: a task for each collector, on its own schedule. Whatever fails, the others go on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::aws::{Api, Aws, Calls, Failure, Question};
use super::config::Account;
use super::questions::{Metric, due};
use super::state::{Collector, Kept, Run, State};

/// Instances whose log files are asked for at the same time.
const LOGS_AT_ONCE: usize = 8;

/// After a failure the next attempt comes at least this early.
const RETRY: Duration = Duration::from_mins(1);

/// Quotas of RDS, by the key of their metric.
const QUOTAS: [(&str, &str); 3] = [
    ("quota_max_dbinstances_average", "L-7B6409FD"),
    ("quota_total_storage_bytes", "L-7ADDB58A"),
    ("quota_maximum_db_instance_snapshots_average", "L-272F1212"),
];

/// Resources of AWS/Usage, by the key of their metric.
const USAGES: [(&str, &str); 3] = [
    ("usage_db_instances_average", "DBInstances"),
    ("usage_allocated_storage_bytes", "AllocatedStorage"),
    ("usage_manual_snapshots_average", "ManualSnapshots"),
];

/// GiB in bytes.
pub const GIB: f64 = 1_073_741_824.0;

/// What is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The collectors that are on.
    pub collectors: BTreeSet<Collector>,
    /// Whether the tags of instances are served.
    pub tags: bool,
    /// Whether log files of db.serverless are asked for, which keeps it from pausing.
    pub serverless_logs: bool,
}

/// An account and region.
#[derive(Debug)]
pub struct Target {
    /// Where it is.
    pub account: Account,
    /// What is collected.
    pub choice: Choice,
    /// What AWS was asked.
    pub calls: Arc<Calls>,
    metrics: Arc<Vec<Metric>>,
    state: Mutex<State>,
    /// Counts complete inventories, for the collectors that need one.
    inventory: watch::Sender<u64>,
}

impl Target {
    /// One that nothing is known about yet but what its configuration says.
    pub fn new(account: Account, choice: Choice, metrics: Arc<Vec<Metric>>) -> Arc<Self> {
        // The account stands in the ARN of the role: arn:aws:iam::123456789012:role/…
        let known = account.role_arn.as_ref().and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
        let mut state = State { account: known, region: account.region.clone(), ..State::default() };
        state.runs = choice.collectors.iter().map(|collector| (*collector, Run::default())).collect();
        let state = Mutex::new(state);
        Arc::new(Self { account, choice, calls: Arc::default(), metrics, state, inventory: watch::channel(0).0 })
    }

    /// What is known now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the collectors; they end when the set is dropped.
    pub async fn start(self: &Arc<Self>, tasks: &mut JoinSet<()>) -> Result<(), String> {
        let aws = Aws::new(&self.account, &self.calls).await?;
        self.state().region = Some(aws.region.clone());
        for collector in &self.choice.collectors {
            let (target, aws, collector) = (Arc::clone(self), aws.clone(), *collector);
            tasks.spawn(async move { target.keep_up(&aws, collector).await });
        }
        Ok(())
    }

    async fn keep_up(&self, aws: &Aws, collector: Collector) {
        self.wait_for_what_it_needs(collector).await;
        loop {
            let start = Instant::now();
            let failures = self.run(aws, collector).await;
            self.note(collector, start, &failures);
            let interval = collector.interval();
            let wait = if failures.is_empty() { interval } else { interval.min(RETRY) };
            let wait = wait.saturating_sub(start.elapsed());
            match collector {
                // A class or an engine that was never seen is looked up at once.
                Collector::InstanceTypes | Collector::EngineSupport => {
                    let mut inventory = self.inventory.subscribe();
                    inventory.borrow_and_update();
                    let until = start + wait;
                    while Instant::now() < until && !(failures.is_empty() && self.has_news(collector)) {
                        let _ = tokio::time::timeout_at(until, inventory.changed()).await;
                    }
                }
                _ => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Nothing about instances can be asked before it is known which there are.
    async fn wait_for_what_it_needs(&self, collector: Collector) {
        use Collector::{Clusters, EngineSupport, InstanceMetrics, InstanceTypes, Instances, LogFiles};
        match collector {
            Instances | Clusters if !self.account.tags.is_empty() => loop {
                if self.state().tagged.is_some() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            },
            InstanceMetrics | LogFiles | InstanceTypes | EngineSupport => {
                let _ = self.inventory.subscribe().wait_for(|count| *count > 0).await;
            }
            _ => {}
        }
    }

    fn has_news(&self, collector: Collector) -> bool {
        let state = self.state();
        let Some(instances) = state.instances() else { return false };
        match collector {
            Collector::InstanceTypes => {
                instances.iter().filter_map(super::model::Instance::machine).any(|name| !state.machines.contains_key(&name))
            }
            _ => instances.iter().any(|instance| !state.lifecycles.contains_key(&instance.engine)),
        }
    }

    fn note(&self, collector: Collector, start: Instant, failures: &[(String, Failure)]) {
        let mut state = self.state();
        let (account, region) = (state.account.clone().unwrap_or_default(), state.region.clone().unwrap_or_default());
        let run = state.runs.entry(collector).or_default();
        run.took = start.elapsed();
        let before = run.complete || run.last.is_none() && run.failures == 0;
        run.complete = failures.is_empty();
        if run.complete {
            run.last = Some(Instant::now());
            if !before {
                tracing::info!(collector = collector.name(), account, region, "works again");
            }
        } else {
            run.failures += 1;
        }
        for (thing, failure) in failures.iter().take(10) {
            tracing::warn!(
                collector = collector.name(),
                account,
                region,
                operation = failure.operation,
                instance = thing,
                code = failure.code,
                error = failure.message,
                "call failed"
            );
        }
    }

    /// One run; what failed, with the instance or engine that it was about.
    async fn run(&self, aws: &Aws, collector: Collector) -> Vec<(String, Failure)> {
        let plain = |result: Result<(), Failure>| result.err().map(|failure| (String::new(), failure)).into_iter().collect();
        match collector {
            Collector::Identity => plain(self.identity(aws).await),
            Collector::Tags => plain(self.tags(aws).await),
            Collector::Instances => plain(self.instances(aws).await),
            Collector::Clusters => plain(self.clusters(aws).await),
            Collector::Maintenances => plain(self.maintenances(aws).await),
            Collector::InstanceMetrics => plain(self.instance_metrics(aws).await),
            Collector::InstanceTypes => plain(self.instance_types(aws).await),
            Collector::LogFiles => self.log_files(aws).await,
            Collector::Quotas => self.quotas(aws).await,
            Collector::Usages => plain(self.usages(aws).await),
            Collector::EngineSupport => self.engine_support(aws).await,
        }
    }

    async fn identity(&self, aws: &Aws) -> Result<(), Failure> {
        let account = aws.account().await?;
        self.state().account = Some(account);
        Ok(())
    }

    async fn tags(&self, aws: &Aws) -> Result<(), Failure> {
        let instances = aws.tagged("rds:db", &self.account.tags).await?;
        let clusters = aws.tagged("rds:cluster", &self.account.tags).await?;
        if instances.is_empty() && clusters.is_empty() {
            tracing::warn!(tags = ?self.account.tags, "no database carries these tags, so nothing is collected");
        }
        self.state().tagged = Some(Kept::now((instances, clusters)));
        Ok(())
    }

    /// Identifiers of the selected instances and clusters; `None` when all are.
    fn selected(&self) -> Option<(Vec<String>, Vec<String>)> {
        if self.account.tags.is_empty() {
            return None;
        }
        let state = self.state();
        Some(state.tagged.as_ref().and_then(|tagged| tagged.get(Duration::MAX)).cloned().unwrap_or_default())
    }

    async fn instances(&self, aws: &Aws) -> Result<(), Failure> {
        let selected = self.selected().map(|(instances, _)| instances);
        let found = aws.instances(selected.as_deref()).await?;
        let mut state = self.state();
        state.instances = Some(Kept::now(Arc::new(found)));
        state.forget();
        drop(state);
        self.inventory.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn clusters(&self, aws: &Aws) -> Result<(), Failure> {
        let selected = self.selected().map(|(_, clusters)| clusters);
        let found = aws.clusters(selected.as_deref()).await?;
        self.state().clusters = Some(Kept::now(Arc::new(found)));
        Ok(())
    }

    async fn maintenances(&self, aws: &Aws) -> Result<(), Failure> {
        let found = aws.maintenances().await?;
        self.state().actions = Some(Kept::now(found));
        Ok(())
    }

    async fn instance_metrics(&self, aws: &Aws) -> Result<(), Failure> {
        let (asked, questions) = {
            let state = self.state();
            let Some(instances) = state.instances().map(Arc::clone) else { return Ok(()) };
            let clusters = state.clusters().map(Arc::clone).unwrap_or_default();
            let is_due = |metric: &Metric| state.is_due(metric);
            let due = due(&self.metrics, &instances, &clusters, &state.machines, is_due);
            let asked: Vec<_> = due.iter().map(|(id, metric, _)| (Arc::clone(id), metric.index)).collect();
            (asked, due.into_iter().map(|(_, _, question)| question).collect::<Vec<_>>())
        };
        let now = Instant::now();
        let (answers, failure) = aws.metrics(Api::CloudWatch, &questions, &self.calls).await;
        let mut state = self.state();
        for (index, datum) in answers {
            if let Some(key) = asked.get(index) {
                state.data.insert(key.clone(), Kept::now(datum));
            }
        }
        if failure.is_none() {
            state.asked(asked.iter().map(|(_, index)| *index), now);
        }
        failure.map_or(Ok(()), Err)
    }

    async fn instance_types(&self, aws: &Aws) -> Result<(), Failure> {
        let names: BTreeSet<String> = {
            let state = self.state();
            state.instances().map(|all| all.iter().filter_map(super::model::Instance::machine).collect()).unwrap_or_default()
        };
        let names: Vec<String> = names.into_iter().collect();
        let found = aws.machines(&names).await?;
        let mut state = self.state();
        for name in names {
            // One that EC2 does not know is remembered as such, and not asked for again at once.
            let machine = found.get(&name).cloned().unwrap_or_default();
            state.machines.insert(name, machine);
        }
        Ok(())
    }

    async fn log_files(&self, aws: &Aws) -> Vec<(String, Failure)> {
        let ids: Vec<String> = {
            let state = self.state();
            let Some(instances) = state.instances() else { return Vec::new() };
            let wanted = instances.iter().filter(|instance| self.choice.serverless_logs || !instance.is_serverless());
            wanted.map(|instance| instance.id.clone()).collect()
        };
        let results = futures_util::stream::iter(ids)
            .map(|id| async move { (aws.log_files(&id).await, id) })
            .buffer_unordered(LOGS_AT_ONCE)
            .collect::<Vec<_>>();
        let mut failures = Vec::new();
        for (result, id) in results.await {
            match result {
                Ok(Some(size)) => drop(self.state().logs.insert(id, Kept::now(size))),
                Ok(None) => drop(self.state().logs.remove(&id)),
                Err(failure) => failures.push((id, failure)),
            }
        }
        failures
    }

    async fn quotas(&self, aws: &Aws) -> Vec<(String, Failure)> {
        let mut failures = Vec::new();
        for (key, code) in QUOTAS {
            match aws.quota(code).await {
                Ok(Some(value)) => {
                    let factor = if key.ends_with("_bytes") { GIB } else { 1.0 };
                    self.state().quotas.insert(key, Kept::now(value * factor));
                }
                Ok(None) => {}
                Err(failure) => failures.push((code.to_owned(), failure)),
            }
        }
        failures
    }

    async fn usages(&self, aws: &Aws) -> Result<(), Failure> {
        let question = |resource: &str| Question {
            namespace: "AWS/Usage",
            metric: "ResourceCount".to_owned(),
            dimensions: vec![
                ("Service", "RDS".to_owned()),
                ("Type", "Resource".to_owned()),
                ("Resource", resource.to_owned()),
                ("Class", "None".to_owned()),
            ],
            statistic: "Average".to_owned(),
            period: 300,
            window: 5 * 3600,
        };
        let questions: Vec<_> = USAGES.iter().map(|(_, resource)| question(resource)).collect();
        let (answers, failure) = aws.metrics(Api::Usage, &questions, &self.calls).await;
        let mut state = self.state();
        for (index, datum) in answers {
            if let Some((key, _)) = USAGES.get(index) {
                let factor = if key.ends_with("_bytes") { GIB } else { 1.0 };
                state.quotas.insert(key, Kept::now(datum.value * factor));
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn engine_support(&self, aws: &Aws) -> Vec<(String, Failure)> {
        let engines: BTreeSet<String> = {
            let state = self.state();
            state.instances().map(|all| all.iter().map(|instance| instance.engine.clone()).collect()).unwrap_or_default()
        };
        let mut failures = Vec::new();
        for engine in engines {
            match aws.lifecycles(&engine).await {
                Ok(found) => drop(self.state().lifecycles.insert(engine, Kept::now(found))),
                // Neptune and DocumentDB have instances here, but no life cycles.
                Err(failure) if failure.code == "InvalidParameterValue" => {
                    self.state().lifecycles.insert(engine, Kept::now(Vec::new()));
                }
                Err(failure) => failures.push((engine, failure)),
            }
        }
        failures
    }
}
