//! The RDS exporter.

pub mod aws;
pub mod cli;
pub mod config;
pub mod model;
pub mod page;
pub mod policy;
pub mod questions;
pub mod service;
pub mod state;
pub mod tags;
pub mod target;
pub mod volume;
