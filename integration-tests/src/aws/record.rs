//! What was asked: every call is written down.

use std::time::Duration;

use super::state::Moment;

/// One call that was answered, or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Name of the service in IAM: rds, sts, ec2, cloudwatch, servicequotas, tag.
    pub service: &'static str,
    /// Action, such as `DescribeDBInstances`.
    pub action: String,
    /// Region.
    pub region: String,
    /// Account; empty when the credentials belong to none.
    pub account: String,
    /// Instances that the call names.
    pub instances: Vec<String>,
    /// Metrics that CloudWatch bills for it.
    pub metrics: u64,
    /// HTTP status; 0 when the connection ended instead, or nothing was answered as yet.
    pub status: u16,
    /// When it came.
    pub at: Moment,
    /// How long the answer took; zero as long as there is none.
    pub took: Duration,
}

/// All calls since the start, or since the last reset.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Calls in the order in which they came.
    pub(crate) requests: Vec<Request>,
    /// Calls without an answer as yet.
    running: usize,
    /// The largest number of calls at one moment.
    pub(crate) peak: usize,
    /// Number of resets.
    resets: usize,
}

/// The place of a call in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    resets: usize,
    at: usize,
}

impl Log {
    /// A call begins.
    pub(crate) fn begin(&mut self, request: Request) -> Entry {
        self.running += 1;
        self.peak = self.peak.max(self.running);
        self.requests.push(request);
        Entry { resets: self.resets, at: self.requests.len() - 1 }
    }

    /// A call ends.
    pub(crate) fn end(&mut self, entry: Entry, status: u16, metrics: u64, took: Duration) {
        self.running = self.running.saturating_sub(1);
        let known = entry.resets == self.resets;
        if let Some(request) = self.requests.get_mut(entry.at).filter(|_| known) {
            (request.status, request.metrics, request.took) = (status, metrics, took);
        }
    }

    /// Forgets what was asked so far.
    pub(crate) fn reset(&mut self) {
        self.requests.clear();
        self.peak = self.running;
        self.resets += 1;
    }
}
