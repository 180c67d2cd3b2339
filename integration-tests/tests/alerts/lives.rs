//! The pictures of the site are drawn from what `dmf` evaluates itself: promtool must see the same.

use std::collections::BTreeMap;

use generator::life::{self, Life, Origin, State};
use generator::promql::notation::{self, Slot};
use integration_tests::scenario::judge::{self, Look, Timeline};
use integration_tests::scenario::{evidence, show};
use serde_json::{Value, json};

fn rule(alert: &catalogue::Alert) -> Value {
    let rule = &alert.rule;
    let fill = |text: &str| rule.params.fill(text);
    json!({
        "alert": &*alert.name,
        "expr": fill(&rule.expr),
        "for": fill(&rule.hold),
        "keep_firing_for": rule.keep_firing_for.as_ref().map_or("0s".to_owned(), |keep| fill(keep)),
        "annotations": { "summary": "s" },
    })
}

/// The series that a life was told from, and the labels of its alert.
fn told(alert: &catalogue::Alert, life: &Life, evidence: &Value) -> (BTreeMap<String, String>, Vec<String>) {
    match &life.origin {
        Origin::Recorded { version, .. } => {
            let samples = &evidence["alerts"][&*alert.name]["versions"][version]["samples"];
            let samples = samples.as_object().unwrap().iter();
            let series =
                samples.map(|(series, values)| (series.clone(), values.as_str().unwrap().to_owned()));
            let Some(catalogue::scenario::Kind::Play(play)) = alert.scenario.as_ref().map(|one| &one.kind)
            else {
                panic!("`{}` was recorded without a scenario", &*alert.name)
            };
            (
                series.collect(),
                play.fires[0].iter().map(|(name, value)| format!("{name}={}", &**value)).collect(),
            )
        }
        Origin::Test(name) => {
            let case = alert.cases.iter().find(|case| case.name == *name).unwrap();
            let series = case.series.iter().map(|(series, values)| (series.clone(), values.clone()));
            (series.collect(), case.fires[0].iter().map(|(name, value)| format!("{name}={value}")).collect())
        }
    }
}

/// Minutes of a step.
fn wide(life: &Life) -> usize {
    usize::try_from(life.step / 60).unwrap()
}

/// promtool is asked minute by minute; a scrape every five minutes has four gaps behind it.
fn by_minutes(values: &str, wide: usize) -> String {
    if wide == 1 {
        return values.to_owned();
    }
    let slots = notation::slots(values).unwrap().into_iter().map(|slot| match slot {
        Slot::Value(value) => value.to_string(),
        Slot::Gap => "_".to_owned(),
        Slot::Stale => "stale".to_owned(),
    });
    slots.map(|slot| slot + &" _".repeat(wide - 1)).collect::<Vec<_>>().join(" ")
}

#[test]
fn lives_are_as_promtool_sees_them() {
    let catalogue = show::catalogue().unwrap();
    let evidence = evidence::read().unwrap();
    let (mut lives, mut without) = (Vec::new(), Vec::new());
    for (_, alert) in catalogue.alerts() {
        match life::of(alert, &evidence) {
            Some(life) => lives.push((alert, life)),
            None => without.push(&*alert.name),
        }
    }
    assert_eq!(without, Vec::<&str>::new(), "every alert has a picture");
    // Where the value is looked at: when it begins to fire, when it stops, and at the end.
    let moments = |life: &Life| {
        let first = life.states.iter().position(|state| *state == State::Firing).unwrap();
        let last = life.states.iter().rposition(|state| *state == State::Firing).unwrap();
        [first, last, life.states.len() - 1]
    };
    for (alert, life) in &lives {
        let timelines = moments(life).map(|step| {
            let expr = life.comparison.as_ref().map(|comparison| comparison.of.clone());
            let look = Look { alert: alert.name.to_string(), minute: step * wide(life), expr };
            let (series, _) = told(alert, life, &evidence);
            let series = series.into_iter().map(|(name, values)| (name, by_minutes(&values, wide(life))));
            let minutes = (life.states.len() - 1) * wide(life);
            Timeline { series: series.collect(), minutes, look: Some(look), only: None }
        });
        let histories = judge::judge(&[rule(alert)], &timelines.each_ref()).unwrap();
        let (_, labels) = told(alert, life, &evidence);
        let own = |labels_of: &judge::Labels| {
            let found = labels_of.iter().filter(|(name, _)| *name != "alertname");
            let found: Vec<_> = found.map(|(name, value)| format!("{name}={value}")).collect();
            found.len() == labels.len() && labels.iter().all(|label| found.contains(label))
        };
        // A rule that is evaluated every five minutes lives otherwise than one that is asked every minute.
        for firing in [false, true].into_iter().filter(|_| life.step == 60) {
            let state = if firing { State::Firing } else { State::Pending };
            let drawn = life.states.iter().zip(0..).filter(|(one, _)| **one == state);
            let drawn: Vec<u64> = drawn.map(|(_, at)| at * 60).collect();
            let periods = histories[0].periods.iter();
            let seen = periods.filter(|one| one.firing == firing && own(&one.labels));
            let seen: Vec<_> = seen.map(|one| (one.first, one.last, one.count)).collect();
            let ends = drawn.first().map(|first| (*first, drawn[drawn.len() - 1], drawn.len() as u64));
            assert_eq!(seen, Vec::from_iter(ends), "`{}`, firing {firing}", &*alert.name);
        }
        let Some(comparison) = &life.comparison else { continue };
        for (minute, history) in moments(life).into_iter().zip(histories) {
            let drawn = comparison.values[minute];
            let fits = |found: &&(judge::Labels, f64)| {
                found.0.iter().all(|(name, value)| {
                    let of = labels.iter().find(|label| label.starts_with(&format!("{name}=")));
                    name == "__name__" || of.is_none_or(|label| *label == format!("{name}={value}"))
                })
            };
            let mut seen = history.values.iter().filter(fits).map(|(_, value)| *value);
            let seen = seen.next().map(|seen| {
                if comparison.is_time_left { seen - (minute as u64 * life.step) as f64 } else { seen }
            });
            match (drawn, seen) {
                (None, None) => {}
                (Some(drawn), Some(seen)) => assert!(
                    (drawn - seen).abs() <= seen.abs().max(1.0) * 1e-9,
                    "`{}` at minute {minute}: {drawn} is drawn, promtool sees {seen}",
                    &*alert.name
                ),
                other => panic!("`{}` at minute {minute}: drawn and seen are {other:?}", &*alert.name),
            }
        }
    }
}
