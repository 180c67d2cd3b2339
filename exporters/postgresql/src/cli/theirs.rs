//! Flags and environment variables of `postgres_exporter`: each works here, or stops the start and names our way.

use catalogue::suggest::closest;
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// What one of their flags means here.
enum Meaning {
    /// One of ours, by its id in the command line, which their variable sets, too.
    Ours(&'static str),
    /// A switch that says what happens anyway, in these words.
    Anyway(&'static str),
    /// A switch for these collectors, on or off.
    Collectors(&'static [&'static str], bool),
    /// A file.
    File,
    /// Only this value can be had; for others, this is our way.
    Only(&'static str, &'static str),
    /// A switch that cannot be had; this is our way.
    Never(&'static str),
}

use Meaning::{Anyway, Collectors, File, Never, Only, Ours};

/// The flag of their query file.
pub(super) const QUERIES: &str = "extend.query-path";

/// The flag that makes them look for databases.
pub(super) const DISCOVER: &str = "auto-discover-databases";

/// Flag, environment variable or an empty text, meaning. Those of version 0.20 that are not ours word by word.
const THEIRS: [(&str, &str, Meaning); 18] = [
    ("web.telemetry-path", "PG_EXPORTER_WEB_TELEMETRY_PATH", Ours("telemetry_path")),
    ("web.listen-address", "PG_EXPORTER_WEB_LISTEN_ADDRESS", Ours("listen_address")),
    ("collection-timeout", "PG_EXPORTER_COLLECTION_TIMEOUT", Ours("timeout")),
    ("include-databases", "PG_EXPORTER_INCLUDE_DATABASES", Ours("include_databases")),
    ("exclude-databases", "PG_EXPORTER_EXCLUDE_DATABASES", Ours("exclude_databases")),
    ("target-name", "PG_EXPORTER_TARGET_NAME", Ours("target_name")),
    (DISCOVER, "PG_EXPORTER_AUTO_DISCOVER_DATABASES", Anyway("every database is found by itself")),
    ("disable-settings-metrics", "PG_EXPORTER_DISABLE_SETTINGS_METRICS", Collectors(&["settings"], false)),
    (
        "disable-default-metrics",
        "PG_EXPORTER_DISABLE_DEFAULT_METRICS",
        Collectors(
            &[
                "replication_slots",
                "stat_activity",
                "stat_archiver",
                "stat_database_conflicts",
                "stat_replication",
                "static",
            ],
            false,
        ),
    ),
    (
        "collector.stat_statements.include_query",
        "",
        Collectors(&["stat_statements_query", "stat_statements_query_compat"], true),
    ),
    (QUERIES, "PG_EXPORTER_EXTEND_QUERY_PATH", File),
    ("dumpmaps", "", Never("`--help` lists the collectors")),
    (
        "constantLabels",
        "PG_EXPORTER_CONSTANT_LABELS",
        Only("", "put labels into `static_configs` or `relabel_configs` of Prometheus"),
    ),
    (
        "metric-prefix",
        "PG_EXPORTER_METRIC_PREFIX",
        Only("pg", "the alerts read these names; rename them with `metric_relabel_configs` of Prometheus"),
    ),
    (
        "collector.stat_statements.query_length",
        "",
        Only("120", "put a copy of pg_stat_statements_query.yaml with another length into `--metrics DIR`"),
    ),
    (
        "collector.stat_statements.limit",
        "",
        Only("100", "put a copy of pg_stat_statements.yaml with another limit into `--metrics DIR`"),
    ),
    ("collector.stat_statements.exclude_databases", "", Only("", OWN_CONDITION)),
    ("collector.stat_statements.exclude_users", "", Only("", OWN_CONDITION)),
];

const OWN_CONDITION: &str = "put a copy of pg_stat_statements.yaml with a condition into `--metrics DIR`";

/// Adds their flags, and their variables to ours. A variable that is empty is not set.
pub(super) fn add(mut command: Command) -> Command {
    for (flag, variable, meaning) in &THEIRS {
        let variable =
            Some(*variable).filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        if let Ours(id) = meaning {
            if let Some(variable) = variable {
                command = command.mut_arg(*id, |arg| arg.env(variable));
            }
            continue;
        }
        let arg = Arg::new(*flag).long(*flag).hide(true).global(true);
        let arg = match meaning {
            File | Only(..) => arg.action(ArgAction::Set),
            _ => arg.action(ArgAction::SetTrue).value_parser(BoolishValueParser::new()),
        };
        command = command.arg(match variable {
            Some(variable) => arg.env(variable).hide_env_values(true),
            None => arg,
        });
    }
    command
}

/// Collectors with on or off, and sentences for the log.
type Said = (Vec<(&'static str, bool)>, Vec<String>);

/// What their flags and variables say: collectors to switch, and sentences for the log. What cannot be had is an error.
pub(super) fn read(matches: &ArgMatches) -> Result<Said, String> {
    let (mut switches, mut notes) = (Vec::new(), Vec::new());
    for (flag, variable, meaning) in &THEIRS {
        let set = |flag: &str| matches.get_flag(flag);
        let name = || match matches.value_source(flag) {
            Some(clap::parser::ValueSource::EnvVariable) => (*variable).to_owned(),
            _ => format!("--{flag}"),
        };
        match meaning {
            Anyway(why) if set(flag) => notes.push(format!("{} changes nothing: {why}", name())),
            Collectors(names, on) if set(flag) => switches.extend(names.iter().map(|name| (*name, *on))),
            Never(way) if set(flag) => return Err(format!("{} does not exist here: {way}", name())),
            Only(value, way) if matches.get_one::<String>(flag).is_some_and(|given| given != value) => {
                return Err(format!("{} does not exist here: {way}", name()));
            }
            _ => {}
        }
    }
    Ok((switches, notes))
}

/// Refuses a variable `PG_EXPORTER_…` that means nothing. Kubernetes makes some of its own for a Service of that name.
pub(super) fn unknown_variable<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let known = THEIRS.iter().map(|(_, variable, _)| *variable).filter(|name| !name.is_empty());
    for name in names.filter(|name| name.starts_with("PG_EXPORTER_")) {
        let parts: Vec<_> = name.split('_').collect();
        let of_kubernetes = parts.ends_with(&["SERVICE", "HOST"]) || parts[2..].contains(&"PORT");
        if of_kubernetes || known.clone().any(|known| known == name) {
            continue;
        }
        let meant = closest(name, known.clone()).map(|known| format!(", did you mean `{known}`?"));
        return Err(format!(
            "the environment variable `{name}` means nothing here{}",
            meant.unwrap_or_else(|| "; `--help` names those that do".to_owned())
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_known_or_refused_but_for_those_of_kubernetes() {
        let check = |name| unknown_variable([name].into_iter()).err().unwrap_or_default();
        for name in [
            "PG_EXPORTER_PORT",
            "PG_EXPORTER_PORT_9187_TCP_ADDR",
            "PG_EXPORTER_SERVICE_HOST",
            "PG_EXPORTER_METRICS_SERVICE_PORT_HTTP",
            "PG_EXPORTER_EXTEND_QUERY_PATH",
            "PATH",
        ] {
            assert_eq!(check(name), "");
        }
        assert!(
            check("PG_EXPORTER_EXTEND_QUERYPATH").contains("did you mean `PG_EXPORTER_EXTEND_QUERY_PATH`?")
        );
        assert!(check("PG_EXPORTER_X").contains("means nothing here"));
    }
}
