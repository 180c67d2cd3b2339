//! `DescribeDBInstances`.

use super::World;
use super::names::token;
use crate::aws::state::{Engine, Instance};
use crate::aws::wire::{Call, Fields, Filter, Page, Refusal, Service, Value, list, same_name};

/// Fields of `PendingModifiedValues` that are not lists.
pub(crate) const PENDING: &[&str] = &[
    "AllocatedStorage",
    "AutomationMode",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "DBInstanceClass",
    "DBInstanceIdentifier",
    "DBSubnetGroupName",
    "DedicatedLogVolume",
    "Engine",
    "EngineVersion",
    "IAMDatabaseAuthenticationEnabled",
    "Iops",
    "LicenseModel",
    "MasterUserPassword",
    "MultiAZ",
    "MultiTenant",
    "Port",
    "StorageThroughput",
    "StorageType",
];

const FILTERS: &[&str] = &["db-cluster-id", "db-instance-id", "dbi-resource-id", "domain", "engine"];

/// The instance that a parameter names.
pub(crate) fn find<'a>(world: World<'a>, given: &str) -> Result<&'a Instance, Refusal> {
    let found = world.account.here(world.region).find(|one| same_name(given, &one.identifier));
    found.ok_or_else(|| Refusal::new(404, "DBInstanceNotFound", format!("DBInstance {given} not found.")))
}

/// Answers the call.
pub(crate) fn describe(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let filters = form.filters(Service::Rds, FILTERS)?;
    let mut instances = match form.text("DBInstanceIdentifier") {
        Some(name) => vec![find(world, name)?],
        None => world.account.instances_in(world.region),
    };
    instances.retain(|one| filters.iter().all(|filter| fits(filter, one)));
    let (page, marker) = Page::RDS.cut(instances, &form)?;
    let page = page.into_iter().map(|instance| {
        let mut answer = describe_one(instance, world);
        instance.omit.iter().for_each(|field| {
            answer.drop_field(field);
        });
        answer
    });
    Ok(Fields::new().with("DBInstances", list("DBInstance", page)).some("Marker", marker).into())
}

fn fits(filter: &Filter, instance: &Instance) -> bool {
    match filter.name.as_str() {
        "db-instance-id" => filter.names(&instance.identifier),
        "db-cluster-id" => instance.cluster.as_deref().is_some_and(|cluster| filter.names(cluster)),
        "dbi-resource-id" => filter.names(&resource_id(instance)),
        "engine" => filter.names(&instance.engine),
        _ => false,
    }
}

fn resource_id(instance: &Instance) -> String {
    format!("db-{}", token(&instance.identifier, 26))
}

/// The volumes beside the first.
fn volumes(instance: &Instance) -> Value {
    let volumes = instance.volumes.iter().zip(2..).map(|(size, number)| {
        Fields::new()
            .with("VolumeName", format!("rdsdbdata{number}"))
            .with("AllocatedStorage", *size)
            .with("IOPS", 3_000)
            .with("StorageThroughput", 125)
            .with("StorageType", "gp3")
    });
    list("member", volumes)
}

/// One instance, with nothing omitted.
pub(crate) fn describe_one(instance: &Instance, world: World<'_>) -> Value {
    let (region, account) = (world.region, world.account);
    let name = &instance.identifier;
    // What a server has once it exists.
    let exists = instance.status != "creating";
    let engine = instance.kind();
    let port = i64::from(engine.map_or(5432, |engine| engine.port));
    let endpoint = Fields::new()
        .with("Address", host(name, region, &account.id))
        .with("Port", port)
        .with("HostedZoneId", token(region, 14));
    let restorable = instance.restorable_lag.filter(|_| {
        exists && !instance.is_clustered() && instance.retention_days > 0 && instance.status != "stopped"
    });
    let replicas = account.here(region).filter(|one| one.replica_of.as_deref() == Some(name));
    let source = instance.replica_of.as_ref().or(instance.replica_of_cluster.as_ref());
    let replica = source.map(|_| {
        Fields::new()
            .with("StatusType", "read replication")
            .with("Normal", true)
            .with("Status", "replicating")
    });
    let details = instance.certificate.as_ref().map(|certificate| {
        Fields::new().with("CAIdentifier", &certificate.ca).with("ValidTill", certificate.valid_till)
    });
    let extended =
        engine.is_some_and(Engine::has_extended_support).then_some("open-source-rds-extended-support");
    Fields::new()
        .with("DBInstanceIdentifier", name)
        .with("DBInstanceClass", &instance.class)
        .with("Engine", &instance.engine)
        .with("DBInstanceStatus", &instance.status)
        .with("MasterUsername", "dba")
        .some("Endpoint", exists.then_some(endpoint))
        .with("AllocatedStorage", instance.allocated())
        .some("InstanceCreateTime", exists.then(|| instance.created()))
        .with("PreferredBackupWindow", "02:00-03:00")
        .with("BackupRetentionPeriod", instance.retention_days)
        .with("DBSecurityGroups", list("DBSecurityGroup", [] as [Value; 0]))
        .with("VpcSecurityGroups", security_groups())
        .with("DBParameterGroups", parameter_groups(instance))
        .some("AvailabilityZone", exists.then(|| zone(region, name, 0)))
        .with("DBSubnetGroup", subnet_group(world))
        .with("PreferredMaintenanceWindow", "sun:03:00-sun:04:00")
        .with("PendingModifiedValues", pending(instance))
        .some("LatestRestorableTime", restorable.map(|lag| world.now.minus(lag)))
        .with("MultiAZ", instance.multi_az)
        .with("EngineVersion", instance.full_version())
        .with("AutoMinorVersionUpgrade", true)
        .some("ReadReplicaSourceDBInstanceIdentifier", instance.replica_of.as_ref())
        .some("ReadReplicaSourceDBClusterIdentifier", instance.replica_of_cluster.as_ref())
        .with(
            "ReadReplicaDBInstanceIdentifiers",
            list("ReadReplicaDBInstanceIdentifier", replicas.map(|one| &one.identifier)),
        )
        .with("LicenseModel", engine.map_or("na", |engine| engine.license))
        .some("Iops", instance.provisioned_iops())
        .with("OptionGroupMemberships", option_groups(instance))
        .some("SecondaryAvailabilityZone", (exists && instance.multi_az).then(|| zone(region, name, 1)))
        .with("PubliclyAccessible", instance.public)
        .some("StatusInfos", replica.map(|replica| list("DBInstanceStatusInfo", [replica])))
        .with("StorageType", instance.storage_kind())
        .with("DbInstancePort", 0)
        .some("DBClusterIdentifier", instance.cluster.as_ref())
        .with("StorageEncrypted", instance.encrypted)
        .with("DbiResourceId", resource_id(instance))
        .some("CACertificateIdentifier", instance.certificate.as_ref().map(|certificate| &certificate.ca))
        .with("DomainMemberships", list("DomainMembership", [] as [Value; 0]))
        .with("CopyTagsToSnapshot", true)
        .with("MonitoringInterval", instance.monitoring_interval)
        .some("PromotionTier", instance.cluster.as_ref().map(|_| 1))
        .with("DBInstanceArn", account.arn(region, "db", name))
        .with("IAMDatabaseAuthenticationEnabled", false)
        .with("DatabaseInsightsMode", "standard")
        .with("PerformanceInsightsEnabled", instance.performance_insights)
        .some("PerformanceInsightsRetentionPeriod", instance.performance_insights.then_some(7))
        .some(
            "EnabledCloudwatchLogsExports",
            engine.map(|engine| list("member", engine.logs().iter().copied())),
        )
        .with("DeletionProtection", instance.deletion_protection)
        .with("AssociatedRoles", list("DBInstanceRole", [] as [Value; 0]))
        .some("MaxAllocatedStorage", instance.max_storage)
        .with("TagList", tags(&instance.tags))
        .with("CustomerOwnedIpEnabled", false)
        .with("NetworkType", "IPV4")
        .with("ActivityStreamStatus", "stopped")
        .with("BackupTarget", "region")
        .some("CertificateDetails", details)
        .some("PercentProgress", instance.progress.as_ref())
        // AWS answers 0 where throughput cannot be provisioned.
        .with("StorageThroughput", instance.provisioned_throughput().unwrap_or(0))
        .with("AdditionalStorageVolumes", volumes(instance))
        .with("DedicatedLogVolume", false)
        .with("IsStorageConfigUpgradeAvailable", false)
        .with("MultiTenant", false)
        .some("EngineLifecycleSupport", extended)
        .into()
}

fn host(name: &str, region: &str, account: &str) -> String {
    format!("{name}.c{}.{region}.rds.amazonaws.com", token(account, 11).to_lowercase())
}

fn zone(region: &str, name: &str, shift: usize) -> String {
    let letter = ["a", "b", "c"][(usize::from(token(name, 1).as_bytes()[0]) + shift) % 3];
    format!("{region}{letter}")
}

pub(crate) fn security_groups() -> Value {
    let group = Fields::new().with("VpcSecurityGroupId", "sg-0123456789abcdef0").with("Status", "active");
    list("VpcSecurityGroupMembership", [group])
}

fn parameter_groups(instance: &Instance) -> Value {
    let group = |name: &str, status: &str| {
        Fields::new().with("DBParameterGroupName", name).with("ParameterApplyStatus", status)
    };
    let mut groups: Vec<_> =
        instance.parameter_groups.iter().map(|one| group(&one.name, &one.status)).collect();
    if groups.is_empty() {
        let family = instance.kind().map(|engine| engine.group_family(instance.full_version()));
        groups.push(group(&format!("default.{}", family.unwrap_or_default()), "in-sync"));
    }
    list("DBParameterGroup", groups)
}

fn option_groups(instance: &Instance) -> Value {
    let major = instance.kind().map_or(String::new(), |engine| engine.major(instance.full_version()));
    let name = format!("default:{}-{}", instance.engine, major.replace('.', "-"));
    list("OptionGroupMembership", [Fields::new().with("OptionGroupName", name).with("Status", "in-sync")])
}

fn subnet_group(world: World<'_>) -> Fields {
    let region = world.region;
    let subnets = ["a", "b", "c"].map(|letter| {
        let zone = format!("{region}{letter}");
        let id = format!("subnet-{}", token(&zone, 17).to_lowercase());
        Fields::new()
            .with("SubnetIdentifier", id)
            .with("SubnetAvailabilityZone", Fields::new().with("Name", zone))
            .with("SubnetOutpost", Fields::new())
            .with("SubnetStatus", "Active")
    });
    Fields::new()
        .with("DBSubnetGroupName", "default")
        .with("DBSubnetGroupDescription", "default")
        .with("VpcId", format!("vpc-{}", token(region, 17).to_lowercase()))
        .with("SubnetGroupStatus", "Complete")
        .with("Subnets", list("Subnet", subnets))
}

fn pending(instance: &Instance) -> Value {
    let fields = PENDING.iter().filter_map(|name| Some((*name, instance.pending.get(*name)?)));
    let logs = instance.pending_logs.as_ref().map(|names| {
        Fields::new().with("LogTypesToEnable", list("member", names.iter().map(String::as_str)))
    });
    let fields = fields.fold(Fields::new(), |fields, (name, value)| fields.with(name, value));
    fields.some("PendingCloudwatchLogsExports", logs).into()
}

/// Tags the way RDS lists them.
pub(crate) fn tags(tags: &indexmap::IndexMap<String, String>) -> Value {
    list("Tag", tags.iter().map(|(key, value)| Fields::new().with("Key", key).with("Value", value)))
}
