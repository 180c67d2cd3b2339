//! What people type. Exit codes: 0 fine, 2 could not run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};

use super::config::{Account, File, SETTINGS, region_name, role_name};
use super::policy::policy;
use super::service::{Options, Service, accounts};
use super::state::Collector;
use super::target::Choice;
use crate::log::{self, Format, Level};
use crate::serve::{self, Listening};

/// The command line. Every setting is also a key of the file and an environment variable.
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
        role must be allowed.",
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
    #[arg(short = 'v', long = "version", short_alias = 'V', action = clap::ArgAction::Version)]
    version: (),
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prints the least policy for the enabled collectors, as JSON.
    IamPolicy,
}

/// Settings that the file and the environment know, too. All are optional here, so that it is known which were given.
#[derive(Debug, Clone, clap::Args)]
struct Settings {
    /// Log everything.
    #[arg(short = 'd', long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", global = true)]
    debug: Option<String>,
    /// How much is logged: debug, info, warn, error [default: info].
    #[arg(long = "log.level", value_name = "LEVEL", help_heading = "Log", global = true)]
    log_level: Option<Level>,
    /// How a line is written: json, logfmt [default: json].
    #[arg(short = 'l', long = "log-format", visible_alias = "log.format", value_name = "FORMAT", help_heading = "Log", global = true)]
    log_format: Option<String>,
    /// Where to listen [default: :9043].
    #[arg(long = "listen-address", visible_alias = "web.listen-address", value_name = "ADDRESS", help_heading = "Web")]
    listen_address: Option<String>,
    /// Path of the metrics [default: /metrics].
    #[arg(long = "metrics-path", visible_alias = "web.telemetry-path", value_name = "PATH", help_heading = "Web")]
    metrics_path: Option<String>,
    /// File with TLS, client certificates and users, in the format of Prometheus' exporter-toolkit.
    #[arg(long = "web.config.file", value_name = "FILE", help_heading = "Web")]
    web_config: Option<PathBuf>,
    /// Take the sockets from systemd instead of listening.
    #[arg(long = "web.systemd-socket", help_heading = "Web")]
    systemd_socket: bool,
    /// Certificate for HTTPS; with --tls-key-path.
    #[arg(long = "tls-cert-path", value_name = "FILE", help_heading = "Web")]
    tls_cert_path: Option<String>,
    /// Private key for HTTPS.
    #[arg(long = "tls-key-path", value_name = "FILE", help_heading = "Web")]
    tls_key_path: Option<String>,
    /// Role to assume.
    #[arg(long = "aws-assume-role-arn", value_name = "ARN", help_heading = "AWS", global = true)]
    assume_role_arn: Option<String>,
    /// Name of its session [default: prometheus-rds-exporter].
    #[arg(long = "aws-assume-role-session", value_name = "NAME", help_heading = "AWS", global = true)]
    assume_role_session: Option<String>,
    /// CloudWatch metrics of instances and clusters [default: true].
    #[arg(long = "collect-instance-metrics", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_instance_metrics: Option<String>,
    /// Tags of instances [default: true].
    #[arg(long = "collect-instance-tags", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_instance_tags: Option<String>,
    /// What instance classes can do, from EC2 [default: true].
    #[arg(long = "collect-instance-types", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_instance_types: Option<String>,
    /// Size of log files; db.serverless left out [default: true].
    #[arg(long = "collect-logs-size", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_logs_size: Option<String>,
    /// Size of log files of db.serverless, too. It keeps them from pausing [default: false].
    #[arg(long = "collect-serverless-logs-size", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_serverless_logs_size: Option<String>,
    /// Maintenance that AWS has announced [default: true].
    #[arg(long = "collect-maintenances", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_maintenances: Option<String>,
    /// Clusters, and the roles of their members [default: true].
    #[arg(long = "collect-cluster-metrics", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_cluster_metrics: Option<String>,
    /// Quotas [default: true].
    #[arg(long = "collect-quotas", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_quotas: Option<String>,
    /// Latencies and queues of disks: USD 1.75 more per instance and month [default: false].
    #[arg(long = "collect-latencies", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_latencies: Option<String>,
    /// How much of the quotas is used [default: true].
    #[arg(long = "collect-usages", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_usages: Option<String>,
    /// Until when engine versions are supported [default: true].
    #[arg(long = "collect-engine-support", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Collectors", global = true)]
    collect_engine_support: Option<String>,
    /// Values as the exporter that came before gave them, mistakes included, and its `up` [default: false].
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", global = true)]
    compat: Option<String>,
    /// Accepted and without effect.
    #[arg(long = "enable-otel-traces", num_args = 0..=1, default_missing_value = "true", hide = true)]
    otel: Option<String>,
}

impl Settings {
    /// What was given, by the name that the file uses.
    fn given(&self) -> BTreeMap<&'static str, String> {
        let all = [
            ("debug", &self.debug),
            ("log-format", &self.log_format),
            ("metrics-path", &self.metrics_path),
            ("listen-address", &self.listen_address),
            ("tls-cert-path", &self.tls_cert_path),
            ("tls-key-path", &self.tls_key_path),
            ("enable-otel-traces", &self.otel),
            ("aws-assume-role-arn", &self.assume_role_arn),
            ("aws-assume-role-session", &self.assume_role_session),
            ("collect-instance-metrics", &self.collect_instance_metrics),
            ("collect-instance-tags", &self.collect_instance_tags),
            ("collect-instance-types", &self.collect_instance_types),
            ("collect-logs-size", &self.collect_logs_size),
            ("collect-serverless-logs-size", &self.collect_serverless_logs_size),
            ("collect-maintenances", &self.collect_maintenances),
            ("collect-cluster-metrics", &self.collect_cluster_metrics),
            ("collect-quotas", &self.collect_quotas),
            ("collect-usages", &self.collect_usages),
            ("collect-engine-support", &self.collect_engine_support),
            ("collect-latencies", &self.collect_latencies),
            ("compat", &self.compat),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// File, environment and flags together.
struct Merged(BTreeMap<&'static str, String>);

impl Merged {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("true" | "1" | "yes" | "on" | "t") => Ok(true),
            Some("false" | "0" | "no" | "off" | "f") => Ok(false),
            Some(other) => Err(format!("`{name}` is `{}`, not true or false", other.escape_debug())),
        }
    }
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
    let cli = Cli::parse();
    let files = files(cli.config)?;
    let mut settings = BTreeMap::new();
    for file in &files {
        settings.extend(File::read(file)?.settings);
    }
    settings.extend(environment());
    settings.extend(cli.settings.given());
    let merged = Merged(settings);
    let options = options(files, &merged)?;
    let listening = listening(&cli.settings, &merged)?;
    if let Some(What::IamPolicy) = cli.command {
        let accounts = accounts(&options)?;
        let region = accounts.iter().find_map(|account| account.region.clone());
        let region = region.or_else(|| std::env::var("AWS_REGION").ok()).unwrap_or_default();
        let mut collectors = options.choice.collectors.clone();
        if accounts.iter().all(|account| account.tags.is_empty()) {
            collectors.remove(&Collector::Tags);
        }
        print!("{}", policy(&collectors, &region));
        return Ok(());
    }
    let format = match merged.text("log-format") {
        None | Some("json") => Format::Json,
        Some("text" | "logfmt") => Format::Logfmt,
        Some(other) => return Err(format!("`log-format` is `{}`: json and logfmt exist", other.escape_debug())),
    };
    let debug = merged.flag("debug", false)?;
    let level = cli.settings.log_level.unwrap_or(if debug { Level::Debug } else { Level::Info });
    serve::check(listening.web_config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    if cli.config_check {
        accounts(&options)?;
        eprintln!("the configuration is good");
        return Ok(());
    }
    log::start(level, format);
    if merged.flag("enable-otel-traces", false)? {
        tracing::warn!("enable-otel-traces has no effect");
    }
    runtime.block_on(async {
        let service = Service::new(options).await?;
        serve::listen(Arc::new(service), listening).await
    })
}

/// The files that are read: the named one, or those at the usual places.
fn files(named: Option<PathBuf>) -> Result<Vec<PathBuf>, String> {
    const NAME: &str = "prometheus-rds-exporter.yaml";
    if let Some(path) = named {
        return if path.is_file() { Ok(vec![path]) } else { Err(format!("cannot read `{}`: no such file", path.display())) };
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(NAME));
    let mut found: Vec<PathBuf> = home.into_iter().chain([PathBuf::from(NAME)]).filter(|path| path.is_file()).collect();
    found.dedup_by_key(|path| path.canonicalize().ok());
    Ok(found)
}

/// Settings of the environment: `PROMETHEUS_RDS_EXPORTER_COLLECT_QUOTAS`; dashes in a name count as underscores.
fn environment() -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    for (name, value) in std::env::vars() {
        let Some(name) = name.strip_prefix("PROMETHEUS_RDS_EXPORTER_") else { continue };
        let name = name.to_ascii_lowercase().replace('_', "-");
        if let Some(known) = SETTINGS.iter().find(|known| **known == name) {
            found.insert(*known, value);
        }
    }
    found
}

fn options(files: Vec<PathBuf>, merged: &Merged) -> Result<Options, String> {
    use Collector::{
        Clusters, EngineSupport, Identity, InstanceMetrics, InstanceTypes, Instances, LogFiles, Maintenances, Quotas, Tags,
        Usages,
    };
    let serverless_logs = merged.flag("collect-serverless-logs-size", false)?;
    let mut collectors = BTreeSet::from([Identity, Tags, Instances]);
    for (name, collector) in [
        ("collect-cluster-metrics", Clusters),
        ("collect-maintenances", Maintenances),
        ("collect-instance-metrics", InstanceMetrics),
        ("collect-logs-size", LogFiles),
        ("collect-instance-types", InstanceTypes),
        ("collect-quotas", Quotas),
        ("collect-usages", Usages),
        ("collect-engine-support", EngineSupport),
    ] {
        if merged.flag(name, true)? {
            collectors.insert(collector);
        }
    }
    let choice = Choice { collectors, tags: merged.flag("collect-instance-tags", true)?, serverless_logs };
    let mut account = Account::default();
    if let Some(role) = merged.text("aws-assume-role-arn") {
        account.role_arn = Some(role_name(role)?);
    }
    if let Some(session) = merged.text("aws-assume-role-session") {
        session.clone_into(&mut account.session_name);
    }
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let Some(region) = std::env::var(name).ok().filter(|region| !region.is_empty()) {
            account.region = Some(region_name(&region).map_err(|error| format!("{name}: {error}"))?);
            break;
        }
    }
    Ok(Options { files, account, choice, latencies: merged.flag("collect-latencies", false)?, compat: merged.flag("compat", false)? })
}

fn listening(settings: &Settings, merged: &Merged) -> Result<Listening, String> {
    let tls = match (merged.text("tls-cert-path"), merged.text("tls-key-path")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
        _ => return Err("`tls-cert-path` and `tls-key-path` go together".to_owned()),
    };
    if tls.is_some() && settings.web_config.is_some() {
        return Err("`tls-cert-path` and `web.config.file` exclude each other".to_owned());
    }
    let path = merged.text("metrics-path").unwrap_or("/metrics");
    Ok(Listening {
        addresses: vec![merged.text("listen-address").unwrap_or(":9043").to_owned()],
        systemd_socket: settings.systemd_socket,
        web_config: settings.web_config.clone(),
        tls,
        telemetry_path: crate::args::telemetry_path(path)?,
        grace: Duration::from_secs(10),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_say_what_they_mean() {
        let merged = |pairs: &[(&'static str, &str)]| Merged(pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
        let off = merged(&[("collect-quotas", "False"), ("collect-logs-size", "0")]);
        let options = options(Vec::new(), &off).unwrap();
        assert!(!options.choice.collectors.contains(&Collector::Quotas) && !options.choice.collectors.contains(&Collector::LogFiles));
        assert!(options.choice.collectors.contains(&Collector::Usages));
        let error = self::options(Vec::new(), &merged(&[("collect-quotas", "maybe")])).unwrap_err();
        assert_eq!(error, "`collect-quotas` is `maybe`, not true or false");
        assert!(self::options(Vec::new(), &merged(&[("aws-assume-role-arn", "nobody")])).is_err());
    }
}
