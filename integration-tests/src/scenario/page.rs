//! What an exporter served at one moment, or that it did not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::exporter::{Sample, Samples};

/// One scrape of one exporter.
#[derive(Debug, Clone)]
pub struct Page {
    /// The samples.
    pub samples: Vec<Sample>,
    /// Names of the series that are counters.
    pub counters: BTreeSet<String>,
    /// How long the scrape took.
    pub took: Duration,
}

impl Page {
    /// Reads the text format.
    pub fn parse(text: &str, took: Duration) -> Self {
        let counters = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"));
        Self {
            samples: Samples::parse(text).iter().cloned().collect(),
            counters: counters.map(str::to_owned).collect(),
            took,
        }
    }
}

/// What all exporters served at one moment, by instance; nothing for one that did not answer.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When.
    pub at: Instant,
    /// `job` of the exporters.
    pub job: &'static str,
    /// The pages.
    pub pages: BTreeMap<String, Option<Page>>,
}

/// What was seen in one state of the server, in order; at least one observation.
#[derive(Debug, Clone)]
pub struct Act {
    /// What the state is called.
    pub name: String,
    /// What was seen.
    pub observations: Vec<Observation>,
    /// Minutes of virtual time from one observation to the next, where they stand for longer than they took.
    pub pace: Option<usize>,
}

impl Act {
    /// The last observation.
    pub fn last(&self) -> Option<&Observation> {
        self.observations.last()
    }
}
