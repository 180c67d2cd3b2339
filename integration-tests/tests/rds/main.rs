//! The RDS exporter as a process, against a fake AWS at the wire.

mod access;
mod accounts;
mod cloudwatch;
mod dashboards;
mod definitions;
mod half;
mod identity;
mod input;
mod matrix;
mod metrics;
mod moto;
mod policy;
mod snapshot;
mod vectors;
mod world;
