//! What people type. Exit codes: 0 fine, 1 `check-grants` found something missing, 2 could not run.

mod data_source;
mod theirs;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use catalogue::suggest::did_you_mean;
use clap::error::{ContextKind, ContextValue};
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
};

use super::collector::{Definitions, Files};
use super::select::{Databases, Switches};
use super::service::{Options, Service};
use super::{grants, queries_yaml};
use exporter_core::args::{Log, Web, duration};
use exporter_core::sample::Limits;
use exporter_core::{config, log, serve};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "postgresql-exporter",
    version,
    max_term_width = 110,
    about = "Serves metrics of PostgreSQL servers to Prometheus.",
    long_about = "Serves metrics of PostgreSQL servers to Prometheus.\n\n\
        It reads the server that DATA_SOURCE_NAME or libpq's PG* variables describe:\n\n  \
        DATA_SOURCE_NAME='postgresql://monitor@db1/postgres?sslmode=verify-full' postgresql-exporter\n\n\
        The role needs no more than membership in pg_monitor. `check-grants` prints what optional collectors want beyond \
        that. Collectors are switched with --collector.NAME and --no-collector.NAME."
)]
#[command(
    after_help = "Environment: DATA_SOURCE_NAME, or DATA_SOURCE_URI with DATA_SOURCE_USER and DATA_SOURCE_PASS \
    (each also as …_FILE), else PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE, PGSSLMODE and the others of libpq. \
    PG_EXPORTER_TARGET_NAME, and PG_EXPORTER_… of postgres_exporter, whose flags are known, too."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<What>,
    #[command(flatten)]
    common: Common,
    /// Where to listen; may be given several times.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = ":9187",
        help_heading = "Web"
    )]
    listen_address: Vec<String>,
    #[command(flatten)]
    web: Web,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prints the SQL that gives the role what the enabled collectors need and do not have.
    CheckGrants,
    /// Writes the metrics files that a query file of `postgres_exporter` means, for --metrics.
    Convert {
        /// The query file.
        queries: PathBuf,
        /// Folder for the files; none that is there is replaced.
        #[arg(long, value_name = "DIR", default_value = "metrics")]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// File with named targets and `auth_modules`.
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,
    /// Checks the configuration, the web configuration and the metrics files, and exits.
    #[arg(long = "config.check", alias = "config.dry-run")]
    config_check: bool,
    /// Folder with metrics files that add to the built-in ones, or replace those of the same name.
    #[arg(long = "metrics", value_name = "DIR", global = true)]
    metrics: Option<PathBuf>,
    /// Name of the server that the environment describes: the value of label `target` [default: host:port].
    #[arg(long = "target-name", value_name = "NAME", global = true)]
    target_name: Option<String>,
    /// Name of that label. The alerts of this project group by `target`; those for `postgres_exporter` join on `server`.
    #[arg(long = "target-label", value_name = "LABEL", default_value = "target", value_parser = label, global = true)]
    target_label: String,
    /// The most that a scrape may take when Prometheus does not say; Prometheus' own limit counts when it is shorter.
    #[arg(long = "scrape.timeout", alias = "collection-timeout", value_name = "DURATION", default_value = "10s", value_parser = duration, global = true)]
    timeout: Duration,
    /// Connections to one server at most: one stays, the others visit its databases.
    #[arg(long = "max-connections", value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..), global = true)]
    max_connections: u16,
    /// Series that one metric may have per server; the rest is cut and counted.
    #[arg(long = "max-series", value_name = "N", default_value = "10000", global = true)]
    max_series: usize,
    /// Only these databases; `*` stands for any characters.
    #[arg(long = "include-databases", value_name = "NAMES", value_delimiter = ',', global = true)]
    include_databases: Vec<String>,
    /// Not these databases.
    #[arg(long = "exclude-databases", value_name = "NAMES", value_delimiter = ',', global = true)]
    exclude_databases: Vec<String>,
    /// Also serves names of `postgres_exporter` that mislead, for dashboards that still read them.
    #[arg(long = "compat", global = true)]
    compat: bool,
    /// Switches off every collector that is not named.
    #[arg(long = "collector.disable-defaults", global = true, help_heading = "Collectors")]
    no_defaults: bool,
}

/// Runs the program.
pub fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            for line in error.lines() {
                eprintln!("error: {line}");
            }
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let variables: Vec<_> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    theirs::unknown_variable(variables.iter().map(String::as_str))?;
    // The flags depend on the metrics files, and where more of those are is itself a flag.
    let files = Files {
        folder: early("metrics", "", std::env::args_os()),
        queries: early(theirs::QUERIES, "PG_EXPORTER_EXTEND_QUERY_PATH", std::env::args_os()),
        every_database: false,
    };
    // Of what is converted, only the names matter at first.
    let names = if std::env::args_os().nth(1).is_some_and(|first| first == "convert") {
        Definitions::read(None)?
    } else {
        Definitions::of(&files)?
    };
    let matches = match command(&names).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return unknown_collector(&error, &names).map_or_else(|| error.exit(), Err),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    let files = Files { every_database: matches.get_flag(theirs::DISCOVER), ..files };
    if let Some(What::Convert { queries, output }) = &cli.command {
        return convert(queries, output, &names, files.every_database);
    }
    let definitions = Definitions::of(&files)?;
    let (by_name, mut notes) = theirs::read(&matches)?;
    let mut switches = switches(&cli.common, &definitions, &matches);
    switches.by_name.splice(0..0, by_name.into_iter().map(|(name, on)| (name.to_owned(), on)));
    notes.extend(definitions.notes.iter().cloned());
    let options = options(&cli.common, files, switches)?;
    if cli.common.config_check {
        Service::new(options)?;
        serve::check(cli.web.web_config.as_deref())?;
        eprintln!("the configuration is good");
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    if let Some(What::CheckGrants) = cli.command {
        return runtime.block_on(check_grants(options));
    }
    log::start(cli.log.level, cli.log.format);
    for note in notes {
        tracing::warn!("{note}");
    }
    let timeout = options.timeout;
    let service = Service::new(options)?;
    service.setup().announce();
    let listening = cli.web.listening(&cli.listen_address, timeout);
    runtime.block_on(serve::listen(Arc::new(service), listening))?;
    Ok(ExitCode::SUCCESS)
}

/// A label that no collector has.
fn label(text: &str) -> Result<String, String> {
    let (queries, _) = super::queries();
    let mut collectors = queries.iter().filter(|query| !query.branches.is_empty());
    if collectors.any(|query| query.labels.iter().any(|label| &**label == text)) {
        return Err("collectors have a label of that name".to_owned());
    }
    catalogue::name::LabelName::new(text).map(|label| label.to_string())
}

/// The value of a flag with a path, or of its environment variable, found before the flags are known.
fn early(flag: &str, variable: &str, arguments: impl Iterator<Item = std::ffi::OsString>) -> Option<PathBuf> {
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let path = |text: String| Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty());
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--").and_then(|rest| rest.strip_prefix(flag)) {
            Some("") => return path(arguments.next()?),
            Some(rest) if rest.starts_with('=') => return path(rest[1..].to_owned()),
            _ => {}
        }
    }
    path(std::env::var(variable).unwrap_or_default())
}

/// Writes metrics files, and says what could not be written.
fn convert(
    queries: &Path,
    output: &Path,
    built_in: &Definitions,
    every_database: bool,
) -> Result<ExitCode, String> {
    let converted = queries_yaml::convert(&config::read(queries)?, every_database, &built_in.series())?;
    let cannot = |path: &Path, error| format!("cannot write `{}`: {error}", path.display());
    std::fs::create_dir_all(output).map_err(|error| cannot(output, error))?;
    for (name, text) in converted.files {
        let path = output.join(format!("{name}.yaml"));
        let file = std::fs::File::create_new(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| cannot(&path, error))?;
        println!("{}", path.display());
    }
    for note in converted.notes {
        eprintln!("{note}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The command line, with two flags for each collector.
fn command(definitions: &Definitions) -> Command {
    let mut command = theirs::add(Cli::command());
    for collector in definitions.collectors.values() {
        let (name, query) = (collector.flag().to_owned(), &collector.query);
        let state = match () {
            () if query.compat => " [only with --compat]",
            () if query.default => " [on]",
            () => " [off]",
        };
        let on = Arg::new(format!("collector.{name}")).long(format!("collector.{name}"));
        let on = on.help(format!("{}{state}", &*query.help)).action(ArgAction::SetTrue).global(true);
        let off = Arg::new(format!("no-collector.{name}")).long(format!("no-collector.{name}"));
        let off = off.action(ArgAction::SetTrue).hide(true).global(true);
        command = command.arg(on.help_heading("Collectors")).arg(off);
    }
    command.mut_arg("no_defaults", |arg| {
        arg.help("Switches off every collector that is not named; --no-collector.NAME switches one off")
    })
}

fn switches(common: &Common, definitions: &Definitions, matches: &ArgMatches) -> Switches {
    let mut by_name = Vec::new();
    for collector in definitions.collectors.values() {
        for (prefix, on) in [("collector", true), ("no-collector", false)] {
            if matches.get_flag(&format!("{prefix}.{}", collector.flag())) {
                by_name.push((collector.name().to_owned(), on));
            }
        }
    }
    Switches { by_name, no_defaults: common.no_defaults, compat: common.compat }
}

fn options(common: &Common, files: Files, switches: Switches) -> Result<Options, String> {
    Ok(Options {
        label: common.target_label.as_str().into(),
        files,
        config_file: common.config_file.clone(),
        environment: data_source::servers(common.target_name.as_deref().unwrap_or_default())?,
        switches,
        databases: Databases {
            include: common.include_databases.clone(),
            exclude: common.exclude_databases.clone(),
        },
        timeout: common.timeout,
        max_connections: usize::from(common.max_connections),
        limits: Limits { rows: common.max_series, ..Limits::default() },
    })
}

async fn check_grants(options: Options) -> Result<ExitCode, String> {
    let timeout = options.timeout;
    let service = Service::new(options)?;
    let mut code = ExitCode::SUCCESS;
    for target in &service.setup().targets {
        let role = target.login.user();
        match grants::check(target, timeout).await {
            Ok(None) => {
                println!("-- {}: role `{role}` may do all that the enabled collectors need", target.name);
            }
            Ok(Some(sql)) => {
                print!(
                    "-- {}: role `{role}` lacks this; run it with psql as a superuser\n{sql}",
                    target.name
                );
                code = ExitCode::FAILURE;
            }
            Err(failure) => {
                return Err(format!("{}: {} ({})", target.name, failure.message, failure.sqlstate));
            }
        }
    }
    Ok(code)
}

/// What to say of a flag for a collector that does not exist. The closest of all flags may be one of another kind.
fn unknown_collector(error: &clap::Error, definitions: &Definitions) -> Option<String> {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    let name = flag.strip_prefix("--no-collector.").or_else(|| flag.strip_prefix("--collector."))?;
    let known = definitions.collectors.keys().map(|name| name.trim_start_matches("pg_"));
    let help = did_you_mean(&name.replace('-', "_"), known);
    Some(format!("there is no collector `{}`: {help}", name.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command(&Definitions::read(None).unwrap()).debug_assert();
    }

    #[test]
    fn collectors_have_flags() {
        let definitions = Definitions::read(None).unwrap();
        let matches =
            command(&definitions).get_matches_from(["x", "--no-collector.index", "--collector.connections"]);
        let cli = Cli::from_arg_matches(&matches).unwrap();
        let switches = switches(&cli.common, &definitions, &matches);
        assert_eq!(switches.by_name, [("pg_connections".to_owned(), true), ("pg_index".to_owned(), false)]);
    }

    #[test]
    fn the_folder_is_found_before_the_flags_are_known() {
        let find = |arguments: &[&str]| early("metrics", "", arguments.iter().map(Into::into));
        assert_eq!(find(&["x", "--metrics", "a"]), Some("a".into()));
        assert_eq!(find(&["x", "--y", "--metrics=b"]), Some("b".into()));
        assert_eq!(find(&["x", "--metrics-path=/b", "--metrics="]), None);
        assert_eq!(find(&["x"]), None);
    }
}
