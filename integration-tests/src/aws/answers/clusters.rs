//! `DescribeDBClusters`.

use super::World;
use super::instances::{security_groups, tags};
use super::names::token;
use crate::aws::state::Cluster;
use crate::aws::wire::{Call, Fields, Filter, Page, Refusal, Service, Value, list, same_name};

const FILTERS: &[&str] = &["clone-group-id", "db-cluster-id", "db-cluster-resource-id", "domain", "engine"];

/// Answers the call.
pub(crate) fn describe(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let filters = form.filters(Service::Rds, FILTERS)?;
    let mut clusters = world.account.clusters_in(world.region);
    if let Some(given) = form.text("DBClusterIdentifier") {
        clusters.retain(|one| same_name(given, &one.identifier));
        if clusters.is_empty() {
            let message = format!("DBCluster {given} not found.");
            return Err(Refusal::new(404, "DBClusterNotFoundFault", message));
        }
    }
    clusters.retain(|one| filters.iter().all(|filter| fits(filter, one)));
    let (page, marker) = Page::RDS.cut(clusters, &form)?;
    let page = page.into_iter().map(|cluster| {
        let mut answer = describe_one(cluster, world);
        cluster.omit.iter().for_each(|field| {
            answer.drop_field(field);
        });
        answer
    });
    Ok(Fields::new().with("DBClusters", list("DBCluster", page)).some("Marker", marker).into())
}

fn fits(filter: &Filter, cluster: &Cluster) -> bool {
    match filter.name.as_str() {
        "db-cluster-id" => filter.names(&cluster.identifier),
        "db-cluster-resource-id" => filter.names(&resource_id(cluster)),
        "engine" => filter.names(&cluster.engine),
        _ => false,
    }
}

fn resource_id(cluster: &Cluster) -> String {
    format!("cluster-{}", token(&cluster.identifier, 26))
}

/// One cluster, with nothing omitted.
pub(crate) fn describe_one(cluster: &Cluster, world: World<'_>) -> Value {
    let (region, account) = (world.region, world.account);
    let name = &cluster.identifier;
    let members = account.members(region, cluster);
    let members = members.iter().enumerate().map(|(at, member)| {
        Fields::new()
            .with("DBInstanceIdentifier", &member.identifier)
            .with("IsClusterWriter", at == 0)
            .with("DBClusterParameterGroupStatus", &cluster.parameter_status)
            .with("PromotionTier", 1)
    });
    let engine = cluster.kind();
    let family = engine.map(|engine| engine.group_family(cluster.full_version())).unwrap_or_default();
    let host = |kind: &str| {
        format!("{name}.{kind}-c{}.{region}.rds.amazonaws.com", token(&account.id, 11).to_lowercase())
    };
    let serverless = cluster.serverless.as_ref().map(|limits| {
        Fields::new()
            .with("MinCapacity", limits.min)
            .with("MaxCapacity", limits.max)
            .some("SecondsUntilAutoPause", limits.auto_pause)
    });
    let zones = ["a", "b", "c"].map(|letter| format!("{region}{letter}"));
    Fields::new()
        .with("AllocatedStorage", cluster.storage)
        .with("AvailabilityZones", list("AvailabilityZone", zones))
        .with("BackupRetentionPeriod", cluster.retention_days)
        .with("DBClusterIdentifier", name)
        .with("DBClusterParameterGroup", format!("default.{family}"))
        .with("DBSubnetGroup", "default")
        .with("Status", &cluster.status)
        .with("EarliestRestorableTime", cluster.created())
        .with("Endpoint", host("cluster"))
        .with("ReaderEndpoint", host("cluster-ro"))
        .with("MultiAZ", members.len() > 1)
        .with("Engine", &cluster.engine)
        .with("EngineVersion", cluster.full_version())
        .with("LatestRestorableTime", world.now.minus(std::time::Duration::from_mins(2)))
        .with("Port", i64::from(engine.map_or(5432, |engine| engine.port)))
        .with("MasterUsername", "dba")
        .with("PreferredBackupWindow", "02:00-03:00")
        .with("PreferredMaintenanceWindow", "sun:03:00-sun:04:00")
        .with("ReadReplicaIdentifiers", list("ReadReplicaIdentifier", [] as [Value; 0]))
        .with("DBClusterMembers", list("DBClusterMember", members))
        .with("VpcSecurityGroups", security_groups())
        .with("HostedZoneId", token(region, 14))
        .with("StorageEncrypted", true)
        .with("DbClusterResourceId", resource_id(cluster))
        .with("DBClusterArn", account.arn(region, "cluster", name))
        .with("AssociatedRoles", list("DBClusterRole", [] as [Value; 0]))
        .with("IAMDatabaseAuthenticationEnabled", false)
        .with("ClusterCreateTime", cluster.created())
        .with("EngineMode", "provisioned")
        .some("StorageType", cluster.storage_type.as_ref())
        .with("DeletionProtection", cluster.deletion_protection)
        .with("HttpEndpointEnabled", cluster.http_endpoint)
        .with("ActivityStreamStatus", "stopped")
        .with("CopyTagsToSnapshot", true)
        .with("CrossAccountClone", false)
        .with("DomainMemberships", list("DomainMembership", [] as [Value; 0]))
        .with("TagList", tags(&cluster.tags))
        .with("AutoMinorVersionUpgrade", true)
        .some("ServerlessV2ScalingConfiguration", serverless)
        .with("NetworkType", "IPV4")
        .with("EngineLifecycleSupport", "open-source-rds-extended-support")
        .into()
}
