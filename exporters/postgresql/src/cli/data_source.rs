//! The servers that the environment describes, in the variables of `postgres_exporter` and of libpq.

use std::collections::BTreeSet;
use std::path::PathBuf;

use exporter_core::config;

use crate::config::Server;
use crate::dsn::Dsn;

/// Variables of libpq that say which server is meant; a password alone does not.
const LIBPQ: [&str; 6] = ["PGDATABASE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGUSER"];

/// The servers; none where nothing describes one. `name` is that of the only one.
pub(super) fn servers(name: &str) -> Result<Vec<Server>, String> {
    let (list, password_file) = described()?;
    if list.len() > 1 && !name.is_empty() {
        return Err(format!(
            "`--target-name` names one server, and DATA_SOURCE_NAME has {}: name them in `--config.file`",
            list.len()
        ));
    }
    let mut addresses = BTreeSet::new();
    for dsn in list.iter().filter(|_| list.len() > 1) {
        if !addresses.insert(dsn.address()) {
            return Err(format!(
                "DATA_SOURCE_NAME has the server `{}` twice; one connection string is enough for all databases of it",
                dsn.address()
            ));
        }
    }
    if list.is_empty() {
        let by_libpq = LIBPQ.iter().any(|name| variable(name).is_some());
        let is_there = by_libpq || !name.is_empty();
        return Ok(is_there.then(|| Server::of(name.to_owned(), Dsn::default(), None)).into_iter().collect());
    }
    Ok(list.into_iter().map(|dsn| Server::of(name.to_owned(), dsn, password_file.clone())).collect())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Connection strings, and the file with the password, which is read at each login.
fn described() -> Result<(Vec<Dsn>, Option<PathBuf>), String> {
    let or_file = |name: &str| match (variable(name), variable(&format!("{name}_FILE"))) {
        (Some(value), _) => Ok(Some(value)),
        (None, Some(path)) => {
            config::secret(path.as_ref()).map(Some).map_err(|error| format!("{name}_FILE: {error}"))
        }
        (None, None) => Ok(None),
    };
    if let Some(text) = or_file("DATA_SOURCE_NAME")? {
        let list = Dsn::parse_list(&text).map_err(|error| format!("DATA_SOURCE_NAME: {error}"))?;
        return Ok((list, None));
    }
    let Some(text) = or_file("DATA_SOURCE_URI")? else { return Ok((Vec::new(), None)) };
    let text = if text.contains("://") { text } else { format!("postgresql://{text}") };
    let mut dsn = Dsn::parse(&text).map_err(|error| format!("DATA_SOURCE_URI: {error}"))?;
    if let Some(user) = or_file("DATA_SOURCE_USER")? {
        dsn.set("user", user).map_err(|error| format!("DATA_SOURCE_USER: {error}"))?;
    }
    let mut file = None;
    match (variable("DATA_SOURCE_PASS"), variable("DATA_SOURCE_PASS_FILE")) {
        (Some(password), _) => dsn.set("password", password)?,
        (None, Some(path)) => {
            config::secret(path.as_ref()).map_err(|error| format!("DATA_SOURCE_PASS_FILE: {error}"))?;
            file = Some(PathBuf::from(path));
        }
        (None, None) => {}
    }
    Ok((vec![dsn], file))
}
