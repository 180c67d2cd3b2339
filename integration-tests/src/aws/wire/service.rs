//! The services and their many names.

/// An AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    /// Relational Database Service.
    Rds,
    /// Security Token Service.
    Sts,
    /// Elastic Compute Cloud.
    Ec2,
    /// CloudWatch.
    CloudWatch,
    /// Service Quotas.
    Quotas,
    /// Resource Groups Tagging API.
    Tagging,
}

impl Service {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Rds, Self::Sts, Self::Ec2, Self::CloudWatch, Self::Quotas, Self::Tagging];

    /// The name in IAM actions.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Rds => "rds",
            Self::Sts => "sts",
            Self::Ec2 => "ec2",
            Self::CloudWatch => "cloudwatch",
            Self::Quotas => "servicequotas",
            Self::Tagging => "tag",
        }
    }

    /// The name in signatures.
    pub(crate) fn signing(self) -> &'static str {
        match self {
            Self::CloudWatch => "monitoring",
            Self::Tagging => "tagging",
            other => other.prefix(),
        }
    }

    /// The name in `X-Amz-Target` and in the paths of RPC v2, for the services that have one.
    pub(crate) fn target(self) -> Option<&'static str> {
        match self {
            Self::CloudWatch => Some("GraniteServiceVersion20100801"),
            Self::Quotas => Some("ServiceQuotasV20190624"),
            Self::Tagging => Some("ResourceGroupsTaggingAPI_20170126"),
            _ => None,
        }
    }

    /// The name space of its XML.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Rds => "http://rds.amazonaws.com/doc/2014-10-31/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            _ => "",
        }
    }

    /// The version that its requests name in the Query protocol.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Rds => "2014-10-31",
            Self::Sts => "2011-06-15",
            Self::Ec2 => "2016-11-15",
            _ => "",
        }
    }
}
