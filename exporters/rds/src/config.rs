//! The configuration: a YAML file, environment variables and flags, later ones win. Keys of the exporter that came
//! before keep their names.

use std::collections::BTreeMap;
use std::path::Path;

use catalogue::decode::{Fields, entries, list};
use catalogue::problem::{Problem, Problems};
use catalogue::text::Text;
use catalogue::yaml::{Node, Value};

use super::aws::Api;
use super::settings::SETTINGS;
use exporter_core::config::{decode, read};

/// One account and region to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Region; that of the environment or the instance metadata when not set.
    pub region: Option<String>,
    /// Role to assume.
    pub role_arn: Option<String>,
    /// What the role's trust policy asks for.
    pub external_id: Option<String>,
    /// Name of the session, which `CloudTrail` shows.
    pub session_name: String,
    /// Profile of the AWS configuration files.
    pub profile: Option<String>,
    /// Region of the STS that is asked for the role; that of the environment when not set.
    pub sts_region: Option<String>,
    /// Another endpoint for all APIs that have none of their own, here or in the environment.
    pub endpoint: Option<String>,
    /// Endpoints of single APIs, by the name that the label `api` has.
    pub endpoints: BTreeMap<&'static str, String>,
    /// Which databases, by tags; all when empty.
    pub tags: BTreeMap<String, Vec<String>>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            region: None,
            role_arn: None,
            external_id: None,
            session_name: "prometheus-rds-exporter".to_owned(),
            profile: None,
            sts_region: None,
            endpoint: None,
            endpoints: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }
}

/// What the file says. What it does not say is left to the environment, the flags and the defaults.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Settings that are flags, too, by the flag's name.
    pub settings: BTreeMap<&'static str, String>,
    /// Tags that all targets share.
    pub tags: BTreeMap<String, Vec<String>>,
    /// Accounts and regions; the environment's own when empty.
    pub targets: Vec<Account>,
    /// Accounts with a region that are gone on purpose, so that no alert expects them.
    pub removed: Vec<(String, String)>,
}

impl File {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let source = read(path)?;
        if source.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        decode(&source, file)
    }
}

fn file(node: &Node, problems: &mut Problems) -> Option<File> {
    let mut fields = Fields::of(node, problems)?;
    let mut own = File::default();
    for setting in SETTINGS {
        let name = setting.name;
        let value = fields.optional_text(name);
        own.settings.extend(value.map(|value| (name, value.to_string())));
    }
    let tags = fields.optional("tag-selections");
    own.tags = tags.map(|node| selections(node, fields.problems())).unwrap_or_default();
    if let Some(node) = fields.optional("targets") {
        for node in list(node, fields.problems()) {
            own.targets.extend(accounts(node, fields.problems()));
        }
    }
    if let Some(node) = fields.optional("removed-targets") {
        own.removed = list(node, fields.problems())
            .iter()
            .filter_map(|node| {
                let mut fields = Fields::of(node, fields.problems())?;
                let account = fields.text("account");
                let region = fields.text("region");
                let region = fields.parse(region, region_name);
                fields.finish();
                Some((account?.to_string(), region?))
            })
            .collect();
    }
    fields.finish();
    Some(own)
}

/// One entry under `targets`: an account in one region or in several.
fn accounts(node: &Node, problems: &mut Problems) -> Vec<Account> {
    let Some(mut fields) = Fields::of(node, problems) else { return Vec::new() };
    let region = fields.optional_text("region");
    let region = fields.parse(region, region_name);
    let regions = fields.texts("regions");
    let regions: Vec<_> =
        regions.into_iter().filter_map(|text| fields.parse(Some(text), region_name)).collect();
    let role = fields.optional_text("role-arn");
    let role_arn = fields.parse(role, role_name);
    let text = |text: Option<Text>| text.map(|text| text.to_string());
    let external_id = text(fields.optional_text("external-id"));
    let session_name = text(fields.optional_text("session-name"));
    let profile = text(fields.optional_text("profile"));
    let sts_region = fields.optional_text("sts-region");
    let sts_region = fields.parse(sts_region, region_name);
    let endpoint = fields.optional_text("endpoint");
    let endpoint = fields.parse(endpoint, endpoint_url);
    let endpoints = fields.optional("endpoints");
    let endpoints = endpoints.map(|node| endpoint_urls(node, fields.problems())).unwrap_or_default();
    let tags = fields.optional("tag-selections");
    let tags = tags.map(|node| selections(node, fields.problems())).unwrap_or_default();
    if region.is_some() && !regions.is_empty() {
        fields.problems().push(Problem::error(
            "yaml/value",
            node.place(),
            "a target has `region` or `regions`, not both",
        ));
    }
    if external_id.is_some() && role_arn.is_none() {
        fields.problems().push(Problem::error("yaml/value", node.place(), "`external-id` needs `role-arn`"));
    }
    fields.finish();
    let own = Account {
        region,
        role_arn,
        external_id,
        session_name: session_name.unwrap_or(Account::default().session_name),
        profile,
        sts_region,
        endpoint,
        endpoints,
        tags,
    };
    if regions.is_empty() {
        return vec![own];
    }
    regions.into_iter().map(|region| Account { region: Some(region), ..own.clone() }).collect()
}

/// A region such as `eu-west-3` or `us-gov-west-1`.
pub fn region_name(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let valid = parts.len() >= 3
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && parts.last().is_some_and(|last| last.parse::<u8>().is_ok());
    if valid {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` is not a region: write for example `eu-west-3`", text.escape_debug()))
    }
}

/// The endpoints under `endpoints`.
fn endpoint_urls(node: &Node, problems: &mut Problems) -> BTreeMap<&'static str, String> {
    let mut endpoints = BTreeMap::new();
    let Some(mut fields) = Fields::of(node, problems) else { return endpoints };
    for name in Api::ALL.map(Api::endpoint) {
        let url = fields.optional_text(name);
        if let Some(url) = fields.parse(url, endpoint_url) {
            endpoints.insert(name, url);
        }
    }
    fields.finish();
    endpoints
}

/// An address such as `https://vpce-1a2b-3c.rds.eu-west-3.vpce.amazonaws.com`.
fn endpoint_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let valid = host.is_some_and(|host| {
        host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "@?#".contains(c))
    });
    if valid {
        Ok(text.to_owned())
    } else {
        Err("an endpoint is an address such as `https://rds.example`, without user, `?` and `#`".to_owned())
    }
}

/// An ARN of a role, in any partition.
pub fn role_name(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, role]
            if partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!(
            "`{}` is not the ARN of a role: write for example `arn:aws:iam::123456789012:role/monitor`",
            text.escape_debug()
        )),
    }
}

/// Tag keys with the values that count.
fn selections(node: &Node, problems: &mut Problems) -> BTreeMap<String, Vec<String>> {
    let mut selections = BTreeMap::new();
    for (key, node) in entries(node, problems) {
        let values: Vec<String> = match &node.value {
            Value::Scalar(text, _) => vec![text.clone()],
            _ => list(node, problems)
                .iter()
                .filter_map(|node| Text::of(node).map(|text| text.to_string()))
                .collect(),
        };
        if values.is_empty() {
            problems.push(Problem::error(
                "yaml/value",
                node.place(),
                format!("tag `{}` has no values", &*key),
            ));
        }
        selections.insert(key.to_string(), values);
    }
    selections
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<File, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yaml");
        std::fs::write(&path, text).unwrap();
        let shown = format!("{}/", folder.path().display());
        File::read(&path).map_err(|error| error.replace(&shown, ""))
    }

    #[test]
    fn old_keys_and_targets_are_read() {
        let file = read(
            "debug: true\ncollect-quotas: false\ntag-selections: { env: [prod, stage], team: data }\n\
             targets:\n  - regions: [eu-west-3, us-gov-west-1]\n    role-arn: arn:aws-us-gov:iam::123456789012:role/a/b\n    external-id: x\n",
        );
        let file = file.unwrap();
        assert_eq!(file.settings["collect-quotas"], "false");
        assert_eq!(file.tags["env"], ["prod", "stage"]);
        assert_eq!(
            file.targets.iter().map(|account| account.region.as_deref().unwrap()).collect::<Vec<_>>(),
            ["eu-west-3", "us-gov-west-1"]
        );
        assert_eq!(file.targets[1].external_id.as_deref(), Some("x"));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, message) in [
            (
                "colect-quotas: true\n",
                "c.yaml:1:1: unknown key `colect-quotas`; did you mean `collect-quotas`?",
            ),
            (
                "targets:\n  - role-arn: arn:aws:iam::1:role/x\n",
                "c.yaml:2:15: `arn:aws:iam::1:role/x` is not the ARN of a role",
            ),
            ("targets:\n  - region: paris\n", "c.yaml:2:13: `paris` is not a region"),
            (
                "targets:\n  - { region: eu-west-3, regions: [eu-west-1] }\n",
                "c.yaml:2:5: a target has `region` or `regions`",
            ),
            ("targets:\n  - external-id: x\n", "c.yaml:2:5: `external-id` needs `role-arn`"),
            ("targets:\n  - endpoint: rds.example\n", "c.yaml:2:15: an endpoint is an address"),
            (
                "targets:\n  - endpoints: { rsd: 'https://a' }\n",
                "c.yaml:2:18: unknown key `rsd`; did you mean `rds`?",
            ),
            ("targets:\n  - endpoints: { rds: 'https://u:p@a' }\n", "c.yaml:2:23: an endpoint is"),
            ("targets:\n  - sts-region: paris\n", "c.yaml:2:17: `paris` is not a region"),
            ("tag-selections: { a: [] }\n", "c.yaml:1:22: tag `a` has no values"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
