//! The AWS account of a stage while it is changed: YAML in which instances, clusters and faults stand under their names.

use std::sync::Arc;

use anyhow::{Result, bail};
use catalogue::decode::{entries, wrong_type};
use catalogue::duration::PromDuration;
use catalogue::source::Source;
use catalogue::suggest::did_you_mean;
use catalogue::text::Text;
use catalogue::yaml::{self, Node, Style, Value as Yaml};
use catalogue::{Problem, Problems};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::aws::{Account, Cluster, Instance, Rule, metric_names};

/// The account in which every scenario starts.
pub const HEALTHY: &str = include_str!("account.yaml");

/// An account that can be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft(Map<String, Value>);

impl Draft {
    /// The healthy account.
    pub fn healthy() -> Result<Self> {
        let source = Source::new("integration-tests/src/scenario/account.yaml", HEALTHY);
        let mut problems = Problems::default();
        let mut draft = Self(Map::new());
        if let Some(node) = yaml::parse(&Arc::clone(&source), &mut problems) {
            draft.change(&node, true, &mut problems);
        }
        refuse(problems)?;
        draft.account(0)?;
        Ok(draft)
    }

    /// Changes what a step says.
    pub fn merge(&mut self, node: &Node, problems: &mut Problems) {
        self.change(node, false, problems);
    }

    fn change(&mut self, node: &Node, is_new: bool, problems: &mut Problems) {
        for (key, value) in entries(node, problems) {
            match key.as_str() {
                "instances" => self.databases::<Instance>("instance", &key, value, is_new, problems),
                "clusters" => self.databases::<Cluster>("cluster", &key, value, is_new, problems),
                "faults" => {
                    for (action, value) in entries(value, problems) {
                        let fault = fault(&action, value, problems);
                        self.part("faults").extend(fault.map(|fault| (action.to_string(), fault)));
                    }
                }
                "quotas" | "usages" => {
                    for (name, value) in entries(value, problems) {
                        let plain = plain(value, problems);
                        if fits::<Account>(&key, &json!({ &*name: at(&plain, 0) }), value, problems) {
                            self.part(&key).insert(name.to_string(), plain);
                        }
                    }
                }
                _ => {
                    let plain = plain(value, problems);
                    if fits::<Account>(&key, &plain, value, problems) {
                        self.0.insert(key.to_string(), plain);
                    }
                }
            }
        }
    }

    /// Changes instances or clusters.
    fn databases<T: DeserializeOwned>(
        &mut self,
        what: &str,
        key: &Text,
        node: &Node,
        is_new: bool,
        problems: &mut Problems,
    ) {
        for (name, value) in entries(node, problems) {
            let all = self.part(key);
            if !is_new && !all.contains_key(name.as_str()) {
                let message = format!("there is no {what} `{}` in the account", &*name);
                let known = did_you_mean(&name, all.keys().map(String::as_str));
                problems.push(Problem::error("yaml/value", name.place(), message).help(known));
                continue;
            }
            if Text::of(value).is_some_and(|word| &*word == "deleted") {
                all.remove(name.as_str());
                continue;
            }
            let one = all.entry(name.to_string()).or_insert_with(|| json!({}));
            for (field, value) in entries(value, problems) {
                if &*field == "metrics" {
                    let metrics = entries(value, problems);
                    for (metric, value) in metrics {
                        if let Some(series) = series(&metric, value, problems) {
                            one["metrics"][&*metric] = series;
                        }
                    }
                } else {
                    let plain = plain(value, problems);
                    if fits::<T>(&field, &plain, value, problems) {
                        one[&*field] = plain;
                    }
                }
            }
        }
    }

    fn part(&mut self, key: &str) -> &mut Map<String, Value> {
        let part = self.0.entry(key).or_insert_with(|| json!({}));
        match part {
            Value::Object(part) => part,
            _ => unreachable!("only mappings are put there"),
        }
    }

    /// How many minutes it takes until nothing moves any more.
    pub fn moves_for(&self) -> usize {
        fn longest(value: &Value) -> usize {
            match (value, value["over"].as_u64()) {
                (_, Some(minutes)) => usize::try_from(minutes).unwrap_or(usize::MAX),
                (Value::Object(all), None) => all.values().map(longest).max().unwrap_or_default(),
                _ => 0,
            }
        }
        longest(&Value::Object(self.0.clone()))
    }

    /// The account as it is so many minutes after the last change.
    pub fn account(&self, minute: usize) -> Result<Account> {
        let mut all = at(&Value::Object(self.0.clone()), minute);
        for (key, name) in [("instances", "identifier"), ("clusters", "identifier"), ("faults", "on")] {
            let Some(Value::Object(named)) = all.get(key) else { continue };
            let list = named.iter().map(|(own, value)| {
                let mut value = value.clone();
                value[name] = json!(own);
                value
            });
            all[key] = list.collect();
        }
        let account: Account = serde_json::from_value(all)?;
        account.check()?;
        Ok(account)
    }

    /// What it holds, to be compared: a line for each thing.
    pub fn lines(&self) -> Vec<String> {
        fn add(path: &str, value: &Value, lines: &mut Vec<String>) {
            match value {
                Value::Object(all) if !all.is_empty() => {
                    all.iter().for_each(|(key, value)| add(&format!("{path} {key}"), value, lines));
                }
                Value::Object(_) => {}
                other => lines.push(format!("{path} = {other}")),
            }
        }
        let mut lines = Vec::new();
        self.0.iter().for_each(|(key, value)| add(key, value, &mut lines));
        lines
    }
}

/// Ends with what is wrong, each with its place.
pub fn refuse(problems: Problems) -> Result<()> {
    let lines: Vec<_> = problems
        .into_sorted()
        .into_iter()
        .map(|problem| {
            let (line, column) = problem.spot.line_and_column().unwrap_or_default();
            let help = problem.help.map_or(String::new(), |help| format!("; {help}"));
            format!("{}:{line}:{column}: {}{help}", problem.spot.path().display(), problem.message)
        })
        .collect();
    if lines.is_empty() { Ok(()) } else { bail!("{}", lines.join("\n")) }
}

/// A fault of an action: its name, or a mapping of it, or that with whom it hits.
fn fault(action: &Text, node: &Node, problems: &mut Problems) -> Option<Value> {
    let plain = plain(node, problems);
    let whole = if plain.get("fault").is_some() { plain } else { json!({ "fault": plain }) };
    let mut named = whole.clone();
    named["on"] = json!(&**action);
    let (place, error) = match serde_json::from_value::<Rule>(named) {
        Err(error) => (node.place(), error.to_string()),
        Ok(rule) => match rule.check() {
            Err(error) => (action.place(), error.to_string()),
            Ok(()) => return Some(whole),
        },
    };
    problems.push(Problem::error("yaml/value", place, format!("fault of `{}`: {error}", &**action)));
    None
}

/// Values of a metric: a number, `none`, or a mapping that says how it moves.
fn series(metric: &Text, node: &Node, problems: &mut Problems) -> Option<Value> {
    if !metric_names().any(|known| known == &**metric) {
        let message = format!("RDS has no metric `{}`", &**metric);
        let names: Vec<_> = metric_names().collect();
        problems.push(
            Problem::error("yaml/unknown-key", metric.place(), message).help(did_you_mean(metric, names)),
        );
        return None;
    }
    let value = plain(node, problems);
    let is_good = match &value {
        Value::Number(_) => true,
        Value::String(word) => word == "none",
        _ => value["over"].is_u64(),
    };
    if !is_good {
        wrong_type(node, "a number, a size such as `9GiB`, `none`, or `{ from, to, over }`", problems);
    }
    is_good.then_some(value)
}

/// Whether a field can have a value; what is wrong is reported at its place.
fn fits<T: DeserializeOwned>(field: &Text, value: &Value, node: &Node, problems: &mut Problems) -> bool {
    let Err(error) = serde_json::from_value::<T>(json!({ &**field: value })) else { return true };
    let error = error.to_string();
    // The words of serde: unknown field `a`, expected one of `b`, `c`.
    let mut names =
        error.strip_prefix("unknown field `").into_iter().flat_map(|rest| rest.split('`').step_by(2));
    let problem = if names.next().is_some_and(|name| name == &**field) {
        let known: Vec<_> = names.collect();
        let problem =
            Problem::error("yaml/unknown-key", field.place(), format!("unknown key `{}`", &**field));
        problem.help(did_you_mean(field, known))
    } else {
        Problem::error("yaml/type", node.place(), format!("`{}`: {error}", &**field))
    };
    problems.push(problem);
    false
}

/// A node without its place. Sizes are bytes, and what moves is `{ from, to, over }` with numbers and minutes.
fn plain(node: &Node, problems: &mut Problems) -> Value {
    match &node.value {
        Yaml::Scalar(..) if node.is_null() => Value::Null,
        Yaml::Scalar(text, Style::Plain) if text == "true" || text == "false" => json!(text == "true"),
        Yaml::Scalar(text, Style::Plain) => number(text).unwrap_or_else(|| json!(text)),
        Yaml::Scalar(text, _) => json!(text),
        Yaml::List(items) => items.iter().map(|item| plain(item, problems)).collect(),
        Yaml::Map(_) => {
            let named = entries(node, problems);
            let keys: Vec<&str> = named.iter().map(|(key, _)| key.as_str()).collect();
            if keys == ["from", "to", "over"] {
                moving(&named, problems)
            } else {
                named.iter().map(|(key, value)| (key.to_string(), plain(value, problems))).collect()
            }
        }
    }
}

fn moving(named: &[(Text, &Node)], problems: &mut Problems) -> Value {
    let [(_, from), (_, to), (_, over)] = named else { return Value::Null };
    for end in [from, to] {
        if !plain(end, problems).is_number() {
            wrong_type(end, "a number, or a size such as `9GiB`", problems);
        }
    }
    let minutes = Text::of(over).and_then(|text| PromDuration::new(&text).ok());
    let minutes = minutes.map(|time| time.milliseconds() / 60_000).filter(|minutes| *minutes > 0);
    if minutes.is_none() {
        wrong_type(over, "a duration of minutes or hours such as `90m`", problems);
    }
    json!({ "from": plain(from, problems), "to": plain(to, problems), "over": minutes.unwrap_or(1) })
}

/// A number, or a size as AWS counts: GiB and so on.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(json!(whole));
    }
    let units = [("KiB", 1_u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
    let size = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor as f64)));
    let (text, factor) = size.unwrap_or((text, 1.0));
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number * factor))
}

/// What moves, as it is after some minutes.
fn at(value: &Value, minute: usize) -> Value {
    let Value::Object(all) = value else { return value.clone() };
    match (value["from"].as_f64(), value["to"].as_f64(), value["over"].as_f64()) {
        (Some(from), Some(to), Some(over)) => json!(from + (to - from) * (minute as f64 / over).min(1.0)),
        _ => all.iter().map(|(key, value)| (key.clone(), at(value, minute))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> (Draft, Vec<String>) {
        let mut problems = Problems::default();
        let node = yaml::parse(&Source::new("s.yaml", text), &mut problems).unwrap();
        let mut draft = Draft::healthy().unwrap();
        draft.merge(&node, &mut problems);
        let lines = refuse(problems).err().map(|error| error.to_string());
        (
            draft,
            lines.into_iter().flat_map(|all| all.lines().map(str::to_owned).collect::<Vec<_>>()).collect(),
        )
    }

    #[test]
    fn steps_change_what_they_name() {
        let (draft, problems) = change(
            "instances:\n  payments: { storage: 200, metrics: { CPUUtilization: 95.5, ReplicaLag: none, FreeStorageSpace: { from: 30GiB, to: 10GiB, over: 2h } } }\n  \
             shop: deleted\nclusters: { ledger: { parameter_status: pending-reboot } }\nquotas: { L-7B6409FD: 6 }\n\
             usages: { ManualSnapshots: 99 }\nfaults: { 'rds': deny, 'cloudwatch:GetMetricData': { delay: 5ms }, 'sts': { fault: cut, times: 2 } }\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(draft.moves_for(), 120);
        let mut account = draft.account(30).unwrap();
        assert_eq!(
            (account.instances.len(), account.faults.len(), account.quotas["L-7B6409FD"]),
            (6, 3, 6.0)
        );
        let payments = account.instance_mut("payments");
        assert_eq!((payments.storage, payments.class.as_str()), (Some(200), "db.r6g.large"));
        assert_eq!(payments.metrics["FreeStorageSpace"], (25.0 * 1_073_741_824.0).into());
        assert_eq!(payments.metrics["CPUUtilization"], 95.5.into());
        assert!(draft.lines().iter().any(|line| line == "instances payments storage = 200"));
    }

    #[test]
    fn mistakes_are_found_where_they_stand() {
        for (text, expected) in [
            ("instance: {}", "s.yaml:1:1: unknown key `instance`; did you mean `instances`?"),
            (
                "instances: { paymnts: {} }",
                "s.yaml:1:14: there is no instance `paymnts` in the account; did you mean `payments`?",
            ),
            (
                "clusters: { l: {} }",
                "s.yaml:1:13: there is no cluster `l` in the account; known here: `ledger`",
            ),
            (
                "instances: { shop: { storag: 1 } }",
                "s.yaml:1:22: unknown key `storag`; did you mean `storage`?",
            ),
            (
                "instances: { shop: { storage: much } }",
                "s.yaml:1:31: `storage`: invalid type: string \"much\", expected i64",
            ),
            (
                "instances: { shop: { metrics: { CPUUtilisation: 1 } } }",
                "s.yaml:1:33: RDS has no metric `CPUUtilisation`; did you mean `CPUUtilization`?",
            ),
            (
                "instances: { shop: { metrics: { SwapUsage: much } } }",
                "s.yaml:1:44: expected a number, a size such as `9GiB`, `none`, or `{ from, to, over }`, found text",
            ),
            (
                "instances: { shop: { metrics: { SwapUsage: { from: 1, to: 2, over: soon } } } }",
                "s.yaml:1:68: expected a duration of minutes or hours such as `90m`, found text",
            ),
            ("instances: { shop: 3 }", "s.yaml:1:20: expected a mapping, found a number"),
            (
                "faults: { 'rds:DescribeDBInstance': deny }",
                "s.yaml:1:11: fault of `rds:DescribeDBInstance`: this AWS has no action `rds:DescribeDBInstance`",
            ),
            (
                "quotas: { L-7B6409FD: many }",
                "s.yaml:1:23: `quotas`: invalid type: string \"many\", expected f64",
            ),
        ] {
            let (_, problems) = change(text);
            assert_eq!(problems, [expected], "{text}");
        }
    }
}
