//! scenario.yaml: how to make an alert happen on a real server, what is seen then, and how it ends.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::decode::{Fields, entries, list, text_map};
use crate::duration::PromDuration;
use crate::problem::Problems;
use crate::source::Source;
use crate::step::{self, Step};
use crate::text::Text;
use crate::yaml::{Node, Value};

/// The content of scenario.yaml.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file.
    pub source: Arc<Source>,
    /// What it says.
    pub kind: Kind,
}

/// Whether the alert can be made to happen.
#[derive(Debug, Clone)]
pub enum Kind {
    /// It can, in this way.
    Play(Box<Play>),
    /// It cannot.
    Unprovable {
        /// Why.
        why: Text,
        /// The case of tests.yaml that stands in for it.
        stand_in: Option<Text>,
    },
}

/// What is played.
#[derive(Debug, Clone)]
pub struct Play {
    /// Majors of PostgreSQL that it is for; all when empty.
    pub versions: Vec<u32>,
    /// What is done to a fresh server before all else.
    pub healthy: Vec<Step>,
    /// What brings about the fault.
    pub provoke: Vec<Step>,
    /// How long the fault is watched; the alert's `for` and a quarter of an hour unless given.
    pub lasts: Option<PromDuration>,
    /// The labels of the alerts that fire, without `alertname`, severity and static labels.
    pub fires: Vec<IndexMap<String, Text>>,
    /// What the description says, among other things.
    pub says: Vec<Text>,
    /// States in which the alert is quiet.
    pub near_misses: Vec<NearMiss>,
    /// What ends the fault.
    pub recover: Vec<Step>,
    /// How long the alert may go on firing after that.
    pub clears: PromDuration,
    /// What the runbook's SQL does while the fault is on.
    pub runbook: Runbook,
    /// Alerts that fire at the same time.
    pub also_fires: Vec<Text>,
    /// What happens when the exporter, or the server, goes away while the fault is on.
    pub gone: Gone,
}

/// A state that looks like the fault and is none.
#[derive(Debug, Clone)]
pub struct NearMiss {
    /// What makes it a miss.
    pub name: Text,
    /// Majors of PostgreSQL that have such a thing; all when empty.
    pub versions: Vec<u32>,
    /// What brings it about.
    pub steps: Vec<Step>,
    /// What ends it; the scenario's `recover` unless given.
    pub recover: Option<Vec<Step>>,
}

/// The runbook in the loop.
#[derive(Debug, Clone, Default)]
pub struct Runbook {
    /// What the result of a SQL file must hold.
    pub shows: Vec<Show>,
    /// SQL files that end the fault.
    pub mitigate: Vec<Mitigation>,
}

/// What a SQL file shows.
#[derive(Debug, Clone)]
pub struct Show {
    /// The file, as the runbook links it.
    pub file: Text,
    /// Rows, each by some of its columns.
    pub rows: Vec<IndexMap<String, Text>>,
    /// The role that runs it: a superuser, or the monitoring role.
    pub monitor: bool,
    /// The database it runs in; that of the application unless given.
    pub database: Option<Text>,
    /// How long it may take until it is so, because the file shows only what is older.
    pub within: Option<PromDuration>,
}

/// A SQL file that ends the fault.
#[derive(Debug, Clone)]
pub struct Mitigation {
    /// The file, as the runbook links it.
    pub file: Text,
    /// Variables of psql.
    pub set: IndexMap<String, Text>,
    /// A file in `shows`: it runs once for each row of that result, with the columns as variables.
    pub for_each: Option<Text>,
    /// Columns that such a row must have.
    pub rows: IndexMap<String, Text>,
}

/// What happens when something disappears.
#[derive(Debug, Clone)]
pub struct Gone {
    /// The exporter.
    pub exporter: Fate,
    /// The server.
    pub target: Fate,
}

/// What becomes of a firing alert.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It keeps firing.
    KeepsFiring,
    /// Another alert fires.
    Handover(Text),
}

impl Scenario {
    /// Reads scenario.yaml.
    pub fn read(source: &Arc<Source>, problems: &mut Problems) -> Option<Self> {
        let node = crate::yaml::parse(source, problems)?;
        let mut fields = Fields::of(&node, problems)?;
        let kind = match fields.optional_text("unprovable") {
            Some(why) => {
                let stand_in = fields.optional_text("stand_in");
                Some(Kind::Unprovable { why, stand_in })
            }
            None => Play::read(&mut fields).map(|play| Kind::Play(Box::new(play))),
        };
        fields.finish();
        Some(Self { source: Arc::clone(source), kind: kind? })
    }

    /// What is played.
    pub fn play(&self) -> Option<&Play> {
        match &self.kind {
            Kind::Play(play) => Some(play),
            Kind::Unprovable { .. } => None,
        }
    }
}

impl Play {
    fn read(fields: &mut Fields) -> Option<Self> {
        let versions = versions(fields);
        let healthy = steps(fields, "healthy");
        let provoke = fields.required("provoke").map(|node| step::read(node, fields.problems()));
        let lasts = fields.optional_text("lasts");
        let lasts = fields.parse(lasts, PromDuration::new);
        let fires = fields.required("fires").map(|node| rows(node, fields.problems()));
        let says = fields.texts("says");
        let misses = fields.required("near_misses").map(|node| {
            let items = list(node, fields.problems());
            items.iter().filter_map(|item| NearMiss::read(item, fields.problems())).collect::<Vec<_>>()
        });
        let recover = fields.required("recover").map(|node| step::read(node, fields.problems()));
        let clears = fields.text("clears");
        let clears = fields.parse(clears, PromDuration::new);
        let runbook = fields.optional("runbook").map(|node| Runbook::read(node, fields.problems()));
        let also_fires = fields.texts("also_fires");
        let gone = fields.required("gone").map(|node| Gone::read(node, fields.problems()));
        Some(Self {
            versions,
            healthy,
            provoke: provoke?,
            lasts,
            fires: fires?,
            says,
            near_misses: misses?,
            recover: recover?,
            clears: clears?,
            runbook: runbook.flatten().unwrap_or_default(),
            also_fires,
            gone: gone??,
        })
    }

    /// Every step with the name of its section, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, &Step)> {
        let misses = self.near_misses.iter().flat_map(|miss| {
            miss.steps.iter().chain(miss.recover.iter().flatten()).map(|step| ("near_misses", step))
        });
        let named = |name: &'static str| move |step| (name, step);
        let before =
            self.healthy.iter().map(named("healthy")).chain(self.provoke.iter().map(named("provoke")));
        before.chain(misses).chain(self.recover.iter().map(named("recover")))
    }

    /// Alerts that it names, with their places.
    pub fn names(&self) -> impl Iterator<Item = &Text> {
        let fates = [&self.gone.exporter, &self.gone.target].into_iter().filter_map(|fate| match fate {
            Fate::Handover(name) => Some(name),
            Fate::KeepsFiring => None,
        });
        self.also_fires.iter().chain(fates)
    }
}

fn steps(fields: &mut Fields, name: &'static str) -> Vec<Step> {
    fields.optional(name).map_or(Vec::new(), |node| step::read(node, fields.problems()))
}

fn versions(fields: &mut Fields) -> Vec<u32> {
    let texts = fields.texts("versions");
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a major version"));
    texts.into_iter().filter_map(|text| fields.parse(Some(text), number)).collect()
}

/// A list of mappings.
fn rows(node: &Node, problems: &mut Problems) -> Vec<IndexMap<String, Text>> {
    list(node, problems).iter().map(|item| row(item, problems)).collect()
}

fn row(node: &Node, problems: &mut Problems) -> IndexMap<String, Text> {
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        return IndexMap::new();
    }
    text_map(node, problems)
}

impl NearMiss {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let name = fields.text("name");
        let versions = versions(&mut fields);
        let steps = fields.required("steps").map(|node| step::read(node, fields.problems()));
        let recover = fields.optional("recover").map(|node| step::read(node, fields.problems()));
        fields.finish();
        Some(Self { name: name?, versions, steps: steps?, recover })
    }
}

impl Runbook {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let shows = fields.optional("shows").map(|node| {
            let shows = entries(node, fields.problems());
            shows.into_iter().filter_map(|(file, node)| Show::read(file, node, fields.problems())).collect()
        });
        let mitigate = fields.optional("mitigate").map(|node| {
            let items = list(node, fields.problems());
            items.iter().filter_map(|item| Mitigation::read(item, fields.problems())).collect()
        });
        fields.finish();
        Some(Self { shows: shows.unwrap_or_default(), mitigate: mitigate.unwrap_or_default() })
    }
}

impl Show {
    fn read(file: Text, node: &Node, problems: &mut Problems) -> Option<Self> {
        if matches!(node.value, Value::List(_)) {
            let rows = rows(node, problems);
            return Some(Self { file, rows, monitor: false, database: None, within: None });
        }
        let mut fields = Fields::of(node, problems)?;
        let rows = fields.required("rows").map(|node| rows(node, fields.problems()));
        let role = fields.optional_text("as");
        let monitor = fields.parse(role, |text| match text {
            "monitor" => Ok(true),
            "postgres" => Ok(false),
            _ => Err(format!("`{text}` is neither `monitor` nor `postgres`")),
        });
        let database = fields.optional_text("database");
        let within = fields.optional_text("within");
        let within = fields.parse(within, PromDuration::new);
        fields.finish();
        Some(Self { file, rows: rows?, monitor: monitor.unwrap_or(false), database, within })
    }
}

impl Mitigation {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let file = fields.text("file");
        let (set, for_each) = (fields.text_map("set"), fields.optional_text("for_each"));
        let rows = fields.text_map("where");
        fields.finish();
        Some(Self { file: file?, set, for_each, rows })
    }
}

impl Gone {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let (exporter, target) = (fields.text("exporter"), fields.text("target"));
        fields.finish();
        Some(Self { exporter: Fate::of(exporter?), target: Fate::of(target?) })
    }
}

impl Fate {
    fn of(text: Text) -> Self {
        if &*text == "keeps firing" { Self::KeepsFiring } else { Self::Handover(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
provoke:
  - settings: { max_connections: 20, work_mem: }
  - restart
  - sql: SELECT 1
  - sql: { run: SELECT 1/0, fails: division by zero, database: postgres }
  - session: { sql: BEGIN, application: shop, count: 3 }
  - wal: 6GB
  - exporter: { action: start, name: second, query: SELECT 1, timeout: 2s }
  - stream: { slot: cdc, application: search }
  - standby: { action: start, slot: standby1, settings: { wal_receiver_timeout: 0 } }
  - aws: { instances: [] }
fires: [{ target: db1 }, {}]
says: [80%]
near_misses: [{ name: fewer, versions: [17], steps: [stop, start], recover: [] }]
recover: [close: shop]
clears: 10m
runbook:
  shows:
    a.sql: [{ usename: app }]
    b.sql: { rows: [{}], as: monitor, within: 1m }
  mitigate:
    - { file: c.sql, for_each: a.sql, where: { state: idle }, set: { slot: x } }
gone: { exporter: POther, target: keeps firing }
";

    fn read(text: &str) -> (Option<Scenario>, Vec<String>) {
        let mut problems = Problems::default();
        let scenario = Scenario::read(&Source::new("scenario.yaml", text), &mut problems);
        let lines = problems.into_sorted().into_iter().map(|problem| {
            let (line, column) = problem.spot.line_and_column().unwrap();
            format!("{line}:{column} {}", problem.message)
        });
        (scenario, lines.collect())
    }

    #[test]
    fn a_whole_scenario_is_read() {
        let (scenario, problems) = read(WHOLE);
        assert_eq!(problems, Vec::<String>::new());
        let scenario = scenario.unwrap();
        let play = scenario.play().unwrap();
        assert_eq!(play.steps().count(), 13);
        let words: Vec<_> = play.provoke.iter().map(|step| step.action.to_string()).collect();
        assert_eq!(words[0], "settings: max_connections, work_mem");
        assert_eq!(words[4..7], ["session: 3 of shop", "wal: 6442450944 bytes", "exporter: start second"]);
        assert_eq!(words[7..9], ["stream: search from cdc", "standby: start"]);
        assert_eq!(play.near_misses[0].versions, [17]);
        assert_eq!((play.fires.len(), play.runbook.shows.len()), (2, 2));
        assert!(play.runbook.shows[1].monitor && play.names().next().is_some_and(|name| &**name == "POther"));
    }

    #[test]
    fn mistakes_are_found_where_they_stand() {
        for (from, to, expected) in [
            ("- restart", "- restrt", "3:5 there is no step `restrt`"),
            ("- restart", "- restart: now", "3:14 step `restart` takes no value"),
            ("aws: { instances: [] }", "aws: 3", "11:10 expected `healthy` or a mapping, found a number"),
            ("- restart", "- sql", "3:5 step `sql` does not say what to do"),
            ("wal: 6GB", "wal: 6 GB", "7:10 `6 GB` is not a size: write for example `64MB` or `6GB`"),
            ("wal: 6GB", "wal: 6GB\n    restart: 1", "7:5 a step has exactly one name"),
            ("count: 3", "count: many", "6:54 `many` is not a number of sessions"),
            (
                "clears: 10m",
                "clears: soon",
                "16:9 `soon` is not a duration: write for example `30s`, `10m` or `1h30m`",
            ),
            ("as: monitor", "as: me", "20:30 `me` is neither `monitor` nor `postgres`"),
            ("action: start, slot", "action: pause, slot", "10:24 `pause` is neither `start` nor `stop`"),
            ("says:", "say:", "13:1 unknown key `say`"),
            ("recover: [close: shop]", "recovr: []", "1:1 key `recover` is missing"),
        ] {
            let (_, problems) = read(&WHOLE.replace(from, to));
            assert!(problems.iter().any(|problem| problem == expected), "{expected}\n{problems:#?}");
        }
    }

    #[test]
    fn what_cannot_be_provoked_says_why() {
        let (scenario, problems) = read("unprovable: no such hardware\nstand_in: fires above\n");
        assert_eq!(problems, Vec::<String>::new());
        assert!(matches!(scenario.unwrap().kind, Kind::Unprovable { stand_in: Some(_), .. }));
        assert_eq!(read("unprovable: x\nprovoke: []\n").1, ["2:1 unknown key `provoke`"]);
    }
}
