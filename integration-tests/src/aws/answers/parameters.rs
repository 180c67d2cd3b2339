//! `DescribeDBParameters` and `DescribeDBClusterParameters`.

use super::World;
use crate::aws::state::{Cluster, Family, Instance, Parameter};
use crate::aws::wire::{Call, Fields, Page, Refusal, Service, Value, list};

/// Answers the call about the group of an instance.
pub(crate) fn of_instance(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    describe(call, world, "DBParameterGroupName")
}

/// Answers the call about the group of a cluster.
pub(crate) fn of_cluster(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    describe(call, world, "DBClusterParameterGroupName")
}

fn describe(call: &Call, world: World<'_>, field: &str) -> Result<Value, Refusal> {
    let form = call.form();
    let filters = form.filters(Service::Rds, &["parameter-name"])?;
    let name = form.need(field)?;
    let missing = || {
        let message = format!("DBParameterGroup not found: {name}");
        Refusal::new(404, "DBParameterGroupNotFound", message)
    };
    let mut parameters = parameters(world, name).ok_or_else(missing)?;
    parameters.retain(|one| {
        form.text("Source").is_none_or(|source| source == one.source)
            && filters.iter().all(|filter| filter.names(&one.name))
    });
    let (page, marker) = Page::RDS.cut(parameters, &form)?;
    let page = page.into_iter().map(|one| {
        Fields::new()
            .with("ParameterName", &one.name)
            .some("ParameterValue", one.value.as_ref())
            .with("Description", format!("Sets {}.", one.name))
            .with("Source", &one.source)
            .with("ApplyType", "dynamic")
            .with("DataType", "string")
            .with("IsModifiable", true)
            .with("ApplyMethod", "pending-reboot")
    });
    Ok(Fields::new().with("Parameters", list("Parameter", page)).some("Marker", marker).into())
}

/// What is set in a group, over the engine's defaults, in the order of the names.
fn parameters(world: World<'_>, group: &str) -> Option<Vec<Parameter>> {
    let own = world.account.parameter_groups.get(group);
    let used = world.account.instances_in(world.region).into_iter().find(|one| {
        let family = one.kind().map(|engine| engine.group_family(one.full_version()));
        family.is_some_and(|family| format!("default.{family}") == group)
            || one.parameter_groups.iter().any(|used| used.name == group)
    });
    let used = used.and_then(Instance::kind);
    let of_cluster = || {
        let clusters = world.account.clusters_in(world.region);
        let fits = clusters.into_iter().find(|one| {
            let family = one.kind().map(|engine| engine.group_family(one.full_version()));
            family.is_some_and(|family| format!("default.{family}") == group)
        });
        fits.and_then(Cluster::kind)
    };
    let engine = used.or_else(of_cluster);
    if own.is_none() && engine.is_none() {
        return None;
    }
    let defaults = match engine.map(|engine| engine.family) {
        Some(Family::Mysql | Family::Mariadb) => MYSQL,
        _ => POSTGRES,
    };
    let mut parameters: Vec<Parameter> = own.cloned().unwrap_or_default();
    for (name, value) in defaults {
        if parameters.iter().all(|one| one.name != *name) {
            let value = (!value.is_empty()).then(|| (*value).to_owned());
            let source = if value.is_some() { "system" } else { "engine-default" };
            parameters.push(Parameter { name: (*name).to_owned(), value, source: source.to_owned() });
        }
    }
    parameters.sort_by(|a, b| a.name.cmp(&b.name));
    Some(parameters)
}

const POSTGRES: &[(&str, &str)] = &[
    ("autovacuum", "1"),
    ("autovacuum_vacuum_scale_factor", "0.1"),
    ("log_min_duration_statement", ""),
    ("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)"),
    ("rds.force_ssl", "1"),
    ("rds.logical_replication", "0"),
    ("shared_buffers", "{DBInstanceClassMemory/32768}"),
    ("shared_preload_libraries", "pg_stat_statements"),
    ("wal_level", ""),
    ("work_mem", ""),
];

const MYSQL: &[(&str, &str)] = &[
    ("binlog_format", ""),
    ("innodb_buffer_pool_size", "{DBInstanceClassMemory*3/4}"),
    ("long_query_time", ""),
    ("max_connections", "{DBInstanceClassMemory/12582880}"),
    ("performance_schema", "0"),
    ("require_secure_transport", "0"),
    ("slow_query_log", ""),
];
