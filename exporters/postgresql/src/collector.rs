//! The collectors: one per metrics file, embedded or from a folder, switched on or off by flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catalogue::metric::{Origin, Query, Role, Scope};
use catalogue::problem::{Problem, Problems};
use catalogue::source::Source;
use catalogue::suggest::did_you_mean;

use super::queries_yaml::convert;
use exporter_core::sample::Family;
use exporter_core::{config, definitions};

/// A query that runs on servers or in databases.
#[derive(Debug)]
pub struct Collector {
    /// The metrics file.
    pub query: Query,
    /// Its families.
    pub families: Arc<[Family]>,
}

impl Collector {
    /// Name of the metrics file, which is the value of the label `collector`.
    pub fn name(&self) -> &str {
        &self.query.name
    }

    /// How its flags call it: without the prefix that all have.
    pub fn flag(&self) -> &str {
        self.name().strip_prefix("pg_").unwrap_or(self.name())
    }

    /// Whether it runs in each database instead of once per server.
    pub fn per_database(&self) -> bool {
        self.query.scope == Scope::Database
    }

    /// How long a result may be served again; zero means not at all.
    pub fn interval(&self) -> Duration {
        let interval = self.query.interval.as_ref();
        Duration::from_millis(interval.map_or(0, catalogue::duration::PromDuration::milliseconds))
    }

    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        let timeout = self.query.timeout.as_ref();
        timeout.map_or(Self::TIMEOUT, |timeout| Duration::from_millis(timeout.milliseconds()))
    }

    /// Time for a query that says nothing else.
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Whether there is something to run on a server of this version and role.
    pub fn fits(&self, major: u32, in_recovery: bool) -> bool {
        let role = match self.query.role {
            None => true,
            Some(Role::Primary) => !in_recovery,
            Some(Role::Standby) => in_recovery,
        };
        role && self.query.branch(major).is_some()
    }
}

/// All metrics files of the exporter: those that run on servers, and those that describe the exporter itself.
#[derive(Debug)]
pub struct Definitions {
    /// By name.
    pub collectors: BTreeMap<String, Arc<Collector>>,
    /// By name.
    pub own: BTreeMap<String, Arc<Collector>>,
    /// What of a query file of `postgres_exporter` has no equal here.
    pub notes: Vec<String>,
}

/// Files that add to the embedded ones.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// A folder, the files in which replace embedded ones of the same name.
    pub folder: Option<PathBuf>,
    /// A query file of `postgres_exporter`.
    pub queries: Option<PathBuf>,
    /// Whether its queries run in every database.
    pub every_database: bool,
}

impl Files {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.folder.is_none() && self.queries.is_none()
    }
}

impl Definitions {
    /// The embedded files, and those of a folder, which replace embedded ones of the same name.
    pub fn read(folder: Option<&Path>) -> Result<Self, String> {
        Self::of(&Files { folder: folder.map(Path::to_owned), ..Files::default() })
    }

    /// The embedded files, and more.
    pub fn of(more: &Files) -> Result<Self, String> {
        let (mut queries, mut problems) = crate::queries();
        if let Some(folder) = &more.folder {
            definitions::extend(&mut queries, folder, usable, &mut problems)?;
        }
        let mut notes = Vec::new();
        if let Some(path) = &more.queries {
            let converted = convert(&config::read(path)?, more.every_database, &series(&queries))?;
            notes = converted.notes;
            for (name, text) in converted.files {
                let source = Source::new(path.join(format!("{name}.yaml")), text);
                let Some(query) = Query::read(&source, &mut problems) else { continue };
                usable(&query, &mut problems);
                queries.push(query);
            }
        }
        let queries = definitions::checked(queries, problems)?;
        let mut definitions = Self { collectors: BTreeMap::new(), own: BTreeMap::new(), notes };
        for query in queries {
            let kind = match query.scope {
                Scope::Server | Scope::Database => &mut definitions.collectors,
                _ => &mut definitions.own,
            };
            let families = Family::of(&query);
            kind.insert(query.name.clone(), Arc::new(Collector { query, families }));
        }
        Ok(definitions)
    }

    /// Every series, with the collector that makes it.
    pub fn series(&self) -> BTreeMap<String, String> {
        series(self.collectors.values().chain(self.own.values()).map(|collector| &collector.query))
    }

    /// The collector that a flag or a `collect[]` parameter means.
    pub fn named(&self, name: &str) -> Result<&Arc<Collector>, String> {
        let found =
            self.collectors.values().find(|collector| [collector.name(), collector.flag()].contains(&name));
        found.ok_or_else(|| {
            let known = self.collectors.values().map(|collector| collector.flag());
            format!("unknown collector `{}`, {}", name.escape_debug(), did_you_mean(name, known))
        })
    }
}

fn series<'a>(queries: impl IntoIterator<Item = &'a Query>) -> BTreeMap<String, String> {
    let all = queries.into_iter().flat_map(|query| query.metrics.iter().map(move |metric| (query, metric)));
    all.map(|(query, metric)| (metric.series.to_string(), query.name.clone())).collect()
}

/// What only this exporter asks of a file.
fn usable(query: &Query, problems: &mut Problems) {
    let mut wrong =
        |message: String| problems.push(Problem::error("metric/columns", query.help.place(), message));
    if !matches!(query.scope, Scope::Server | Scope::Database) {
        wrong(format!("`{}` has a scope that is not server or database", query.name));
    } else if query.branches.is_empty()
        || query.metrics.iter().any(|metric| !matches!(metric.origin, Origin::Sql))
    {
        wrong(format!("`{}` has no `queries`", query.name));
    }
    if query.scope == Scope::Database && !query.labels.iter().any(|label| &**label == "datname") {
        wrong(format!(
            "`{}` runs in each database and has no label `datname` to tell them apart",
            query.name
        ));
    }
    if let Some(label) = query.labels.iter().find(|label| &***label == "target") {
        wrong(format!("label `{label}` of `{}` is the exporter's own", query.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Definitions, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let shown = format!("{}/", folder.path().display());
        Definitions::read(Some(folder.path())).map_err(|error| error.replace(&shown, ""))
    }

    const GOOD: &str = "help: H\nsource: s\nscope: server\nmetrics: { a: { kind: gauge, help: h } }\nqueries: [{ since: 13, sql: SELECT 1 AS a }]\n";

    #[test]
    fn a_folder_adds_and_replaces() {
        let definitions = read(&[("mine.yaml", GOOD), ("pg_connections.yaml", GOOD)]).unwrap();
        assert_eq!(definitions.named("mine").unwrap().families[0].name, "mine_a");
        assert_eq!(definitions.named("connections").unwrap().families[0].name, "pg_connections_a");
        assert!(definitions.own.contains_key("exporter"));
        let error = definitions.named("conections").unwrap_err();
        assert_eq!(error, "unknown collector `conections`, did you mean `connections`?");
    }

    #[test]
    fn every_embedded_file_can_be_used() {
        let definitions = Definitions::read(None).unwrap();
        let mut problems = Problems::default();
        for collector in definitions.collectors.values() {
            usable(&collector.query, &mut problems);
        }
        assert_eq!(config::describe(problems), "");
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, message) in [
            ("help: H\nsource: s\nscop: server\n", "x.yaml:3:1: unknown key `scop`"),
            (
                &GOOD.replace("server", "database"),
                "x.yaml:1:7: `x` runs in each database and has no label `datname`",
            ),
            (
                &GOOD
                    .replace("metrics:", "prefix: pg_connections_\nmetrics:")
                    .replace("a:", "used:")
                    .replace("AS a", "AS used"),
                "is produced by `pg_connections` too",
            ),
            (
                &GOOD.replace("metrics:", "labels: [target]\nmetrics:"),
                "x.yaml:1:7: label `target` of `x` is the exporter's own",
            ),
        ] {
            let error = read(&[("x.yaml", text)]).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        assert!(read(&[]).unwrap_err().contains("has no .yaml file"));
    }
}
