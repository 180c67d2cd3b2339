//! Parameters: the numbers, durations and patterns of a rule that users may move.

use indexmap::IndexMap;

use crate::decode::{Fields, entries};
use crate::duration::PromDuration;
use crate::interpolate;
use crate::name::Key;
use crate::problem::{Problem, Problems};
use crate::text::Text;
use crate::yaml::Node;

/// What a parameter measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share, 0 to 100.
    Percent,
    /// A share, 0 to 1.
    Ratio,
    /// Seconds.
    Seconds,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
    /// A duration in the notation of Prometheus, for ranges and `for`.
    Duration,
    /// An RE2 pattern for a label matcher.
    Regex,
}

impl Unit {
    /// All units and their names.
    pub const ALL: [(&'static str, Self); 9] = [
        ("percent", Self::Percent),
        ("ratio", Self::Ratio),
        ("seconds", Self::Seconds),
        ("hours", Self::Hours),
        ("days", Self::Days),
        ("bytes", Self::Bytes),
        ("count", Self::Count),
        ("duration", Self::Duration),
        ("regex", Self::Regex),
    ];

    /// The unit of a name.
    pub fn new(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, unit)| unit).ok_or_else(|| {
            let help = crate::suggest::did_you_mean(name, Self::ALL.map(|(known, _)| known));
            format!("unknown unit `{name}`, {help}")
        })
    }

    /// The name as it stands in alert.yaml.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, unit)| *unit == self).map_or("", |(name, _)| name)
    }

    /// Whether values are numbers.
    pub fn is_number(self) -> bool {
        !matches!(self, Self::Duration | Self::Regex)
    }
}

/// A parameter of a rule.
#[derive(Debug, Clone)]
pub struct Param {
    /// The name, used as `${name}`.
    pub name: Key,
    /// Where the name stands.
    pub key: Text,
    /// The default, as it was written.
    pub value: Text,
    /// What it measures.
    pub unit: Unit,
    /// The smallest value that makes sense, for numbers.
    pub min: Option<f64>,
    /// The largest value that makes sense, for numbers.
    pub max: Option<f64>,
    /// What it means, for the values file and the runbook page.
    pub help: Text,
}

impl Param {
    /// The default as a number, for units that are numbers; always finite.
    pub fn number(&self) -> Option<f64> {
        let number = self.unit.is_number().then(|| self.value.parse().ok()).flatten();
        number.filter(|number: &f64| number.is_finite())
    }
}

/// The parameters of a rule, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Params(IndexMap<String, Param>);

impl Params {
    /// Reads the `params` of an alert.
    pub fn read(node: Option<&Node>, problems: &mut Problems) -> Self {
        let Some(node) = node else { return Self::default() };
        let params = entries(node, problems).into_iter().filter_map(|(key, node)| {
            let param = read_param(key, node, problems)?;
            Some((param.name.to_string(), param))
        });
        Self(params.collect())
    }

    /// The parameter of a name.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.0.get(name)
    }

    /// All parameters in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.values()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with each `${param}` replaced by its default.
    pub fn fill(&self, text: &str) -> String {
        interpolate::fill(text, |name| self.get(name).map(|param| param.value.to_string()))
    }
}

fn read_param(key: Text, node: &Node, problems: &mut Problems) -> Option<Param> {
    let mut fields = Fields::of(node, problems)?;
    let name = fields.parse(Some(key.clone()), Key::new);
    let value = fields.text("value");
    let unit = fields.text("unit");
    let unit = fields.parse(unit, Unit::new);
    let (min, max) = (fields.number("min"), fields.number("max"));
    let help = fields.text("help");
    fields.finish();
    let param = Param { name: name?, key, value: value?, unit: unit?, min, max, help: help? };
    if let Some(message) = misfit(&param) {
        problems.push(Problem::error("yaml/value", param.value.place(), message));
    }
    Some(param)
}

/// Why a default does not fit its unit and range.
fn misfit(param: &Param) -> Option<String> {
    let Param { value, unit, min, max, .. } = param;
    match unit {
        Unit::Duration => PromDuration::new(value).err(),
        Unit::Regex if value.contains(['"', '\n', '\\']) => {
            Some("a regex parameter stands between double quotes: no `\"`, no `\\`, no line break".to_owned())
        }
        Unit::Regex => None,
        _ => match param.number() {
            None => Some(format!("`{}` is not a number, but the unit is {}", &**value, unit.name())),
            Some(number) => {
                let bound = min.filter(|min| number < *min).map(|min| ("below", min));
                let bound = bound.or_else(|| max.filter(|max| number > *max).map(|max| ("above", max)));
                bound.map(|(side, bound)| {
                    format!("`{number}` is {side} the bound of {bound} of this parameter")
                })
            }
        },
    }
}
