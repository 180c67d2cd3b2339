//! From what is known to samples: the families of the metrics files, filled by key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use catalogue::metric::{Kind, Origin, Query, Scope};

use super::aws::{Api, Count};
use super::collect::EVENTS;
use super::model::{Action, Cluster, Instance, Lifecycle, Timestamp, Urgency, now};
use super::questions::Metric;
use super::state::{Collector, State};
use super::target::Target;
use super::values::{About, of_class, of_cluster};
use crate::exposition::Page;
use crate::sample::{Builder, Family, Limits, Table, label_text};

/// A metrics file with its families.
#[derive(Debug)]
struct Definition {
    query: Query,
    families: Arc<[Family]>,
    columns: Vec<Column>,
}

/// Where the values of a family come from.
#[derive(Debug)]
enum Column {
    /// CloudWatch metrics, added up; by their positions.
    CloudWatch(Vec<usize>),
    /// By its key, from what the APIs say.
    Key(String),
}

/// All metrics files of the exporter.
#[derive(Debug)]
pub struct Definitions {
    files: Vec<Definition>,
    /// The metrics that come from CloudWatch.
    pub metrics: Arc<[Metric]>,
}

impl Definitions {
    /// The embedded ones; those that cost extra only if wanted. None is asked for more often than `interval`.
    pub fn read(with_optional: bool, interval: Duration) -> Result<Self, String> {
        let (queries, problems) = crate::queries("rds");
        if !problems.is_empty() {
            return Err(crate::config::describe(problems));
        }
        let metrics = Metric::all(&queries, with_optional, interval);
        let file = |query: Query| Definition {
            families: Family::of(&query),
            columns: columns(&query, &metrics),
            query,
        };
        Ok(Self { files: queries.into_iter().map(file).collect(), metrics })
    }
}

fn columns(query: &Query, metrics: &[Metric]) -> Vec<Column> {
    let index = |key: &str| metrics.iter().find(|metric| metric.key == key && metric.file == query.name);
    let all = |keys: &mut dyn Iterator<Item = &str>| {
        // Absent unless all parts are asked for.
        let found: Option<Vec<usize>> = keys.map(|key| index(key).map(|metric| metric.index)).collect();
        Column::CloudWatch(found.unwrap_or_default())
    };
    let column = |metric: &catalogue::metric::Metric| match &metric.origin {
        Origin::CloudWatch(_) => all(&mut std::iter::once(&*metric.key)),
        Origin::Sum(keys) => all(&mut keys.iter().map(|key| &**key)),
        _ => Column::Key(metric.key.to_string()),
    };
    query.metrics.iter().map(column).collect()
}

/// The samples of one account and region.
pub fn page(target: &Target, definitions: &Definitions) -> Page {
    let state = target.state();
    let account = state.account.clone().unwrap_or_default();
    let region = state.region.clone().unwrap_or_default();
    let labels: Arc<str> =
        label_text([("aws_account_id", account.as_str()), ("aws_region", region.as_str())]).into();
    let clusters = state.clusters().map(|all| all.as_slice()).unwrap_or_default();
    let clusters = clusters.iter().map(|cluster| (cluster.id.as_str(), cluster)).collect();
    let maker = Maker { state: &state, target, metrics: &definitions.metrics, clusters, now: now() };
    let mut page = Page::default();
    for definition in &definitions.files {
        let limits = Limits { rows: usize::MAX, ..Limits::default() };
        let mut into = Rows {
            definition,
            builder: Table::builder(Arc::clone(&definition.families), limits),
            values: Vec::new(),
        };
        maker.fill(&mut into);
        let (table, _) = into.builder.finish();
        if !table.is_empty() {
            page.add(&labels, Arc::new(table));
        }
    }
    if let Some(table) = maker.tags() {
        page.add(&labels, Arc::new(table));
    }
    page
}

/// The rows of one metrics file.
struct Rows<'a> {
    definition: &'a Definition,
    builder: Builder,
    values: Vec<f64>,
}

impl Rows<'_> {
    /// A row, unless all of its values are absent. `id` is what CloudWatch was asked about.
    fn add(
        &mut self,
        maker: &Maker<'_>,
        labels: &[(&str, &str)],
        id: &str,
        value: impl Fn(&str) -> Option<f64>,
    ) {
        self.values.clear();
        for column in &self.definition.columns {
            let found = match column {
                Column::CloudWatch(indices) => maker.sum(id, indices),
                Column::Key(key) => value(key),
            };
            self.values.push(found.unwrap_or(f64::NAN));
        }
        if self.values.iter().any(|value| !value.is_nan()) {
            self.builder.row(labels.iter().copied(), &self.values);
        }
    }
}

/// Everything that samples are made of.
struct Maker<'a> {
    state: &'a State,
    target: &'a Target,
    metrics: &'a [Metric],
    clusters: BTreeMap<&'a str, &'a Cluster>,
    now: Timestamp,
}

impl Maker<'_> {
    fn fill(&self, into: &mut Rows<'_>) {
        match (into.definition.query.name.as_str(), into.definition.query.scope) {
            ("instance_info", _) => self.infos(into),
            ("maintenance", _) => self.maintenances(into),
            ("events", _) => self.events(into),
            ("engine_support", _) => self.engine_support(into),
            ("cluster_info", _) => self.cluster_infos(into),
            ("exporter_collectors", _) => self.collectors(into),
            ("exporter_api", _) => self.calls(into),
            ("exporter_targets", _) => self.targets(into),
            (_, Scope::Instance) => self.instances(into),
            (_, Scope::Cluster) => self.of_clusters(into),
            (_, Scope::InstanceClass) => self.classes(into),
            (_, Scope::Account) => self.quotas(into),
            _ => {}
        }
    }

    fn compat(&self) -> bool {
        self.target.choice.compat
    }

    /// The sum of CloudWatch values; absent when one is.
    fn sum(&self, id: &str, indices: &[usize]) -> Option<f64> {
        let data = self.state.data.get(id).filter(|_| !indices.is_empty())?;
        let value = |index: &usize| {
            let metric = self.metrics.get(*index)?;
            data.get(index)?.get(metric.life()).map(|datum| datum.value * metric.source.factor)
        };
        indices.iter().map(value).sum()
    }

    fn all_instances(&self) -> &[Instance] {
        self.state.instances().map(|all| all.as_slice()).unwrap_or_default()
    }

    fn about<'a>(&'a self, instance: &'a Instance) -> About<'a> {
        let data = self.state.data.get(instance.id.as_str());
        let fresh =
            data.into_iter().flatten().filter_map(|(index, kept)| kept.get(self.metrics.get(*index)?.life()));
        // The existing exporter asks for x2gd, but looks for x2g in the answer.
        let lost = self.compat() && instance.class.starts_with("db.x2g.");
        About {
            instance,
            cluster: instance.cluster.as_deref().and_then(|id| self.clusters.get(id)).copied(),
            knows_clusters: self.state.clusters().is_some()
                || !self.target.choice.collectors.contains(&Collector::Clusters),
            machine: self.state.machine(instance).filter(|_| !lost),
            log_size: self
                .state
                .logs
                .get(&instance.id)
                .and_then(|size| size.get(Collector::LogFiles.life()))
                .copied(),
            newest: fresh.map(|datum| datum.at).reduce(f64::max),
            now: self.now,
            compat: self.compat(),
        }
    }

    fn instances(&self, into: &mut Rows<'_>) {
        for instance in self.all_instances() {
            let about = self.about(instance);
            into.add(self, &[("dbidentifier", &instance.id)], &instance.id, |key| {
                about.value(key).unwrap_or_default()
            });
        }
    }

    fn of_clusters(&self, into: &mut Rows<'_>) {
        for (id, cluster) in &self.clusters {
            into.add(self, &[("cluster_identifier", id)], id, |key| {
                of_cluster(key, cluster, self.compat()).unwrap_or_default()
            });
        }
    }

    fn classes(&self, into: &mut Rows<'_>) {
        let classes: BTreeMap<&str, _> = self
            .all_instances()
            .iter()
            .map(|instance| (instance.class.as_str(), self.state.machine(instance)))
            .collect();
        for (class, machine) in classes {
            let Some(machine) = machine else { continue };
            let shown = if self.compat() { class.replace("db.x2g.", "db.x2gd.") } else { class.to_owned() };
            into.add(self, &[("instance_class", &shown)], "", |key| {
                of_class(key, machine, self.compat()).unwrap_or_default()
            });
        }
    }

    fn quotas(&self, into: &mut Rows<'_>) {
        let runs = |key: &str| {
            let collector = if key.starts_with("quota") { Collector::Quotas } else { Collector::Usages };
            self.state.runs.get(&collector).map(|run| (collector, run))
        };
        into.add(self, &[], "", |key| {
            let (collector, run) = runs(key)?;
            let known = self.state.quotas.get(key).and_then(|value| value.get(collector.life())).copied();
            known.or((self.compat() && run.runs > 0).then_some(0.0))
        });
    }

    fn infos(&self, into: &mut Rows<'_>) {
        // Labels that change a second after the start would be other series.
        if !self.state.is_settled() {
            return;
        }
        for instance in self.all_instances() {
            let about = self.about(instance);
            let (role, source) = about.role();
            let flag = |yes: bool| if yes { "true" } else { "false" };
            let labels = [
                ("dbidentifier", instance.id.as_str()),
                ("dbi_resource_id", &instance.resource_id),
                ("cluster_identifier", instance.cluster.as_deref().unwrap_or_default()),
                ("instance_class", &instance.class),
                ("engine", &instance.engine),
                ("engine_version", &instance.engine_version),
                ("storage_type", &instance.storage_type),
                ("multi_az", flag(instance.multi_az)),
                ("deletion_protection", flag(instance.deletion_protection)),
                ("role", role),
                ("source_dbidentifier", source),
                ("pending_modified_values", flag(about.has_pending_modifications())),
                ("pending_maintenance", self.pending_maintenance(instance)),
                ("performance_insights_enabled", flag(instance.performance_insights)),
                ("ca_certificate_identifier", &instance.authority),
                ("arn", &instance.arn),
            ];
            into.add(self, &labels, &instance.id, |_| Some(1.0));
        }
    }

    /// The most urgent action of an instance.
    fn pending_maintenance(&self, instance: &Instance) -> &'static str {
        let Some(actions) = self.state.actions() else { return "unknown" };
        let own = actions.iter().filter(|action| action.target() == Some(("db", &instance.id)));
        let own: Vec<Urgency> = own.map(Action::urgency).collect();
        let shown = if self.compat() { Urgency::compat(&own) } else { own.into_iter().max() };
        shown.map_or("no", Urgency::name)
    }

    fn maintenances(&self, into: &mut Rows<'_>) {
        // One series per resource and action; of two entries of one action the earlier counts.
        let mut earliest: BTreeMap<(&str, &str, &str), &Action> = BTreeMap::new();
        for action in self.state.actions().into_iter().flatten() {
            let Some((kind, id)) = action.target() else { continue };
            let date = |action: &Action| action.apply_date().unwrap_or(f64::INFINITY);
            let known = earliest.entry((kind, id, action.action.as_str())).or_insert(action);
            if date(action) < date(known) {
                *known = action;
            }
        }
        for ((kind, id, name), action) in earliest {
            let id_of = |wanted: &str| if kind == wanted { id } else { "" };
            let labels =
                [("dbidentifier", id_of("db")), ("cluster_identifier", id_of("cluster")), ("action", name)];
            into.add(self, &labels, id, |key| match key {
                "maintenance_apply_timestamp_seconds" => action.apply_date(),
                "maintenance_opted_in" => Some(f64::from(u8::from(action.is_scheduled()))),
                _ => None,
            });
        }
    }

    fn events(&self, into: &mut Rows<'_>) {
        for (key, at) in self.state.events.iter().filter(|(_, at)| self.now - **at < EVENTS) {
            let id_of = |is_cluster: bool| if key.is_cluster == is_cluster { key.id.as_str() } else { "" };
            let labels = [
                ("dbidentifier", id_of(false)),
                ("cluster_identifier", id_of(true)),
                ("category", &key.category),
            ];
            into.add(self, &labels, "", |_| Some(*at));
        }
    }

    fn engine_support(&self, into: &mut Rows<'_>) {
        for instance in self.all_instances() {
            let life = Collector::EngineSupport.life();
            let cycles = self.state.lifecycles.get(&instance.engine).and_then(|cycles| cycles.get(life));
            // The existing exporter takes what stands before the first dot for the major version.
            let first = instance.engine_version.split('.').next();
            let covers = |cycle: &&Lifecycle| {
                if self.compat() {
                    first == Some(&cycle.major)
                } else {
                    cycle.covers(&instance.engine, &instance.engine_version)
                }
            };
            let Some(cycle) = cycles.into_iter().flatten().find(covers) else { continue };
            let days = |end: Option<f64>| end.map(|end| ((end - self.now) / 86_400.0).ceil());
            let labels = [
                ("dbidentifier", instance.id.as_str()),
                ("engine", &instance.engine),
                ("engine_version", &instance.engine_version),
            ];
            into.add(self, &labels, &instance.id, |key| match key {
                "standard_support_engine_remaining_days" => days(cycle.standard_end),
                "extended_support_engine_remaining_days" => days(cycle.extended_end),
                _ => None,
            });
        }
    }

    fn cluster_infos(&self, into: &mut Rows<'_>) {
        for cluster in self.clusters.values() {
            let labels = [
                ("cluster_identifier", cluster.id.as_str()),
                ("cluster_resource_id", &cluster.resource_id),
                ("engine", &cluster.engine),
                ("engine_version", &cluster.engine_version),
                ("arn", &cluster.arn),
            ];
            into.add(self, &labels, &cluster.id, |_| Some(1.0));
        }
    }

    fn collectors(&self, into: &mut Rows<'_>) {
        for (collector, run) in &self.state.runs {
            into.add(self, &[("collector", collector.name())], "", |key| match key {
                "exporter_collector_success" => Some(f64::from(u8::from(run.works(collector.interval())))),
                "exporter_collector_age_seconds" => run.last.map(|last| last.elapsed().as_secs_f64()),
                "exporter_collector_duration_seconds" => (run.runs > 0).then_some(run.took.as_secs_f64()),
                "exporter_errors_total" => Some(run.failures as f64),
                _ => None,
            });
        }
    }

    fn calls(&self, into: &mut Rows<'_>) {
        let apis: Vec<Api> = self.state.runs.keys().map(|collector| collector.api()).collect();
        for api in Api::ALL.into_iter().filter(|api| apis.contains(api)) {
            let Count { requests, retries, throttled, failed, billed } = self.target.calls.of(api);
            let bills = matches!(api, Api::CloudWatch | Api::Usage);
            into.add(self, &[("api", api.name())], "", |key| match key {
                "api_call_total" => Some(requests as f64),
                "api_retries_total" => Some(retries as f64),
                "api_throttled_total" => Some(throttled as f64),
                "api_errors_total" => Some(failed as f64),
                "api_billed_metrics_total" => bills.then_some(billed as f64),
                _ => None,
            });
        }
    }

    fn targets(&self, into: &mut Rows<'_>) {
        let known = self.state.account.is_some();
        into.add(self, &[], "", |key| match key {
            "exporter_target_info" => known.then_some(1.0),
            "exporter_target_instances" => self.state.instances().map(|all| all.len() as f64),
            _ => None,
        });
    }

    /// `rds_instance_tags`: a family whose labels are the tags of each instance.
    fn tags(&self) -> Option<Table> {
        if !self.target.choice.tags {
            return None;
        }
        let help =
            "Always 0; the labels are the tags of the instance, from DescribeDBInstances.TagList".to_owned();
        let family = Family { name: "rds_instance_tags".to_owned(), kind: Kind::Gauge, unit: None, help };
        let mut builder = Table::builder([family].into(), Limits { rows: usize::MAX, ..Limits::default() });
        for instance in self.all_instances() {
            let tags = super::tags::labels(&instance.tags);
            let own = std::iter::once(("dbidentifier", instance.id.as_str()));
            builder.row(own.chain(tags.iter().map(|(name, value)| (name.as_str(), value.as_str()))), &[0.0]);
        }
        let (table, _) = builder.finish();
        (!table.is_empty()).then_some(table)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::aws::Datum;
    use super::super::config::Account;
    use super::super::model::Machine;
    use super::super::state::{Kept, Run};
    use super::super::target::Choice;
    use super::*;

    /// What a target serves, as text.
    fn text(target: &Target) -> String {
        let definitions = Definitions::read(true, Duration::from_mins(1)).unwrap();
        page(target, &definitions).text(crate::exposition::Format::Text)
    }

    fn target(definitions: &Definitions) -> Arc<Target> {
        let all = [Collector::Instances, Collector::InstanceMetrics, Collector::LogFiles, Collector::Quotas];
        let choice = Choice { collectors: all.into(), tags: true, serverless_logs: false, compat: false };
        let account = Account { region: Some("eu-west-3".to_owned()), ..Account::default() };
        let target = Target::new(account, choice, Arc::clone(&definitions.metrics));
        let instance = Instance { id: "a".to_owned(), status: "available".to_owned(), ..Instance::default() };
        let mut state = target.state();
        state.instances = Some(Kept::now(Arc::new(vec![instance])));
        for run in state.runs.values_mut() {
            *run = Run { complete: true, last: Some(Instant::now()), runs: 1, ..Run::default() };
        }
        let cpu =
            definitions.metrics.iter().find(|metric| metric.key == "cpu_usage_percent_average").unwrap();
        state.take(&"a".into(), cpu.index, Datum { value: 7.0, at: now() });
        state.logs.insert("a".to_owned(), Kept::now(5.0));
        state.quotas.insert("quota_max_dbinstances_average", Kept::now(40.0));
        drop(state);
        target
    }

    /// The age up to which each part is served: then it goes away, and nothing becomes 0.
    #[tokio::test(start_paused = true)]
    async fn old_values_go_away_at_their_age() {
        let definitions = Definitions::read(true, Duration::from_mins(1)).unwrap();
        let target = target(&definitions);
        let parts = [
            ("rds_cpu_usage_percent_average{", 5),
            ("rds_instance_status{", 10),
            ("rds_exporter_target_instances{", 10),
            ("rds_instance_log_files_size_bytes{", 10),
            ("rds_quota_max_dbinstances_average{", 180),
        ];
        let start = Instant::now();
        for minute in [0, 4, 6, 9, 11, 179, 181] {
            tokio::time::advance(start + Duration::from_mins(minute) - Instant::now()).await;
            let text = text(&target);
            for (name, life) in parts {
                let served = text.lines().any(|line| line.starts_with(name));
                assert_eq!(served, minute <= life, "{name} after {minute} minutes:\n{text}");
            }
        }
        let text = text(&target);
        assert!(
            text.contains(
                "rds_exporter_collector_success{aws_region=\"eu-west-3\",collector=\"quotas\"} 0\n"
            ),
            "{text}"
        );
        assert!(text.contains("collector=\"quotas\"} 10860\n"), "{text}");
    }

    /// Adding a metric takes a line in a YAML file and one in `values.rs`; this names the one that is missing.
    #[test]
    fn every_metric_from_an_api_is_filled() {
        let definitions = Definitions::read(true, Duration::from_mins(1)).unwrap();
        let instance = Instance::default();
        let about = About {
            instance: &instance,
            cluster: None,
            knows_clusters: true,
            machine: None,
            log_size: None,
            newest: None,
            now: 0.0,
            compat: false,
        };
        let own = ["instance_info", "maintenance", "engine_support", "cluster_info", "events"];
        for definition in
            definitions.files.iter().filter(|definition| !own.contains(&definition.query.name.as_str()))
        {
            for metric in
                definition.query.metrics.iter().filter(|metric| matches!(metric.origin, Origin::Api(_)))
            {
                let filled = match definition.query.scope {
                    Scope::Instance => about.value(&metric.key).is_ok(),
                    Scope::Cluster => of_cluster(&metric.key, &Cluster::default(), false).is_ok(),
                    Scope::InstanceClass => of_class(&metric.key, &Machine::default(), false).is_ok(),
                    _ => true,
                };
                assert!(filled, "{} is declared, but nothing fills it", &*metric.series);
            }
        }
    }
}
