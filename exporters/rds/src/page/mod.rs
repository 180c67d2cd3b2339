//! From what is known to samples: the families of the metrics files, filled by key.

mod maker;
mod own;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catalogue::metric::{Origin, Query, Scope};
use catalogue::problem::{Problem, Problems};

use self::maker::Maker;
use super::model::now;
use super::questions::Metric;
use super::target::Target;
use super::values::fills;
use exporter_core::definitions;
use exporter_core::exposition::Page;
use exporter_core::sample::{Builder, Family, Limits, Table, label_text};

/// A metrics file with its families.
#[derive(Debug)]
struct Definition {
    query: Query,
    families: Arc<[Family]>,
    columns: Vec<Column>,
}

/// Where the values of a family come from.
#[derive(Debug)]
enum Column {
    /// CloudWatch metrics, added up; by their positions.
    CloudWatch(Vec<usize>),
    /// By its key, from what the APIs say.
    Key(String),
}

/// All metrics files of the exporter.
#[derive(Debug)]
pub struct Definitions {
    files: Vec<Definition>,
    /// The metrics that come from CloudWatch.
    pub metrics: Arc<[Metric]>,
}

impl Definitions {
    /// The embedded ones, those that cost extra only if wanted, and those of a folder. None is asked for more often than
    /// `interval`.
    pub fn read(with_optional: bool, interval: Duration, folder: Option<&Path>) -> Result<Self, String> {
        let (mut queries, mut problems) = crate::queries();
        if let Some(folder) = folder {
            definitions::extend(&mut queries, folder, usable, &mut problems)?;
        }
        let queries = definitions::checked(queries, problems)?;
        let metrics = Metric::all(&queries, with_optional, interval);
        let file = |query: Query| Definition {
            families: Family::of(&query),
            columns: columns(&query, &metrics),
            query,
        };
        Ok(Self { files: queries.into_iter().map(file).collect(), metrics })
    }
}

/// What only this exporter asks of a file.
fn usable(query: &Query, problems: &mut Problems) {
    let mut wrong = |place, message| problems.push(Problem::error("metric/columns", place, message));
    let labels: &[&str] = match query.scope {
        Scope::Instance => &["dbidentifier"],
        Scope::Cluster => &["cluster_identifier"],
        Scope::Account => &[],
        _ => {
            let message = format!("`{}` has a scope that is not instance, cluster or account", query.name);
            return wrong(query.help.place(), message);
        }
    };
    if !query.labels.iter().map(|label| &**label).eq(labels.iter().copied()) {
        let message = format!("`labels` of `{}` must be [{}]", query.name, labels.join(", "));
        wrong(query.help.place(), message);
    }
    for metric in &query.metrics {
        let is_known = match &metric.origin {
            Origin::CloudWatch(_) | Origin::Sum(_) => true,
            Origin::Api(_) => fills(query.scope, &metric.key),
            _ => false,
        };
        if !is_known {
            let message = format!("nothing fills `{}`; use `cloudwatch`", &*metric.key);
            wrong(metric.key.place(), message);
        }
    }
}

fn columns(query: &Query, metrics: &[Metric]) -> Vec<Column> {
    let index = |key: &str| metrics.iter().find(|metric| metric.key == key && metric.file == query.name);
    let all = |keys: &mut dyn Iterator<Item = &str>| {
        // Absent unless all parts are asked for.
        let found: Option<Vec<usize>> = keys.map(|key| index(key).map(|metric| metric.index)).collect();
        Column::CloudWatch(found.unwrap_or_default())
    };
    let column = |metric: &catalogue::metric::Metric| match &metric.origin {
        Origin::CloudWatch(_) => all(&mut std::iter::once(&*metric.key)),
        Origin::Sum(keys) => all(&mut keys.iter().map(|key| &**key)),
        _ => Column::Key(metric.key.to_string()),
    };
    query.metrics.iter().map(column).collect()
}

/// The samples of one account and region, and the labels that say which it is.
pub fn page(target: &Target, definitions: &Definitions) -> (Arc<str>, Page) {
    let state = target.state();
    let account = state.account.clone().unwrap_or_default();
    let region = state.region.clone().unwrap_or_default();
    let labels: Arc<str> =
        label_text([("aws_account_id", account.as_str()), ("aws_region", region.as_str())]).into();
    let clusters = state.clusters().map(|all| all.as_slice()).unwrap_or_default();
    let clusters = clusters.iter().map(|cluster| (cluster.id.as_str(), cluster)).collect();
    let maker = Maker { state: &state, target, metrics: &definitions.metrics, clusters, now: now() };
    let mut page = Page::default();
    for definition in &definitions.files {
        let limits = Limits { rows: usize::MAX, ..Limits::default() };
        let mut into = Rows {
            definition,
            builder: Table::builder(Arc::clone(&definition.families), limits),
            values: Vec::new(),
        };
        maker.fill(&mut into);
        let (table, _) = into.builder.finish();
        if !table.is_empty() {
            page.add(&labels, Arc::new(table));
        }
    }
    if let Some(table) = maker.tags() {
        page.add(&labels, Arc::new(table));
    }
    (labels, page)
}

/// What is told about accounts and regions that were removed, each with the time of its removal.
pub fn removed<'a>(
    places: impl Iterator<Item = (&'a (String, String), f64)>,
    definitions: &Definitions,
) -> Page {
    let mut page = Page::default();
    let Some(definition) = definitions.files.iter().find(|file| file.query.name == "exporter_removed") else {
        return page;
    };
    for ((account, region), at) in places {
        let labels = label_text([("aws_account_id", account.as_str()), ("aws_region", region.as_str())]);
        let mut builder = Table::builder(Arc::clone(&definition.families), Limits::default());
        builder.row([], &[at]);
        page.add(&labels.into(), Arc::new(builder.finish().0));
    }
    page
}

/// The rows of one metrics file.
struct Rows<'a> {
    definition: &'a Definition,
    builder: Builder,
    values: Vec<f64>,
}

impl Rows<'_> {
    /// A row, unless all of its values are absent. `id` is what CloudWatch was asked about.
    fn add(
        &mut self,
        maker: &Maker<'_>,
        labels: &[(&str, &str)],
        id: &str,
        value: impl Fn(&str) -> Option<f64>,
    ) {
        self.values.clear();
        for column in &self.definition.columns {
            let found = match column {
                Column::CloudWatch(indices) => maker.sum(id, indices),
                Column::Key(key) => value(key),
            };
            self.values.push(found.unwrap_or(f64::NAN));
        }
        if self.values.iter().any(|value| !value.is_nan()) {
            self.builder.row(labels.iter().copied(), &self.values);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::aws::Datum;
    use super::super::claims::Claims;
    use super::super::config::Account;
    use super::super::model::Instance;
    use super::super::state::{Collector, Kept, Logs, Run};
    use super::super::target::Choice;
    use super::*;

    /// What a target serves, as text.
    fn text(target: &Target) -> String {
        let definitions = Definitions::read(true, Duration::from_mins(1), None).unwrap();
        page(target, &definitions).1.text(exporter_core::exposition::Format::Text)
    }

    fn target(definitions: &Definitions) -> Arc<Target> {
        let all = [Collector::Instances, Collector::InstanceMetrics, Collector::LogFiles, Collector::Quotas];
        let choice = Choice {
            collectors: all.into(),
            tags: true,
            serverless_logs: false,
            lateness: Duration::from_mins(15),
            compat: false,
        };
        let account = Account { region: Some("eu-west-3".to_owned()), ..Account::default() };
        let target =
            Target::new(account, choice, Arc::clone(&definitions.metrics), &Arc::new(Claims::default()));
        let instance = Instance { id: "a".to_owned(), status: "available".to_owned(), ..Instance::default() };
        let mut state = target.state();
        state.instances = Some(Kept::now(Arc::new(vec![instance])));
        for run in state.runs.values_mut() {
            *run = Run { complete: true, last: Some(Instant::now()), runs: 1, ..Run::default() };
        }
        let cpu =
            definitions.metrics.iter().find(|metric| metric.key == "cpu_usage_percent_average").unwrap();
        state.answers.take(&("a".into(), cpu.index), Some(Datum { value: 7.0, at: now() }));
        let logs = Logs { size: Some(Kept::now(5.0)), next: Instant::now(), failures: 0, is_lacking: false };
        state.logs.insert("a".to_owned(), logs);
        state.quotas.insert("quota_max_dbinstances_average", Kept::now(40.0));
        drop(state);
        target
    }

    /// The age up to which each part is served: then it goes away, and nothing becomes 0.
    #[tokio::test(start_paused = true)]
    async fn old_values_go_away_at_their_age() {
        let definitions = Definitions::read(true, Duration::from_mins(1), None).unwrap();
        let target = target(&definitions);
        let parts = [
            ("rds_cpu_usage_percent_average{", 5),
            ("rds_instance_status{", 10),
            ("rds_exporter_target_instances{", 10),
            ("rds_instance_log_files_size_bytes{", 10),
            ("rds_quota_max_dbinstances_average{", 180),
        ];
        let start = Instant::now();
        for minute in [0, 4, 6, 9, 11, 179, 181] {
            tokio::time::advance(start + Duration::from_mins(minute) - Instant::now()).await;
            let text = text(&target);
            for (name, life) in parts {
                let served = text.lines().any(|line| line.starts_with(name));
                assert_eq!(served, minute <= life, "{name} after {minute} minutes:\n{text}");
            }
        }
        let text = text(&target);
        assert!(
            text.contains(
                "rds_exporter_collector_success{aws_region=\"eu-west-3\",collector=\"quotas\"} 0\n"
            ),
            "{text}"
        );
        assert!(text.contains("collector=\"quotas\"} 10860\n"), "{text}");
    }

    /// Adding a metric takes a line in a YAML file and one in `values.rs`; this names the one that is missing.
    #[test]
    fn every_metric_from_an_api_is_filled() {
        let definitions = Definitions::read(true, Duration::from_mins(1), None).unwrap();
        let own = ["instance_info", "maintenance", "engine_support", "cluster_info", "events"];
        for definition in
            definitions.files.iter().filter(|definition| !own.contains(&definition.query.name.as_str()))
        {
            for metric in
                definition.query.metrics.iter().filter(|metric| matches!(metric.origin, Origin::Api(_)))
            {
                let filled = fills(definition.query.scope, &metric.key);
                assert!(filled, "{} is declared, but nothing fills it", &*metric.series);
            }
        }
    }
}
