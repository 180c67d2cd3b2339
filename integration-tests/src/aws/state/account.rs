//! The account: everything a test can put into its fake AWS.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use indexmap::IndexMap;
use serde::Deserialize;

use super::lifecycle::calendar;
use super::{Cluster, Event, Instance, InstanceType, Lifecycle, Maintenance, QUOTAS, Series, span};
use crate::aws::Rule;

/// An AWS account. Every field has a default, so that `instances: [{ identifier: db1 }]` is a whole account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Regions that are enabled; the first holds what names none.
    pub regions: Vec<String>,
    /// Database instances.
    pub instances: Vec<Instance>,
    /// Clusters.
    pub clusters: Vec<Cluster>,
    /// Maintenance of what is neither instance nor cluster, by kind and name: `shard-group:one`.
    pub maintenance: IndexMap<String, Vec<Maintenance>>,
    /// EC2 instance types beside the built-in table, or instead of its rows.
    pub instance_types: Vec<InstanceType>,
    /// Names of EC2 instance types that this AWS does not know.
    pub unknown_types: Vec<String>,
    /// Quotas of RDS by code, where they differ from AWS's defaults.
    pub quotas: IndexMap<String, f64>,
    /// Values of AWS/Usage by resource, where they differ from what is in the account.
    pub usages: IndexMap<String, Series>,
    /// Metrics that somebody publishes under a name space of their own, or with other dimensions.
    pub custom_metrics: Vec<CustomMetric>,
    /// Support of major versions instead of AWS's calendar.
    pub lifecycles: Option<Vec<Lifecycle>>,
    /// Parameter groups, for instances and clusters alike, with what is set in them.
    pub parameter_groups: IndexMap<String, Vec<Parameter>>,
    /// What happened.
    pub events: Vec<Event>,
    /// How long after its end the data of a minute can be read; the real CloudWatch needs about a minute.
    #[serde(deserialize_with = "span")]
    pub metric_delay: Duration,
    /// Roles that this account may assume.
    pub roles: Vec<Role>,
    /// The accounts that roles lead to.
    pub accounts: Vec<Account>,
    /// What goes wrong.
    pub faults: Vec<Rule>,
}

/// A metric that somebody publishes every minute.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomMetric {
    /// Name space.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Dimensions.
    #[serde(default)]
    pub dimensions: IndexMap<String, String>,
    /// Values.
    pub values: Series,
}

/// A role that may be assumed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Name; the ARN is `arn:aws:iam::<account>:role/<name>`.
    pub name: String,
    /// The account it leads to.
    pub account: String,
    /// What its trust policy asks for.
    #[serde(default)]
    pub external_id: Option<String>,
}

/// One parameter that somebody set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Value; `null` for the engine's default.
    #[serde(default)]
    pub value: Option<String>,
    /// `user`, `system` or `engine-default`.
    #[serde(default = "user")]
    pub source: String,
}

fn user() -> String {
    "user".to_owned()
}

impl Default for Account {
    fn default() -> Self {
        Self {
            id: "123456789012".to_owned(),
            regions: ["eu-west-3", "eu-west-1", "us-east-1"].map(str::to_owned).to_vec(),
            instances: Vec::new(),
            clusters: Vec::new(),
            maintenance: IndexMap::new(),
            instance_types: Vec::new(),
            unknown_types: Vec::new(),
            quotas: IndexMap::new(),
            custom_metrics: Vec::new(),
            usages: IndexMap::new(),
            lifecycles: None,
            parameter_groups: IndexMap::new(),
            events: Vec::new(),
            metric_delay: Duration::ZERO,
            roles: Vec::new(),
            accounts: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl Account {
    /// Reads an account and checks that it can exist.
    pub fn from_yaml(text: &str) -> Result<Self> {
        let account: Self = if text.trim().is_empty() {
            Self::default()
        } else {
            serde_yaml::from_str(text).context("cannot read the account")?
        };
        account.check()?;
        Ok(account)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let digits = self.id.len() == 12 && self.id.bytes().all(|byte| byte.is_ascii_digit());
        ensure!(digits, "account `{}` is not twelve digits: put it between quotes", self.id);
        ensure!(!self.regions.is_empty(), "account {} has no region", self.id);
        let mut names = HashSet::new();
        for instance in &self.instances {
            let name = &instance.identifier;
            ensure!(!name.is_empty(), "an instance has no `identifier`");
            let region = self.region_of(instance.region.as_deref());
            self.check_region(region)?;
            ensure!(names.insert((region, name)), "instance `{name}` is there twice in {region}");
            if let Some(cluster) = &instance.cluster {
                let found = self.cluster(region, cluster);
                let found = found.with_context(|| format!("`{name}`: no cluster `{cluster}` in {region}"))?;
                let same = found.engine == instance.engine;
                ensure!(same, "`{name}` has engine {}, its cluster {}", instance.engine, found.engine);
            }
        }
        let mut names = HashSet::new();
        for cluster in &self.clusters {
            let name = &cluster.identifier;
            ensure!(!name.is_empty(), "a cluster has no `identifier`");
            let region = self.region_of(cluster.region.as_deref());
            self.check_region(region)?;
            ensure!(names.insert((region, name)), "cluster `{name}` is there twice in {region}");
        }
        for code in self.quotas.keys() {
            ensure!(QUOTAS.iter().any(|quota| quota.code == code), "there is no quota `{code}` of RDS");
        }
        for role in &self.roles {
            let known = role.account == self.id || self.accounts.iter().any(|one| one.id == role.account);
            ensure!(
                known,
                "role `{}` leads to account {}, which is not in `accounts`",
                role.name,
                role.account
            );
        }
        for rule in &self.faults {
            rule.check()?;
        }
        crate::aws::answers::check_names(self)?;
        self.accounts.iter().try_for_each(|account| {
            if account.accounts.is_empty() && account.roles.is_empty() && account.faults.is_empty() {
                account.check()
            } else {
                bail!(
                    "account {}: `accounts`, `roles` and `faults` belong to the outermost account",
                    account.id
                )
            }
        })
    }

    fn check_region(&self, region: &str) -> Result<()> {
        let known = self.regions.iter().any(|one| one == region);
        ensure!(known, "region `{region}` is not among `regions` of account {}", self.id);
        Ok(())
    }

    /// The region of something that names one, or none.
    pub(crate) fn region_of<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.or(self.regions.first().map(String::as_str)).unwrap_or_default()
    }

    /// The instance of this name, in whichever region.
    ///
    /// # Panics
    /// When there is none: a mistake of the test.
    pub fn instance_mut(&mut self, identifier: &str) -> &mut Instance {
        let found = self.instances.iter_mut().find(|instance| instance.identifier == identifier);
        found.unwrap_or_else(|| panic!("there is no instance `{identifier}`"))
    }

    /// The cluster of this name, in whichever region.
    ///
    /// # Panics
    /// When there is none: a mistake of the test.
    pub fn cluster_mut(&mut self, identifier: &str) -> &mut Cluster {
        let found = self.clusters.iter_mut().find(|cluster| cluster.identifier == identifier);
        found.unwrap_or_else(|| panic!("there is no cluster `{identifier}`"))
    }

    /// Instances of a region in no order.
    pub(crate) fn here<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a Instance> {
        self.instances.iter().filter(move |one| self.region_of(one.region.as_deref()) == region)
    }

    /// Instances of a region in the order of their names.
    pub(crate) fn instances_in<'a>(&'a self, region: &'a str) -> Vec<&'a Instance> {
        let mut instances: Vec<_> = self.here(region).collect();
        instances.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        instances
    }

    /// Clusters of a region in the order of their names.
    pub(crate) fn clusters_in<'a>(&'a self, region: &'a str) -> Vec<&'a Cluster> {
        let here = |one: &&Cluster| self.region_of(one.region.as_deref()) == region;
        let mut clusters: Vec<_> = self.clusters.iter().filter(here).collect();
        clusters.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        clusters
    }

    /// The cluster of this name.
    pub(crate) fn cluster(&self, region: &str, identifier: &str) -> Option<&Cluster> {
        let here =
            |one: &&Cluster| one.identifier == identifier && self.region_of(one.region.as_deref()) == region;
        self.clusters.iter().find(here)
    }

    /// Members of a cluster, the writer first.
    pub(crate) fn members<'a>(&'a self, region: &'a str, cluster: &'a Cluster) -> Vec<&'a Instance> {
        let of_cluster = |one: &&Instance| one.cluster.as_deref() == Some(&*cluster.identifier);
        let mut members: Vec<_> = self.here(region).filter(of_cluster).collect();
        let writes = |one: &Instance| cluster.writer.as_ref() == Some(&one.identifier);
        members.sort_by_key(|one| (!writes(one), &one.identifier));
        members
    }

    /// Support of major versions.
    pub(crate) fn lifecycles(&self) -> Vec<Lifecycle> {
        self.lifecycles.clone().unwrap_or_else(calendar)
    }

    /// EC2 instance types that this AWS knows.
    pub(crate) fn types(&self) -> Vec<InstanceType> {
        let mut types = InstanceType::table().to_vec();
        types.retain(|one| self.instance_types.iter().all(|own| own.name != one.name));
        types.extend(self.instance_types.iter().cloned());
        types.retain(|one| !self.unknown_types.contains(&one.name));
        types
    }

    /// An Amazon resource name of RDS: `kind` is `db` or `cluster`, among others.
    pub(crate) fn arn(&self, region: &str, kind: &str, name: &str) -> String {
        format!("arn:{}:rds:{region}:{}:{kind}:{name}", partition(region), self.id)
    }
}

/// The partition of a region.
pub(crate) fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
