//! What was seen when the faults were made: a row for each version, and the page with all of them.

use catalogue::duration::spoken;
use catalogue::scenario::Kind;
use catalogue::{Alert, Catalogue, Component};
use serde_json::{Value, json};

use super::draft::Draft;
use super::{Material, breakable, home, paths};

/// Alerts on one page of the table.
const PER_PAGE: usize = 80;

/// What the theme shows of an alert: rows, of which each stands for the versions that gave the same; or why there are
/// none.
pub(super) fn json(evidence: &Value, alert: &Alert) -> Value {
    let rows = rows(evidence, &alert.name);
    let versions: Vec<_> =
        rows.iter().flat_map(|row| row["versions"].as_array().into_iter().flatten()).collect();
    let on = place(&versions.iter().filter_map(|version| version.as_str()).collect::<Vec<_>>());
    json!({ "rows": rows, "on": on, "why_not": if rows.is_empty() { Some(why_not(alert)) } else { None } })
}

/// Where something was seen: `PostgreSQL 15, 17`, or a mocked AWS account.
fn place(versions: &[&str]) -> String {
    match versions {
        [] => String::new(),
        ["aws"] => "a mocked AWS account".to_owned(),
        versions => format!("PostgreSQL {}", versions.join(", ")),
    }
}

fn why_not(alert: &Alert) -> String {
    let firing = alert.cases.iter().filter(|case| !case.fires.is_empty()).count();
    let tests = format!(
        "Its {} rule tests, {firing} in which it fires, and those that are derived from them, pass with promtool.",
        alert.cases.len()
    );
    match alert.scenario.as_ref().map(|scenario| &scenario.kind) {
        Some(Kind::Unprovable { why, stand_in }) => {
            let stand_in = stand_in
                .as_ref()
                .map_or(String::new(), |case| format!(" The rule test “{}” stands in.", &**case));
            format!("It cannot be made to happen: {}.{stand_in} {tests}", why.trim_end_matches('.'))
        }
        Some(Kind::Play(_)) => format!("Its scenario has not been played yet. {tests}"),
        None => format!("It has no scenario yet. {tests}"),
    }
}

/// The versions that were played, the oldest first.
fn played<'a>(evidence: &'a Value, alert: &str) -> Vec<(&'a String, &'a Value)> {
    let mut versions: Vec<_> =
        evidence["alerts"][alert]["versions"].as_object().into_iter().flatten().collect();
    versions.sort_by_key(|(version, _)| version.parse::<u32>().unwrap_or(u32::MAX));
    versions
}

fn rows(evidence: &Value, alert: &str) -> Vec<Value> {
    let mut rows: Vec<(Vec<&str>, Value)> = Vec::new();
    for (version, seen) in played(evidence, alert) {
        let cells = cells(seen, alert);
        match rows.iter_mut().find(|(_, known)| *known == cells) {
            Some((versions, _)) => versions.push(version),
            None => rows.push((vec![version], cells)),
        }
    }
    let row = |(versions, mut cells): (Vec<&str>, Value)| {
        cells["place"] = place(&versions).into();
        cells["versions"] = versions.into();
        cells
    };
    rows.into_iter().map(row).collect()
}

/// The five answers; where there is none, the reason.
fn cells(seen: &Value, alert: &str) -> Value {
    let after = |key: &str| {
        seen["fires and clears"][key].as_u64().map_or_else(
            || "not seen".to_owned(),
            |after| if after == 0 { "at once".to_owned() } else { format!("after {}", spoken(after)) },
        )
    };
    let quiet = near_misses(seen);
    json!({
        "fires": after("firing_after"),
        "clears": after("cleared_after"),
        "near_miss": if quiet == 0 { "the scenario has none".to_owned() } else { format!("quiet in {quiet}") },
        "exporter_gone": gone(&seen["exporter gone"], alert),
        "target_gone": gone(&seen["target gone"], alert),
    })
}

fn near_misses(seen: &Value) -> usize {
    let misses = seen.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("near miss"));
    misses.filter(|(_, state)| state.as_str() == Some("quiet")).count()
}

/// How an alert goes on without data, as HTML: itself, or another that says so.
fn gone(seen: &Value, alert: &str) -> String {
    let silent = seen["silent"].as_u64().filter(|silent| *silent > 0);
    let silent = silent.map_or(String::new(), |silent| format!("nothing for {}, ", spoken(silent)));
    let text = match (seen["fires_on_for"].as_u64(), seen["then"].as_str()) {
        (_, Some(other)) if other == alert => "goes on firing".to_owned(),
        (Some(0) | None, Some(other)) => format!("{silent}then {other}"),
        (Some(stays), Some(other)) => format!("fires on for {}, {silent}then {other}", spoken(stays)),
        (_, None) if seen.is_null() => "not played".to_owned(),
        (_, None) => "fires on".to_owned(),
    };
    breakable(&text)
}

/// What `alerts.json` says about the proof of an alert. Times are in seconds.
pub(super) fn summary(evidence: &Value, alert: &Alert) -> Value {
    let version = |(version, seen): (&String, &Value)| {
        let main = &seen["fires and clears"];
        let about = json!({
            "fires_after": main["firing_after"],
            "clears_after": main["cleared_after"],
            "near_misses_quiet": near_misses(seen),
            "exporter_gone": seen["exporter gone"],
            "target_gone": seen["target gone"],
        });
        (version.clone(), about)
    };
    let versions: serde_json::Map<_, _> = played(evidence, &alert.name).into_iter().map(version).collect();
    let why_not = versions.is_empty().then(|| why_not(alert));
    json!({ "versions": versions, "why_not": why_not, "rule_tests": alert.cases.len() })
}

/// The table of all alerts; a large one has several pages.
pub(super) fn drafts(catalogue: &Catalogue, material: &Material) -> Vec<Draft> {
    let alerts: Vec<(&Component, &Alert)> = catalogue
        .components
        .iter()
        .flat_map(|component| home::groups(component).into_iter().map(move |group| (component, group)))
        .flat_map(|(component, (_, _, alerts))| alerts.into_iter().map(move |alert| (component, alert)))
        .collect();
    let path = |number: usize| match number {
        0 => paths::PROOF.to_owned(),
        number => paths::PROOF.replace("index.html", &format!("{}/index.html", number + 1)),
    };
    let chunks: Vec<_> =
        if alerts.is_empty() { vec![&alerts[..]] } else { alerts.chunks(PER_PAGE).collect() };
    let draft = |(number, chunk): (usize, &&[(&Component, &Alert)])| {
        let title = if number == 0 { "Proof".to_owned() } else { format!("Proof, page {}", number + 1) };
        let mut draft =
            Draft::new(path(number), title, "What was seen when each fault was made on a real server.");
        draft.template = "proof";
        draft.kind = "proof";
        draft.in_order = number == 0;
        draft.above.push(("Reference".to_owned(), None));
        let entry = |(component, alert): &(&Component, &Alert)| {
            let mut entry = json(&material.evidence, alert);
            entry["name_html"] = breakable(&alert.name).into();
            entry["severity"] = alert.rule.severity.name().into();
            entry["href"] = paths::runbook(component, alert).into();
            entry
        };
        draft.more.insert("alerts".to_owned(), chunk.iter().map(entry).collect());
        let next = (number + 1 < chunks.len()).then(|| path(number + 1));
        draft.more.insert("next".to_owned(), next.into());
        draft
    };
    chunks.iter().enumerate().map(draft).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_seen_and_equal_versions_share_one() {
        let seen = json!({
            "fires and clears": { "firing_after": 600, "cleared_after": 0 },
            "near miss: x": "quiet",
            "exporter gone": { "fires_on_for": 240, "then": "B" },
        });
        let mut later = seen.clone();
        later["fires and clears"]["firing_after"] = json!(660);
        let evidence = json!({ "alerts": {
            "A": { "versions": { "17": seen, "9": seen, "18": later } },
            "R": { "versions": { "aws": { "exporter gone": { "fires_on_for": 1800, "then": "R" } } } },
        } });
        let found = rows(&evidence, "A");
        assert_eq!(
            found[0],
            json!({
                "place": "PostgreSQL 9, 17", "versions": ["9", "17"], "fires": "after 10 min", "clears": "at once",
                "near_miss": "quiet in 1", "exporter_gone": "fires on for 4 min, then B", "target_gone": "not played",
            })
        );
        assert_eq!((found.len(), &found[1]["fires"]), (2, &json!("after 11 min")));
        let other = &rows(&evidence, "R")[0];
        assert_eq!(
            (&other["place"], &other["exporter_gone"]),
            (&json!("a mocked AWS account"), &json!("goes on firing"))
        );
        assert_eq!(other["fires"], "not seen", "no cell is empty");
        assert!(rows(&evidence, "B").is_empty());
    }
}
