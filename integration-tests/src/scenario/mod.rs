//! Plays scenario.yaml: a real server or a fake AWS account, the real exporter, the rule as the chart renders it, and
//! virtual time.
//!
//! In reading order: a [`scene`] does the steps, and is a [`stage`] with a server or a [`cloud`] with an AWS [`account`];
//! [`exporters`] watch it; a [`page`] is what one of them served; [`runbook`] runs the SQL that people run; [`play`] goes through a whole scenario and makes a recording;
//! [`clock`] turns recordings into samples once a minute; [`judge`] lets promtool evaluate the rules over them;
//! [`verdict`] compares that with what the scenario says; [`show`] does all of it for many alerts and versions, [`proof`] is what came of each;
//! [`evidence`] keeps what came of it; [`order`] takes everything down at the end.

pub mod account;
pub mod clock;
pub mod cloud;
pub mod evidence;
pub mod exporters;
pub mod judge;
pub mod order;
pub mod page;
pub mod play;
pub mod proof;
pub mod runbook;
pub mod scene;
pub mod show;
pub mod stage;
pub mod verdict;
