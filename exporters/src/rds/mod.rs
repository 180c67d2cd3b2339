//! The RDS exporter: background collection of many accounts and regions, served as the last snapshot.
//!
//! In reading order: [`cli`] and [`settings`] say what is wanted, [`target`] keeps up one account and region by the
//! collectors of `collect`, which ask [`aws`] and fill [`state`]; [`page`] makes samples of it, [`service`] serves them.

pub mod aws;
pub mod cli;
mod collect;
pub mod config;
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
