//! One step of a scenario: what happens to a server, to its exporter or to an AWS account.

use indexmap::IndexMap;

use crate::component::Platform;
use crate::decode::{Fields, entries, list, text, wrong_type};
use crate::problem::{Problem, Problems};
use crate::source::Place;
use crate::suggest::did_you_mean;
use crate::text::Text;
use crate::yaml::{Node, Value};

/// A step and where it stands.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Where it stands.
    pub place: Place,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sets server parameters and reloads; no value takes the setting back.
    Settings(IndexMap<String, Option<Text>>),
    /// Runs statements as superuser.
    Sql(Sql),
    /// Opens sessions and keeps them open.
    Session(Session),
    /// Ends the sessions of an application.
    Close(Text),
    /// Moves the WAL position forward by so many bytes, as if they had been written; restarts the server.
    Wal(u64),
    /// Restarts the server.
    Restart,
    /// Stops the server at once, as a crash would.
    Stop,
    /// Starts the stopped server.
    Start,
    /// Streams from a replication slot.
    Stream(Stream),
    /// Starts or stops a streaming standby.
    Standby(Standby),
    /// Starts or stops an exporter.
    Exporter(Exporter),
    /// Changes the AWS account.
    Aws(Aws),
}

/// What happens to the AWS account.
#[derive(Debug, Clone)]
pub enum Aws {
    /// It becomes what it was before the fault.
    Healthy,
    /// These keys change; whoever plays it knows which there are.
    Change(Node),
}

impl Action {
    /// What it is a step of; nothing when it is one everywhere.
    pub fn platform(&self) -> Option<Platform> {
        match self {
            Self::Aws(_) => Some(Platform::Aws),
            Self::Exporter(exporter) if exporter.query.is_none() && exporter.timeout.is_none() => None,
            _ => Some(Platform::Server),
        }
    }
}

/// Statements.
#[derive(Debug, Clone)]
pub struct Sql {
    /// The statements.
    pub run: Text,
    /// The database; that of the application unless given.
    pub database: Option<Text>,
    /// A part of the error with which they must fail.
    pub fails: Option<Text>,
}

/// Sessions of an application.
#[derive(Debug, Clone)]
pub struct Session {
    /// What each of them runs.
    pub sql: Text,
    /// `application_name`.
    pub application: Text,
    /// The database; that of the application unless given.
    pub database: Option<Text>,
    /// How many there are.
    pub count: usize,
    /// Whether the statement is still running when the next step starts.
    pub running: bool,
}

/// A client that streams from a replication slot, until its session is closed. It does not say how far it is.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The slot.
    pub slot: Text,
    /// `application_name`.
    pub application: Text,
    /// The database of a logical slot; that of the application unless given.
    pub database: Option<Text>,
}

/// A streaming standby of the server.
#[derive(Debug, Clone)]
pub struct Standby {
    /// Whether it starts or stops.
    pub switch: Switch,
    /// The slot of the server that it uses; a new one named `standby` unless given.
    pub slot: Option<Text>,
    /// Its own server parameters.
    pub settings: IndexMap<String, Text>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
}

/// An exporter to be started or stopped.
#[derive(Debug, Clone)]
pub struct Exporter {
    /// Whether it starts (anew, when it runs) or stops.
    pub switch: Switch,
    /// Its name, when it is not the one that every scenario has.
    pub name: Option<Text>,
    /// A query of the users' own that it runs in each scrape.
    pub query: Option<Text>,
    /// How long its scrapes may take; 10 seconds unless given.
    pub timeout: Option<Text>,
}

/// The steps, for messages.
const STEPS: [&str; 12] = [
    "settings", "sql", "session", "stream", "close", "wal", "restart", "stop", "start", "standby",
    "exporter", "aws",
];

/// Reads a list of steps.
pub fn read(node: &Node, problems: &mut Problems) -> Vec<Step> {
    list(node, problems).iter().filter_map(|item| read_one(item, problems)).collect()
}

fn read_one(node: &Node, problems: &mut Problems) -> Option<Step> {
    let place = node.place();
    let action = match &node.value {
        Value::Scalar(word, _) => match word.as_str() {
            "restart" => Some(Action::Restart),
            "stop" => Some(Action::Stop),
            "start" => Some(Action::Start),
            known if STEPS.contains(&known) => {
                let message = format!("step `{known}` does not say what to do");
                problems.push(
                    Problem::error("yaml/value", place.clone(), message).help(format!("write `{known}: …`")),
                );
                None
            }
            _ => unknown(word, place.clone(), problems),
        },
        Value::Map(_) => {
            let steps = entries(node, problems);
            let [(name, value)] = steps.as_slice() else {
                let problem = Problem::error("yaml/value", place, "a step has exactly one name");
                problems.push(problem.help("start each step with its own `- `"));
                return None;
            };
            named(name, value, problems)
        }
        Value::List(_) => {
            wrong_type(node, "a step", problems);
            None
        }
    };
    Some(Step { action: action?, place })
}

fn unknown(word: &str, place: Place, problems: &mut Problems) -> Option<Action> {
    let problem = Problem::error("yaml/value", place, format!("there is no step `{word}`"));
    problems.push(problem.help(did_you_mean(word, STEPS)));
    None
}

fn named(name: &Text, value: &Node, problems: &mut Problems) -> Option<Action> {
    match name.as_str() {
        "settings" => {
            let settings = entries(value, problems).into_iter().filter_map(|(name, value)| {
                let value = if value.is_null() { None } else { Some(text(value, problems)?) };
                Some((name.to_string(), value))
            });
            Some(Action::Settings(settings.collect()))
        }
        "sql" => Sql::read(value, problems).map(Action::Sql),
        "session" => Session::read(value, problems).map(Action::Session),
        "close" => text(value, problems).map(Action::Close),
        "wal" => checked(value, bytes, problems).map(Action::Wal),
        "stream" => Stream::read(value, problems).map(Action::Stream),
        "standby" => Standby::read(value, problems).map(Action::Standby),
        "exporter" => Exporter::read(value, problems).map(Action::Exporter),
        "aws" => match &value.value {
            Value::Map(_) => Some(Action::Aws(Aws::Change(value.clone()))),
            Value::Scalar(word, _) if word == "healthy" => Some(Action::Aws(Aws::Healthy)),
            _ => {
                wrong_type(value, "`healthy` or a mapping", problems);
                None
            }
        },
        "restart" | "stop" | "start" => {
            let problem =
                Problem::error("yaml/value", value.place(), format!("step `{}` takes no value", &**name));
            problems.push(problem.help(format!("write `- {}`", &**name)));
            None
        }
        word => unknown(word, name.place(), problems),
    }
}

/// A value made from a text; what `make` refuses is a problem there.
pub(crate) fn checked<T>(
    node: &Node,
    make: impl FnOnce(&str) -> Result<T, String>,
    problems: &mut Problems,
) -> Option<T> {
    let text = text(node, problems)?;
    make(&text).map_err(|message| problems.push(Problem::error("yaml/value", text.place(), message))).ok()
}

fn switch(text: &str) -> Result<Switch, String> {
    match text {
        "start" => Ok(Switch::Start),
        "stop" => Ok(Switch::Stop),
        _ => Err(format!("`{text}` is neither `start` nor `stop`")),
    }
}

/// A size as PostgreSQL writes it.
fn bytes(text: &str) -> Result<u64, String> {
    let error = || format!("`{text}` is not a size: write for example `64MB` or `6GB`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let unit = match &text[digits..] {
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return Err(error()),
    };
    text[..digits].parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(error)
}

impl Sql {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Some(run) = Text::of(node).filter(|_| !node.is_null()) {
            return Some(Self { run, database: None, fails: None });
        }
        let mut fields = Fields::of(node, problems)?;
        let run = fields.text("run");
        let (database, fails) = (fields.optional_text("database"), fields.optional_text("fails"));
        fields.finish();
        Some(Self { run: run?, database, fails })
    }
}

impl Session {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let sql = fields.text("sql");
        let application = fields.text("application");
        let database = fields.optional_text("database");
        let count = fields.optional("count");
        let count = count.map_or(Some(1), |node| {
            let number =
                |text: &str| text.parse().map_err(|_| format!("`{text}` is not a number of sessions"));
            checked(node, number, fields.problems())
        });
        let running = fields.flag("running").unwrap_or(false);
        fields.finish();
        Some(Self { sql: sql?, application: application?, database, count: count?, running })
    }
}

impl Stream {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let (slot, application) = (fields.text("slot"), fields.text("application"));
        let database = fields.optional_text("database");
        fields.finish();
        Some(Self { slot: slot?, application: application?, database })
    }
}

impl Standby {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if Text::of(node).is_some() {
            let switch = checked(node, switch, problems)?;
            return Some(Self { switch, slot: None, settings: IndexMap::new() });
        }
        let mut fields = Fields::of(node, problems)?;
        let action = fields.text("action");
        let switch = fields.parse(action, switch);
        let (slot, settings) = (fields.optional_text("slot"), fields.text_map("settings"));
        fields.finish();
        Some(Self { switch: switch?, slot, settings })
    }
}

impl Exporter {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if Text::of(node).is_some() {
            let switch = checked(node, switch, problems)?;
            return Some(Self { switch, name: None, query: None, timeout: None });
        }
        let mut fields = Fields::of(node, problems)?;
        let action = fields.text("action");
        let switch = fields.parse(action, switch);
        let (name, query) = (fields.optional_text("name"), fields.optional_text("query"));
        let timeout = fields.optional_text("timeout");
        let _ = fields.parse(timeout.clone(), crate::duration::PromDuration::new);
        fields.finish();
        Some(Self { switch: switch?, name, query, timeout })
    }
}

impl std::fmt::Display for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
        })
    }
}

/// What a step is called in messages.
impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Settings(settings) => {
                write!(f, "settings: {}", settings.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
            Self::Sql(sql) => write!(f, "sql: {}", first_line(&sql.run)),
            Self::Session(session) => {
                write!(f, "session: {} of {}", session.count, &*session.application)
            }
            Self::Close(application) => write!(f, "close: {}", &**application),
            Self::Wal(bytes) => write!(f, "wal: {bytes} bytes"),
            Self::Restart => f.write_str("restart"),
            Self::Stop => f.write_str("stop"),
            Self::Start => f.write_str("start"),
            Self::Stream(stream) => write!(f, "stream: {} from {}", &*stream.application, &*stream.slot),
            Self::Standby(standby) => write!(f, "standby: {}", standby.switch),
            Self::Exporter(exporter) => {
                write!(f, "exporter: {} {}", exporter.switch, exporter.name.as_deref().unwrap_or_default())
            }
            Self::Aws(Aws::Healthy) => f.write_str("aws: healthy"),
            Self::Aws(Aws::Change(node)) => {
                let keys = match &node.value {
                    Value::Map(entries) => entries.iter().filter_map(|(key, _)| Text::of(key)).collect(),
                    _ => Vec::new(),
                };
                write!(f, "aws: {}", keys.iter().map(|key| &**key).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
