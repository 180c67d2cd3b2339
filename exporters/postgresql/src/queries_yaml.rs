//! The query file of `postgres_exporter` (`--extend.query-path`), turned into metrics files as far as it can be meant.
//!
//! Format: <https://github.com/prometheus-community/postgres_exporter#adding-new-metrics-via-a-config-file-deprecated>

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use catalogue::decode::{Fields, entries, list};
use catalogue::metric::POSTGRESQL_MAJORS;
use catalogue::name::{LabelName, SeriesName};
use catalogue::problem::Problems;
use catalogue::source::Source;
use catalogue::yaml::Node;

use super::session::quoted;
use exporter_core::config;

/// What became of a query file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Metrics files: name without `.yaml`, and text.
    pub files: Vec<(String, String)>,
    /// What has no equal here, one sentence each.
    pub notes: Vec<String>,
}

/// One namespace of the file.
struct Namespace<'a> {
    name: &'a str,
    sql: String,
    /// The text of all `cache_seconds`, as an interval.
    interval: Option<String>,
    since: u32,
    every_database: bool,
    labels: Vec<String>,
    /// Column, kind, description.
    metrics: Vec<(String, &'static str, String)>,
}

/// Turns a query file into metrics files. `every_database` is `--auto-discover-databases`: what is not for the `master`
/// alone then runs in each database. `taken` are series that are there already, with their collector.
pub fn convert(
    source: &Arc<Source>,
    every_database: bool,
    taken: &BTreeMap<String, String>,
) -> Result<Converted, String> {
    config::decode(source, |node, problems| {
        let mut converted = Converted::default();
        for (name, node) in entries(node, problems) {
            let Some(namespace) =
                namespace(&name, node, every_database, taken, &mut converted.notes, problems)
            else {
                continue;
            };
            converted.files.push((format!("queries_{}", namespace.name), namespace.text()));
        }
        Some(converted)
    })
}

fn namespace<'a>(
    name: &'a str,
    node: &Node,
    every_database: bool,
    taken: &BTreeMap<String, String>,
    notes: &mut Vec<String>,
    problems: &mut Problems,
) -> Option<Namespace<'a>> {
    let mut fields = Fields::of(node, problems)?;
    let sql = fields.text("query");
    let master = fields.flag("master").unwrap_or(false);
    let cached = fields.number("cache_seconds").filter(|seconds| *seconds > 0.0);
    let versions = fields.optional_text("runonserver");
    let since = versions.as_ref().map_or(Ok(*POSTGRESQL_MAJORS.start()), |range| since(range));
    let mut columns = Vec::new();
    if let Some(node) = fields.required("metrics") {
        for item in list(node, fields.problems()) {
            for (column, node) in entries(item, fields.problems()) {
                let Some(mut own) = Fields::of(node, fields.problems()) else { continue };
                let usage = own.text("usage").map_or(String::new(), |usage| usage.to_uppercase());
                let description = own.optional_text("description").map(|text| text.to_string());
                let description = description.filter(|text| !text.trim().is_empty());
                for other in ["metric_mapping", "supported_versions", "pg_version"] {
                    if own.optional(other).is_some() {
                        notes
                            .push(format!("`{name}`: `{other}` of column `{}` counts for nothing", &*column));
                    }
                }
                own.finish();
                columns.push((column.to_string(), usage, description));
            }
        }
    }
    fields.finish();
    let since = match since {
        Ok(since) => since,
        Err(reason) => {
            notes.push(format!("`{name}` is left out: {reason}"));
            return None;
        }
    };
    let mut namespace = Namespace {
        name,
        sql: sql?.trim().trim_end_matches(';').to_owned(),
        interval: cached.map(|seconds| format!("{seconds:.0}s")),
        since,
        every_database: every_database && !master,
        labels: Vec::new(),
        metrics: Vec::new(),
    };
    for (column, usage, description) in columns {
        let series = format!("{name}_{column}");
        let kind = match usage.as_str() {
            "DISCARD" => continue,
            "LABEL" if column == "target" => {
                notes.push(format!(
                    "`{name}`: label `target` is the exporter's own; give the column another name"
                ));
                continue;
            }
            "LABEL" if LabelName::new(&column).is_err() => {
                notes.push(format!("`{name}`: column `{column}` has no name that a label can have"));
                continue;
            }
            "LABEL" => {
                namespace.labels.push(column);
                continue;
            }
            "COUNTER" => "counter",
            "GAUGE" => "gauge",
            other => {
                let how = if other == "DURATION" { "; use GAUGE for seconds" } else { "" };
                notes.push(format!("`{series}` is left out: usage {other} has no equal here{how}"));
                continue;
            }
        };
        if let Err(reason) = SeriesName::new(&series) {
            notes.push(format!("left out: {reason}"));
            continue;
        }
        if let Some(collector) = taken.get(&series) {
            notes.push(format!("`{series}` is left out: collector `{collector}` serves it"));
            continue;
        }
        namespace.metrics.push((column, kind, description.unwrap_or(series)));
    }
    if namespace.metrics.is_empty() {
        notes.push(format!("`{name}` is left out: nothing of it remains to be served"));
        return None;
    }
    if let Some(extension) =
        ["pg_stat_statements", "pg_buffercache"].into_iter().find(|name| bare(&namespace.sql, name))
    {
        notes.push(format!(
            "`{name}` reads `{extension}` without its schema, which is looked for in `pg_catalog` alone: write `public.{extension}`, or where it is"
        ));
    }
    Some(namespace)
}

/// Whether a name stands in a statement without a schema before it.
fn bare(sql: &str, name: &str) -> bool {
    sql.match_indices(name).any(|(at, _)| {
        let inner = |c: char| c.is_alphanumeric() || "_.\"".contains(c);
        !sql[..at].ends_with(inner)
            && !sql[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

/// The first major that a range of versions such as `>=10.0.0` is for. One that does not go on to the newest is none.
fn since(range: &str) -> Result<u32, String> {
    let unclear =
        || "its `runonserver` is no range that ends with the newest version, such as `>=14`".to_owned();
    let compare = |word: &str, major: u32| -> Option<bool> {
        let digits = word.find(|c: char| c.is_ascii_digit())?;
        let (sign, version) = word.split_at(digits);
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let wanted = (numbers.next()?, numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let own = (major, 0, 0);
        Some(match sign.trim() {
            ">=" => own >= wanted,
            ">" => own > wanted,
            "<=" => own <= wanted,
            "<" => own < wanted,
            "" | "=" | "==" => own == wanted,
            _ => return None,
        })
    };
    let fits = |major: u32| -> Option<bool> {
        let mut any = false;
        for part in range.split("||") {
            let mut all = true;
            for word in part.split_whitespace() {
                all &= compare(word, major)?;
            }
            any |= all;
        }
        Some(any)
    };
    let mut majors = Vec::new();
    for major in POSTGRESQL_MAJORS {
        if fits(major).ok_or_else(unclear)? {
            majors.push(major);
        }
    }
    match majors.first() {
        None => Err("it is for none of the versions of PostgreSQL that are read here".to_owned()),
        Some(first) if (*first..=*POSTGRESQL_MAJORS.end()).eq(majors.iter().copied()) => Ok(*first),
        Some(_) => Err(unclear()),
    }
}

impl Namespace<'_> {
    /// The metrics file.
    fn text(&self) -> String {
        let mut labels = self.labels.clone();
        let own = self.every_database && !labels.iter().any(|label| label == "datname");
        if own {
            labels.insert(0, "datname".to_owned());
        }
        let mut text = format!("help: {}\n", yaml(&format!("{} of a query file", self.name)));
        text += "source: a query file of postgres_exporter\n";
        let _ = writeln!(text, "scope: {}", if self.every_database { "database" } else { "server" });
        let _ = writeln!(text, "prefix: {}", yaml(&format!("{}_", self.name)));
        if let Some(interval) = &self.interval {
            let _ = writeln!(text, "interval: {interval}");
        }
        if !labels.is_empty() {
            let labels: Vec<_> = labels.iter().map(|label| yaml(label)).collect();
            let _ = writeln!(text, "labels: [{}]", labels.join(", "));
        }
        text += "metrics:\n";
        for (column, kind, help) in &self.metrics {
            let _ = writeln!(text, "  {}: {{ kind: {kind}, help: {} }}", yaml(column), yaml(help));
        }
        let _ = writeln!(text, "queries:\n  - since: {}\n    sql: |", self.since);
        for line in self.statement(own).lines() {
            let _ = writeln!(text, "      {line}");
        }
        text
    }

    /// The statement, with texts for labels and numbers for metrics, whatever types its columns have.
    fn statement(&self, adds_database: bool) -> String {
        let mut columns = Vec::new();
        if adds_database {
            columns.push("pg_catalog.current_database()::text AS \"datname\"".to_owned());
        }
        columns.extend(self.labels.iter().map(|label| format!("{0}::text AS {0}", quoted(label))));
        columns.extend(self.metrics.iter().map(|(column, ..)| number(&quoted(column))));
        let mut sql = format!("SELECT\n  {}\nFROM (\n", columns.join(",\n  "));
        // Without the offset, a column that is a constant would be cast to all of these types at once.
        let _ = write!(sql, "  SELECT * FROM (\n{}\n  ) AS own\n  OFFSET 0\n) AS q", self.sql);
        if self.every_database && !adds_database {
            sql += "\nWHERE \"datname\"::text = pg_catalog.current_database()";
        }
        sql
    }
}

/// A column as a number: a truth value is 0 or 1, a time is in seconds, a text counts when it is a number.
fn number(column: &str) -> String {
    let time = |name: &str, kind: &str| {
        format!("    WHEN '{name}' THEN EXTRACT(EPOCH FROM {column}::text::{kind})::float8\n")
    };
    format!(
        "CASE pg_catalog.pg_typeof({column})::text\n    WHEN 'boolean' THEN {column}::text::boolean::int::float8\n{}{}{}{}    \
         ELSE CASE WHEN {column}::text ~* '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[-+]?[0-9]+)?$|^[-+]?(nan|inf|infinity)$' THEN {column}::text::float8 END\n  END AS {column}",
        time("timestamp with time zone", "timestamptz"),
        time("timestamp without time zone", "timestamp"),
        time("date", "date"),
        time("interval", "interval"),
    )
}

/// A text in double quotes, on one line.
fn yaml(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("\"{}\"", words.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use catalogue::metric::Query;

    use super::*;

    fn converted(text: &str, every_database: bool) -> Converted {
        let taken = [("pg_up_value".to_owned(), "exporter".to_owned())].into();
        convert(&Source::new("queries.yaml", text), every_database, &taken).unwrap()
    }

    /// The example of its documentation, in parts.
    const GOOD: &str = "pg_database_x:\n  query: \"SELECT datname, size, 'x' AS kind FROM t;\"\n  master: true\n  cache_seconds: 30\n  \
                        metrics:\n    - datname: { usage: LABEL, description: Name }\n    - size:\n        usage: \"GAUGE\"\n        \
                        description: \"Disk \\\"space\\\"\"\n    - kind: { usage: DISCARD }\n";

    #[test]
    fn a_namespace_becomes_a_metrics_file_that_is_read() {
        for (every_database, text) in
            [(false, GOOD.to_owned()), (true, GOOD.replace("master: true", "master: false"))]
        {
            let Converted { files, notes } = converted(&text, every_database);
            assert_eq!(notes, [""; 0]);
            let mut problems = Problems::default();
            let query =
                Query::read(&Source::new(format!("{}.yaml", files[0].0), files[0].1.clone()), &mut problems);
            assert_eq!(config::describe(problems), "", "{}", files[0].1);
            let query = query.unwrap();
            assert_eq!(
                (query.name.as_str(), &*query.metrics[0].series),
                ("queries_pg_database_x", "pg_database_x_size")
            );
            assert_eq!(query.interval.map(|interval| interval.milliseconds()), Some(30_000));
            let sql = &*query.branches[0].sql;
            assert!(sql.contains("\"datname\"::text AS \"datname\"") && !sql.contains("\"kind\""), "{sql}");
            assert_eq!(
                sql.contains("WHERE \"datname\"::text = pg_catalog.current_database()"),
                every_database
            );
        }
    }

    #[test]
    fn what_has_no_equal_is_named() {
        let query = |name: &str, column: &str, usage: &str, more: &str| {
            format!(
                "{name}:\n  query: SELECT 1 FROM pg_stat_statements\n{more}  metrics:\n    - {column}: {{ usage: {usage} }}\n"
            )
        };
        for (text, note) in [
            (query("a", "x", "HISTOGRAM", ""), "`a_x` is left out: usage HISTOGRAM has no equal here"),
            (query("A", "x", "GAUGE", ""), "`A_x` is not a series name"),
            (query("a", "x-y", "LABEL", ""), "no name that a label can have"),
            (query("a", "x", "DURATION", ""), "use GAUGE for seconds"),
            (query("a", "target", "LABEL", ""), "label `target` is the exporter's own"),
            (
                query("pg_up", "value", "GAUGE", ""),
                "`pg_up_value` is left out: collector `exporter` serves it",
            ),
            (query("a", "x", "GAUGE", "  runonserver: \"<13\"\n"), "for none of the versions"),
            (query("a", "x", "GAUGE", "  runonserver: \">=10 <15\"\n"), "ends with the newest"),
            (query("a", "x", "GAUGE", ""), "write `public.pg_stat_statements`"),
        ] {
            let notes = converted(&text, false).notes.join("\n");
            assert!(notes.contains(note), "{text}{notes}");
        }
        assert_eq!((since(">=14.0.0"), since(">10 || 9.6"), since("~> 3").is_err()), (Ok(14), Ok(13), true));
        let wrong = convert(
            &Source::new("q.yaml", "a:\n  query: x\n  mastr: true\n  metrics: []\n"),
            false,
            &BTreeMap::new(),
        );
        assert!(wrong.unwrap_err().starts_with("q.yaml:3:3: unknown key `mastr`"));
    }
}
