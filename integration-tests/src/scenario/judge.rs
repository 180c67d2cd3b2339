//! Lets promtool evaluate the chart's rules over many timelines in one run, and reads back what it saw.
//!
//! promtool only compares. Each question is asked with an empty expectation, and the answer is what it "got".

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::clock::{STEP, Series};
use crate::helm::programs;

/// Labels.
pub type Labels = BTreeMap<String, String>;

/// What the rules are evaluated over.
#[derive(Debug)]
pub struct Timeline {
    /// The samples.
    pub series: Series,
    /// How long it is, in minutes.
    pub minutes: usize,
    /// What is looked at more closely.
    pub look: Option<Look>,
    /// The alerts that matter; all unless given.
    pub only: Option<BTreeSet<String>>,
}

/// An alert whose texts and value are asked for.
#[derive(Debug, Clone)]
pub struct Look {
    /// The alert.
    pub alert: String,
    /// The minute.
    pub minute: usize,
    /// What the value is that of, when it is not the rule's expression.
    pub expr: Option<String>,
}

/// When an alert was in a state: in seconds from the start, both included, and how many evaluations.
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    /// Labels without `alertstate`.
    pub labels: Labels,
    /// `firing` rather than `pending`.
    pub firing: bool,
    /// First evaluation.
    pub first: u64,
    /// Last evaluation.
    pub last: u64,
    /// Number of evaluations.
    pub count: u64,
}

impl Period {
    /// Name of the alert.
    pub fn alert(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// Whether it was without a break.
    pub fn is_whole(&self) -> bool {
        self.count == (self.last - self.first) / STEP + 1
    }
}

/// What promtool saw on a timeline.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// All states of all alerts.
    pub periods: Vec<Period>,
    /// Annotations of the firing alerts that were looked at, by their labels.
    pub texts: Vec<(Labels, Labels)>,
    /// The values that the rule's expression gave at that moment.
    pub values: Vec<(Labels, f64)>,
}

/// Judges all timelines, in two processes that have about as much to do.
pub fn judge(rules: &[Value], timelines: &[&Timeline]) -> Result<Vec<History>> {
    let program = programs("PROMTOOL", "promtool")?.pop().context("promtool is installed")?.canonicalize()?;
    let folder = tempfile::tempdir()?;
    let shares = shares(rules, timelines);
    let outputs: Result<Vec<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .iter()
            .enumerate()
            .map(|(share, work)| {
                let (program, folder) = (&program, folder.path());
                scope.spawn(move || run(program, folder, share, work, rules))
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<_>| {
            thread.join().unwrap_or_else(|_| bail!("a thread ended"))
        };
        threads.into_iter().map(join).collect()
    });
    let mut histories = vec![History::default(); timelines.len()];
    for said in outputs? {
        read(&said, &mut histories)?;
    }
    Ok(histories)
}

/// The rules that are evaluated over a timeline.
fn evaluated<'a>(rules: &'a [Value], timeline: &Timeline) -> Vec<&'a Value> {
    let only = timeline.only.as_ref();
    rules
        .iter()
        .filter(|rule| only.is_none_or(|only| only.iter().any(|name| rule["alert"] == **name)))
        .collect()
}

/// Timelines with their numbers, by the rules that are evaluated over them.
type Work<'a> = BTreeMap<Option<&'a BTreeSet<String>>, Vec<(usize, &'a Timeline)>>;

fn shares<'a>(rules: &[Value], timelines: &[&'a Timeline]) -> [Work<'a>; 2] {
    let mut all: Vec<_> = timelines
        .iter()
        .enumerate()
        .map(|(index, timeline)| (timeline.minutes * evaluated(rules, timeline).len(), index, *timeline))
        .collect();
    all.sort_by_key(|(cost, index, _)| (std::cmp::Reverse(*cost), *index));
    let (mut shares, mut costs) = ([Work::new(), Work::new()], [0, 0]);
    for (cost, index, timeline) in all {
        let lighter = usize::from(costs[1] < costs[0]);
        costs[lighter] += cost;
        shares[lighter].entry(timeline.only.as_ref()).or_default().push((index, timeline));
    }
    shares
}

fn run(program: &PathBuf, folder: &Path, share: usize, work: &Work, rules: &[Value]) -> Result<String> {
    let mut names = Vec::new();
    for (number, timelines) in work.values().enumerate() {
        let own = evaluated(rules, timelines[0].1);
        let rules_name = format!("rules-{share}-{number}.json");
        let groups = json!({ "groups": [{ "name": "all", "rules": own }] });
        std::fs::write(folder.join(&rules_name), groups.to_string())?;
        let tests: Vec<_> = timelines.iter().map(|(index, timeline)| test(*index, timeline, rules)).collect();
        let file = json!({ "rule_files": [rules_name], "evaluation_interval": "1m", "tests": tests });
        let name = format!("{share}-{number}.json");
        std::fs::write(folder.join(&name), file.to_string())?;
        names.push(name);
    }
    if names.is_empty() {
        return Ok(String::new());
    }
    let mut command = Command::new(program);
    command.current_dir(folder).env("TMPDIR", ".").args(["test", "rules"]).args(names);
    let output = command.stdin(Stdio::null()).output().context("promtool runs")?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !said.contains("# case ") {
        bail!("promtool refuses the timelines: {}", said.trim());
    }
    Ok(said.into_owned())
}

fn test(index: usize, timeline: &Timeline, rules: &[Value]) -> Value {
    let series: Vec<_> = timeline
        .series
        .iter()
        .map(|(series, values)| json!({ "series": series, "values": values }))
        .collect();
    let end = format!("{}m", timeline.minutes);
    let all = format!("[{}m:1m]", timeline.minutes + 1);
    // promtool names a test only when its alerts differ, so each question carries its number.
    let ask = |expr: &str, what: &str, at: &str| json!({ "expr": format!("{expr}\n# case {index} {what}"), "eval_time": at, "exp_samples": [] });
    let mut asked = vec![
        ask(&format!("min_over_time(timestamp(ALERTS){all})"), "first", &end),
        ask(&format!("max_over_time(timestamp(ALERTS){all})"), "last", &end),
        ask(&format!("count_over_time(ALERTS{all})"), "count", &end),
        // Something always differs, or promtool says nothing about the test.
        ask("vector(1)", "here", "0m"),
    ];
    let mut test = json!({ "name": format!("case {index}"), "interval": "1m", "input_series": series });
    if let Some(Look { alert, minute, expr }) = &timeline.look {
        let at = format!("{minute}m");
        let rule = rules.iter().find(|rule| rule["alert"] == **alert).and_then(|rule| rule["expr"].as_str());
        asked.push(ask(expr.as_deref().or(rule).unwrap_or_default(), "value", &at));
        test["alert_rule_test"] = json!([{ "alertname": alert, "eval_time": at, "exp_alerts": [] }]);
    }
    test["promql_expr_test"] = asked.into();
    test
}

/// Reads promtool's report.
fn read(said: &str, histories: &mut [History]) -> Result<()> {
    let (mut case, mut question, mut labels) = (None, String::new(), Labels::new());
    for line in said.lines().map(str::trim) {
        if let Some(number) = line.strip_prefix("name: case ") {
            case = number.trim_end_matches(',').parse::<usize>().ok();
        } else if let Some(expr) = line.strip_prefix("expr: ") {
            let expr = expr.rsplit_once(", time: ").map_or(expr, |(expr, _)| expr);
            let tag = expr.rsplit("# case ").next().unwrap_or_default().trim_end_matches('"');
            let (number, what) = tag.split_once(' ').unwrap_or_default();
            (case, question) = (number.parse().ok(), what.to_owned());
        } else if let Some(text) = line.strip_prefix("Labels:") {
            labels = read_labels(text).map(|(labels, _)| labels).unwrap_or_default();
        } else if let Some(text) = line.strip_prefix("Annotations:") {
            let texts = read_labels(text).map(|(labels, _)| labels).unwrap_or_default();
            let history = case.and_then(|case| histories.get_mut(case));
            history.context("promtool names a case")?.texts.push((labels.clone(), texts));
        } else if let Some(got) = line.strip_prefix("got: ") {
            let history = case.and_then(|case| histories.get_mut(case)).context("promtool names a case")?;
            answer(history, &question, &read_samples(got));
        } else if line.contains("error") && !line.starts_with("exp") {
            bail!("promtool says: {line}");
        }
    }
    Ok(())
}

fn answer(history: &mut History, question: &str, samples: &[(Labels, f64)]) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and seconds since the start"
    )]
    let whole = |value: f64| value as u64;
    for (labels, value) in samples {
        if question == "value" {
            history.values.push((labels.clone(), *value));
            continue;
        }
        let mut labels = labels.clone();
        let Some(state) = labels.remove("alertstate") else { continue };
        let firing = state == "firing";
        let known =
            history.periods.iter().position(|period| period.firing == firing && period.labels == labels);
        let known = known.unwrap_or_else(|| {
            history.periods.push(Period { labels, firing, first: 0, last: 0, count: 0 });
            history.periods.len() - 1
        });
        let period = &mut history.periods[known];
        match question {
            "first" => period.first = whole(*value),
            "last" => period.last = whole(*value),
            _ => period.count = whole(*value),
        }
    }
}

/// `{a="b"} 1E+00, {…} 2E+00`.
fn read_samples(text: &str) -> Vec<(Labels, f64)> {
    let (mut rest, mut samples) = (text, Vec::new());
    while let Some(start) = rest.find('{') {
        let Some((labels, after)) = read_labels(&rest[start..]) else { break };
        let after = after.trim_start();
        let end = after.find(", ").unwrap_or(after.len());
        samples.extend(after[..end].trim().parse().ok().map(|value| (labels, value)));
        rest = &after[end..];
    }
    samples
}

/// `{a="b", c="d"}` and what follows; values are quoted as Go does.
fn read_labels(text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    let mut rest = text.strip_prefix('{')?;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = &after[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_promtool_answers() {
        let rule = json!({ "alert": "A", "expr": "max by (target) (x) > 5", "for": "5m", "labels": { "severity": "warning" },
            "annotations": { "description": "{{ $labels.target }} at {{ $value }}" } });
        let timeline = |values: &str| Timeline {
            series: Series::from([("x{target=\"db \\\"1\\\"\"}".to_owned(), values.to_owned())]),
            minutes: 40,
            look: Some(Look { alert: "A".to_owned(), minute: 20, expr: None }),
            only: None,
        };
        let other = json!({ "alert": "B", "expr": "x > 0" });
        let only = |timeline| Timeline { only: Some(BTreeSet::from(["A".to_owned()])), ..timeline };
        let (fires, quiet) = (timeline("1x10 10x20 1x10"), only(timeline("1x40")));
        let histories = judge(&[rule, other], &[&fires, &quiet, &fires]).unwrap();
        assert!(histories[1].periods.is_empty() && histories[1].texts.is_empty());
        for history in [&histories[0], &histories[2]] {
            let of = |name| history.periods.iter().filter(move |period| period.alert() == name);
            assert_eq!(of("B").count(), 1, "{history:?}");
            let firing: Vec<_> = of("A").filter(|period| period.firing).collect();
            assert_eq!((firing[0].first, firing[0].last, firing[0].is_whole()), (960, 1860, true));
            assert_eq!(firing[0].labels["target"], "db \"1\"");
            assert_eq!(of("A").find(|period| !period.firing).unwrap().first, 660);
            assert_eq!(history.texts[0].1["description"], "db \"1\" at 10");
            assert!((history.values[0].1 - 10.0).abs() < f64::EPSILON);
        }
    }
}
