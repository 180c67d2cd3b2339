//! A fake AWS inside the test process: the answers of an account whose state a test writes, at the wire.
//!
//! Start with [`Aws`]. What the account holds is [`Account`], read from YAML: tests/aws/account.yaml shows every key.
//! What goes wrong is [`Rule`] and [`Fault`]; what was asked is [`Request`]. Inside, `wire` turns HTTP into calls and
//! values into the protocol of the caller, `answers` has one file per operation. Everything follows the API
//! definitions of AWS; signatures are not verified.

mod answers;
mod fault;
mod plan;
mod record;
mod serve;
mod server;
mod sources;
mod state;
mod wire;

pub use self::fault::{Fault, Rule};
pub use self::record::Request;
pub use self::server::Aws;
pub use self::sources::Sources;
pub use self::state::{
    Account, Certificate, Cluster, CustomMetric, Ebs, Event, Instance, InstanceType, Lifecycle, LogFile,
    Maintenance, Moment, Parameter, ParameterStatus, Role, Scalar, Series, Serverless, metric_names,
};
