//! What people type. Exit codes: 0 fine, 1 `check-grants` found something missing, 2 could not run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
};

use super::collector::Definitions;
use super::config::Server;
use super::dsn::Dsn;
use super::grants;
use super::select::{Databases, Switches};
use super::service::{Options, Service};
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
        Without configuration it reads the server that DATA_SOURCE_NAME or libpq's PG* variables describe:\n\n  \
        DATA_SOURCE_NAME='postgresql://monitor@db1/postgres?sslmode=verify-full' postgresql-exporter\n\n\
        The role needs no more than membership in pg_monitor. `check-grants` prints what optional collectors want beyond \
        that. Collectors are switched with --collector.NAME and --no-collector.NAME."
)]
#[command(
    after_help = "Environment: DATA_SOURCE_NAME, or DATA_SOURCE_URI with DATA_SOURCE_USER and DATA_SOURCE_PASS \
    (each also as …_FILE), else PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE, PGSSLMODE and the others of libpq."
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
    #[arg(long = "target-name", value_name = "NAME", env = "PG_EXPORTER_TARGET_NAME", global = true)]
    target_name: Option<String>,
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
    #[arg(
        long = "include-databases",
        value_name = "NAMES",
        value_delimiter = ',',
        env = "PG_EXPORTER_INCLUDE_DATABASES",
        global = true
    )]
    include_databases: Vec<String>,
    /// Not these databases.
    #[arg(
        long = "exclude-databases",
        value_name = "NAMES",
        value_delimiter = ',',
        env = "PG_EXPORTER_EXCLUDE_DATABASES",
        global = true
    )]
    exclude_databases: Vec<String>,
    /// Also serves names of `postgres_exporter` that mislead, for dashboards that still read them.
    #[arg(long = "compat", global = true)]
    compat: bool,
    /// Switches off every collector that is not named.
    #[arg(long = "collector.disable-defaults", global = true, help_heading = "Collectors")]
    no_defaults: bool,
}

/// Flags of `postgres_exporter` that change nothing here.
const ACCEPTED: [(&str, bool, &str); 3] = [
    ("auto-discover-databases", false, "every database is found by itself"),
    ("disable-settings-metrics", false, "use --no-collector.settings"),
    ("disable-default-metrics", false, "use --collector.disable-defaults"),
];

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
    // The flags depend on the metrics files, and the folder with more of those is itself a flag.
    let folder = metrics_folder(std::env::args_os());
    let definitions = Definitions::read(folder.as_deref())?;
    let matches = command(&definitions).get_matches();
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    let options = options(&cli.common, switches(&cli.common, &definitions, &matches))?;
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
    for (flag, _, instead) in ACCEPTED {
        if matches.get_flag(flag) {
            tracing::warn!("--{flag} has no effect: {instead}");
        }
    }
    let timeout = options.timeout;
    let service = Service::new(options)?;
    let listening = cli.web.listening(&cli.listen_address, timeout);
    runtime.block_on(serve::listen(Arc::new(service), listening))?;
    Ok(ExitCode::SUCCESS)
}

/// The value of `--metrics`, found before the flags are known.
fn metrics_folder(arguments: impl Iterator<Item = std::ffi::OsString>) -> Option<PathBuf> {
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        if argument == "--metrics" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(folder) = argument.strip_prefix("--metrics=") {
            return Some(PathBuf::from(folder));
        }
    }
    None
}

/// The command line, with two flags for each collector.
fn command(definitions: &Definitions) -> Command {
    let mut command = Cli::command();
    for (flag, _, _) in ACCEPTED {
        command = command.arg(Arg::new(flag).long(flag).action(ArgAction::SetTrue).hide(true));
    }
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

fn options(common: &Common, switches: Switches) -> Result<Options, String> {
    let name = common.target_name.clone().unwrap_or_default();
    let dsn = data_source()?;
    let described = dsn.is_some()
        || !name.is_empty()
        || ["PGHOST", "PGSERVICE"].iter().any(|name| std::env::var_os(name).is_some());
    let environment = described.then(|| Server::of(name, dsn.unwrap_or_default(), None));
    Ok(Options {
        metrics: common.metrics.clone(),
        config_file: common.config_file.clone(),
        environment,
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

/// The connection string of the environment, in the variables of `postgres_exporter`.
fn data_source() -> Result<Option<Dsn>, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let or_file = |name: &str| match (variable(name), variable(&format!("{name}_FILE"))) {
        (Some(value), _) => Ok(Some(value)),
        (None, Some(path)) => {
            config::secret(path.as_ref()).map(Some).map_err(|error| format!("{name}_FILE: {error}"))
        }
        (None, None) => Ok(None),
    };
    let parse = |name: &str, text: &str| Dsn::parse(text).map_err(|error| format!("{name}: {error}"));
    if let Some(text) = or_file("DATA_SOURCE_NAME")? {
        return parse("DATA_SOURCE_NAME", &text).map(Some);
    }
    let Some(text) = or_file("DATA_SOURCE_URI")? else { return Ok(None) };
    let text = if text.contains("://") { text } else { format!("postgresql://{text}") };
    let mut dsn = parse("DATA_SOURCE_URI", &text)?;
    for (name, parameter) in [("DATA_SOURCE_USER", "user"), ("DATA_SOURCE_PASS", "password")] {
        if let Some(value) = or_file(name)? {
            dsn.set(parameter, value)?;
        }
    }
    Ok(Some(dsn))
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
        let find = |arguments: &[&str]| metrics_folder(arguments.iter().map(Into::into));
        assert_eq!(find(&["x", "--metrics", "a"]), Some("a".into()));
        assert_eq!(find(&["x", "--y", "--metrics=b"]), Some("b".into()));
        assert_eq!(find(&["x"]), None);
    }
}
