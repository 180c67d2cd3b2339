//! What each collector does: ask AWS, and keep what it says. What fails keeps what was known.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use catalogue::metric::Scope;
use tokio::time::Instant;

use super::answers::Key;
use super::aws::{Api, Aws, Failure, Lasting, Question};
use super::model::{Instance, now};
use super::questions::{Metric, all};
use super::state::{Collector, EventKey, Kept, Selection, USAGE};
use super::target::{Target, account_in};

/// How long something that is not there is not looked for again.
pub(super) const RARELY: Duration = Duration::from_hours(24);

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
pub(super) type Failures = Vec<(String, Failure)>;

/// How a run went.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The calls that failed.
    pub(super) failures: Failures,
    /// Whether an answer is missing that an earlier run did not get, and that this one did not ask for.
    pub(super) lacks: bool,
}

impl From<Failures> for Outcome {
    fn from(failures: Failures) -> Self {
        Self { failures, lacks: false }
    }
}

impl Target {
    /// One run of a collector.
    pub(super) async fn run(&self, aws: &Aws, collector: Collector) -> Outcome {
        let mut outcome = self.collect(aws, collector).await;
        // A name that does not exist while that of RDS does: the region has no such API.
        if self.state().runs.get(&Collector::Instances).is_some_and(|run| run.complete) {
            for (_, failure) in outcome.failures.iter_mut().filter(|(_, failure)| failure.is_unresolved()) {
                "UnknownEndpoint".clone_into(&mut failure.code);
            }
        }
        outcome
    }

    async fn collect(&self, aws: &Aws, collector: Collector) -> Outcome {
        let result = match collector {
            Collector::Identity => self.identity(aws).await,
            Collector::Tags => self.tags(aws).await,
            Collector::Instances => self.instances(aws).await,
            Collector::Clusters => self.clusters(aws).await,
            Collector::Maintenances => self.maintenances(aws).await,
            Collector::InstanceMetrics => return self.instance_metrics(aws).await,
            Collector::InstanceTypes => self.instance_types(aws).await,
            Collector::Usages => return self.usages(aws).await,
            Collector::Events => self.events(aws).await,
            Collector::LogFiles => return self.log_files(aws).await,
            Collector::Quotas => return self.quotas(aws).await.into(),
            Collector::EngineSupport => return self.engine_support(aws).await.into(),
        };
        let failures: Failures = result.err().map(|failure| (String::new(), failure)).into_iter().collect();
        failures.into()
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
        let selection = Selection {
            instances: instances.into_iter().collect(),
            clusters: clusters.into_iter().collect(),
        };
        self.state().selection = Some(selection);
        self.selected.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn instances(&self, aws: &Aws) -> Result<(), Failure> {
        let selected: Option<Vec<String>> =
            self.state().selection.as_ref().map(|selection| selection.instances.iter().cloned().collect());
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
        // A cluster that is not selected says what its selected members are.
        let wanted: Option<Vec<String>> = {
            let state = self.state();
            state.selection.as_ref().map(|selection| {
                let members = state.instances().into_iter().flat_map(|all| all.iter());
                let of_members = members.filter_map(|instance| instance.cluster.as_ref());
                let wanted: BTreeSet<&String> = selection.clusters.iter().chain(of_members).collect();
                wanted.into_iter().cloned().collect()
            })
        };
        let found = aws.clusters(wanted.as_deref()).await?;
        self.state().clusters = Some(Kept::now(Arc::new(found)));
        Ok(())
    }

    async fn maintenances(&self, aws: &Aws) -> Result<(), Failure> {
        let found = aws.maintenances(self.choice.compat).await?;
        self.state().actions = Some(Kept::now(found));
        Ok(())
    }

    async fn instance_metrics(&self, aws: &Aws) -> Outcome {
        let (all, mut asked) = {
            let mut state = self.state();
            let Some(instances) = state.instances().map(Arc::clone) else { return Outcome::default() };
            let clusters = state.clusters().map(Arc::clone).unwrap_or_default();
            let mut all = all(&self.metrics, &instances, &clusters, &state.machines);
            all.retain(|(id, index)| {
                self.metrics.get(*index).is_some_and(|metric| metric.scope != Scope::Cluster)
                    || state.selects_cluster(id)
            });
            let every = |index: usize| self.metrics.get(index).map(|metric| metric.every).unwrap_or_default();
            let size = |index: usize| self.metrics.get(index).map_or(1, Metric::queries);
            let due = state.answers.due(&all, every, size);
            let question = |key: Key| {
                let metric = self.metrics.get(key.1)?;
                let is_late = state.answers.newest(&key.0, key.1, metric.every * 2).is_none();
                let question = metric.question(&key.0, is_late.then_some(self.choice.lateness));
                Some((key, question))
            };
            (all, due.into_iter().filter_map(question).collect::<Vec<_>>())
        };
        // A call reaches back as far as the question that reaches back most: those that do have calls of their own.
        asked.sort_by_key(|(_, question)| question.window);
        let (keys, questions): (Vec<Key>, Vec<Question>) = asked.into_iter().unzip();
        self.ask(aws, Api::CloudWatch, &all, &keys, &questions).await
    }

    /// Asks CloudWatch those of all questions whose turn it is, and takes the answers.
    async fn ask(&self, aws: &Aws, api: Api, all: &[Key], keys: &[Key], questions: &[Question]) -> Outcome {
        let found = aws.metrics(api, questions, &self.calls).await;
        let mut state = self.state();
        state.answers.expect(keys);
        for (at, datum) in found.answered {
            if let Some(key) = keys.get(at) {
                state.answers.take(key, datum);
            }
        }
        let failures = found.failures.into_iter().map(|failure| (String::new(), failure)).collect();
        Outcome { failures, lacks: state.answers.lacks(all) }
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

    async fn quotas(&self, aws: &Aws) -> Failures {
        let mut failures = Vec::new();
        for (key, code) in QUOTAS {
            if self.state().absent.get(key).is_some_and(|since| since.elapsed() < RARELY) {
                continue;
            }
            match aws.quota(code).await {
                Ok(value) => drop(self.state().quotas.insert(key, Kept::now(value * unit(key)))),
                Err(failure) => failures.push((key, code, failure)),
            }
        }
        // Where there are others, one that is not there is not asked for with them.
        let none = failures.len() == QUOTAS.len();
        let mut state = self.state();
        for (key, _, _) in failures.iter().filter(|(.., failure)| failure.lasting() == Lasting::Absent) {
            state.quotas.remove(key);
            if !none {
                state.absent.insert(key, Instant::now());
            }
        }
        failures.into_iter().map(|(_, code, failure)| (code.to_owned(), failure)).collect()
    }

    async fn usages(&self, aws: &Aws) -> Outcome {
        let question = |resource: &str| Question {
            namespace: USAGE.into(),
            metric: "ResourceCount".to_owned(),
            dimensions: vec![
                ("Service".into(), "RDS".to_owned()),
                ("Type".into(), "Resource".to_owned()),
                ("Resource".into(), resource.to_owned()),
                ("Class".into(), "None".to_owned()),
            ],
            statistic: "Average".to_owned(),
            period: 300,
            window: Duration::from_hours(5),
            expression: None,
        };
        let all: Vec<Key> = (0..USAGES.len()).map(|at| (Arc::from(USAGE), at)).collect();
        let keys = self.state().answers.due(&all, |_| Collector::Usages.interval(), |_| 1);
        let resources = keys.iter().filter_map(|(_, at)| USAGES.get(*at));
        let questions: Vec<_> = resources.map(|(_, resource)| question(resource)).collect();
        self.ask(aws, Api::Usage, &all, &keys, &questions).await
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
pub(super) fn unit(key: &str) -> f64 {
    if key.ends_with("_bytes") { GIB } else { 1.0 }
}
