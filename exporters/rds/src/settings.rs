//! Settings that are a flag, a key of the file and an environment variable in one, and what they mean together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::config::{Account, File, region_name, role_name};
use super::state::Collector;
use super::target::{Choice, account_in};

/// A setting. Its name is the flag without dashes and the key of the file; `PROMETHEUS_RDS_EXPORTER_` and the name
/// with underscores is the environment variable.
#[derive(Debug)]
pub struct Setting {
    /// Name.
    pub name: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// The name that other exporters use for the flag.
    pub alias: Option<&'static str>,
    /// What the help calls its value; `BOOL` may be left out of the flag.
    pub value: &'static str,
    /// Where it stands in the help.
    pub heading: &'static str,
    /// What the help says; nothing for what has no effect.
    pub help: &'static str,
}

const fn switch(name: &'static str, help: &'static str) -> Setting {
    Setting { name, short: None, alias: None, value: "BOOL", heading: "Collectors", help }
}

const fn text(
    name: &'static str,
    alias: Option<&'static str>,
    value: &'static str,
    heading: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, short: None, alias, value, heading, help }
}

/// All of them, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    Setting { heading: "Log", short: Some('d'), ..switch("debug", "Log everything") },
    Setting {
        short: Some('l'),
        ..text(
            "log-format",
            Some("log.format"),
            "FORMAT",
            "Log",
            "How a line is written: json, logfmt [default: json]",
        )
    },
    text(
        "listen-address",
        Some("web.listen-address"),
        "ADDRESS",
        "Web",
        "Where to listen; several with commas [default: :9043]",
    ),
    text(
        "metrics-path",
        Some("web.telemetry-path"),
        "PATH",
        "Web",
        "Path of the metrics [default: /metrics]",
    ),
    text("tls-cert-path", None, "FILE", "Web", "Certificate for HTTPS; with --tls-key-path"),
    text("tls-key-path", None, "FILE", "Web", "Private key for HTTPS"),
    text("aws-assume-role-arn", None, "ARN", "AWS", "Role to assume"),
    text(
        "aws-assume-role-session",
        None,
        "NAME",
        "AWS",
        "Name of its session [default: prometheus-rds-exporter]",
    ),
    text(
        "metrics",
        None,
        "DIR",
        "Collectors",
        "Folder with metrics files that add to the built-in ones, or replace those of the same name",
    ),
    switch("collect-instance-metrics", "CloudWatch metrics of instances and clusters [default: true]"),
    text(
        "metrics-interval",
        None,
        "DURATION",
        "Collectors",
        "How often CloudWatch is asked at most; 5m costs a quarter of 1m [default: 1m]",
    ),
    text(
        "metrics-lateness",
        None,
        "DURATION",
        "Collectors",
        "How old the newest value of CloudWatch may be when it is late [default: 15m]",
    ),
    switch(
        "collect-latencies",
        "Latencies and queues of disks: USD 1.75 more per instance and month [default: false]",
    ),
    switch("collect-instance-tags", "Tags of instances [default: true]"),
    switch("collect-instance-types", "What instance classes can do, from EC2 [default: true]"),
    switch("collect-logs-size", "Size of log files; db.serverless left out [default: true]"),
    switch(
        "collect-serverless-logs-size",
        "Size of log files of db.serverless, too. It keeps them from pausing [default: false]",
    ),
    switch("collect-maintenances", "Maintenance that AWS has announced [default: true]"),
    switch("collect-cluster-metrics", "Clusters, and the roles of their members [default: true]"),
    switch("collect-quotas", "Quotas [default: true]"),
    switch("collect-usages", "How much of the quotas is used [default: true]"),
    switch("collect-engine-support", "Until when engine versions are supported [default: true]"),
    switch("collect-events", "When something last happened to an instance or cluster [default: false]"),
    Setting {
        heading: "Options",
        ..switch(
            "compat",
            "Values as the exporter that came before gave them, mistakes included, and its `up` [default: false]",
        )
    },
    Setting { heading: "Options", ..switch("enable-otel-traces", "") },
];

/// Where settings come from. The files are read again on a reload; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The configuration files, in the order in which they are read.
    pub files: Vec<PathBuf>,
    /// What environment and flags say, by name.
    pub given: BTreeMap<&'static str, String>,
    /// The region of the environment.
    pub region: Option<String>,
}

/// File, environment and flags together.
#[derive(Debug, Default)]
pub struct Merged(BTreeMap<&'static str, String>);

impl Merged {
    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A switch.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("true" | "1" | "yes" | "on" | "t") => Ok(true),
            Some("false" | "0" | "no" | "off" | "f") => Ok(false),
            Some(other) => Err(format!("`{name}` is `{}`, not true or false", other.escape_debug())),
        }
    }
}

impl Merged {
    /// A time between a minute and an hour.
    fn minutes(&self, name: &str, default: u64) -> Result<Duration, String> {
        let Some(text) = self.text(name) else { return Ok(Duration::from_mins(default)) };
        let time = exporter_core::args::duration(text).map_err(|error| format!("`{name}`: {error}"))?;
        if (Duration::from_mins(1)..=Duration::from_hours(1)).contains(&time) {
            Ok(time)
        } else {
            Err(format!("`{name}` is between 1m and 1h"))
        }
    }
}

/// What is to be collected from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The accounts and regions.
    pub accounts: Vec<Account>,
    /// Those that are gone on purpose.
    pub removed: Vec<(String, String)>,
    /// What is collected from each.
    pub choice: Choice,
    /// Whether CloudWatch is asked for latencies and queues, which costs extra.
    pub latencies: bool,
    /// How often CloudWatch is asked at most.
    pub metrics_interval: Duration,
    /// Folder with metrics files that add to or replace the embedded ones.
    pub metrics: Option<PathBuf>,
}

impl Inputs {
    /// Files, environment and flags; later ones win.
    pub fn merged(&self) -> Result<Merged, String> {
        self.read().map(|(merged, _)| merged)
    }

    /// What is to be collected from where.
    pub fn options(&self) -> Result<Options, String> {
        let (merged, file) = self.read()?;
        let choice = choice(&merged)?;
        let metrics_interval = merged.minutes("metrics-interval", 1)?;
        let latencies = merged.flag("collect-latencies", false)?;
        let removed = file.removed.clone();
        let accounts = self.accounts(&merged, file)?;
        let metrics = merged.text("metrics").map(PathBuf::from);
        Ok(Options { accounts, removed, choice, latencies, metrics_interval, metrics })
    }

    /// The same on a reload. A file that is empty and was not is being written, and changes nothing.
    pub fn again(&self, before: &Options) -> Result<Options, String> {
        let options = self.options()?;
        let is_empty = |path: &&PathBuf| File::read(path).is_ok_and(|file| file == File::default());
        match self.files.iter().find(is_empty) {
            Some(path) if options != *before => {
                Err(format!("`{}` is empty, or is being written", path.display()))
            }
            _ => Ok(options),
        }
    }

    fn read(&self) -> Result<(Merged, File), String> {
        let mut all = File::default();
        for path in &self.files {
            let own = File::read(path)?;
            all.settings.extend(own.settings);
            all.tags.extend(own.tags);
            if !own.targets.is_empty() {
                all.targets = own.targets;
            }
            all.removed.extend(own.removed);
        }
        let mut settings = std::mem::take(&mut all.settings);
        settings.extend(self.given.clone());
        Ok((Merged(settings), all))
    }

    fn accounts(&self, merged: &Merged, file: File) -> Result<Vec<Account>, String> {
        let mut own = Account { region: self.region.clone(), ..Account::default() };
        if let Some(role) = merged.text("aws-assume-role-arn") {
            own.role_arn = Some(role_name(role).map_err(|error| format!("`aws-assume-role-arn`: {error}"))?);
        }
        if let Some(session) = merged.text("aws-assume-role-session") {
            session.clone_into(&mut own.session_name);
        }
        let mut accounts = if file.targets.is_empty() { vec![own] } else { file.targets };
        for account in accounts.iter_mut().filter(|account| account.tags.is_empty()) {
            account.tags.clone_from(&file.tags);
        }
        let mut known = BTreeSet::new();
        for account in &accounts {
            let region = account.region.as_ref().or(self.region.as_ref());
            // A role says which account it leads to; without one the credentials decide.
            let place = account.role_arn.as_deref().and_then(account_in);
            let source = place.is_none().then_some(&account.profile);
            if !known.insert((region, place, source, &account.endpoint)) {
                let region = region.map_or("the region of the environment", String::as_str);
                let role =
                    account.role_arn.as_deref().map(|role| format!(" with `{role}`")).unwrap_or_default();
                return Err(format!("two targets are the same: {region}{role}"));
            }
        }
        Ok(accounts)
    }
}

fn choice(merged: &Merged) -> Result<Choice, String> {
    use Collector::{
        Clusters, EngineSupport, Events, Identity, InstanceMetrics, InstanceTypes, Instances, LogFiles,
        Maintenances, Quotas, Tags, Usages,
    };
    let mut collectors = BTreeSet::from([Identity, Tags, Instances]);
    for (name, collector, default) in [
        ("collect-cluster-metrics", Clusters, true),
        ("collect-maintenances", Maintenances, true),
        ("collect-instance-metrics", InstanceMetrics, true),
        ("collect-logs-size", LogFiles, true),
        ("collect-instance-types", InstanceTypes, true),
        ("collect-quotas", Quotas, true),
        ("collect-usages", Usages, true),
        ("collect-engine-support", EngineSupport, true),
        ("collect-events", Events, false),
    ] {
        if merged.flag(name, default)? {
            collectors.insert(collector);
        }
    }
    Ok(Choice {
        collectors,
        tags: merged.flag("collect-instance-tags", true)?,
        serverless_logs: merged.flag("collect-serverless-logs-size", false)?,
        lateness: merged.minutes("metrics-lateness", 15)?,
        compat: merged.flag("compat", false)?,
    })
}

/// Settings of the environment: `PROMETHEUS_RDS_EXPORTER_COLLECT_QUOTAS`; dashes in a name count as underscores.
/// Others with this prefix are left alone: Kubernetes sets some for a service of this name.
pub fn environment(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    for (name, value) in variables {
        let Some(name) = name.strip_prefix("PROMETHEUS_RDS_EXPORTER_") else { continue };
        let name = name.to_ascii_lowercase().replace('_', "-");
        if let Some(known) = SETTINGS.iter().find(|known| known.name == name) {
            found.insert(known.name, value);
        }
    }
    found
}

/// The region of the environment variables that all AWS programs know.
pub fn region() -> Result<Option<String>, String> {
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let Some(region) = std::env::var(name).ok().filter(|region| !region.is_empty()) {
            return region_name(&region).map(Some).map_err(|error| format!("{name}: {error}"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&'static str, &str)]) -> Inputs {
        let given = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Inputs { given, ..Inputs::default() }
    }

    #[test]
    fn settings_say_what_they_mean() {
        let options =
            inputs(&[("collect-quotas", "False"), ("collect-logs-size", "0"), ("metrics-interval", "5m")])
                .options();
        let options = options.unwrap();
        for off in [Collector::Quotas, Collector::LogFiles, Collector::Events] {
            assert!(!options.choice.collectors.contains(&off), "{off:?}");
        }
        assert!(options.choice.collectors.contains(&Collector::Usages));
        assert_eq!(options.metrics_interval, Duration::from_mins(5));
        for (name, value, message) in [
            ("collect-quotas", "maybe", "`collect-quotas` is `maybe`, not true or false"),
            ("metrics-interval", "10s", "`metrics-interval` is between 1m and 1h"),
            ("metrics-lateness", "2h", "`metrics-lateness` is between 1m and 1h"),
            ("aws-assume-role-arn", "nobody", "`aws-assume-role-arn`: `nobody` is not the ARN of a role"),
        ] {
            let error = inputs(&[(name, value)]).options().unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn both_spellings_of_the_environment_count() {
        let variables = [
            ("PROMETHEUS_RDS_EXPORTER_COLLECT_QUOTAS", "false"),
            ("PROMETHEUS_RDS_EXPORTER_COLLECT-USAGES", "false"),
            ("PROMETHEUS_RDS_EXPORTER_DEBUG", "true"),
            ("PROMETHEUS_RDS_EXPORTER_PORT_9043_TCP", "tcp://10.0.0.1:9043"),
            ("OTHER", "x"),
        ];
        let found =
            environment(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["collect-quotas", "collect-usages", "debug"]);
    }

    #[test]
    fn a_target_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yaml");
        std::fs::write(&path, "targets: [{ region: eu-west-3, external-id: s3cret, role-arn: 'arn:aws:iam::123456789012:role/x' }, { region: eu-west-3, role-arn: 'arn:aws:iam::123456789012:role/x' }]\n").unwrap();
        let error = Inputs { files: vec![path], ..Inputs::default() }.options().unwrap_err();
        assert_eq!(error, "two targets are the same: eu-west-3 with `arn:aws:iam::123456789012:role/x`");
    }

    #[test]
    fn a_file_that_became_empty_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yaml");
        let inputs = Inputs { files: vec![path.clone()], ..Inputs::default() };
        std::fs::write(&path, "targets: [{ region: eu-west-3 }]\n").unwrap();
        let before = inputs.options().unwrap();
        for text in ["", "# nothing\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(inputs.again(&before).unwrap_err().contains("c.yaml` is empty"));
            assert!(inputs.again(&inputs.options().unwrap()).is_ok());
        }
        std::fs::write(&path, "targets: [{ region: eu-west-1 }]\n").unwrap();
        assert_ne!(inputs.again(&before).unwrap(), before);
    }

    #[test]
    fn an_account_and_region_is_there_once_whatever_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yaml");
        let role = |name: &str| format!("role-arn: 'arn:aws:iam::123456789012:role/{name}'");
        let result = |targets: &str| {
            std::fs::write(&path, format!("targets: [{targets}]\n")).unwrap();
            let region = Some("eu-west-3".to_owned());
            let inputs = Inputs { files: vec![path.clone()], region, ..Inputs::default() };
            inputs.options().map(|options| options.accounts.len())
        };
        for (targets, what) in [
            (
                format!("{{ region: eu-west-3, {} }}, {{ region: eu-west-3, {} }}", role("x"), role("y")),
                "another role",
            ),
            (
                format!(
                    "{{ region: eu-west-3, {}, profile: p }}, {{ region: eu-west-3, {} }}",
                    role("x"),
                    role("x")
                ),
                "another caller",
            ),
            (
                "{ region: eu-west-3 }, { tag-selections: { a: [b] } }".to_owned(),
                "the region of the environment",
            ),
            (
                "{ region: eu-west-3, profile: p }, { region: eu-west-3, profile: p, session-name: z }"
                    .to_owned(),
                "another session",
            ),
        ] {
            let error = result(&targets).expect_err(what);
            assert!(error.starts_with("two targets are the same: eu-west-3"), "{what}: {error}");
        }
        let several = format!(
            "{{ regions: [eu-west-1, eu-west-3], {} }}, {{ region: eu-west-3 }}, {{ region: eu-west-3, profile: p }}",
            role("x")
        );
        assert_eq!(result(&several), Ok(4));
    }
}
