//! The PostgreSQL exporter.
//!
//! In reading order: [`cli`] and [`config`] say what is wanted, [`service`] answers the web server, [`target`] plans
//! the scrape of one server, [`visit`] makes the round through its databases, [`slot`] holds a connection,
//! [`session`] runs a query on it, [`rows`] turns the result into samples, [`outcome`] and [`report`] say how it went.

pub mod cli;
pub mod collector;
pub mod config;
pub mod dsn;
pub mod grants;
pub mod needs;
pub mod outcome;
pub mod report;
pub mod rows;
pub mod select;
pub mod service;
pub mod session;
pub mod slot;
pub mod target;
pub mod tls;
pub mod visit;

use catalogue::Problems;
use catalogue::metric::Query;

/// The embedded metric definitions of `content/postgresql/metrics`, and what is wrong with them (nothing, in a released binary).
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

    #[test]
    fn a_server_gets_the_branch_for_its_version() {
        let (queries, _) = queries();
        for query in queries.iter().filter(|query| !query.branches.is_empty()) {
            for major in catalogue::metric::POSTGRESQL_MAJORS {
                let branch = query.branch(major);
                assert!(branch.is_none_or(|branch| branch.since <= major), "{}", query.name);
            }
        }
    }
}
