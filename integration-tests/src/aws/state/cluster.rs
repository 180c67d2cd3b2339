//! A cluster: Aurora, Multi-AZ, Neptune or `DocumentDB`.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;

use super::{Engine, Maintenance, Moment, Series, days, span};

/// A cluster. Its members are the instances that name it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// Name in the account and region.
    pub identifier: String,
    /// Region; the first of the account when left out.
    pub region: Option<String>,
    /// Engine name.
    pub engine: String,
    /// Full version; the engine's default when left out.
    pub version: Option<String>,
    /// Status.
    pub status: String,
    /// The member that writes; the first when left out.
    pub writer: Option<String>,
    /// Limits of Aurora Serverless v2.
    pub serverless: Option<Serverless>,
    /// Storage type; AWS leaves it out for standard Aurora.
    pub storage_type: Option<String>,
    /// Allocated GiB.
    pub storage: i64,
    /// Tags.
    pub tags: IndexMap<String, String>,
    /// Maintenance that waits.
    pub maintenance: Vec<Maintenance>,
    /// `DBClusterParameterGroupStatus` of every member.
    pub parameter_status: String,
    /// Time since its creation.
    #[serde(deserialize_with = "span")]
    pub age: Duration,
    /// Days that backups are kept.
    pub retention_days: i64,
    /// Deletion protection.
    pub deletion_protection: bool,
    /// Whether the Data API is on.
    pub http_endpoint: bool,
    /// Fields of the answer that are left out, by their names in the API.
    pub omit: Vec<String>,
    /// CloudWatch metrics with the dimension `DBClusterIdentifier`; the others come from the members.
    pub metrics: IndexMap<String, Series>,
    /// When the cluster was read; its age counts from here.
    #[serde(skip, default = "Moment::now")]
    pub(crate) known: Moment,
}

/// Limits of Aurora Serverless v2, in capacity units.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serverless {
    /// Lower limit.
    pub min: f64,
    /// Upper limit.
    pub max: f64,
    /// Seconds without connections before it pauses.
    #[serde(default)]
    pub auto_pause: Option<i64>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            identifier: String::new(),
            region: None,
            engine: "aurora-postgresql".to_owned(),
            version: None,
            status: "available".to_owned(),
            writer: None,
            serverless: None,
            storage_type: None,
            storage: 1,
            tags: IndexMap::new(),
            maintenance: Vec::new(),
            parameter_status: "in-sync".to_owned(),
            age: days(400),
            retention_days: 7,
            deletion_protection: true,
            http_endpoint: false,
            omit: Vec::new(),
            metrics: IndexMap::new(),
            known: Moment::now(),
        }
    }
}

impl Cluster {
    /// A cluster with this name and only defaults.
    pub fn new(identifier: impl Into<String>) -> Self {
        Self { identifier: identifier.into(), ..Self::default() }
    }

    /// What is known about its engine.
    pub(crate) fn kind(&self) -> Option<&'static Engine> {
        Engine::named(&self.engine)
    }

    /// Full version.
    pub(crate) fn full_version(&self) -> &str {
        let default = || self.kind().map_or("1.0", Engine::default_version);
        self.version.as_deref().unwrap_or_else(default)
    }

    /// When it was created.
    pub(crate) fn created(&self) -> Moment {
        self.known.minus(self.age)
    }
}
