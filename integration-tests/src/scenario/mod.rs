//! Plays scenario.yaml: a real server, the real exporter, the rule as the chart renders it, and virtual time.
//!
//! In reading order: a [`stage`] is a server with its [`exporters`], and does the steps; a [`page`] is what an exporter
//! served; [`runbook`] runs the SQL that people run; [`play`] goes through a whole scenario and makes a recording;
//! [`clock`] turns recordings into samples once a minute; [`judge`] lets promtool evaluate the rules over them;
//! [`verdict`] compares that with what the scenario says; [`show`] does all of it for many alerts and versions, [`proof`] is what came of each;
//! [`evidence`] keeps what came of it.

pub mod clock;
pub mod evidence;
pub mod exporters;
pub mod judge;
pub mod page;
pub mod play;
pub mod proof;
pub mod runbook;
pub mod show;
pub mod stage;
pub mod verdict;
