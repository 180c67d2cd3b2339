//! RDS: instances, clusters, maintenance, log files, life cycles of engines, events. All pages of each.
//!
//! An answer without the list that was asked for is a failure: an empty list would say that there is nothing.

use aws_sdk_rds::types as sdk;

use super::{Api, Aws, Failure, seconds};
use crate::model::{Action, Cluster, Event, Instance, Lifecycle, Member, Timestamp, Volume};

/// Pages of one operation at most: a hundred times what large accounts have. More are a mistake of whoever answers.
pub(super) const PAGES: usize = 200;

/// Reads all pages of an operation; each page waits for its turn. The SDK itself refuses a marker that repeats.
macro_rules! pages {
    ($aws:expr, $api:expr, $operation:expr, $request:expr, |$page:ident| $take:expr) => {{
        let mut pages = $request.into_paginator().send();
        let mut left = super::rds::PAGES;
        loop {
            if left == 0 {
                return Err(Failure::endless($operation));
            }
            left -= 1;
            let turn = $aws.limits.turn($api).await;
            let Some(page) = pages.next().await else { break };
            drop(turn);
            let $page = page.map_err(|error| Failure::of($operation, &error))?;
            $take;
        }
    }};
}
pub(super) use pages;

impl Aws {
    /// All instances, or those with these identifiers.
    pub async fn instances(&self, only: Option<&[String]>) -> Result<Vec<Instance>, Failure> {
        let mut found = Vec::new();
        for filter in chunks(only) {
            let request = self
                .rds
                .describe_db_instances()
                .set_filters(filter.map(|ids| vec![one("db-instance-id", ids)]));
            pages!(self, Api::Rds, "DescribeDBInstances", request, |page| {
                found.extend(
                    page.db_instances
                        .ok_or_else(|| Failure::lacks("DescribeDBInstances", "DBInstances"))?
                        .into_iter()
                        .filter_map(instance),
                );
            });
        }
        Ok(found)
    }

    /// All clusters, or those with these identifiers.
    pub async fn clusters(&self, only: Option<&[String]>) -> Result<Vec<Cluster>, Failure> {
        let mut found = Vec::new();
        for filter in chunks(only) {
            let request = self
                .rds
                .describe_db_clusters()
                .set_filters(filter.map(|ids| vec![one("db-cluster-id", ids)]));
            pages!(self, Api::Rds, "DescribeDBClusters", request, |page| {
                found.extend(
                    page.db_clusters
                        .ok_or_else(|| Failure::lacks("DescribeDBClusters", "DBClusters"))?
                        .into_iter()
                        .filter_map(cluster),
                );
            });
        }
        Ok(found)
    }

    /// All maintenance that waits, or what the first page has.
    pub async fn maintenances(&self, first_page: bool) -> Result<Vec<Action>, Failure> {
        const NAME: &str = "DescribePendingMaintenanceActions";
        let mut found = Vec::new();
        let request = self.rds.describe_pending_maintenance_actions();
        pages!(self, Api::Rds, NAME, request, |page| {
            let lacks = || Failure::lacks(NAME, "PendingMaintenanceActions");
            for resource in page.pending_maintenance_actions.ok_or_else(lacks)? {
                let arn = resource.resource_identifier.unwrap_or_default();
                let details = resource.pending_maintenance_action_details.unwrap_or_default();
                found.extend(details.into_iter().map(|detail| action(&arn, detail)));
            }
            if first_page {
                break;
            }
        });
        Ok(found)
    }

    /// Size of all log files of an instance together, or of those on the first page, and the number of pages; `None`
    /// when it has none, is gone, or is not ready yet.
    pub async fn log_files(&self, instance: &str, first_page: bool) -> Result<(Option<f64>, usize), Failure> {
        const NAME: &str = "DescribeDBLogFiles";
        let request = self.rds.describe_db_log_files().db_instance_identifier(instance);
        let sum = async {
            let (mut sum, mut pages) = (None, 0);
            pages!(self, Api::Rds, NAME, request, |page| {
                let files = page.describe_db_log_files.ok_or_else(|| Failure::lacks(NAME, NAME))?;
                for file in files {
                    sum = Some(sum.unwrap_or(0.0) + file.size.unwrap_or(0) as f64);
                }
                pages += 1;
                if first_page {
                    break;
                }
            });
            Ok((sum, pages))
        };
        let silent = ["DBInstanceNotFound", "DBInstanceNotReady"];
        match sum.await {
            Err(Failure { code, .. }) if silent.contains(&code.trim_end_matches("Fault")) => Ok((None, 1)),
            other => other,
        }
    }

    /// Until when the major versions of an engine are supported.
    pub async fn lifecycles(&self, engine: &str) -> Result<Vec<Lifecycle>, Failure> {
        const NAME: &str = "DescribeDBMajorEngineVersions";
        let mut found = Vec::new();
        let request = self.rds.describe_db_major_engine_versions().engine(engine);
        pages!(self, Api::Rds, NAME, request, |page| {
            let versions =
                page.db_major_engine_versions.ok_or_else(|| Failure::lacks(NAME, "DBMajorEngineVersions"))?;
            found.extend(versions.into_iter().map(lifecycle));
        });
        Ok(found)
    }

    /// What happened to instances and clusters since a time.
    pub async fn events(&self, since: Timestamp) -> Result<Vec<Event>, Failure> {
        const NAME: &str = "DescribeEvents";
        let mut found = Vec::new();
        let since = aws_sdk_rds::primitives::DateTime::from_secs_f64(since);
        let request = self.rds.describe_events().start_time(since);
        pages!(self, Api::Rds, NAME, request, |page| {
            let events = page.events.ok_or_else(|| Failure::lacks(NAME, "Events"))?;
            found.extend(events.into_iter().filter_map(event));
        });
        Ok(found)
    }
}

/// Identifiers in portions that one filter takes; one portion without a filter when nothing is selected.
fn chunks(only: Option<&[String]>) -> Vec<Option<&[String]>> {
    match only {
        None => vec![None],
        Some(ids) => ids.chunks(100).map(Some).collect(),
    }
}

fn one(name: &str, values: &[String]) -> sdk::Filter {
    let filter = sdk::Filter::builder().name(name).set_values(Some(values.to_vec()));
    filter.build()
}

fn instance(from: sdk::DbInstance) -> Option<Instance> {
    let group = |group: sdk::DbParameterGroupStatus| group.parameter_apply_status;
    let pending =
        from.pending_modified_values.unwrap_or_else(|| sdk::PendingModifiedValues::builder().build());
    let infos = from.status_infos.unwrap_or_default();
    let replication = infos.into_iter().find(|info| info.status_type.as_deref() == Some("read replication"));
    let stopped = |status: &str| ["error", "stopped", "terminated"].contains(&status);
    Some(Instance {
        id: from.db_instance_identifier?,
        arn: from.db_instance_arn.unwrap_or_default(),
        resource_id: from.dbi_resource_id.unwrap_or_default(),
        class: from.db_instance_class.unwrap_or_default(),
        engine: from.engine.unwrap_or_default(),
        engine_version: from.engine_version.unwrap_or_default(),
        status: from.db_instance_status.unwrap_or_default(),
        storage_type: from.storage_type.unwrap_or_default(),
        allocated_gib: from.allocated_storage.map(f64::from),
        max_allocated_gib: from.max_allocated_storage.map(f64::from).filter(|size| *size > 0.0),
        iops: from.iops.map(f64::from),
        throughput_mib: from.storage_throughput.map(f64::from),
        multi_az: from.multi_az.unwrap_or_default(),
        deletion_protection: from.deletion_protection.unwrap_or_default(),
        performance_insights: from.performance_insights_enabled.unwrap_or_default(),
        cluster: from.db_cluster_identifier,
        replica_source: from.read_replica_source_db_instance_identifier,
        replica_source_cluster: from.read_replica_source_db_cluster_identifier,
        volumes: from.additional_storage_volumes.unwrap_or_default().iter().map(volume).collect(),
        created: from.instance_create_time.as_ref().map(seconds),
        restorable: from.latest_restorable_time.as_ref().map(seconds),
        retention_days: from.backup_retention_period.map(f64::from),
        authority: from.ca_certificate_identifier.unwrap_or_default(),
        certificate_end: from
            .certificate_details
            .and_then(|details| details.valid_till)
            .as_ref()
            .map(seconds),
        pending: pending_fields(&pending),
        pending_password: pending.master_user_password.is_some(),
        parameter_groups: from
            .db_parameter_groups
            .unwrap_or_default()
            .into_iter()
            .filter_map(group)
            .collect(),
        vcpus: from.processor_features.and_then(|features| vcpus(&features)),
        replicating: replication
            .map(|info| info.normal != Some(false) && !info.status.is_some_and(|status| stopped(&status))),
        tags: from
            .tag_list
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
    })
}

/// The fields that are set, besides the password.
fn pending_fields(pending: &sdk::PendingModifiedValues) -> usize {
    let sdk::PendingModifiedValues {
        db_instance_class,
        allocated_storage,
        port,
        backup_retention_period,
        multi_az,
        engine_version,
        license_model,
        iops,
        storage_throughput,
        db_instance_identifier,
        storage_type,
        ca_certificate_identifier,
        db_subnet_group_name,
        pending_cloudwatch_logs_exports,
        processor_features,
        automation_mode,
        multi_tenant,
        iam_database_authentication_enabled,
        dedicated_log_volume,
        engine,
        additional_storage_volumes,
        ..
    } = pending;
    let logs = |exports: &&sdk::PendingCloudwatchLogsExports| {
        !exports.log_types_to_enable().is_empty() || !exports.log_types_to_disable().is_empty()
    };
    let pending_cloudwatch_logs_exports = pending_cloudwatch_logs_exports.as_ref().filter(logs);
    let additional_storage_volumes =
        additional_storage_volumes.as_ref().filter(|volumes| !volumes.is_empty());
    let processor_features = processor_features.as_ref().filter(|features| !features.is_empty());
    let set = [
        db_instance_class.is_some(),
        allocated_storage.is_some(),
        port.is_some(),
        backup_retention_period.is_some(),
        multi_az.is_some(),
        engine_version.is_some(),
        license_model.is_some(),
        iops.is_some(),
        storage_throughput.is_some(),
        db_instance_identifier.is_some(),
        storage_type.is_some(),
        ca_certificate_identifier.is_some(),
        db_subnet_group_name.is_some(),
        pending_cloudwatch_logs_exports.is_some(),
        processor_features.is_some(),
        automation_mode.is_some(),
        multi_tenant.is_some(),
        iam_database_authentication_enabled.is_some(),
        dedicated_log_volume.is_some(),
        engine.is_some(),
        additional_storage_volumes.is_some(),
    ];
    set.into_iter().filter(|set| *set).count()
}

fn volume(from: &sdk::AdditionalStorageVolumeOutput) -> Volume {
    Volume {
        storage_type: from.storage_type.clone().unwrap_or_default(),
        allocated_gib: from.allocated_storage.map(f64::from),
        max_allocated_gib: from.max_allocated_storage.map(f64::from).filter(|size| *size > 0.0),
        iops: from.iops.map(f64::from),
        throughput_mib: from.storage_throughput.map(f64::from),
    }
}

fn vcpus(features: &[sdk::ProcessorFeature]) -> Option<f64> {
    let feature = |name: &str| {
        let found = features.iter().find(|feature| feature.name.as_deref() == Some(name));
        found.and_then(|feature| feature.value.as_deref()?.parse::<f64>().ok())
    };
    Some(feature("coreCount")? * feature("threadsPerCore")?)
}

fn cluster(from: sdk::DbCluster) -> Option<Cluster> {
    let member = |member: sdk::DbClusterMember| {
        let own = Member {
            is_writer: member.is_cluster_writer,
            parameter_group: member.db_cluster_parameter_group_status,
        };
        Some((member.db_instance_identifier?, own))
    };
    let capacity = from.serverless_v2_scaling_configuration;
    Some(Cluster {
        id: from.db_cluster_identifier?,
        arn: from.db_cluster_arn.unwrap_or_default(),
        resource_id: from.db_cluster_resource_id.unwrap_or_default(),
        engine: from.engine.unwrap_or_default(),
        engine_version: from.engine_version.unwrap_or_default(),
        capacity: capacity.and_then(|capacity| Some((capacity.min_capacity?, capacity.max_capacity?))),
        members: from.db_cluster_members.unwrap_or_default().into_iter().filter_map(member).collect(),
        restorable: from.latest_restorable_time.as_ref().map(seconds),
    })
}

fn action(arn: &str, from: sdk::PendingMaintenanceAction) -> Action {
    Action {
        resource: arn.to_owned(),
        action: from.action.unwrap_or_default(),
        current: from.current_apply_date.as_ref().map(seconds),
        auto_applied: from.auto_applied_after_date.as_ref().map(seconds),
        forced: from.forced_apply_date.as_ref().map(seconds),
        opt_in: from.opt_in_status,
    }
}

fn event(from: sdk::Event) -> Option<Event> {
    let is_cluster = match from.source_type? {
        sdk::SourceType::DbInstance => false,
        sdk::SourceType::DbCluster => true,
        _ => return None,
    };
    Some(Event {
        is_cluster,
        id: from.source_identifier?,
        categories: from.event_categories.unwrap_or_default(),
        at: seconds(&from.date?),
    })
}

fn lifecycle(from: sdk::DbMajorEngineVersion) -> Lifecycle {
    let mut own = Lifecycle {
        engine: from.engine.unwrap_or_default(),
        major: from.major_engine_version.unwrap_or_default(),
        ..Lifecycle::default()
    };
    for cycle in from.supported_engine_lifecycles.unwrap_or_default() {
        let end = cycle.lifecycle_support_end_date.as_ref().map(seconds);
        let name = cycle.lifecycle_support_name.map(|name| name.as_str().to_owned()).unwrap_or_default();
        if name.contains("standard") {
            own.standard_end = end;
        } else if name.contains("extended") {
            own.extended_end = end;
        }
    }
    own
}
