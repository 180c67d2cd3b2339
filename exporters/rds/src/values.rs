//! What the metrics files declare as values of an AWS API, by key: for an instance, a cluster, a class.

use catalogue::metric::Scope;

use super::collect::GIB;
use super::model::{Cluster, Instance, Machine, Member, Timestamp, Volume};
use super::volume;

/// MiB in bytes.
const MIB: f64 = 1_048_576.0;

/// Nothing here has this key.
#[derive(Debug)]
pub(super) struct Unknown;

/// An instance with all that is known about it.
pub(super) struct About<'a> {
    pub(super) instance: &'a Instance,
    pub(super) cluster: Option<&'a Cluster>,
    /// Whether it is known which clusters there are.
    pub(super) knows_clusters: bool,
    pub(super) machine: Option<Machine>,
    pub(super) log_size: Option<f64>,
    /// Time of the newest CloudWatch value.
    pub(super) newest: Option<Timestamp>,
    pub(super) now: Timestamp,
    pub(super) compat: bool,
}

impl About<'_> {
    /// Role and source.
    pub(super) fn role(&self) -> (&'static str, &str) {
        let member = self.cluster.and_then(|cluster| cluster.members.get(&self.instance.id));
        let writer = || {
            let members = self.cluster.map(|cluster| &cluster.members);
            let writer = members.into_iter().flatten().find(|(_, member)| member.is_writer == Some(true));
            writer.map_or("", |(id, _)| id.as_str())
        };
        // The exporter that came before knows no clusters as sources, and no unknown roles.
        let of_cluster = self.instance.replica_source_cluster.as_ref().filter(|_| !self.compat);
        let is_unclear = self.instance.cluster.is_some() && !(self.compat && self.knows_clusters);
        match (member, self.instance.replica_source.as_ref().or(of_cluster)) {
            (Some(Member { is_writer: Some(true), .. }), _) => ("writer", ""),
            (Some(Member { is_writer: Some(false), .. }), _) => ("reader", writer()),
            (Some(_), _) => ("unknown", ""),
            (None, Some(source)) => ("replica", source),
            (None, None) if is_unclear => ("unknown", ""),
            (None, None) => ("primary", ""),
        }
    }

    /// Whether any change waits: the label of old dashboards.
    pub(super) fn has_pending_modifications(&self) -> bool {
        let out_of_sync = self.instance.parameter_groups.iter().any(|status| status != "in-sync");
        self.instance.pending > 0 || self.instance.pending_password || out_of_sync
    }

    /// The value of a metric of an instance.
    pub(super) fn value(&self, key: &str) -> Result<Option<f64>, Unknown> {
        let instance = self.instance;
        let unapplied = |status: &str| ["pending-reboot", "failed-to-apply"].contains(&status);
        let capacity =
            || self.cluster.and_then(|cluster| cluster.capacity).filter(|_| instance.is_serverless());
        Ok(match key {
            "allocated_storage_bytes" => self
                .with_volumes(instance.allocated_gib, |volume| volume.allocated_gib)
                .map(|size| size * GIB),
            // A volume that does not grow keeps its size.
            "max_allocated_storage_bytes" => {
                let most = |volume: &Volume| volume.max_allocated_gib.or(volume.allocated_gib);
                self.with_volumes(instance.max_allocated_gib, most).map(|size| size * GIB)
            }
            "allocated_disk_iops_average" => self.volume_iops(),
            "allocated_disk_throughput_bytes" => self.volume_throughput(),
            "max_disk_iops_average" => {
                self.least(self.volume_iops(), |machine| machine.iops.map(|(base, _)| base))
            }
            "max_storage_throughput_bytes" => self.least(self.volume_throughput(), |machine| {
                machine.throughput_mb.map(|(base, _)| base * megabyte(self.compat))
            }),
            "max_network_throughput_bytes" => {
                self.machine.as_ref().and_then(|machine| network(machine, self.compat))
            }
            "instance_log_files_size_bytes" => self.log_size,
            "instance_vcpus" => match capacity() {
                Some((_, most)) => Some(most / 4.0),
                None => instance.vcpus.or(self.machine.as_ref().and_then(|machine| machine.vcpus)),
            },
            "instance_physical_memory_bytes" => match capacity() {
                Some((_, most)) => Some(most * 2.0 * GIB),
                None => self.machine.as_ref().and_then(|machine| machine.memory_mib).map(|size| size * MIB),
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
            "instance_status" => instance.status_code(),
            "instance_age_seconds" => instance.created.map(|created| self.now - created),
            "instance_latest_restorable_timestamp_seconds" => instance.restorable,
            "backup_retention_period_seconds" => instance.retention_days.map(|days| days * 86_400.0),
            "replica_replicating" => instance.replicating.map(|works| f64::from(u8::from(works))),
            "newest_datapoint_age_seconds" => self.newest.map(|newest| self.now - newest),
            _ => return Err(Unknown),
        })
    }

    /// A number of the first volume and the same of all others together; absent when one is unknown.
    fn with_volumes(&self, first: Option<f64>, of: impl Fn(&Volume) -> Option<f64>) -> Option<f64> {
        let others = self.instance.volumes.iter().filter(|_| !self.compat);
        others.map(of).try_fold(first?, |sum, own| Some(sum + own?))
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
        let class = self.machine.as_ref().and_then(class);
        volume.into_iter().chain(class).reduce(f64::min)
    }
}

/// AWS' megabytes are decimal.
fn megabyte(compat: bool) -> f64 {
    if compat { MIB } else { 1e6 }
}

/// Gigabits are not gigabytes.
fn network(machine: &Machine, compat: bool) -> Option<f64> {
    machine.network_gbps.map(|gigabits| gigabits * 1e9 / if compat { 1.0 } else { 8.0 })
}

/// The value of a metric of a class.
pub(super) fn of_class(key: &str, machine: &Machine, compat: bool) -> Result<Option<f64>, Unknown> {
    let megabyte = megabyte(compat);
    let zero = compat.then_some(0.0);
    Ok(match key {
        "instance_vcpu_average" => machine.vcpus,
        "instance_memory_bytes" => machine.memory_mib.map(|size| size * MIB),
        "instance_baseline_iops_average" => machine.iops.map(|(base, _)| base).or(zero),
        "instance_max_iops_average" => machine.iops.map(|(_, most)| most).or(zero),
        "instance_baseline_throughput_bytes" => {
            machine.throughput_mb.map(|(base, _)| base * megabyte).or(zero)
        }
        "instance_max_throughput_bytes" => machine.throughput_mb.map(|(_, most)| most * megabyte).or(zero),
        "instance_baseline_network_bandwidth_bytes" => network(machine, compat),
        _ => return Err(Unknown),
    })
}

/// The value of a metric of a cluster.
pub(super) fn of_cluster(key: &str, cluster: &Cluster, compat: bool) -> Result<Option<f64>, Unknown> {
    let zero = compat.then_some(0.0);
    Ok(match key {
        "cluster_acu_min_average" => cluster.capacity.map(|(least, _)| least).or(zero),
        "cluster_acu_max_average" => cluster.capacity.map(|(_, most)| most).or(zero),
        "cluster_members" => Some(cluster.members.len() as f64),
        "cluster_latest_restorable_timestamp_seconds" => cluster.restorable,
        _ => return Err(Unknown),
    })
}

/// Whether there is a value of an AWS API with this key.
pub(super) fn fills(scope: Scope, key: &str) -> bool {
    let about = || {
        About {
            instance: &Instance::default(),
            cluster: None,
            knows_clusters: true,
            machine: None,
            log_size: None,
            newest: None,
            now: 0.0,
            compat: false,
        }
        .value(key)
        .is_ok()
    };
    match scope {
        Scope::Instance => about(),
        Scope::Cluster => of_cluster(key, &Cluster::default(), false).is_ok(),
        Scope::InstanceClass => of_class(key, &Machine::default(), false).is_ok(),
        _ => true,
    }
}
