//! What libpq reads besides the connection string: `PG*` variables, the service file, the home folder.
//!
//! Manual: "Environment Variables", "The Connection Service File".

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::parameters::PARAMETERS;

/// Variables and the home folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    pub(super) home: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        let names = PARAMETERS.iter().map(|parameter| parameter.variable);
        let names = names.chain(["PGSYSCONFDIR", "USER", "LOGNAME"]);
        let variables = names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        Self { variables: variables.collect(), home: std::env::var_os("HOME").map(PathBuf::from) }
    }

    /// One that only knows these variables; for a target whose file says everything.
    pub fn of(variables: impl IntoIterator<Item = (&'static str, String)>, home: Option<PathBuf>) -> Self {
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            home,
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// The parameters of a service: from this file, or from those that libpq looks into.
    pub(super) fn service(&self, name: &str, file: Option<String>) -> Result<Vec<(String, String)>, String> {
        let files = [
            file.map(PathBuf::from),
            self.home.as_ref().map(|home| home.join(".pg_service.conf")),
            self.variable("PGSYSCONFDIR").map(|folder| Path::new(&folder).join("pg_service.conf")),
        ];
        for path in files.into_iter().flatten().filter(|path| path.is_file()) {
            let source =
                exporter_core::config::read(&path).map_err(|error| format!("the service file: {error}"))?;
            let mut lines = source.text.lines().map(str::trim);
            if lines.any(|line| line == format!("[{name}]")) {
                let own = lines.take_while(|line| !line.starts_with('['));
                let own = own.filter(|line| !line.is_empty() && !line.starts_with('#'));
                let pair = |line: &str| {
                    let (name, value) = line.split_once('=').ok_or_else(|| {
                        format!("a line of the service `{name}` in `{}` has no `=`", path.display())
                    })?;
                    Ok((name.trim().to_owned(), value.trim().to_owned()))
                };
                return own.map(pair).collect();
            }
        }
        Err(format!("no service file has the service `{name}`"))
    }
}
