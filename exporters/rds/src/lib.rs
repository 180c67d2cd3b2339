//! The RDS exporter: background collection of many accounts and regions, served as the last snapshot.
//!
//! In reading order: [`cli`] and [`settings`] say what is wanted, [`target`] keeps up one account and region by the
//! collectors of `collect`, which ask [`aws`] and fill [`state`]; [`page`] makes samples of it, [`service`] serves them.

pub mod answers;
pub mod aws;
pub mod claims;
pub mod cli;
mod collect;
pub mod config;
mod logs;
pub mod model;
pub mod page;
pub mod policy;
pub mod questions;
pub mod service;
pub mod settings;
pub mod state;
pub mod tags;
pub mod target;
mod values;
pub mod volume;

use catalogue::Problems;
use catalogue::metric::Query;

/// The embedded metric definitions of `content/rds/metrics`, and what is wrong with them (nothing, in a released binary).
pub fn queries() -> (Vec<Query>, Problems) {
    exporter_core::queries(include!(concat!(env!("OUT_DIR"), "/metrics.rs")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_definition_is_read() {
        let (queries, problems) = queries();
        assert_eq!(problems.into_sorted(), []);
        assert!(!queries.is_empty());
    }
}
