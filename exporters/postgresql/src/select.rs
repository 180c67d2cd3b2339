//! What is collected of a server: which collectors, which databases, how much.

use std::sync::Arc;

use super::collector::{Collector, Definitions};
use exporter_core::sample::Limits;

/// What is collected of a server.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The collectors that are on.
    pub collectors: Vec<Arc<Collector>>,
    /// The databases.
    pub databases: Databases,
    /// The most that a collector yields.
    pub limits: Limits,
    /// Connections to the server at most.
    pub max_connections: usize,
    /// Whether the exporter's own samples have the names of `postgres_exporter`, too.
    pub compat: bool,
    /// Name of the label with the name of the server.
    pub label: Arc<str>,
}

impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &[Arc<Collector>], b: &[Arc<Collector>]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        same(&self.collectors, &other.collectors)
            && self.databases == other.databases
            && (self.limits.rows, self.limits.label) == (other.limits.rows, other.limits.label)
            && self.max_connections == other.max_connections
            && self.compat == other.compat
            && self.label == other.label
    }
}

/// Which collectors are on: those that are on by default, changed by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    /// Collector names with on or off, the last one counts.
    pub by_name: Vec<(String, bool)>,
    /// Whether only those that are named are on.
    pub no_defaults: bool,
    /// Whether names that mislead are served for dashboards that still read them.
    pub compat: bool,
}

impl Switches {
    /// The collectors that are on. An unknown name is an error.
    pub fn collectors(&self, definitions: &Definitions) -> Result<Vec<Arc<Collector>>, String> {
        let mut on: Vec<Arc<Collector>> = Vec::new();
        for collector in definitions.collectors.values() {
            let query = &collector.query;
            if query.default && !self.no_defaults && (self.compat || !query.compat) {
                on.push(Arc::clone(collector));
            }
        }
        for (name, wanted) in &self.by_name {
            let named = definitions.named(name)?;
            on.retain(|collector| !Arc::ptr_eq(collector, named));
            if *wanted {
                on.push(Arc::clone(named));
            }
        }
        on.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(on)
    }
}

/// Names of databases; `*` stands for any characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Databases {
    /// Only these, when there are any.
    pub include: Vec<String>,
    /// Not these.
    pub exclude: Vec<String>,
}

impl Databases {
    /// Whether a database is wanted.
    pub fn has(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

/// Whether a name fits a pattern with `*`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    loop {
        if matches(rest, name) {
            return true;
        }
        let Some(next) = name.chars().next() else { return false };
        name = &name[next.len_utf8()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(collectors: &[Arc<Collector>]) -> Vec<&str> {
        collectors.iter().map(|collector| collector.name()).collect()
    }

    #[test]
    fn defaults_are_changed_by_name() {
        let definitions = Definitions::read(None).unwrap();
        let all = Switches::default().collectors(&definitions).unwrap();
        assert!(names(&all).contains(&"pg_index"));
        let switches = Switches { by_name: vec![("index".to_owned(), false)], ..Switches::default() };
        assert_eq!(switches.collectors(&definitions).unwrap().len(), all.len() - 1);
        let only = Switches {
            by_name: vec![("pg_index".to_owned(), true)],
            no_defaults: true,
            ..Switches::default()
        };
        assert_eq!(names(&only.collectors(&definitions).unwrap()), ["pg_index"]);
        let wrong = Switches { by_name: vec![("indexx".to_owned(), true)], ..Switches::default() };
        assert!(wrong.collectors(&definitions).unwrap_err().contains("did you mean `index`?"));
    }

    #[test]
    fn databases_are_chosen_by_pattern() {
        let of = |include: &[&str], exclude: &[&str]| {
            let list = |patterns: &[&str]| patterns.iter().map(|text| (*text).to_owned()).collect();
            let databases = Databases { include: list(include), exclude: list(exclude) };
            let wanted =
                ["app", "app_test", "postgres", "a*b"].into_iter().filter(|name| databases.has(name));
            wanted.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(&[], &[]), "app app_test postgres a*b");
        assert_eq!(of(&["app*"], &["*test"]), "app");
        assert_eq!(of(&["*p*"], &[]), "app app_test postgres");
        assert_eq!(of(&["a**b"], &[]), "a*b");
    }
}
