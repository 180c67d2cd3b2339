//! `DescribeDBMajorEngineVersions` and `DescribeDBEngineVersions`.

use std::collections::BTreeSet;

use super::World;
use crate::aws::state::{ENGINES, Engine, Lifecycle};
use crate::aws::wire::{Call, Fields, Page, Refusal, Service, Value, list};

/// Answers the call about major versions.
pub(crate) fn majors(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    if let Some(name) = form.text("Engine")
        && !Engine::named(name).is_some_and(Engine::is_rds)
    {
        return Err(Refusal::new(400, "InvalidParameterValue", format!("Unrecognized engine name: {name}")));
    }
    let lifecycles = world.account.lifecycles();
    // Majors that have a lifecycle, and those of engines that have none.
    let known = lifecycles.iter().map(|row| (row.engine.clone(), row.major.clone()));
    let others = ENGINES.iter().filter(|engine| engine.is_rds()).flat_map(|engine| {
        engine.versions.iter().map(|version| (engine.name.to_owned(), engine.major(version)))
    });
    let mut majors: Vec<_> = known.chain(others).collect::<BTreeSet<_>>().into_iter().collect();
    majors.retain(|(engine, major)| {
        form.text("Engine").is_none_or(|wanted| wanted == engine)
            && form.text("MajorEngineVersion").is_none_or(|wanted| wanted == major)
    });
    let (page, marker) = Page::RDS.cut(majors, &form)?;
    let page = page.into_iter().map(|(engine, major)| {
        let rows = lifecycles.iter().filter(|row| row.engine == engine && row.major == major);
        let supports = list("SupportedEngineLifecycle", rows.flat_map(supports));
        Fields::new()
            .with("Engine", engine)
            .with("MajorEngineVersion", major)
            .with("SupportedEngineLifecycles", supports)
    });
    let page = list("DBMajorEngineVersion", page);
    Ok(Fields::new().with("DBMajorEngineVersions", page).some("Marker", marker).into())
}

fn supports(row: &Lifecycle) -> Vec<Fields> {
    let support = |kind: &str, start, end| {
        Fields::new()
            .with("LifecycleSupportName", format!("open-source-rds-{kind}-support"))
            .with("LifecycleSupportStartDate", start)
            .with("LifecycleSupportEndDate", end)
    };
    let standard = support("standard", row.standard_start, row.standard_end);
    // Extended support begins the day after.
    let next = row.standard_end.plus(std::time::Duration::from_millis(1));
    let extended = row.extended_end.map(|end| support("extended", next, end));
    [Some(standard), extended].into_iter().flatten().collect()
}

const FILTERS: &[&str] = &["db-parameter-group-family", "engine", "engine-mode", "engine-version", "status"];

/// Answers the call about versions: those that can be created, and those that the account runs.
pub(crate) fn versions(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let filters = form.filters(Service::Rds, FILTERS)?;
    let offered =
        ENGINES.iter().flat_map(|engine| engine.versions.iter().map(move |version| (engine, *version)));
    let running = world.account.instances.iter().filter_map(|one| Some((one.kind()?, one.full_version())));
    let mut versions: Vec<_> = Vec::new();
    for (engine, version) in offered.chain(running) {
        let family = engine.group_family(version);
        let fits = filters.iter().all(|filter| match filter.name.as_str() {
            "db-parameter-group-family" => filter.names(&family),
            "engine" => filter.names(engine.name),
            "engine-version" => filter.names(version),
            "engine-mode" => filter.names("provisioned"),
            _ => filter.names("available"),
        });
        let wanted = form.text("Engine").is_none_or(|wanted| wanted == engine.name)
            && form
                .text("EngineVersion")
                .is_none_or(|wanted| wanted == version || wanted == engine.major(version))
            && form.text("DBParameterGroupFamily").is_none_or(|wanted| wanted == family)
            && (!form.flag("DefaultOnly") || version == engine.default_version());
        if fits && wanted && !versions.iter().any(|(one, other, _)| (*one, *other) == (engine.name, version))
        {
            versions.push((engine.name, version, engine));
        }
    }
    versions.sort_by_key(|(name, version, _)| (*name, *version));
    let (page, marker) = Page::RDS.cut(versions, &form)?;
    let page = page.into_iter().map(|(name, version, engine)| {
        Fields::new()
            .with("Engine", name)
            .with("MajorEngineVersion", engine.major(version))
            .with("EngineVersion", version)
            .with("DBParameterGroupFamily", engine.group_family(version))
            .with("DBEngineDescription", name)
            .with("DBEngineVersionDescription", format!("{name} {version}"))
            .with("ValidUpgradeTarget", list("UpgradeTarget", [] as [Value; 0]))
            .with("ExportableLogTypes", list("member", engine.logs().iter().copied()))
            .with("SupportsLogExportsToCloudwatchLogs", true)
            .with("SupportsReadReplica", true)
            .with("SupportedFeatureNames", list("member", [] as [Value; 0]))
            .with("Status", "available")
            .with("TagList", list("Tag", [] as [Value; 0]))
            .with(
                "SupportedCACertificateIdentifiers",
                list("member", super::certificates::AUTHORITIES.map(|one| one.0)),
            )
    });
    Ok(Fields::new().with("DBEngineVersions", list("DBEngineVersion", page)).some("Marker", marker).into())
}
