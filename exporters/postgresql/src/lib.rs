//! The PostgreSQL exporter.
//!
//! In reading order: [`cli`] and [`config`] say what is wanted, [`service`] answers the web server, [`probe`] says what
//! strangers may ask, [`target`] plans the scrape of one server, [`doors`] knows which databases let it in, [`visit`]
//! makes the round through them, [`slot`] holds a connection, [`connect`] finds the way to it and [`wire`] goes it,
//! [`auth_request`] watches over the login, [`bounded`] limits what may come, [`session`] runs a query, [`absent`] leaves
//! out of it what the server does not have, [`rows`] turns the result into samples, [`refusal`] says why a login was
//! refused, [`outcome`] and [`report`] say how it went. [`queries_yaml`] reads the query files of another exporter.

pub mod absent;
pub mod auth_request;
pub mod bounded;
pub mod cli;
pub mod collector;
pub mod config;
pub mod connect;
pub mod doors;
pub mod dsn;
pub mod grants;
pub mod needs;
pub mod outcome;
pub mod probe;
pub mod queries_yaml;
pub mod refusal;
pub mod report;
pub mod rows;
pub mod select;
pub mod service;
pub mod session;
pub mod slot;
pub mod target;
pub mod tls;
pub mod visit;
pub mod wire;

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
