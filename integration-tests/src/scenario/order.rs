//! Ends in order: what was started is taken down, whether the work succeeds, fails, panics or is interrupted.

use std::panic::AssertUnwindSafe;

use anyhow::{Result, anyhow};
use futures_util::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::machine;

/// Does some work; afterwards no container, process or folder of it is left. Signals are an error. A panic goes on when
/// all is taken down.
pub async fn in_order<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let outcome = tokio::select! {
        outcome = AssertUnwindSafe(work).catch_unwind() => outcome,
        _ = interrupted.recv() => Ok(Err(anyhow!("interrupted: the servers and exporters are gone"))),
        _ = terminated.recv() => Ok(Err(anyhow!("ended: the servers and exporters are gone"))),
    };
    let cleared = machine::clear().await;
    match outcome {
        Ok(outcome) => cleared.and(outcome),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
