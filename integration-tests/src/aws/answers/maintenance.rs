//! `DescribePendingMaintenanceActions`.

use super::World;
use crate::aws::state::Maintenance;
use crate::aws::wire::{Call, Fields, Page, Refusal, Service, Value, list};

/// Answers the call.
pub(crate) fn describe(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let filters = form.filters(Service::Rds, &["db-cluster-id", "db-instance-id"])?;
    let (account, region) = (world.account, world.region);
    let instances =
        account.instances_in(region).into_iter().map(|one| ("db", &*one.identifier, &one.maintenance));
    let clusters =
        account.clusters_in(region).into_iter().map(|one| ("cluster", &*one.identifier, &one.maintenance));
    let others = account.maintenance.iter().filter_map(|(name, actions)| {
        let (kind, name) = name.split_once(':')?;
        Some((kind, name, actions))
    });
    let mut resources: Vec<_> = instances.chain(clusters).chain(others).collect();
    if let Some(arn) = form.text("ResourceIdentifier") {
        resources.retain(|(kind, name, _)| account.arn(region, kind, name) == arn);
        if resources.is_empty() {
            let message =
                format!("The specified resource name does not match an RDS resource in this region: {arn}");
            return Err(Refusal::new(404, "ResourceNotFoundFault", message));
        }
    }
    resources.retain(|(kind, name, actions)| {
        let wanted = |filter: &crate::aws::wire::Filter| {
            let of_cluster = filter.name == "db-cluster-id";
            of_cluster == (*kind == "cluster") && filter.names(name)
        };
        !actions.is_empty() && (filters.is_empty() || filters.iter().any(wanted))
    });
    let (page, marker) = Page::RDS.cut(resources, &form)?;
    let page = page.into_iter().map(|(kind, name, actions)| {
        Fields::new().with("ResourceIdentifier", account.arn(region, kind, name)).with(
            "PendingMaintenanceActionDetails",
            list("PendingMaintenanceAction", actions.iter().map(action)),
        )
    });
    let page = list("ResourcePendingMaintenanceActions", page);
    Ok(Fields::new().with("PendingMaintenanceActions", page).some("Marker", marker).into())
}

fn action(action: &Maintenance) -> Fields {
    Fields::new()
        .with("Action", &action.action)
        .some("AutoAppliedAfterDate", action.auto_applied_after)
        .some("ForcedApplyDate", action.forced_apply)
        .some("OptInStatus", action.opt_in.as_ref())
        .some("CurrentApplyDate", action.current_apply)
        .with("Description", &action.description)
}
