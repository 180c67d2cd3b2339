//! What the exporters share. In reading order: [`args`] and [`config`] say what is wanted, [`definitions`] which metrics,
//! [`serve`] is the web server, [`removed`] which targets went on purpose, [`scrape`] bounds a scrape, [`sample`] holds its samples, [`exposition`] writes them, [`log`] says what goes wrong.

pub mod args;
pub mod config;
pub mod definitions;
pub mod exposition;
pub mod log;
pub mod removed;
pub mod sample;
pub mod scrape;
pub mod serve;

use catalogue::Problems;
use catalogue::metric::Query;
use catalogue::source::Source;

/// Path and text of metrics files, as the build script of an exporter embeds them.
pub type Embedded = &'static [(&'static str, &'static str)];

/// The metric definitions in these files, and what is wrong with them (nothing, in a released binary).
pub fn queries(embedded: Embedded) -> (Vec<Query>, Problems) {
    let mut problems = Problems::default();
    let sources = embedded.iter().map(|(path, text)| Source::new(*path, *text));
    let queries = sources.filter_map(|source| Query::read(&source, &mut problems)).collect();
    (queries, problems)
}
