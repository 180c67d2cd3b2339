//! Configuration files: YAML through the same reader as the content, problems as single lines that never quote
//! the file, for it may hold passwords.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use catalogue::problem::{Problem, Problems};
use catalogue::source::Source;
use catalogue::yaml::{self, Node};

/// The size of a file at most, in bytes; all certificate authorities of the world together have a quarter of it.
const LONGEST: u64 = 1024 * 1024;

/// Reads a text file; the error is one line. A device, a pipe or a socket is refused before it is opened, for it may
/// never end, or never begin.
pub fn read(path: &Path) -> Result<Arc<Source>, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read `{}`: {why}", path.display());
    if !std::fs::metadata(path).map_err(|error| cannot(&error))?.is_file() {
        return Err(cannot(&"it is no plain file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(cannot(&format_args!("it has more than {LONGEST} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot(&"it is not UTF-8"))?;
    Ok(Source::new(path, text.trim_start_matches('\u{feff}').replace("\r\n", "\n")))
}

/// Does work that reads files on a thread where it may take its time, so that nothing waits behind a slow disk.
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err("reading the files broke off".to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, why) in [
            (Path::new("/dev/zero"), "it is no plain file"),
            (folder.path(), "it is no plain file"),
            (&socket, "it is no plain file"),
            (&large, "it has more than 1048576 bytes"),
            (&folder.path().join("none"), "No such file"),
        ] {
            let error = read(path).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let good = folder.path().join("good");
        std::fs::write(&good, "\u{feff}word\r\nmore\n").unwrap();
        assert_eq!(secret(&good).unwrap(), "word");
        std::fs::write(&good, b"\xff").unwrap();
        assert!(read(&good).unwrap_err().contains("it is not UTF-8"));
    }
}
