//! What the exporters share: the metric definitions of `content/`, embedded at build time and read through the
//! same catalogue that checks the rules against them.

pub mod args;
pub mod config;
pub mod exposition;
pub mod log;
pub mod postgresql;
pub mod rds;
pub mod sample;
pub mod scrape;
pub mod serve;

use catalogue::Problems;
use catalogue::metric::Query;
use catalogue::source::Source;

/// Component, path and text of every metrics file.
const EMBEDDED: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/metrics.rs"));

/// The embedded metric definitions of a component, and what is wrong with them (nothing, in a released binary).
pub fn queries(component: &str) -> (Vec<Query>, Problems) {
    let mut problems = Problems::default();
    let own = EMBEDDED.iter().filter(|(name, ..)| *name == component);
    let sources = own.map(|(_, path, text)| Source::new(*path, *text));
    let queries = sources.filter_map(|source| Query::read(&source, &mut problems)).collect();
    (queries, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_definition_is_read() {
        for component in ["postgresql", "rds"] {
            let (queries, problems) = queries(component);
            assert_eq!(problems.into_sorted(), [], "{component}");
            assert!(!queries.is_empty(), "{component}");
        }
    }

    #[test]
    fn a_server_gets_the_branch_for_its_version() {
        let (queries, _) = queries("postgresql");
        for query in queries.iter().filter(|query| !query.branches.is_empty()) {
            for major in catalogue::metric::POSTGRESQL_MAJORS {
                let branch = query.branch(major);
                assert!(branch.is_none_or(|branch| branch.since <= major), "{}", query.name);
            }
        }
    }
}
