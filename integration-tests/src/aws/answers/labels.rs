//! Labels that CloudWatch gives to results: what makes one query differ from the others.

use std::collections::BTreeSet;

use super::World;
use super::metric_data::Query;

/// The labels of all queries of a call.
pub(crate) fn labels(queries: &[Query], world: World<'_>) -> Vec<String> {
    let stats: Vec<_> = queries.iter().filter_map(|query| query.metric_stat.as_ref()).collect();
    let differs =
        |part: &dyn Fn(usize) -> String| (0..stats.len()).map(part).collect::<BTreeSet<_>>().len() > 1;
    let namespace = differs(&|at| stats[at].metric.namespace.clone());
    let name = differs(&|at| stats[at].metric.name.clone());
    let stat = differs(&|at| stats[at].stat.clone());
    let period = differs(&|at| stats[at].period.to_string());
    let known: BTreeSet<&str> =
        stats.iter().flat_map(|one| &one.metric.dimensions).map(|one| one.name.as_str()).collect();
    let dimensions: Vec<&str> = known
        .into_iter()
        .filter(|name| differs(&|at| stats[at].metric.dimension(name).unwrap_or_default().to_owned()))
        .collect();
    let automatic = |query: &Query| {
        let Some(one) = &query.metric_stat else { return query.id.clone() };
        let mut parts: Vec<String> = Vec::new();
        parts.extend(namespace.then(|| one.metric.namespace.clone()));
        parts.extend(dimensions.iter().filter_map(|name| one.metric.dimension(name)).map(str::to_owned));
        parts.extend(name.then(|| one.metric.name.clone()));
        parts.extend(stat.then(|| one.stat.clone()));
        parts.extend(period.then(|| one.period.to_string()));
        if parts.is_empty() { one.metric.name.clone() } else { parts.join(" ") }
    };
    let all = queries.iter().map(|query| match query.label.as_deref().filter(|label| !label.is_empty()) {
        None => automatic(query),
        Some(label) => dynamic(label, &automatic(query), query, world),
    });
    all.collect()
}

/// Fills in `${LABEL}` and `${PROP('…')}`.
fn dynamic(label: &str, automatic: &str, query: &Query, world: World<'_>) -> String {
    let mut text = String::new();
    let mut rest = label;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, end)) = after.split_once('}') else { break };
        text.push_str(before);
        match value(inside, automatic, query, world) {
            Some(value) => text.push_str(&value),
            None => text.push_str(&format!("${{{inside}}}")),
        }
        rest = end;
    }
    text + rest
}

fn value(inside: &str, automatic: &str, query: &Query, world: World<'_>) -> Option<String> {
    if inside == "LABEL" {
        return Some(automatic.to_owned());
    }
    let property = inside.strip_prefix("PROP('")?.strip_suffix("')")?;
    let one = query.metric_stat.as_ref()?;
    Some(match property {
        "AccountId" => world.account.id.clone(),
        "MetricName" => one.metric.name.clone(),
        "Namespace" => one.metric.namespace.clone(),
        "Period" => one.period.to_string(),
        "Region" => world.region.to_owned(),
        "Stat" => one.stat.clone(),
        dimension => one.metric.dimension(dimension.strip_prefix("Dim.")?)?.to_owned(),
    })
}
