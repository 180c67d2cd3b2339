//! What people type. Exit codes: 0 fine, 2 could not run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgAction, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::page::Definitions;
use super::policy::policy;
use super::service::Service;
use super::settings::{Inputs, Merged, SETTINGS, Setting, environment, region};
use exporter_core::log::{self, Format, Level};
use exporter_core::serve::{self, Listening, Reloads};

/// The command line; the settings are added to it.
#[derive(Debug, Parser)]
#[command(
    name = "rds-exporter",
    version,
    disable_version_flag = true,
    max_term_width = 110,
    about = "Serves metrics of Amazon RDS and Aurora to Prometheus.",
    long_about = "Serves metrics of Amazon RDS and Aurora to Prometheus.\n\n\
        Without configuration it reads the account and region of the AWS environment (variables, profile, IRSA, Pod \
        Identity, instance metadata):\n\n  AWS_REGION=eu-west-3 rds-exporter\n\n`rds-exporter iam-policy` prints what its \
        role must be allowed. Several accounts and regions go into a file:\n\n  # rds-exporter --config accounts.yaml\n  \
        targets:\n  - regions: [eu-west-3, us-east-1]\n  - region: eu-west-3\n    role-arn: \
        arn:aws:iam::123456789012:role/monitor",
    after_help = "Every setting can stand in the file and in the environment, too: `collect-quotas: false`, or\n\
        PROMETHEUS_RDS_EXPORTER_COLLECT_QUOTAS=false. Flags win over the environment, which wins over the file.\n\
        Without --config, $HOME/prometheus-rds-exporter.yaml and ./prometheus-rds-exporter.yaml are read when they exist."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<What>,
    /// The configuration file.
    #[arg(short = 'c', long = "config", visible_alias = "config.file", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Checks the configuration and exits.
    #[arg(long = "config.check")]
    config_check: bool,
    /// Prints the version.
    #[arg(short = 'v', long = "version", short_alias = 'V', action = ArgAction::Version)]
    version: (),
    /// How much is logged: debug, info, warn, error [default: info].
    #[arg(long = "log.level", value_name = "LEVEL", help_heading = "Log", hide_possible_values = true)]
    log_level: Option<Level>,
    /// File with TLS, client certificates and users, in the format of Prometheus' exporter-toolkit.
    #[arg(long = "web.config.file", value_name = "FILE", help_heading = "Web")]
    web_config: Option<PathBuf>,
    /// Take the sockets from systemd instead of listening.
    #[arg(long = "web.systemd-socket", help_heading = "Web")]
    systemd_socket: bool,
    #[command(flatten)]
    reloads: Reloads,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prints the least policy for the enabled collectors, as JSON.
    IamPolicy,
}

/// The command line with all settings.
fn command() -> Command {
    SETTINGS.iter().fold(Cli::command(), |command, setting| command.arg(flag(setting)))
}

fn flag(setting: &'static Setting) -> Arg {
    let mut arg = Arg::new(setting.name).long(setting.name).value_name(setting.value).help(setting.help);
    arg = arg.global(true).hide(setting.help.is_empty());
    if setting.name == "listen-address" {
        arg = arg.action(ArgAction::Append);
    }
    if let Some(short) = setting.short {
        arg = arg.short(short);
    }
    if let Some(alias) = setting.alias {
        arg = arg.visible_alias(alias);
    }
    if setting.value == "BOOL" {
        arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    if setting.heading == "Options" { arg } else { arg.help_heading(setting.heading) }
}

/// Runs the program.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                eprintln!("error: {line}");
            }
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let matches = command().get_matches();
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    let mut inputs =
        Inputs { files: files(cli.config.clone())?, given: environment(std::env::vars()), region: region()? };
    for setting in SETTINGS {
        if let Some(values) = matches.get_many::<String>(setting.name) {
            inputs.given.insert(setting.name, values.map(String::as_str).collect::<Vec<_>>().join(","));
        }
    }
    let merged = inputs.merged()?;
    let options = inputs.options()?;
    let listening = listening(&cli, &merged)?;
    if let Some(What::IamPolicy) = cli.command {
        print!("{}", runtime()?.block_on(policy(&options))?);
        return Ok(());
    }
    let format = match merged.text("log-format") {
        None | Some("json") => Format::Json,
        Some("text" | "logfmt") => Format::Logfmt,
        Some(other) => {
            return Err(format!("`log-format` is `{}`: json and logfmt exist", other.escape_debug()));
        }
    };
    let debug = merged.flag("debug", false)?;
    let level = cli.log_level.unwrap_or(if debug { Level::Debug } else { Level::Info });
    let without_effect = merged.flag("enable-otel-traces", false)?;
    serve::check(listening.web_config.as_deref())?;
    super::aws::http()?;
    Definitions::read(options.latencies, options.metrics_interval, options.metrics.as_deref())?;
    if cli.config_check {
        eprintln!("the configuration is good");
        return Ok(());
    }
    log::start(level, format);
    if without_effect {
        tracing::warn!("enable-otel-traces has no effect");
    }
    // Answers of AWS are read by a thread of their own, so that no scrape waits behind them.
    let (collecting, serving) = (runtime()?, runtime()?);
    let on = collecting.handle().clone();
    let thread = std::thread::Builder::new().name("collecting".to_owned());
    let started = thread.spawn(move || collecting.block_on(std::future::pending::<()>()));
    started.map_err(|error| format!("cannot start: {error}"))?;
    serving.block_on(async {
        let service = Service::new(inputs, on).await?;
        serve::listen(Arc::new(service), listening).await
    })
}

/// A runtime of one thread: enough for what waits most of the time, and it takes less memory than several.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))
}

/// The files that are read: the named one, or those at the usual places.
fn files(named: Option<PathBuf>) -> Result<Vec<PathBuf>, String> {
    const NAME: &str = "prometheus-rds-exporter.yaml";
    if let Some(path) = named {
        let found = path.is_file();
        return if found {
            Ok(vec![path])
        } else {
            Err(format!("cannot read `{}`: no such file", path.display()))
        };
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(NAME));
    let places = home.into_iter().chain([PathBuf::from(NAME)]);
    let mut found: Vec<PathBuf> = places.filter(|path| path.is_file()).collect();
    found.dedup_by_key(|path| path.canonicalize().ok());
    Ok(found)
}

fn listening(cli: &Cli, merged: &Merged) -> Result<Listening, String> {
    let tls = match (merged.text("tls-cert-path"), merged.text("tls-key-path")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
        _ => return Err("`tls-cert-path` and `tls-key-path` go together".to_owned()),
    };
    if tls.is_some() && cli.web_config.is_some() {
        return Err("`tls-cert-path` and `web.config.file` exclude each other".to_owned());
    }
    let path = merged.text("metrics-path").unwrap_or("/metrics");
    let addresses =
        merged.text("listen-address").unwrap_or(":9043").split(',').map(|address| address.trim().to_owned());
    Ok(Listening {
        addresses: addresses.collect(),
        systemd_socket: cli.systemd_socket,
        web_config: cli.web_config.clone(),
        tls,
        telemetry_path: exporter_core::args::telemetry_path(path)
            .map_err(|error| format!("`metrics-path`: {error}"))?,
        reloads: cli.reloads,
        grace: Duration::from_secs(10),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn flags_are_settings_before_and_after_a_command() {
        for line in [
            "x --collect-quotas=false iam-policy",
            "x iam-policy --collect-quotas=false",
            "x -d --collect-quotas=false",
        ] {
            let matches = command().try_get_matches_from(line.split(' ')).unwrap();
            assert_eq!(
                matches.get_one::<String>("collect-quotas").map(String::as_str),
                Some("false"),
                "{line}"
            );
        }
        let matches = command()
            .try_get_matches_from(["x", "--debug", "--web.listen-address", ":1", "--listen-address", ":2"])
            .unwrap();
        assert_eq!(matches.get_one::<String>("debug").map(String::as_str), Some("true"));
        assert_eq!(matches.get_many::<String>("listen-address").unwrap().count(), 2);
    }
}
