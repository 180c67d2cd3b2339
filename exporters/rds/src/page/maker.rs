//! The rows of every metrics file about AWS.

use std::collections::BTreeMap;

use catalogue::metric::{Kind, Scope};

use super::super::collect::{EVENTS, USAGES, unit};
use super::super::logs;
use super::super::model::{Action, Cluster, Instance, Lifecycle, Timestamp, Urgency};
use super::super::questions::{ACCOUNT, Metric};
use super::super::state::{Collector, State, USAGE};
use super::super::target::Target;
use super::super::values::{About, of_class, of_cluster};
use super::Rows;
use exporter_core::sample::{Family, Limits, Table};

/// Everything that samples are made of.
pub(super) struct Maker<'a> {
    pub(super) state: &'a State,
    pub(super) target: &'a Target,
    pub(super) metrics: &'a [Metric],
    pub(super) clusters: BTreeMap<&'a str, &'a Cluster>,
    pub(super) now: Timestamp,
}

impl Maker<'_> {
    pub(super) fn fill(&self, into: &mut Rows<'_>) {
        match (into.definition.query.name.as_str(), into.definition.query.scope) {
            ("instance_info", _) => self.infos(into),
            ("maintenance", _) => self.maintenances(into),
            ("events", _) => self.events(into),
            ("engine_support", _) => self.engine_support(into),
            ("cluster_info", _) => self.cluster_infos(into),
            ("exporter_collectors", _) => self.collectors(into),
            ("exporter_failures", _) => self.failures(into),
            ("exporter_api", _) => self.calls(into),
            ("exporter_targets", _) => self.targets(into),
            (_, Scope::Instance) => self.instances(into),
            (_, Scope::Cluster) => self.of_clusters(into),
            (_, Scope::InstanceClass) => self.classes(into),
            ("quota", _) => self.quotas(into),
            (_, Scope::Account) => into.add(self, &[], ACCOUNT, |_| None),
            _ => {}
        }
    }

    fn compat(&self) -> bool {
        self.target.choice.compat
    }

    /// The sum of CloudWatch values; absent when one is.
    pub(super) fn sum(&self, id: &str, indices: &[usize]) -> Option<f64> {
        let value = |index: &usize| {
            let metric = self.metrics.get(*index)?;
            let datum = self.state.answers.newest(id, *index, metric.life())?;
            Some(datum.value * metric.source.factor)
        };
        let first = indices.first()?;
        indices.iter().skip(1).map(value).try_fold(value(first)?, |sum, own| Some(sum + own?))
    }

    fn served_clusters(&self) -> impl Iterator<Item = (&str, &Cluster)> {
        let served = self.clusters.iter().filter(|(id, _)| self.state.selects_cluster(id));
        served.map(|(id, cluster)| (*id, *cluster))
    }

    fn all_instances(&self) -> &[Instance] {
        self.state.instances().map(|all| all.as_slice()).unwrap_or_default()
    }

    fn about<'a>(&'a self, instance: &'a Instance) -> About<'a> {
        let data = self.state.answers.about(&instance.id);
        let fresh = data.filter_map(|(index, kept)| kept.get(self.metrics.get(index)?.life()));
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
                .and_then(|logs| logs.size.as_ref()?.get(logs::life(self.all_instances().len())).copied()),
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
        for (id, cluster) in self.served_clusters() {
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
                of_class(key, &machine, self.compat()).unwrap_or_default()
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
            let quota = || self.state.quotas.get(key)?.get(collector.life()).copied();
            let usage = || {
                let at = USAGES.iter().position(|(name, _)| *name == key)?;
                Some(self.state.answers.newest(USAGE, at, collector.life())?.value * unit(key))
            };
            quota().or_else(usage).or((self.compat() && run.runs > 0).then_some(0.0))
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
            let is_selected = match kind {
                "db" => self.state.selects_instance(id),
                "cluster" => self.state.selects_cluster(id),
                // Tags are asked for of instances and clusters only.
                _ => self.state.selection.is_none(),
            };
            if !is_selected {
                continue;
            }
            let date = |action: &Action| action.apply_date().unwrap_or(f64::INFINITY);
            let known = earliest.entry((kind, id, action.action.as_str())).or_insert(action);
            if date(action) < date(known) {
                *known = action;
            }
        }
        for ((kind, id, name), action) in earliest {
            let id_of = |wanted: &str| if kind == wanted { id } else { "" };
            let other =
                if ["db", "cluster"].contains(&kind) { String::new() } else { format!("{kind}:{id}") };
            let labels = [
                ("dbidentifier", id_of("db")),
                ("cluster_identifier", id_of("cluster")),
                ("resource", &other),
                ("action", name),
            ];
            into.add(self, &labels, id, |key| match key {
                "maintenance_apply_timestamp_seconds" => action.apply_date(),
                "maintenance_opted_in" => Some(f64::from(u8::from(action.is_scheduled()))),
                _ => None,
            });
        }
    }

    fn events(&self, into: &mut Rows<'_>) {
        for (key, at) in self.state.events.iter().filter(|(_, at)| self.now - **at < EVENTS) {
            // Asked now: which are selected may have become known after the event.
            let selects = if key.is_cluster { State::selects_cluster } else { State::selects_instance };
            if !selects(self.state, &key.id) {
                continue;
            }
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
        for (_, cluster) in self.served_clusters() {
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

    /// `rds_instance_tags`: a family whose labels are the tags of each instance.
    pub(super) fn tags(&self) -> Option<Table> {
        if !self.target.choice.tags {
            return None;
        }
        let help =
            "Always 0; the labels are the tags of the instance, from DescribeDBInstances.TagList".to_owned();
        let family = Family { name: "rds_instance_tags".to_owned(), kind: Kind::Gauge, unit: None, help };
        let mut builder = Table::builder([family].into(), Limits { rows: usize::MAX, ..Limits::default() });
        for instance in self.all_instances() {
            let tags = super::super::tags::labels(&instance.tags);
            let own = std::iter::once(("dbidentifier", instance.id.as_str()));
            builder.row(own.chain(tags.iter().map(|(name, value)| (name.as_str(), value.as_str()))), &[0.0]);
        }
        let (table, _) = builder.finish();
        (!table.is_empty()).then_some(table)
    }
}
