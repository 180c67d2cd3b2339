//! Small things that belong to an instance or a cluster.

use serde::Deserialize;

use super::{Moment, days};

/// The server certificate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Certificate {
    /// Name of the authority.
    pub ca: String,
    /// End of validity.
    pub valid_till: Moment,
}

impl Default for Certificate {
    fn default() -> Self {
        Self { ca: "rds-ca-rsa2048-g1".to_owned(), valid_till: Moment::ahead(days(300)) }
    }
}

/// A parameter group and whether its values are in use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterStatus {
    /// Name of the group.
    pub name: String,
    /// `in-sync`, `pending-reboot`, `applying`, …
    #[serde(default = "in_sync")]
    pub status: String,
}

fn in_sync() -> String {
    "in-sync".to_owned()
}

/// A maintenance action that waits.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {
    /// What is done: `system-update`, `db-upgrade`, `os-upgrade`, `ca-certificate-rotation`, …
    pub action: String,
    /// In words.
    pub description: String,
    /// From then on it is done in a maintenance window.
    pub auto_applied_after: Option<Moment>,
    /// Then it is done, whatever the window.
    pub forced_apply: Option<Moment>,
    /// When it will be done as things stand.
    pub current_apply: Option<Moment>,
    /// What the owner asked for: `immediate`, `next-maintenance`, `undo-opt-in`.
    pub opt_in: Option<String>,
}

/// A log file of the server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    /// Path.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// Time of the last line.
    #[serde(default = "Moment::now")]
    pub written: Moment,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Identifier of the instance or cluster.
    pub source: String,
    /// `db-instance`, `db-cluster`, `db-parameter-group`, …
    #[serde(default = "db_instance")]
    pub source_type: String,
    /// In words.
    pub message: String,
    /// `availability`, `failover`, `maintenance`, …
    #[serde(default)]
    pub categories: Vec<String>,
    /// When.
    #[serde(default = "Moment::now")]
    pub at: Moment,
    /// Region; the first of the account when left out.
    #[serde(default)]
    pub region: Option<String>,
}

fn db_instance() -> String {
    "db-instance".to_owned()
}

/// A value in an answer whose type AWS defines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A text.
    Text(String),
}
