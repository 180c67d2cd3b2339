//! The handle that a test holds on its AWS.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::answers::Sessions;
use super::fault::{Fault, Rule};
use super::record::{Log, Request};
use super::serve::accept;
use super::state::Account;

/// A running fake AWS. It ends when this is dropped.
///
/// ```
/// use integration_tests::aws::{Account, Aws, Fault, Rule};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let account = Account::from_yaml(
///     "
/// instances:
/// - identifier: payments
///   engine: postgres
///   metrics: { CPUUtilization: [10, 20, 95], ReplicaLag: none }
/// ",
/// )?;
/// let aws = Aws::start(account).await?;
/// // Give `aws.env()` to the process of an exporter, then:
/// aws.change(|account| account.instance_mut("payments").status = "storage-full".to_owned());
/// aws.fault("cloudwatch:GetMetricData", Fault::Throttle);
/// aws.rule(Rule::new("rds:DescribeDBLogFiles", Fault::Deny).instance("payments").times(2));
/// assert_eq!(aws.calls("rds", "DescribeDBInstances"), 0);
/// # anyhow::Ok(()) })?;
/// # anyhow::Ok(())
/// ```
#[derive(Debug)]
pub struct Aws {
    shared: Arc<Shared>,
    url: String,
    task: JoinHandle<()>,
}

/// What the handle and the connections share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// What there is.
    pub(crate) state: Mutex<State>,
    /// What was asked.
    pub(crate) log: Mutex<Log>,
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The account and those that its roles lead to.
    pub(crate) account: Account,
    /// Temporary credentials.
    pub(crate) sessions: Sessions,
    /// Number of answers.
    pub(crate) served: u64,
}

/// Locks, whatever happened to an earlier holder.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Aws {
    /// Starts with this account on a free port of the loopback interface.
    pub async fn start(account: Account) -> Result<Self> {
        Self::listen(account, 0).await
    }

    /// Starts with this account on a port of the loopback interface.
    pub async fn listen(account: Account, port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.with_context(|| format!("cannot listen on port {port}"))?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        lock(&shared.state).account = account;
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, url, task })
    }

    /// The endpoint of every service.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Environment variables that lead a process with an AWS SDK here, into the first region of the account.
    pub fn env(&self) -> Vec<(String, String)> {
        let state = lock(&self.shared.state);
        let region = state.account.region_of(None);
        let key = format!("AKIA{}MOCK", state.account.id);
        let pairs = [
            ("AWS_ENDPOINT_URL", &*self.url),
            ("AWS_REGION", region),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_ACCESS_KEY_ID", &*key),
            ("AWS_SECRET_ACCESS_KEY", "mock"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Changes the account while it is served.
    pub fn change<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        change(&mut lock(&self.shared.state).account)
    }

    /// Replaces the account by what a YAML text says, faults included.
    pub fn read(&self, text: &str) -> Result<()> {
        let account = Account::from_yaml(text)?;
        self.change(|old| *old = account);
        Ok(())
    }

    /// From now on something goes wrong with an action (`rds:DescribeDBInstances`), a service (`rds`) or all (`*`).
    pub fn fault(&self, on: &str, fault: Fault) {
        self.rule(Rule::new(on, fault));
    }

    /// From now on something goes wrong for certain calls.
    ///
    /// # Panics
    /// When the rule names no service or action: a mistake of the test.
    pub fn rule(&self, rule: Rule) {
        if let Err(error) = rule.check() {
            panic!("{error}");
        }
        self.change(|account| account.faults.push(rule));
    }

    /// Ends the faults of an action, a service or `*`, written as they were.
    pub fn mend(&self, on: &str) {
        self.change(|account| account.faults.retain(|rule| rule.on != on));
    }

    /// Ends all faults.
    pub fn mend_all(&self) {
        self.change(|account| account.faults.clear());
    }

    /// Every answer comes so much later, instead of an earlier latency.
    pub fn latency(&self, span: Duration) {
        let delays = |rule: &Rule| rule.on == "*" && matches!(rule.fault, Fault::Delay(_));
        self.change(|account| account.faults.retain(|rule| !delays(rule)));
        self.fault("*", Fault::Delay(span));
    }

    /// All temporary credentials handed out so far end now.
    pub fn expire_credentials(&self) {
        lock(&self.shared.state).sessions.expire();
    }

    /// AWS does not know this access key any more.
    pub fn revoke(&self, key: &str) {
        self.revoke_with(key, "InvalidClientTokenId");
    }

    /// AWS answers this code to whoever comes with this access key.
    pub fn revoke_with(&self, key: &str, code: &str) {
        lock(&self.shared.state).sessions.revoke(key, code);
    }

    /// How often an action was called, with or without success.
    pub fn calls(&self, service: &str, action: &str) -> usize {
        self.count(|request| request.service == service && request.action == action)
    }

    /// How many calls there were of a kind.
    pub fn count(&self, kind: impl Fn(&Request) -> bool) -> usize {
        lock(&self.shared.log).requests.iter().filter(|request| kind(request)).count()
    }

    /// All calls.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).requests.clone()
    }

    /// Metrics that CloudWatch bills: one per query, whether there are data or not.
    pub fn billed_metrics(&self) -> u64 {
        lock(&self.shared.log).requests.iter().map(|request| request.metrics).sum()
    }

    /// The largest number of calls that were unanswered at one moment.
    pub fn peak_concurrency(&self) -> usize {
        lock(&self.shared.log).peak
    }

    /// Forgets all calls.
    pub fn reset_counts(&self) {
        lock(&self.shared.log).reset();
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.task.abort();
    }
}
