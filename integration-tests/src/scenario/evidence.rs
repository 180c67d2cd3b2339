//! What came of all scenarios, as data that is committed: `content/evidence.json`.
//!
//! An entry is written anew only when what it proves has changed, so that the file changes only with its reasons.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use catalogue::component::Platform;
use catalogue::load::EVIDENCE;
use catalogue::scenario::{Fate, Kind};
use catalogue::{Alert, Catalogue};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use super::account::HEALTHY;
use super::proof::Proof;
use super::runbook;
use super::show::{Rules, Takes, proven};
use super::verdict::{MAIN, Seen};
use crate::images::POSTGRESQL;
use crate::setup;

/// Rows of a result that are kept.
const ROWS: usize = 3;

fn path() -> PathBuf {
    setup::root().join("content").join(EVIDENCE)
}

/// The committed evidence; empty when there is none.
pub fn read() -> Result<Value> {
    match std::fs::read_to_string(path()) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{EVIDENCE} is not JSON")),
        Err(_) => Ok(json!({ "alerts": {} })),
    }
}

/// What an alert's evidence depends on: its rule, its scenario, the SQL of its runbook, the queries of its metrics, and
/// the rules that fire when something is gone.
pub fn hash(catalogue: &Catalogue, rules: &Rules, alert: &Alert) -> Result<String> {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let mut add = |name: &str, text: &str| {
        for part in [name, text] {
            digest.update(&part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
    };
    add("versions", &format!("{POSTGRESQL:?}"));
    add("alert.yaml", &alert.definition());
    add("scenario.yaml", alert.scenario.as_ref().map_or("", |scenario| &scenario.source.text));
    for (file, text) in runbook::files(alert)? {
        add(&file, &text);
    }
    let gone = alert.scenario.as_ref().and_then(|scenario| scenario.play()).map(|play| &play.gone);
    for fate in gone.into_iter().flat_map(|gone| [&gone.exporter, &gone.target]) {
        let other = match fate {
            Fate::KeepsFiring => continue,
            Fate::Handover(name) => catalogue.alerts().find(|(_, other)| *other.name == **name),
        };
        let (_, other) = other.with_context(|| format!("`{}` hands over to nobody", &*alert.name))?;
        add("alert.yaml of the other", &other.definition());
    }
    let (book, rule) = rules.of(alert)?;
    if book.platform == Platform::Aws {
        add("account.yaml", HEALTHY);
    }
    for (_, query) in catalogue.queries() {
        if query.metrics.iter().any(|metric| Rules::reads(rule, &metric.series)) {
            add(query.source.file_name(), &query.source.text);
        }
    }
    Ok(HEXLOWER.encode(digest.finish().as_ref()))
}

/// What is stale or missing in the committed evidence.
pub fn stale(catalogue: &Catalogue, rules: &Rules) -> Result<Vec<String>> {
    let evidence = read()?;
    let mut stale = Vec::new();
    let mut known: Vec<&String> =
        evidence["alerts"].as_object().map(|alerts| alerts.keys().collect()).unwrap_or_default();
    for alert in proven(catalogue) {
        known.retain(|name| **name != *alert.name);
        let entry = &evidence["alerts"][&*alert.name];
        if entry.is_null() {
            stale.push(format!("there is no evidence for `{}`", &*alert.name));
        } else if entry["hash"] != hash(catalogue, rules, alert)? {
            stale.push(format!("the evidence for `{}` is of something older", &*alert.name));
        }
    }
    stale.extend(known.iter().map(|name| format!("there is evidence for `{name}`, which does not exist")));
    Ok(stale)
}

/// Writes the entries that are not of what was just proven.
pub fn write(catalogue: &Catalogue, rules: &Rules, takes: &Takes, proofs: &[Proof]) -> Result<()> {
    let old = read()?;
    let mut alerts = Map::new();
    for alert in proven(catalogue) {
        let hash = hash(catalogue, rules, alert)?;
        let entry = &old["alerts"][&*alert.name];
        let entry =
            if entry["hash"] == *hash { entry.clone() } else { entry_of(alert, &hash, takes, proofs)? };
        alerts.insert(alert.name.to_string(), entry);
    }
    let evidence = json!({ "versions": POSTGRESQL, "alerts": alerts });
    let text = format!("{evidence:#}\n");
    let temporary = path().with_extension("json~");
    std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path()))?;
    Ok(())
}

fn entry_of(alert: &Alert, hash: &str, takes: &Takes, proofs: &[Proof]) -> Result<Value> {
    if let Some(Kind::Unprovable { why, stand_in }) = alert.scenario.as_ref().map(|scenario| &scenario.kind) {
        let stand_in = stand_in.as_ref().map(|case| case.to_string());
        return Ok(json!({ "hash": hash, "unprovable": why.to_string(), "stand_in": stand_in }));
    }
    let mut versions = Map::new();
    for (take, proof) in takes.scenarios.iter().zip(proofs).filter(|(_, proof)| *proof.alert == *alert.name) {
        let problems = proof.problems();
        ensure!(problems.is_empty(), "no evidence of what failed: {}", problems.join("; "));
        let results = &take.recording.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?.results;
        let sql = results.iter().map(|(file, rows)| {
            let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, json!(rows.iter().take(ROWS).collect::<Vec<_>>()))
        });
        let sql: Map<String, Value> = sql.collect();
        let mut entry = Map::new();
        for (name, seen) in &proof.answers {
            entry.insert(name.clone(), answer(name, seen));
        }
        let value = proof.history.values.first().map(|(_, value)| *value);
        let texts = proof.history.texts.first().map(|(_, texts)| texts);
        entry.insert("value".to_owned(), json!(value));
        entry.insert("texts".to_owned(), json!(texts));
        entry.insert("sql".to_owned(), Value::Object(sql));
        entry.insert("samples".to_owned(), json!(proof.samples));
        versions.insert(proof.version.key(), Value::Object(entry));
    }
    ensure!(!versions.is_empty(), "`{}` was not played", &*alert.name);
    Ok(json!({ "hash": hash, "versions": versions }))
}

/// Times are in seconds: since the fault began, or since it ended.
fn answer(name: &str, seen: &Seen) -> Value {
    if name == MAIN || seen.firing.is_some() {
        json!({ "pending_after": seen.pending, "firing_after": seen.firing, "cleared_after": seen.clears })
    } else if let Some(then) = &seen.in_the_end {
        json!({ "fires_on_for": seen.clears, "then": then, "silent": seen.silent })
    } else {
        json!("quiet")
    }
}
