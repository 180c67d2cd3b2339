//! The quotas of RDS with their defaults.

/// One quota of the service code `rds`.
#[derive(Debug)]
pub(crate) struct Quota {
    /// Code.
    pub(crate) code: &'static str,
    /// Name.
    pub(crate) name: &'static str,
    /// Default value.
    pub(crate) value: f64,
    /// `Gigabytes` or `None`.
    pub(crate) unit: &'static str,
    /// The `Resource` of its usage metric in AWS/Usage.
    pub(crate) usage: Option<&'static str>,
}

const fn quota(code: &'static str, name: &'static str, value: f64, usage: Option<&'static str>) -> Quota {
    Quota { code, name, value, unit: "None", usage }
}

/// The quotas, in the order of their names.
pub(crate) const QUOTAS: &[Quota] = &[
    quota("L-952B80B8", "DB clusters", 40.0, Some("DBClusters")),
    quota("L-E4C808A8", "DB cluster parameter groups", 50.0, Some("DBClusterParameterGroups")),
    quota("L-7B6409FD", "DB instances", 40.0, Some("DBInstances")),
    quota("L-48C6BF61", "DB subnet groups", 50.0, Some("DBSubnetGroups")),
    quota("L-A59F4C87", "Event subscriptions", 20.0, Some("EventSubscriptions")),
    quota("L-9B510759", "Manual DB cluster snapshots", 100.0, Some("ManualClusterSnapshots")),
    quota("L-272F1212", "Manual DB instance snapshots", 100.0, Some("ManualSnapshots")),
    quota("L-9FA33840", "Option groups", 20.0, Some("OptionGroups")),
    quota("L-DE55804A", "Parameter groups", 50.0, Some("DBParameterGroups")),
    quota("L-D94C7EA3", "Proxies", 20.0, None),
    quota("L-5BC124EF", "Read replicas per primary", 15.0, None),
    quota("L-78E853F4", "Reserved DB instances", 40.0, Some("ReservedDBInstances")),
    quota("L-732153D0", "Security groups", 25.0, Some("DBSecurityGroups")),
    Quota {
        code: "L-7ADDB58A",
        name: "Total storage for all DB instances",
        value: 100_000.0,
        unit: "Gigabytes",
        usage: Some("AllocatedStorage"),
    },
];
