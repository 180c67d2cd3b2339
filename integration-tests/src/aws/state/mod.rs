//! What the account holds: plain data that a test writes in YAML or changes in Rust.

mod account;
mod cluster;
mod engine;
mod fleet;
mod instance;
mod instance_type;
mod lifecycle;
mod metrics;
mod moment;
mod quota;
mod resource;
mod series;

pub(crate) use self::account::partition;
pub use self::account::{Account, CustomMetric, Parameter, Role};
pub use self::cluster::{Cluster, Serverless};
pub(crate) use self::engine::{ENGINES, Engine, Family};
pub use self::instance::Instance;
pub use self::instance_type::{Ebs, InstanceType};
pub use self::lifecycle::Lifecycle;
pub use self::metrics::metric_names;
pub(crate) use self::metrics::{cluster_metrics, cluster_only, instance_metric, instance_metrics};
pub use self::moment::Moment;
pub(crate) use self::moment::{days, span};
pub(crate) use self::quota::{QUOTAS, Quota};
pub use self::resource::{Certificate, Event, LogFile, Maintenance, ParameterStatus, Scalar};
pub use self::series::Series;
