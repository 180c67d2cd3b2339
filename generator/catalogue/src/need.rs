//! What a query needs of the server beyond membership in `pg_monitor`.

use std::fmt;

/// One privilege or extension, as it stands under `needs:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// `extension pg_buffercache`: installed in the database that the query runs in. Its schema stands in the
    /// SQL as `@extschema:pg_buffercache@`.
    Extension(String),
    /// `role pg_read_all_data`: membership in a predefined role.
    Role(String),
    /// `execute pg_catalog.pg_show_all_file_settings()`: the right to call a function.
    Execute(String),
    /// `select pg_catalog.pg_file_settings`: the right to read a relation.
    Select(String),
}

impl Need {
    /// Reads one need; the error says the forms there are.
    pub fn new(text: &str) -> Result<Self, String> {
        let form = text.split_once(' ').filter(|(_, name)| {
            let known = |c: char| c.is_ascii_alphanumeric() || "_.(), ".contains(c);
            !name.trim().is_empty() && name.chars().all(known)
        });
        match form {
            Some(("extension", name)) => Ok(Self::Extension(name.to_owned())),
            Some(("role", name)) => Ok(Self::Role(name.to_owned())),
            Some(("execute", name)) if name.ends_with(')') => Ok(Self::Execute(name.to_owned())),
            Some(("select", name)) => Ok(Self::Select(name.to_owned())),
            _ => Err(format!(
                "`{}` is not a need: write `extension NAME`, `role NAME`, `execute FUNCTION(TYPES)` or `select \
                 RELATION`",
                text.escape_debug()
            )),
        }
    }

    /// The statement that gives it to a role; `role` is quoted by the caller.
    pub fn grant(&self, role: &str) -> String {
        match self {
            Self::Extension(name) => format!("CREATE EXTENSION IF NOT EXISTS {name};"),
            Self::Role(name) => format!("GRANT {name} TO {role};"),
            Self::Execute(name) => format!("GRANT EXECUTE ON FUNCTION {name} TO {role};"),
            Self::Select(name) => format!("GRANT SELECT ON {name} TO {role};"),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, name) = match self {
            Self::Extension(name) => ("extension", name),
            Self::Role(name) => ("role", name),
            Self::Execute(name) => ("execute", name),
            Self::Select(name) => ("select", name),
        };
        write!(f, "{form} {name}")
    }
}

/// How the schema of an extension stands in a query: `@extschema:NAME@`, as in PostgreSQL's extension scripts
/// (manual, "Extension Relocatability").
const PLACEHOLDER: &str = "@extschema:";

/// Replaces each `@extschema:NAME@` by what `schema` says for the extension.
pub fn with_schemas(sql: &str, mut schema: impl FnMut(&str) -> String) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(PLACEHOLDER) {
        let Some((name, tail)) = after.split_once('@') else { break };
        text += before;
        text += &schema(name);
        rest = tail;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_read_shown_and_granted() {
        for (text, grant) in [
            ("extension pg_buffercache", "CREATE EXTENSION IF NOT EXISTS pg_buffercache;"),
            ("role pg_read_all_data", "GRANT pg_read_all_data TO \"m\";"),
            (
                "execute pg_catalog.f(text, int)",
                "GRANT EXECUTE ON FUNCTION pg_catalog.f(text, int) TO \"m\";",
            ),
            ("select pg_catalog.pg_file_settings", "GRANT SELECT ON pg_catalog.pg_file_settings TO \"m\";"),
        ] {
            let need = Need::new(text).unwrap();
            assert_eq!(need.to_string(), text);
            assert_eq!(need.grant("\"m\""), grant);
        }
        for text in ["pg_monitor", "role ", "execute f", "extension a;drop"] {
            assert!(Need::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_schema_of_an_extension_is_filled_in() {
        let sql = "SELECT 1 FROM @extschema:a@.a, @extschema:b@.b WHERE x = '@'";
        let filled = with_schemas(sql, |name| format!("\"s_{name}\""));
        assert_eq!(filled, "SELECT 1 FROM \"s_a\".a, \"s_b\".b WHERE x = '@'");
        assert_eq!(with_schemas("SELECT '@extschema:", |_| String::new()), "SELECT '@extschema:");
    }
}
