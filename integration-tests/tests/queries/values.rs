//! What each collector says about what was set up, and which of its conditions that shows to be needed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use catalogue::metric::Query;
use integration_tests::exporter::{Exporter, Sample, Samples};
use integration_tests::postgres::Postgres;
use integration_tests::{patience, setup};
use serde::Deserialize;
use tokio_postgres::Client;

use super::collectors;
use super::mutants::Mutants;

/// What every script knows: the port of the server, `ask` with the arguments of psql, and `wait_for ANSWER` with those of
/// a question that is asked until this is the answer. One that never comes is an error.
const PRELUDE: &str = r#"
port=$(sed -n 4p data/postmaster.pid)
ask() {
  psql -X -A -t -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres -d app "$@"
}
wait_for() {
  wanted=$1
  shift
  for _ in $(seq 1 300); do
    [ "$(ask "$@")" = "$wanted" ] && return
    sleep 0.1
  done
  echo "never answered with $wanted: $*" >&2
  exit 1
}
"#;

/// `tests/metrics/<collector>.yaml`: situations, and conditions that no situation can show to be needed.
pub(super) struct Book {
    pub(super) cases: Vec<Case>,
    pub(super) equivalent: Vec<Equivalent>,
}

/// A condition without which the query says the same, on every server that can be set up here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Equivalent {
    /// The condition as it stands in the query.
    pub(super) equivalent: String,
    /// Why it is there, or why nobody sees that it is not.
    pub(super) because: String,
}

impl Book {
    /// That of a collector.
    pub(super) fn of(collector: &str) -> Self {
        let path = setup::root().join("integration-tests/tests/metrics").join(format!("{collector}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
        let entries: Vec<serde_yaml::Value> =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut book = Self { cases: Vec::new(), equivalent: Vec::new() };
        for entry in entries {
            let read = if entry.get("equivalent").is_some() {
                serde_yaml::from_value(entry).map(|mark| book.equivalent.push(mark))
            } else {
                serde_yaml::from_value(entry).map(|case| book.cases.push(case))
            };
            read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        book
    }
}

/// One situation and what the collector must say about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it is about.
    name: String,
    /// First and last major that it is for.
    #[serde(default)]
    since: u32,
    #[serde(default = "newest")]
    until: u32,
    /// Which server is scraped.
    #[serde(default)]
    on: Where,
    /// Statements before, each on its own, in database `app`; as superuser.
    #[serde(default)]
    setup: Vec<String>,
    /// Sessions that run this and stay open.
    #[serde(default)]
    sessions: Vec<String>,
    /// Sessions that are expected to hang in this.
    #[serde(default)]
    waiting: Vec<String>,
    /// Scripts of the shell as the server's user, each behind the [`PRELUDE`]; the data is in `data`.
    #[serde(default)]
    run: Vec<String>,
    /// Series with the value they must have: a number, a comparison such as `> 5`, or `absent`.
    expect: BTreeMap<String, serde_yaml::Value>,
    /// Families of which nothing else is there.
    #[serde(default)]
    complete: Vec<String>,
    /// Statements and shell commands after.
    #[serde(default)]
    cleanup: Vec<String>,
    #[serde(default)]
    cleanup_run: Vec<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Where {
    #[default]
    Primary,
    Standby,
}

fn newest() -> u32 {
    *catalogue::metric::POSTGRESQL_MAJORS.end()
}

/// Holds the collectors to all that is written about them.
pub(super) async fn hold(server: &Postgres, standby: &Postgres, major: u32) {
    let mut wrong = Vec::new();
    // Such as `17.11`, without what a distribution adds.
    let version = server.sql("postgres", "SHOW server_version").await.unwrap();
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    for query in collectors() {
        let book = Book::of(&query.name);
        let mut mutants = Mutants::of(&query, major);
        for mut case in book.cases {
            let named = |(series, wanted): (String, _)| (series.replace("SERVER_VERSION", &version), wanted);
            case.expect = case.expect.into_iter().map(named).collect();
            if !(case.since..=case.until).contains(&major) {
                continue;
            }
            let what = format!("{} on PostgreSQL {major}: {}", query.name, case.name);
            let scraped = if case.on == Where::Standby { standby } else { server };
            let held = provoke(server, scraped, &case, &what).await;
            match judge(scraped, &query, &case, &what).await {
                Some(judged) => wrong.push(judged),
                None => mutants.meet(scraped, &query, &case).await,
            }
            drop(held);
            all(server, scraped, &case.cleanup, &case.cleanup_run, &what).await;
        }
        wrong.extend(mutants.unnoticed(&book.equivalent));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs statements and then scripts.
async fn all(server: &Postgres, scraped: &Postgres, statements: &[String], scripts: &[String], what: &str) {
    for statement in statements {
        bounded(server.sql("app", statement), statement, what).await;
    }
    for script in scripts {
        bounded(scraped.run(&format!("{PRELUDE}{script}")), script, what).await;
    }
}

/// One that hangs would hold up all that come after.
async fn bounded(step: impl Future<Output = anyhow::Result<String>>, text: &str, what: &str) {
    let ended = tokio::time::timeout(Duration::from_mins(2), step).await;
    let result = ended.unwrap_or_else(|_| panic!("{what}: `{text}` hangs"));
    result.unwrap_or_else(|error| panic!("{what}: `{text}`: {error:#}"));
}

async fn provoke(server: &Postgres, scraped: &Postgres, case: &Case, what: &str) -> Vec<Client> {
    all(server, scraped, &case.setup, &case.run, what).await;
    let mut held = Vec::new();
    for session in &case.sessions {
        let client = scraped.client("app").await.unwrap();
        client.batch_execute(session).await.unwrap_or_else(|error| panic!("{what}: `{session}`: {error:#}"));
        held.push(client);
    }
    for session in &case.waiting {
        let client = scraped.client("app").await.unwrap();
        let session = session.clone();
        // Its end is of no interest; the session ends with the connection.
        tokio::spawn(async move { client.batch_execute(&session).await });
    }
    held
}

/// What one collector alone says; its query is the built-in one unless a folder has another.
pub(super) async fn scrape(server: &Postgres, query: &Query, folder: Option<&Path>) -> (Exporter, Samples) {
    let mut exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", server.dsn("app"));
    if let Some(folder) = folder {
        exporter = exporter.arg("--metrics").arg(folder);
    }
    let flag = format!("--collector.{}", query.name.trim_start_matches("pg_"));
    let exporter =
        exporter.args(&["--collector.disable-defaults", "--compat", "--include-databases=app", &flag]);
    let exporter = exporter.start().await.unwrap();
    let samples = exporter.scrape().await.unwrap();
    (exporter, samples)
}

impl Case {
    /// What is not as expected.
    pub(super) fn mismatches(&self, samples: &Samples) -> Vec<String> {
        let wanted = self.expect.iter().filter_map(|(series, wanted)| mismatch(samples, series, wanted));
        let patterns: Vec<Samples> = self.expect.keys().map(|series| pattern(series)).collect();
        let is_expected = |sample: &Sample| {
            let fits = |pattern: &Sample| {
                let has = |(name, value)| sample.labels.get(name).map_or("", String::as_str) == value;
                pattern.name == sample.name && pattern.labels.iter().all(has)
            };
            patterns.iter().flat_map(Samples::iter).any(fits)
        };
        let more =
            samples.iter().filter(|sample| self.complete.contains(&sample.name) && !is_expected(sample));
        let more = more.map(|sample| format!("{sample:?} is there as well"));
        // A query that fails, or says one thing twice.
        let failed = samples.all("pg_scrape_collector_success", &[]).filter(|sample| sample.value < 1.0);
        let skipped = samples.all("pg_scrape_skipped_total", &[]).filter(|sample| sample.value > 0.0);
        let failed = failed.chain(skipped).map(|sample| format!("{sample:?}"));
        wanted.chain(more).chain(failed).collect()
    }
}

impl Book {
    /// Whether some case says that a series is there.
    pub(super) fn has(&self, series: &str) -> bool {
        let expected = self.cases.iter().flat_map(|case| &case.expect);
        expected
            .filter(|(_, wanted)| wanted.as_str() != Some("absent"))
            .any(|(expected, _)| expected.split('{').next() == Some(series))
    }
}

fn pattern(series: &str) -> Samples {
    let pattern = Samples::parse(&format!("{series} 0"));
    assert!(pattern.iter().count() == 1, "`{series}` is not a series");
    pattern
}

/// Scrapes until everything is as expected; a fresh exporter each time, so that nothing comes from a cache.
async fn judge(scraped: &Postgres, query: &Query, case: &Case, what: &str) -> Option<String> {
    let start = Instant::now();
    loop {
        let (exporter, samples) = scrape(scraped, query, None).await;
        let wrong = case.mismatches(&samples);
        if wrong.is_empty() {
            return None;
        }
        if start.elapsed() > patience().min(Duration::from_secs(10)) {
            let prefix = query.metrics.first().map_or("", |metric| &*metric.series);
            let prefix = &prefix[..prefix.len().min(12)];
            let got: Vec<_> = samples.iter().filter(|sample| sample.name.starts_with(prefix)).collect();
            return Some(format!("{what}: {wrong:#?}\ngot {got:?}\n{}", exporter.log()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is wrong with a series; nothing when it is as wanted.
fn mismatch(samples: &Samples, series: &str, wanted: &serde_yaml::Value) -> Option<String> {
    let pattern = pattern(series);
    let pattern = pattern.iter().next().unwrap();
    let labels: Vec<(&str, &str)> =
        pattern.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let found: Vec<f64> = samples.all(&pattern.name, &labels).map(|sample| sample.value).collect();
    let wanted = match wanted {
        serde_yaml::Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
    };
    let (comparison, number) = wanted.split_once(' ').unwrap_or(("=", &wanted));
    if number == "absent" {
        return (!found.is_empty()).then(|| format!("{series} is {found:?}, not absent"));
    }
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("`{wanted}` is not a number or a comparison"));
    let [value] = found.as_slice() else { return Some(format!("{series} is {found:?}, not {wanted}")) };
    let right = match comparison {
        "=" => (value - number).abs() < 1e-9,
        ">" => *value > number,
        ">=" => *value >= number,
        "<" => *value < number,
        "<=" => *value <= number,
        other => panic!("`{other}` is not a comparison"),
    };
    (!right).then(|| format!("{series} is {value}, not {wanted}"))
}
