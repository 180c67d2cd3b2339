//! Actors for tests with the real programs: [`helm`] renders and lints, [`promtool`] judges rules. [`setup`]
//! installs them.

pub mod helm;
pub mod promtool;
pub mod setup;
