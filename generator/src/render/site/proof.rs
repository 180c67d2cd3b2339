//! What was seen on real servers: a row for each version.

use serde_json::{Value, json};

/// The rows of an alert, from the evidence of the scenarios; nothing when it has none.
pub(super) fn rows(evidence: &Value, alert: &str) -> Value {
    let Some(versions) = evidence["alerts"][alert]["versions"].as_object() else { return Value::Null };
    let rows: Vec<_> = versions.iter().map(|(version, seen)| row(version, seen)).collect();
    if rows.is_empty() { Value::Null } else { rows.into() }
}

fn row(version: &str, seen: &Value) -> Value {
    let main = &seen["fires and clears"];
    let fires = main["firing_after"]
        .as_u64()
        .map_or_else(|| "–".to_owned(), |after| format!("after {}", time(after)));
    let clears = main["cleared_after"].as_u64().map_or_else(
        || "–".to_owned(),
        |after| match after {
            0 => "at once".to_owned(),
            after => format!("after {}", time(after)),
        },
    );
    let misses = seen.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("near miss"));
    let misses = misses.filter(|(_, state)| state.as_str() == Some("quiet")).count();
    json!({
        "version": version,
        "fires": fires,
        "clears": clears,
        "near_miss": if misses == 0 { "–".to_owned() } else { format!("quiet ({misses})") },
        "exporter_gone": gone(&seen["exporter gone"]),
        "target_gone": gone(&seen["target gone"]),
    })
}

/// How an alert goes on without data: itself, or another that says so.
fn gone(seen: &Value) -> String {
    let stays = seen["fires_on_for"].as_u64();
    match (stays, seen["then"].as_str()) {
        (Some(stays), Some(other)) => format!("fires on for {}, then {other}", time(stays)),
        (None, Some(other)) => format!("{other} fires"),
        (_, None) if seen.is_null() => "–".to_owned(),
        (_, None) => "fires on".to_owned(),
    }
}

fn time(seconds: u64) -> String {
    match seconds {
        0 => "0 s".to_owned(),
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_seen() {
        let evidence = json!({ "alerts": { "A": { "versions": { "17": {
            "fires and clears": { "firing_after": 600, "cleared_after": 0 },
            "near miss: x": "quiet",
            "exporter gone": { "fires_on_for": 240, "then": "B" },
        } } } } });
        assert_eq!(
            rows(&evidence, "A"),
            json!([{
                "version": "17", "fires": "after 10 min", "clears": "at once", "near_miss": "quiet (1)",
                "exporter_gone": "fires on for 4 min, then B", "target_gone": "–",
            }])
        );
        assert_eq!(rows(&evidence, "B"), Value::Null);
    }
}
