//! A metrics file: where series come from, and what they mean. Rules are checked against it, exporters run it.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::cloudwatch::CloudWatch;
use crate::decode::{Fields, entries, list};
use crate::duration::PromDuration;
use crate::name::{LabelName, SeriesName};
use crate::need::Need;
use crate::problem::{Problem, Problems};
use crate::source::Source;
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::works_if::{self, Dependency};
use crate::yaml::{self, Node};

/// One file of `metrics/`: series that are produced together and carry the same labels.
#[derive(Debug)]
pub struct Query {
    /// The file stem.
    pub name: String,
    /// The file.
    pub source: Arc<Source>,
    /// One line on what this is.
    pub help: Text,
    /// The view, function, API or manual section that the numbers come from.
    pub reference: Text,
    /// What the labels identify within.
    pub scope: Scope,
    /// Labels of each series, besides those that the exporter puts on every series.
    pub labels: Vec<LabelName>,
    /// The series.
    pub metrics: Vec<Metric>,
    /// SQL by the first PostgreSQL major it is for, ascending; empty where SQL is not the origin.
    pub branches: Vec<Branch>,
    /// Where the query makes sense; `None` means everywhere.
    pub role: Option<Role>,
    /// How long a result may be served again.
    pub interval: Option<PromDuration>,
    /// How long the query may take.
    pub timeout: Option<PromDuration>,
    /// Privileges and extensions that it needs beyond `pg_monitor`.
    pub needs: Vec<Need>,
    /// What it uses that does not work on every server of its versions.
    pub works_if: Vec<Dependency>,
    /// Whether the exporter runs it unless told otherwise.
    pub default: bool,
    /// Whether its names mislead and exist only for dashboards of another exporter: served with `--compat` alone.
    pub compat: bool,
    /// Checks that are silenced here, with the reason.
    pub allow: IndexMap<String, Text>,
}

/// One series family.
#[derive(Debug)]
pub struct Metric {
    /// The key in the file: the column of the query.
    pub key: Text,
    /// The name that is exposed: prefix and key.
    pub series: SeriesName,
    /// Gauge, counter or info.
    pub kind: Kind,
    /// Unit, when there is one.
    pub unit: Option<Text>,
    /// What the number means, when it is absent.
    pub help: Text,
    /// How the number comes about.
    pub origin: Origin,
}

/// The kind of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, or back to zero.
    Counter,
    /// Always 1; the labels are the information.
    Info,
}

impl Kind {
    const ALL: [(&'static str, Self); 3] =
        [("gauge", Self::Gauge), ("counter", Self::Counter), ("info", Self::Info)];

    /// The name as it stands in the file.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// How a number comes about.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A column of the file's query.
    Sql,
    /// A CloudWatch metric.
    CloudWatch(Box<CloudWatch>),
    /// The sum of other metrics of the same file, by their keys. Absent when one of them is.
    Sum(Vec<Text>),
    /// A field of an AWS API answer, as `Operation.Field`.
    Api(Text),
    /// Made by the exporter about its own work.
    Exporter(Text),
    /// Made by Prometheus itself.
    Prometheus(Text),
}

/// What one set of labels identifies a thing within, and so how often a query runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Once per PostgreSQL server.
    Server,
    /// Once per database of a server.
    Database,
    /// Per RDS instance.
    Instance,
    /// Per RDS or Aurora cluster.
    Cluster,
    /// Per RDS instance class.
    InstanceClass,
    /// Per AWS account and region.
    Account,
    /// By the exporter about itself: no labels but the listed ones are added.
    Exporter,
    /// By Prometheus about a scrape.
    Scrape,
}

impl Scope {
    const ALL: [(&'static str, Self); 8] = [
        ("server", Self::Server),
        ("database", Self::Database),
        ("instance", Self::Instance),
        ("cluster", Self::Cluster),
        ("instance_class", Self::InstanceClass),
        ("account", Self::Account),
        ("exporter", Self::Exporter),
        ("scrape", Self::Scrape),
    ];

    /// Whether the component's common labels are added to the series.
    pub fn has_component_labels(self) -> bool {
        !matches!(self, Self::Exporter | Self::Scrape)
    }
}

/// The role of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Accepts writes.
    Primary,
    /// In recovery.
    Standby,
}

/// One version branch of a query.
#[derive(Debug)]
pub struct Branch {
    /// First PostgreSQL major this text is for.
    pub since: u32,
    /// The statement.
    pub sql: Text,
}

/// The PostgreSQL majors that the product supports.
pub const POSTGRESQL_MAJORS: std::ops::RangeInclusive<u32> = 13..=18;

impl Query {
    /// Reads one metrics file.
    pub fn read(source: &Arc<Source>, problems: &mut Problems) -> Option<Self> {
        let node = yaml::parse(source, problems)?;
        let mut fields = Fields::of(&node, problems)?;
        let name = source.file_name().trim_end_matches(".yaml").to_owned();
        let help = fields.text("help");
        let reference = fields.text("source");
        let scope = fields.text("scope");
        let scope = fields.parse(scope, |text| one_of(text, "scope", &Scope::ALL));
        let labels = fields.texts("labels");
        let labels = labels.into_iter().filter_map(|text| fields.parse(Some(text), LabelName::new)).collect();
        let prefix =
            fields.optional("prefix").and_then(Text::of).map_or(format!("{name}_"), |text| text.to_string());
        let role = fields.optional_text("role");
        let role = fields.parse(role, |text| {
            one_of(text, "role", &[("primary", Role::Primary), ("standby", Role::Standby)])
        });
        let interval = fields.optional_text("interval");
        let interval = fields.parse(interval, PromDuration::new);
        let timeout = fields.optional_text("timeout");
        let timeout = fields.parse(timeout, PromDuration::new);
        let needs = fields.texts("needs");
        let needs = needs.into_iter().filter_map(|text| fields.parse(Some(text), Need::new)).collect();
        let works_if = fields.optional("works_if");
        let works_if = works_if.map_or(Vec::new(), |node| Dependency::read(node, fields.problems()));
        let compat = fields.flag("compat").unwrap_or(false);
        let default = fields.flag("default").unwrap_or(true);
        let allow = fields.text_map("allow");
        let queries = fields.optional("queries");
        let branches = queries.map_or(Vec::new(), |node| read_branches(node, fields.problems()));
        let metrics = fields.required("metrics").map(|node| {
            let problems = fields.problems();
            let read = |(key, node)| read_metric(key, node, &prefix, queries.is_some(), problems);
            let entries = entries(node, &mut Problems::default());
            entries.into_iter().filter_map(read).collect::<Vec<_>>()
        });
        let statements: Vec<&str> = branches.iter().map(|branch| &*branch.sql).collect();
        let keys = metrics.iter().flatten().map(|metric| &*metric.key);
        works_if::check(&works_if, &statements, &keys, fields.problems());
        fields.finish();
        Some(Self {
            name,
            source: Arc::clone(source),
            help: help?,
            reference: reference?,
            scope: scope?,
            labels,
            metrics: metrics?,
            branches,
            role,
            interval,
            timeout,
            needs,
            works_if,
            default,
            compat,
            allow,
        })
    }

    /// The statement for a PostgreSQL major; `None` when the query does not exist there.
    pub fn branch(&self, major: u32) -> Option<&Branch> {
        self.branches.iter().rev().find(|branch| branch.since <= major)
    }
}

pub(crate) fn one_of<T: Copy>(word: &str, what: &str, known: &[(&'static str, T)]) -> Result<T, String> {
    known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        format!("unknown {what} `{word}`, {}", did_you_mean(word, known.iter().map(|(name, _)| *name)))
    })
}

fn read_branches(node: &Node, problems: &mut Problems) -> Vec<Branch> {
    let mut branches: Vec<Branch> = Vec::new();
    for node in list(node, problems) {
        let Some(mut fields) = Fields::of(node, problems) else { continue };
        let since = fields.text("since");
        let place = since.as_ref().map_or_else(|| node.place(), Text::place);
        let since = fields.parse(since, |text| match text.parse() {
            Ok(major) if POSTGRESQL_MAJORS.contains(&major) => Ok(major),
            _ => Err(format!(
                "`{text}` is not a supported PostgreSQL major ({} to {})",
                POSTGRESQL_MAJORS.start(),
                POSTGRESQL_MAJORS.end()
            )),
        });
        let sql = fields.text("sql");
        fields.finish();
        let (Some(since), Some(sql)) = (since, sql) else { continue };
        if branches.iter().any(|known| known.since == since) {
            problems.push(Problem::error(
                "yaml/value",
                place,
                format!("two branches are for PostgreSQL {since}"),
            ));
        } else {
            branches.push(Branch { since, sql });
        }
    }
    branches.sort_by_key(|branch| branch.since);
    branches
}

fn read_metric(
    key: Text,
    node: &Node,
    prefix: &str,
    from_sql: bool,
    problems: &mut Problems,
) -> Option<Metric> {
    let mut fields = Fields::of(node, problems)?;
    let series = fields.parse(Some(key.clone()), |key| SeriesName::new(&format!("{prefix}{key}")));
    let kind = fields.text("kind");
    let kind = fields.parse(kind, |text| one_of(text, "kind", &Kind::ALL));
    let unit = fields.optional_text("unit");
    let help = fields.text("help");
    let cloudwatch = fields.optional("cloudwatch");
    let cloudwatch = cloudwatch
        .and_then(|node| CloudWatch::read(node, fields.problems()))
        .map(|source| Origin::CloudWatch(Box::new(source)));
    let origins = [
        from_sql.then_some(Origin::Sql),
        cloudwatch,
        Some(fields.texts("sum")).filter(|keys| !keys.is_empty()).map(Origin::Sum),
        fields.optional_text("api").map(Origin::Api),
        fields.optional_text("exporter").map(Origin::Exporter),
        fields.optional_text("prometheus").map(Origin::Prometheus),
    ];
    let mut origins: Vec<_> = origins.into_iter().flatten().collect();
    if origins.len() != 1 {
        let message = format!("metric `{}` has {} origins instead of one", &*key, origins.len());
        let help = "give the file `queries`, or the metric one of `cloudwatch`, `sum`, `api`, `exporter`, `prometheus`";
        fields.problems().push(Problem::error("yaml/value", key.place(), message).help(help));
    }
    fields.finish();
    Some(Metric { key, series: series?, kind: kind?, unit, help: help?, origin: origins.pop()? })
}
