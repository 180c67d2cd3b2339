//! What each collector does: ask AWS, and keep what it says. What fails keeps what was known.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::aws::{Api, Aws, Failure, Question};
use super::model::{Instance, now};
use super::questions::{Metric, due};
use super::state::{Collector, EventKey, Kept};
use super::target::{Target, account_in};

/// Instances whose log files are asked for at the same time.
const LOGS_AT_ONCE: usize = 8;

/// GiB in bytes.
pub(super) const GIB: f64 = 1_073_741_824.0;

/// Quotas of RDS, by the key of their metric.
pub(super) const QUOTAS: [(&str, &str); 3] = [
    ("quota_max_dbinstances_average", "L-7B6409FD"),
    ("quota_total_storage_bytes", "L-7ADDB58A"),
    ("quota_maximum_db_instance_snapshots_average", "L-272F1212"),
];

/// Resources of AWS/Usage, by the key of their metric.
pub(super) const USAGES: [(&str, &str); 3] = [
    ("usage_db_instances_average", "DBInstances"),
    ("usage_allocated_storage_bytes", "AllocatedStorage"),
    ("usage_manual_snapshots_average", "ManualSnapshots"),
];

/// Seconds for which an event is served.
pub(super) const EVENTS: f64 = 86_400.0;

/// Seconds that an event may be late.
const LATE: f64 = 900.0;

/// What failed, with the instance, engine or quota that it was about.
type Failures = Vec<(String, Failure)>;

impl Target {
    /// One run of a collector.
    pub(super) async fn run(&self, aws: &Aws, collector: Collector) -> Failures {
        let result = match collector {
            Collector::Identity => self.identity(aws).await,
            Collector::Tags => self.tags(aws).await,
            Collector::Instances => self.instances(aws).await,
            Collector::Clusters => self.clusters(aws).await,
            Collector::Maintenances => self.maintenances(aws).await,
            Collector::InstanceMetrics => self.instance_metrics(aws).await,
            Collector::InstanceTypes => self.instance_types(aws).await,
            Collector::Usages => self.usages(aws).await,
            Collector::Events => self.events(aws).await,
            Collector::LogFiles => return self.log_files(aws).await,
            Collector::Quotas => return self.quotas(aws).await,
            Collector::EngineSupport => return self.engine_support(aws).await,
        };
        result.err().map(|failure| (String::new(), failure)).into_iter().collect()
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
        self.state().tagged = Some((instances, clusters));
        self.selection.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Identifiers of the selected instances and clusters; `None` when all are.
    fn selected(&self) -> Option<(Vec<String>, Vec<String>)> {
        let selects = !self.account.tags.is_empty();
        selects.then(|| self.state().tagged.clone().unwrap_or_default())
    }

    async fn instances(&self, aws: &Aws) -> Result<(), Failure> {
        let selected = self.selected().map(|(instances, _)| instances);
        let found = aws.instances(selected.as_deref()).await?;
        let mut state = self.state();
        if state.account.is_none() {
            state.account = found.iter().find_map(|instance| account_in(&instance.arn)).map(str::to_owned);
        }
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
        let found = aws.maintenances(self.choice.compat).await?;
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
        let start = Instant::now();
        let (answers, failure) = aws.metrics(Api::CloudWatch, &questions, &self.calls).await;
        let mut state = self.state();
        for (index, datum) in answers {
            if let Some((id, metric)) = asked.get(index) {
                state.take(id, *metric, datum);
            }
        }
        if failure.is_none() {
            state.asked(asked.iter().map(|(_, index)| *index), start);
        }
        failure.map_or(Ok(()), Err)
    }

    async fn instance_types(&self, aws: &Aws) -> Result<(), Failure> {
        let names: BTreeSet<String> = {
            let state = self.state();
            state
                .instances()
                .map(|all| all.iter().filter_map(Instance::machine).collect())
                .unwrap_or_default()
        };
        let names: Vec<String> = names.into_iter().collect();
        let found = aws.machines(&names).await?;
        let mut state = self.state();
        for name in names {
            // One that EC2 does not know is remembered as such, and not asked for again at once.
            let machine = found.get(&name).cloned();
            state.machines.insert(name, machine);
        }
        Ok(())
    }

    async fn log_files(&self, aws: &Aws) -> Failures {
        let ids: Vec<String> = {
            let state = self.state();
            let Some(instances) = state.instances() else { return Vec::new() };
            let wanted =
                instances.iter().filter(|instance| self.choice.serverless_logs || !instance.is_serverless());
            wanted.map(|instance| instance.id.clone()).collect()
        };
        let first_page = self.choice.compat;
        let mut results = futures_util::stream::iter(ids)
            .map(|id| async move { (aws.log_files(&id, first_page).await, id) })
            .buffer_unordered(LOGS_AT_ONCE);
        let mut failures = Vec::new();
        while let Some((result, id)) = results.next().await {
            match result {
                Ok(Some(size)) => drop(self.state().logs.insert(id, Kept::now(size))),
                Ok(None) => drop(self.state().logs.remove(&id)),
                Err(failure) => failures.push((id, failure)),
            }
        }
        failures
    }

    async fn quotas(&self, aws: &Aws) -> Failures {
        let mut failures = Vec::new();
        for (key, code) in QUOTAS {
            match aws.quota(code).await {
                Ok(value) => drop(self.state().quotas.insert(key, Kept::now(value * unit(key)))),
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
            window: Duration::from_hours(5),
        };
        let questions: Vec<_> = USAGES.iter().map(|(_, resource)| question(resource)).collect();
        let (answers, failure) = aws.metrics(Api::Usage, &questions, &self.calls).await;
        let mut state = self.state();
        for (index, datum) in answers {
            if let Some((key, _)) = USAGES.get(index) {
                state.quotas.insert(key, Kept::now(datum.value * unit(key)));
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn engine_support(&self, aws: &Aws) -> Failures {
        let engines: BTreeSet<String> = {
            let state = self.state();
            state
                .instances()
                .map(|all| all.iter().map(|one| one.engine.clone()).collect())
                .unwrap_or_default()
        };
        // All at once: behind the log files of a large fleet, each would wait for its turn.
        let calls = engines.into_iter().map(|engine| async move { (aws.lifecycles(&engine).await, engine) });
        let mut failures = Vec::new();
        for (result, engine) in futures_util::future::join_all(calls).await {
            match result {
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

    async fn events(&self, aws: &Aws) -> Result<(), Failure> {
        let now = now();
        let since = self.state().events_until.map_or(now - EVENTS, |until| until.max(now - EVENTS) - LATE);
        let found = aws.events(since).await?;
        let mut state = self.state();
        for event in found {
            for category in event.categories {
                let key = EventKey { is_cluster: event.is_cluster, id: event.id.clone(), category };
                let last = state.events.entry(key).or_insert(event.at);
                *last = last.max(event.at);
            }
        }
        state.events.retain(|_, at| now - *at < EVENTS);
        state.events_until = Some(now);
        Ok(())
    }
}

/// What a number of AWS is multiplied with: it counts storage in GiB.
fn unit(key: &str) -> f64 {
    if key.ends_with("_bytes") { GIB } else { 1.0 }
}
