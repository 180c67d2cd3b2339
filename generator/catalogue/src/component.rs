//! A component: what one chart is about, with its alerts and metrics.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::alert::Alert;
use crate::decode::{Fields, entries, list, text};
use crate::metric::{Origin, Query};
use crate::name::{Key, LabelName};
use crate::problem::{Problem, Problems};
use crate::source::Source;
use crate::text::Text;
use crate::yaml::Node;

/// A component such as PostgreSQL or RDS.
#[derive(Debug)]
pub struct Component {
    /// The folder name, also a URL part.
    pub name: Key,
    /// component.yaml.
    pub source: Arc<Source>,
    /// The content of component.yaml.
    pub about: About,
    /// The alerts by name.
    pub alerts: Vec<Arc<Alert>>,
    /// The metrics files by name.
    pub metrics: Vec<Query>,
}

/// What the scenarios of a component play on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// A PostgreSQL server.
    Server,
    /// An AWS account.
    Aws,
}

/// The content of component.yaml.
#[derive(Debug)]
pub struct About {
    /// The name as people write it.
    pub title: Text,
    /// One sentence for the chart.
    pub description: Text,
    /// Name of the Helm chart.
    pub chart: Text,
    /// Name of the rule group in Prometheus.
    pub rule_group: Text,
    /// What alert names start with.
    pub prefixes: Vec<Text>,
    /// Labels that the exporter puts on every series, with their meaning.
    pub labels: Vec<(LabelName, Text)>,
    /// How one sees that an exporter reads a target, for the rule tests.
    pub presence: Option<Presence>,
    /// Groups of alerts, in the order in which one triages, with their titles.
    pub groups: IndexMap<String, Text>,
}

/// What an exporter serves for as long as it can read a target.
#[derive(Debug)]
pub struct Presence {
    /// Series with the names of their labels, besides `job` and `instance`.
    pub series: IndexMap<String, Vec<Text>>,
    /// The alert that fires for a target that has no such series any more.
    pub alert: Text,
}

impl Component {
    /// What its scenarios play on: an AWS account when its metrics come from CloudWatch.
    pub fn platform(&self) -> Platform {
        let mut metrics = self.metrics.iter().flat_map(|query| &query.metrics);
        let aws = metrics.any(|metric| matches!(metric.origin, Origin::CloudWatch(_)));
        if aws { Platform::Aws } else { Platform::Server }
    }

    /// The alerts in the order in which one triages: by group, then by name.
    pub fn in_order(&self) -> Vec<&Alert> {
        let mut alerts: Vec<_> = self.alerts.iter().map(|alert| &**alert).collect();
        alerts.sort_by_cached_key(|alert| {
            (self.about.groups.get_index_of(&*alert.rule.group), alert.name.to_string())
        });
        alerts
    }
}

impl About {
    /// Reads component.yaml.
    pub fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let title = fields.text("title");
        let description = fields.text("description");
        let chart = fields.text("chart");
        let rule_group = fields.text("rule_group");
        let prefixes = fields.texts("prefixes");
        let labels = fields.text_map("labels");
        let labels = labels
            .into_iter()
            .filter_map(|(name, help)| match LabelName::new(&name) {
                Ok(name) => Some((name, help)),
                Err(message) => {
                    fields.problems().push(Problem::error("yaml/value", help.place(), message));
                    None
                }
            })
            .collect();
        let groups = fields.text_map("groups");
        let presence = fields.optional("presence");
        let presence = presence.and_then(|node| Presence::read(node, fields.problems()));
        fields.finish();
        if prefixes.is_empty() || groups.is_empty() {
            let problem =
                Problem::error("yaml/missing-key", node.place(), "a component needs `prefixes` and `groups`");
            problems.push(problem.help("say what alert names start with, and which groups they are in"));
        }
        Some(Self {
            title: title?,
            description: description?,
            chart: chart?,
            rule_group: rule_group?,
            prefixes,
            labels,
            presence,
            groups,
        })
    }
}

impl Presence {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let alert = fields.text("alert");
        let series = fields.required("series").map(|node| {
            let problems = fields.problems();
            let mut series = IndexMap::new();
            for (name, node) in entries(node, problems) {
                let labels = list(node, problems).iter().filter_map(|node| text(node, problems)).collect();
                series.insert(name.to_string(), labels);
            }
            series
        });
        fields.finish();
        Some(Self { series: series?, alert: alert? })
    }
}
