//! From what is known to samples: the families of the metrics files, filled by key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use catalogue::metric::{Origin, Query, Scope};

use super::model::{Action, Cluster, Instance, Lifecycle, Machine, Urgency};
use super::questions::Metric;
use super::state::{Collector, State};
use super::target::{GIB, Target};
use super::volume;
use crate::exposition::Page;
use crate::sample::{Builder, Family, Limits, Table, label_text};

/// MiB in bytes.
const MIB: f64 = 1_048_576.0;

/// A metrics file with its families.
#[derive(Debug)]
pub struct Definition {
    query: Query,
    families: Arc<[Family]>,
}

/// All metrics files of the exporter.
#[derive(Debug)]
pub struct Definitions {
    files: Vec<Definition>,
    /// The metrics that come from CloudWatch.
    pub metrics: Arc<Vec<Metric>>,
}

impl Definitions {
    /// The embedded ones; those that are off by default only if wanted.
    pub fn read(with_optional: bool) -> Result<Self, String> {
        let (queries, problems) = crate::queries("rds");
        if !problems.is_empty() {
            return Err(crate::config::describe(problems));
        }
        let metrics = Arc::new(Metric::all(&queries, with_optional));
        let file = |query: Query| Definition { families: Family::of(&query), query };
        Ok(Self { files: queries.into_iter().map(file).collect(), metrics })
    }
}

/// An instance with all that is known about it.
struct About<'a> {
    instance: &'a Instance,
    cluster: Option<&'a Cluster>,
    machine: Option<&'a Machine>,
    log_size: Option<f64>,
    now: f64,
    compat: bool,
}

/// The samples of one account and region.
pub fn page(target: &Target, definitions: &Definitions, compat: bool) -> Page {
    let state = target.state();
    let account = state.account.clone().unwrap_or_default();
    let region = state.region.clone().unwrap_or_default();
    let labels: Arc<str> = label_text([("aws_account_id", account.as_str()), ("aws_region", region.as_str())]).into();
    let maker = Maker { state: &state, target, definitions, compat, now: now() };
    let mut page = Page::default();
    for definition in &definitions.files {
        let mut builder = Table::builder(Arc::clone(&definition.families), Limits { rows: usize::MAX, ..Limits::default() });
        maker.fill(definition, &mut builder);
        let (table, _) = builder.finish();
        if !table.is_empty() {
            page.add(&labels, Arc::new(table));
        }
    }
    if let Some(table) = maker.tags() {
        page.add(&labels, Arc::new(table));
    }
    page
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

struct Maker<'a> {
    state: &'a State,
    target: &'a Target,
    definitions: &'a Definitions,
    compat: bool,
    now: f64,
}

impl Maker<'_> {
    fn fill(&self, definition: &Definition, into: &mut Builder) {
        match (definition.query.name.as_str(), definition.query.scope) {
            ("instance_info", _) => self.infos(definition, into),
            ("maintenance", _) => self.maintenances(definition, into),
            ("engine_support", _) => self.engine_support(definition, into),
            ("cluster_info", _) => self.cluster_infos(definition, into),
            ("exporter_collectors", _) => self.collectors(definition, into),
            ("exporter_api", _) => self.calls(definition, into),
            ("exporter_targets", _) => self.targets(definition, into),
            (_, Scope::Instance) => self.instances(definition, into),
            (_, Scope::Cluster) => self.clusters(definition, into),
            (_, Scope::InstanceClass) => self.classes(definition, into),
            (_, Scope::Account) => self.quotas(definition, into),
            _ => {}
        }
    }

    /// One value per metric of a file.
    fn row(
        &self,
        definition: &Definition,
        into: &mut Builder,
        labels: &[(&str, &str)],
        id: &str,
        value: impl Fn(&str) -> Option<f64>,
    ) {
        let mut values: Vec<f64> = Vec::with_capacity(definition.query.metrics.len());
        for metric in &definition.query.metrics {
            let found = match &metric.origin {
                Origin::CloudWatch(_) => self.datum(&definition.query.name, &metric.key, id),
                Origin::Sum(keys) => keys.iter().map(|key| self.datum(&definition.query.name, key, id)).sum(),
                _ => value(&metric.key),
            };
            values.push(found.unwrap_or(f64::NAN));
        }
        if values.iter().any(|value| !value.is_nan()) {
            into.row(labels.iter().copied(), &values);
        }
    }

    fn datum(&self, file: &str, key: &str, id: &str) -> Option<f64> {
        let metric = self.definitions.metrics.iter().find(|metric| metric.key == key && metric.file == file)?;
        let kept = self.state.data.get(&(Arc::from(id), metric.index))?;
        kept.get(metric.life()).map(|datum| datum.value * metric.source.factor)
    }

    fn all_instances(&self) -> &[Instance] {
        self.state.instances().map(|all| all.as_slice()).unwrap_or_default()
    }

    fn all_clusters(&self) -> &[Cluster] {
        self.state.clusters().map(|all| all.as_slice()).unwrap_or_default()
    }

    fn about<'a>(&'a self, instance: &'a Instance, clusters: &BTreeMap<&str, &'a Cluster>) -> About<'a> {
        About {
            instance,
            cluster: instance.cluster.as_deref().and_then(|id| clusters.get(id)).copied(),
            machine: instance.machine().and_then(|name| self.state.machines.get(&name)),
            log_size: self.state.logs.get(&instance.id).and_then(|size| size.get(Collector::LogFiles.life())).copied(),
            now: self.now,
            compat: self.compat,
        }
    }

    fn by_id(&self) -> BTreeMap<&str, &Cluster> {
        self.all_clusters().iter().map(|cluster| (cluster.id.as_str(), cluster)).collect()
    }

    fn instances(&self, definition: &Definition, into: &mut Builder) {
        let clusters = self.by_id();
        for instance in self.all_instances() {
            let about = self.about(instance, &clusters);
            let labels = [("dbidentifier", instance.id.as_str())];
            self.row(definition, into, &labels, &instance.id, |key| about.value(key).flatten());
        }
    }

    fn clusters(&self, definition: &Definition, into: &mut Builder) {
        for cluster in self.all_clusters() {
            let labels = [("cluster_identifier", cluster.id.as_str())];
            self.row(definition, into, &labels, &cluster.id, |key| cluster_value(key, cluster, self.compat).flatten());
        }
    }

    fn classes(&self, definition: &Definition, into: &mut Builder) {
        let classes: BTreeMap<&str, Option<String>> =
            self.all_instances().iter().map(|instance| (instance.class.as_str(), instance.machine())).collect();
        for (class, name) in classes {
            let Some(machine) = name.and_then(|name| self.state.machines.get(&name)) else { continue };
            self.row(definition, into, &[("instance_class", class)], class, |key| class_value(key, machine, self.compat).flatten());
        }
    }

    fn quotas(&self, definition: &Definition, into: &mut Builder) {
        let life = Collector::Quotas.life();
        self.row(definition, into, &[], "", |key| self.state.quotas.get(key).and_then(|value| value.get(life)).copied());
    }

    fn infos(&self, definition: &Definition, into: &mut Builder) {
        let clusters = self.by_id();
        for instance in self.all_instances() {
            let about = self.about(instance, &clusters);
            let (role, source) = about.role();
            let flag = |yes: bool| if yes { "true" } else { "false" };
            let pending = about.has_pending_modifications();
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
                ("pending_modified_values", flag(pending)),
                ("pending_maintenance", self.pending_maintenance(instance)),
                ("performance_insights_enabled", flag(instance.performance_insights)),
                ("ca_certificate_identifier", &instance.authority),
                ("arn", &instance.arn),
            ];
            self.row(definition, into, &labels, &instance.id, |_| Some(1.0));
        }
    }

    /// The most urgent action of an instance.
    fn pending_maintenance(&self, instance: &Instance) -> &'static str {
        let Some(actions) = self.state.actions() else { return "unknown" };
        let own = actions.iter().filter(|action| action.target() == Some(("db", &instance.id)));
        own.map(Action::urgency).max().map_or("no", Urgency::name)
    }

    fn maintenances(&self, definition: &Definition, into: &mut Builder) {
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
            let labels = [("dbidentifier", id_of("db")), ("cluster_identifier", id_of("cluster")), ("action", name)];
            let opted_in = action.opt_in.as_deref().is_some_and(|status| ["immediate", "next-maintenance"].contains(&status));
            self.row(definition, into, &labels, id, |key| match key {
                "maintenance_apply_timestamp_seconds" => action.apply_date(),
                "maintenance_opted_in" => Some(f64::from(u8::from(opted_in))),
                _ => None,
            });
        }
    }

    fn engine_support(&self, definition: &Definition, into: &mut Builder) {
        for instance in self.all_instances() {
            let life = Collector::EngineSupport.life();
            let cycles = self.state.lifecycles.get(&instance.engine).and_then(|cycles| cycles.get(life));
            let own = cycles.into_iter().flatten().find(|cycle| cycle.covers(&instance.engine, &instance.engine_version));
            let Some(Lifecycle { standard_end, extended_end, .. }) = own else { continue };
            let days = |end: Option<f64>| end.map(|end| ((end - self.now) / 86_400.0).ceil());
            let labels = [
                ("dbidentifier", instance.id.as_str()),
                ("engine", &instance.engine),
                ("engine_version", &instance.engine_version),
            ];
            self.row(definition, into, &labels, &instance.id, |key| match key {
                "standard_support_engine_remaining_days" => days(*standard_end),
                "extended_support_engine_remaining_days" => days(*extended_end),
                _ => None,
            });
        }
    }

    fn cluster_infos(&self, definition: &Definition, into: &mut Builder) {
        for cluster in self.all_clusters() {
            let labels = [
                ("cluster_identifier", cluster.id.as_str()),
                ("cluster_resource_id", &cluster.resource_id),
                ("engine", &cluster.engine),
                ("engine_version", &cluster.engine_version),
                ("arn", &cluster.arn),
            ];
            self.row(definition, into, &labels, &cluster.id, |_| Some(1.0));
        }
    }

    fn collectors(&self, definition: &Definition, into: &mut Builder) {
        for (collector, run) in &self.state.runs {
            self.row(definition, into, &[("collector", collector.name())], "", |key| match key {
                "exporter_collector_success" => Some(f64::from(u8::from(run.works(collector.interval())))),
                "exporter_collector_age_seconds" => run.last.map(|last| last.elapsed().as_secs_f64()),
                "exporter_collector_duration_seconds" => run.last.map(|_| run.took.as_secs_f64()),
                "exporter_errors_total" => Some(run.failures as f64),
                _ => None,
            });
        }
    }

    fn calls(&self, definition: &Definition, into: &mut Builder) {
        for (api, count) in self.target.calls.all() {
            self.row(definition, into, &[("api", api.name())], "", |key| match key {
                "api_call_total" => Some(count.requests as f64),
                "api_throttled_total" => Some(count.throttled as f64),
                "api_failed_total" => Some(count.failed as f64),
                "api_billed_metrics_total" => Some(count.billed as f64),
                _ => None,
            });
        }
    }

    fn targets(&self, definition: &Definition, into: &mut Builder) {
        let known = self.state.account.is_some();
        self.row(definition, into, &[], "", |key| match key {
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
        let help = "Always 0; the labels are the tags of the instance, from DescribeDBInstances.TagList";
        let family = Family {
            name: "rds_instance_tags".to_owned(),
            kind: catalogue::metric::Kind::Gauge,
            unit: None,
            help: help.to_owned(),
        };
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

impl About<'_> {
    /// Role and source of an instance.
    fn role(&self) -> (&'static str, &str) {
        let member = self.cluster.and_then(|cluster| cluster.members.get(&self.instance.id));
        let writer = || {
            let members = self.cluster.map(|cluster| &cluster.members);
            let writer = members.into_iter().flatten().find(|(_, member)| member.is_writer);
            writer.map_or("", |(id, _)| id.as_str())
        };
        match (member, &self.instance.replica_source) {
            (Some(member), _) if member.is_writer => ("writer", ""),
            (Some(_), _) => ("reader", writer()),
            (None, Some(source)) => ("replica", source),
            (None, None) => ("primary", ""),
        }
    }

    fn has_pending_modifications(&self) -> bool {
        let out_of_sync = self.instance.parameter_groups.iter().any(|status| status != "in-sync");
        self.instance.pending > 0 || self.instance.pending_password || out_of_sync
    }

    /// The value of a metric of an instance; `None` for a key that this does not know.
    fn value(&self, key: &str) -> Option<Option<f64>> {
        let instance = self.instance;
        let unapplied = |status: &str| ["pending-reboot", "failed-to-apply"].contains(&status);
        let capacity = || self.cluster.and_then(|cluster| cluster.capacity).filter(|_| instance.is_serverless());
        Some(match key {
            "allocated_storage_bytes" => instance.allocated_gib.map(|size| size * GIB),
            "max_allocated_storage_bytes" => instance.max_allocated_gib.map(|size| size * GIB),
            "allocated_disk_iops_average" => self.volume_iops(),
            "allocated_disk_throughput_bytes" => self.volume_throughput(),
            "max_disk_iops_average" => self.least(self.volume_iops(), |machine| machine.iops.map(|(baseline, _)| baseline)),
            "max_storage_throughput_bytes" => self.least(self.volume_throughput(), |machine| {
                machine.throughput_mb.map(|(baseline, _)| baseline * if self.compat { MIB } else { 1e6 })
            }),
            "max_network_throughput_bytes" => {
                self.machine.and_then(|machine| network_bytes(machine, self.compat))
            }
            "instance_log_files_size_bytes" => self.log_size,
            "instance_vcpus" => match capacity() {
                Some((_, most)) => Some(most / 4.0),
                None => instance.vcpus.or(self.machine.and_then(|machine| machine.vcpus)),
            },
            "instance_physical_memory_bytes" => match capacity() {
                Some((_, most)) => Some(most * 2.0 * GIB),
                None => self.machine.and_then(|machine| machine.memory_mib).map(|size| size * MIB),
            },
            "certificate_expiry_timestamp_seconds" => instance.certificate_end,
            "instance_unapplied_parameter_groups" => {
                let groups = &instance.parameter_groups;
                (!groups.is_empty()).then(|| groups.iter().filter(|status| unapplied(status)).count() as f64)
            }
            "instance_unapplied_cluster_parameter_groups" => {
                let member = self.cluster.and_then(|cluster| cluster.members.get(&instance.id));
                let status = member.and_then(|member| member.parameter_group.as_deref());
                status.map(|status| f64::from(u8::from(unapplied(status))))
            }
            "instance_pending_modifications" => Some(instance.pending as f64),
            "instance_status" => Some(instance.status_code()),
            "instance_age_seconds" => instance.created.map(|created| self.now - created),
            "instance_latest_restorable_timestamp_seconds" => instance.restorable,
            "backup_retention_period_seconds" => instance.retention_days.map(|days| days * 86_400.0),
            "replica_replicating" => instance.replicating.map(|works| f64::from(u8::from(works))),
            _ => return None,
        })
    }

    fn volume_iops(&self) -> Option<f64> {
        if self.compat { volume::compat::iops(self.instance) } else { volume::iops(self.instance) }
    }

    fn volume_throughput(&self) -> Option<f64> {
        let of = if self.compat { volume::compat::throughput_mib } else { volume::throughput_mib };
        of(self.instance).map(|throughput| throughput * MIB)
    }

    /// The smaller of what the volume and the class can do. Aurora's storage is no volume.
    fn least(&self, volume: Option<f64>, class: impl Fn(&Machine) -> Option<f64>) -> Option<f64> {
        if self.instance.storage_type.starts_with("aurora") && !self.compat {
            return None;
        }
        let class = self.machine.and_then(class);
        volume.into_iter().chain(class).reduce(f64::min)
    }
}

fn network_bytes(machine: &Machine, compat: bool) -> Option<f64> {
    // Gigabits are not gigabytes.
    machine.network_gbps.map(|gigabits| gigabits * 1e9 / if compat { 1.0 } else { 8.0 })
}

fn class_value(key: &str, machine: &Machine, compat: bool) -> Option<Option<f64>> {
    let megabytes = if compat { MIB } else { 1e6 };
    Some(match key {
        "instance_vcpu_average" => machine.vcpus,
        "instance_memory_bytes" => machine.memory_mib.map(|size| size * MIB),
        "instance_baseline_iops_average" => machine.iops.map(|(baseline, _)| baseline),
        "instance_max_iops_average" => machine.iops.map(|(_, most)| most),
        "instance_baseline_throughput_bytes" => machine.throughput_mb.map(|(baseline, _)| baseline * megabytes),
        "instance_max_throughput_bytes" => machine.throughput_mb.map(|(_, most)| most * megabytes),
        "instance_baseline_network_bandwidth_bytes" => network_bytes(machine, compat),
        _ => return None,
    })
}

fn cluster_value(key: &str, cluster: &Cluster, compat: bool) -> Option<Option<f64>> {
    let zero = compat.then_some(0.0);
    Some(match key {
        "cluster_acu_min_average" => cluster.capacity.map(|(least, _)| least).or(zero),
        "cluster_acu_max_average" => cluster.capacity.map(|(_, most)| most).or(zero),
        "cluster_members" => Some(cluster.members.len() as f64),
        "cluster_latest_restorable_timestamp_seconds" => cluster.restorable,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adding a metric takes a line in a YAML file and one here; this names the one that is missing.
    #[test]
    fn every_metric_from_an_api_is_filled() {
        let definitions = Definitions::read(true).unwrap();
        let instance = Instance::default();
        let about = About { instance: &instance, cluster: None, machine: None, log_size: None, now: 0.0, compat: false };
        let own = ["instance_info", "maintenance", "engine_support", "cluster_info"];
        for definition in definitions.files.iter().filter(|definition| !own.contains(&definition.query.name.as_str())) {
            for metric in definition.query.metrics.iter().filter(|metric| matches!(metric.origin, Origin::Api(_))) {
                let filled = match definition.query.scope {
                    Scope::Instance => about.value(&metric.key).is_some(),
                    Scope::Cluster => cluster_value(&metric.key, &Cluster::default(), false).is_some(),
                    Scope::InstanceClass => class_value(&metric.key, &Machine::default(), false).is_some(),
                    _ => true,
                };
                assert!(filled, "{} is declared, but nothing fills it", &*metric.series);
            }
        }
    }
}
