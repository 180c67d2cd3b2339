//! Configuration files: YAML through the same reader as the content, problems as single lines that never quote
//! the file, for it may hold passwords.

use std::path::Path;
use std::sync::Arc;

use catalogue::problem::{Problem, Problems};
use catalogue::source::Source;
use catalogue::yaml::{self, Node};

/// Reads a text file; the error is one line.
pub fn read(path: &Path) -> Result<Arc<Source>, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    Ok(Source::new(path, text.trim_start_matches('\u{feff}').replace("\r\n", "\n")))
}

/// Reads a YAML file with `decode`; the error lists every problem, one per line.
pub fn decode<T>(
    source: &Arc<Source>,
    decode: impl FnOnce(&Node, &mut Problems) -> Option<T>,
) -> Result<T, String> {
    let mut problems = Problems::default();
    let value = yaml::parse(source, &mut problems).and_then(|node| decode(&node, &mut problems));
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(describe(problems)),
    }
}

/// Problems as lines of `file:line:column: message; remedy`.
pub fn describe(problems: Problems) -> String {
    let lines: Vec<_> = problems.into_sorted().iter().map(line).collect();
    lines.join("\n")
}

fn line(problem: &Problem) -> String {
    let place = problem.spot.line_and_column();
    let place = place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
    let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{}{place}: {}{help}", problem.spot.path().display(), problem.message)
}

/// The first line of a file that holds a secret.
pub fn secret(path: &Path) -> Result<String, String> {
    Ok(read(path)?.text.lines().next().unwrap_or_default().to_owned())
}
