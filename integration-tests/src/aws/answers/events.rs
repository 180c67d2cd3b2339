//! `DescribeEvents`.

use std::time::Duration;

use super::World;
use crate::aws::state::{Event, Moment, days};
use crate::aws::wire::{Call, Fields, Page, Refusal, Value, list};

/// Answers the call: the last hour, unless it says something else; at most the last 14 days.
pub(crate) fn describe(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let time = |name: &str| {
        let given = form.text(name).map(Moment::parse).transpose();
        given.map_err(|_| Refusal::new(400, "InvalidParameterValue", format!("{name} is not ISO 8601")))
    };
    let (start, end) = (time("StartTime")?, time("EndTime")?);
    let minutes = form.whole("Duration")?;
    if minutes.is_some() && start.is_some() && end.is_some() {
        let message = "StartTime, EndTime and Duration cannot all be specified";
        return Err(Refusal::new(400, "InvalidParameterCombination", message));
    }
    let source = form.text("SourceIdentifier");
    let kind = form.text("SourceType");
    if source.is_some() && kind.is_none() {
        let message = "SourceType must be specified when SourceIdentifier is";
        return Err(Refusal::new(400, "InvalidParameterCombination", message));
    }
    let span = Duration::from_secs(60 * u64::try_from(minutes.unwrap_or(60)).unwrap_or_default());
    let (start, end) = match (start, end) {
        (Some(start), None) => (start, if minutes.is_some() { start.plus(span) } else { world.now }),
        (None, end) => {
            let end = end.unwrap_or(world.now);
            (end.minus(span), end)
        }
        (Some(start), Some(end)) => (start, end),
    };
    if start > end {
        return Err(Refusal::new(400, "InvalidParameterValue", "StartTime must be before EndTime"));
    }
    let oldest = world.now.minus(days(14));
    let categories = form.list("EventCategories.EventCategory");
    let mut events: Vec<&Event> = world.account.events.iter().collect();
    events.retain(|event| {
        world.account.region_of(event.region.as_deref()) == world.region
            && event.at >= start.max(oldest)
            && event.at <= end
            && source.is_none_or(|source| source == event.source)
            && kind.is_none_or(|kind| kind == event.source_type)
            && (categories.is_empty() || event.categories.iter().any(|one| categories.contains(one)))
    });
    events.sort_by_key(|event| event.at);
    let (page, marker) = Page::RDS.cut(events, &form)?;
    let page = page.into_iter().map(|event| {
        let kind = match event.source_type.as_str() {
            "db-instance" => "db",
            "db-cluster" => "cluster",
            "db-parameter-group" => "pg",
            "db-snapshot" => "snapshot",
            other => other,
        };
        Fields::new()
            .with("SourceIdentifier", &event.source)
            .with("SourceType", &event.source_type)
            .with("Message", &event.message)
            .with("EventCategories", list("EventCategory", &event.categories))
            .with("Date", event.at)
            .with("SourceArn", world.account.arn(world.region, kind, &event.source))
    });
    Ok(Fields::new().with("Events", list("Event", page)).some("Marker", marker).into())
}
