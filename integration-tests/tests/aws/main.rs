//! The fake AWS at the wire: every limit and every fault once, with a client that knows nothing but HTTP.

mod client;
mod cloudwatch;
mod faults;
mod others;
mod program;
mod rds;
