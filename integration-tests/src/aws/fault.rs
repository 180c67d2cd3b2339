//! What goes wrong, and for whom.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::state::span;
use super::wire::{Call, Service};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Too many requests, in the words of the service.
    Throttle,
    /// No permission for this action.
    Deny,
    /// The credentials have expired.
    Expired,
    /// The answer comes later.
    Delay(#[serde(deserialize_with = "span")] Duration),
    /// A fault of the service itself, such as 500 or 503, without a body.
    Status(u16),
    /// Any other error of the API.
    Error {
        /// Code.
        code: String,
        /// HTTP status.
        status: u16,
    },
    /// The answer is not XML, JSON or CBOR.
    Garble,
    /// A field is left out of the answer, by its name on the wire, wherever it stands.
    Drop(String),
    /// The answer has no field at all.
    Empty,
    /// A status such as `InternalError` in place of `Complete`, in the results of `GetMetricData` about the instance.
    Result(String),
    /// Behind every page comes another one, which is the first again.
    Endless,
    /// The body of the answer has no end.
    Flood,
    /// A text of ten million bytes in place of a field, wherever it stands.
    Long(String),
    /// Half the body comes, then the connection ends.
    Half,
    /// The connection ends without an answer.
    Cut,
    /// No answer ever comes.
    Hang,
}

/// A fault and the calls that it hits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `rds:DescribeDBInstances`, `rds` for all of a service, `*` for everything. The names of services are those of
    /// IAM: rds, sts, ec2, cloudwatch, servicequotas, tag.
    pub on: String,
    /// What goes wrong.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub fault: Fault,
    /// Only calls that name this instance; [`Fault::Drop`] and [`Fault::Result`] hit its part of an
    /// answer about many.
    #[serde(default)]
    pub instance: Option<String>,
    /// Only calls to this region.
    #[serde(default)]
    pub region: Option<String>,
    /// Only calls of this account.
    #[serde(default)]
    pub account: Option<String>,
    /// Only so many calls.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Rule {
    /// A fault for an action, a service or `*`.
    pub fn new(on: impl Into<String>, fault: Fault) -> Self {
        Self { on: on.into(), fault, instance: None, region: None, account: None, times: None }
    }

    /// Only calls that name this instance.
    #[must_use]
    pub fn instance(mut self, identifier: impl Into<String>) -> Self {
        self.instance = Some(identifier.into());
        self
    }

    /// Only calls to this region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Only calls of this account.
    #[must_use]
    pub fn account(mut self, id: impl Into<String>) -> Self {
        self.account = Some(id.into());
        self
    }

    /// Only so many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Whether it can hit anything at all.
    pub(crate) fn check(&self) -> Result<()> {
        let (service, action) = self.on.split_once(':').unwrap_or((&self.on, ""));
        let known = self.on == "*" || Service::ALL.iter().any(|one| one.prefix() == service);
        ensure!(
            known,
            "`{}` names no service: write for example `rds:DescribeDBInstances`, `rds` or `*`",
            self.on
        );
        let known = action.is_empty() || super::answers::knows(&self.on);
        ensure!(known, "this AWS has no action `{}`", self.on);
        Ok(())
    }

    /// Whether it hits a call; one of its times is then used up.
    pub(crate) fn takes(&mut self, call: &Call, account: &str) -> bool {
        let service = call.service.prefix();
        let on = self.on == "*" || self.on == service || self.on == format!("{service}:{}", call.action);
        let fits = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|one| one == given);
        let partial = matches!(self.fault, Fault::Drop(_) | Fault::Result(_));
        let instance =
            partial || self.instance.as_ref().is_none_or(|one| call.instances().contains(&one.as_str()));
        let takes = on
            && self.times != Some(0)
            && fits(&self.region, &call.region)
            && fits(&self.account, account)
            && instance;
        if takes {
            self.times = self.times.map(|times| times - 1);
        }
        takes
    }
}
