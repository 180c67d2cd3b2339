//! Scenarios that go wrong say where, in a plain sentence; and nothing of them stays behind.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod behind;
mod sentences;

/// An alert whose scenario is quick.
const ALERT: &str = "PostgreSQLMaxConnections";
