//! Prints problems: for people in the style of rustc, for machines as JSON.

use std::collections::HashMap;
use std::fmt::Write as _;

use catalogue::problem::{Level, Problem, Spot};
use indexmap::IndexMap;
use serde_json::json;

/// How problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one object with a list.
    Json,
}

/// Problems of one kind that are shown of one file. Nobody reads more, and one slip may cause thousands.
const MAX_OF_A_KIND: usize = 100;

/// Characters of a line that are shown.
const MAX_WIDTH: usize = 200;

/// The report on some problems.
pub fn problems(problems: &[Problem], format: Format) -> String {
    let mut seen: HashMap<_, usize> = HashMap::new();
    let (shown, more): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| {
        let count = seen.entry((problem.spot.path(), problem.check)).or_default();
        *count += 1;
        *count <= MAX_OF_A_KIND
    });
    let mut rest: IndexMap<_, Vec<&Problem>> = IndexMap::new();
    for problem in more {
        rest.entry((problem.spot.path(), problem.check)).or_default().push(problem);
    }
    let rest: Vec<_> = rest
        .into_values()
        .map(|all| {
            let message = format!("{} more of this kind in this file", all.len());
            Problem { message, help: Some("mend those above first".to_owned()), ..all[0].clone() }
        })
        .collect();
    let problems = shown.into_iter().chain(&rest);
    match format {
        Format::Text => problems.map(text).collect(),
        Format::Json => {
            let problems: Vec<_> = problems.map(object).collect();
            format!("{:#}\n", json!({ "problems": problems }))
        }
    }
}

fn level(problem: &Problem) -> &'static str {
    match problem.level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

fn text(problem: &Problem) -> String {
    let Problem { check, message, .. } = problem;
    let mut text = format!("{}: {message} ({check})\n", level(problem));
    let path = problem.spot.path().display();
    match &problem.spot {
        Spot::File(_) => {
            let _ = writeln!(text, "  --> {path}");
        }
        Spot::In(place) => {
            let (line, column) = place.line_and_column();
            let _ = writeln!(text, "  --> {path}:{line}:{column}");
            text.push_str(&excerpt(place, line, column));
        }
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text.push('\n');
    text
}

/// The line with carets below the place.
fn excerpt(place: &catalogue::source::Place, line: usize, column: usize) -> String {
    let Some(content) = place.source.text.lines().nth(line - 1) else { return String::new() };
    // A long line is shown from shortly before the place.
    let skipped =
        if content.chars().count() > MAX_WIDTH { (column - 1).saturating_sub(MAX_WIDTH / 4) } else { 0 };
    let content: String = content.chars().skip(skipped).take(MAX_WIDTH).collect();
    let column = column - skipped;
    let rest = content.chars().count().saturating_sub(column - 1).max(1);
    let wanted = place.source.text.get(place.range.clone()).and_then(|text| text.lines().next());
    let carets = wanted.map_or(1, |text| text.chars().count()).clamp(1, rest);
    let gutter = line.to_string().len();
    let blank = " ".repeat(gutter);
    format!("{line} | {content}\n{blank} | {}{}\n", " ".repeat(column - 1), "^".repeat(carets))
}

/// A problem for machines.
pub fn object(problem: &Problem) -> serde_json::Value {
    let place = problem.spot.line_and_column();
    json!({
        "check": problem.check,
        "level": level(problem),
        "message": problem.message,
        "path": problem.spot.path(),
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
        "help": problem.help,
    })
}

/// The last line of a report.
pub fn summary(problems: &[Problem]) -> String {
    let count = |level: Level| problems.iter().filter(|problem| problem.level == level).count();
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}", plural(count(Level::Error), "error"), plural(count(Level::Warning), "warning"))
}

#[cfg(test)]
mod tests {
    use catalogue::source::{Place, Source};

    use super::*;

    #[test]
    fn a_problem_shows_its_line() {
        let source = Source::new("a.yaml", "x: 1\nexpr: up >\n");
        let problem =
            Problem::error("promql/syntax", Place::new(&source, 11..15), "it ends too early").help("go on");
        assert_eq!(
            problems(std::slice::from_ref(&problem), Format::Text),
            "error: it ends too early (promql/syntax)\n  --> a.yaml:2:7\n2 | expr: up >\n  |       ^^^^\n  help: go on\n\n"
        );
        let json = problems(&[problem], Format::Json);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["problems"][0]["line"], &json["problems"][0]["column"]), (&json!(2), &json!(7)));
    }
}
