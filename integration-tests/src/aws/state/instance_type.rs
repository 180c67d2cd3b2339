//! What EC2 says about the machine behind an instance class.

use std::sync::LazyLock;

use serde::Deserialize;

/// One EC2 instance type.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceType {
    /// Name, such as `m6g.large`.
    pub name: String,
    /// Virtual CPUs.
    pub vcpus: i64,
    /// Cores; as many as virtual CPUs when left out.
    #[serde(default)]
    pub cores: Option<i64>,
    /// Memory in MiB.
    pub memory_mib: i64,
    /// `x86_64` or `arm64`.
    #[serde(default = "arm64")]
    pub architecture: String,
    /// What the machine can do with disks; `None` is answered for types without EBS optimisation.
    #[serde(default)]
    pub ebs: Option<Ebs>,
    /// Sustained network bandwidth in Gbit/s.
    #[serde(default)]
    pub network_gbps: Option<f64>,
    /// Burst network bandwidth in Gbit/s.
    #[serde(default)]
    pub network_burst_gbps: Option<f64>,
    /// The network in words.
    #[serde(default)]
    pub network: String,
}

/// Limits between a machine and its disks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ebs {
    /// Sustained Mbit/s.
    pub mbps: i64,
    /// Sustained operations per second.
    pub iops: i64,
    /// Burst Mbit/s.
    pub burst_mbps: i64,
    /// Burst operations per second.
    pub burst_iops: i64,
}

fn arm64() -> String {
    "arm64".to_owned()
}

static TABLE: LazyLock<Vec<InstanceType>> =
    LazyLock::new(|| include_str!("instance_types.csv").lines().skip(1).filter_map(row).collect());

impl InstanceType {
    /// Real types that RDS uses, with the figures of `DescribeInstanceTypes` itself.
    pub fn table() -> &'static [Self] {
        &TABLE
    }

    /// The type behind an instance class: RDS calls `x2gd` machines `x2g`.
    pub(crate) fn of_class(class: &str) -> Option<&'static Self> {
        let name = class.strip_prefix("db.")?.replace("x2g.", "x2gd.");
        TABLE.iter().find(|one| one.name == name)
    }
}

fn row(line: &str) -> Option<InstanceType> {
    let fields: Vec<&str> = line.split(',').collect();
    let whole = |at: usize| fields.get(at)?.parse::<i64>().ok();
    let real = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(InstanceType {
        name: (*fields.first()?).to_owned(),
        vcpus: whole(1)?,
        cores: whole(2),
        memory_mib: whole(3)?,
        architecture: (*fields.get(4)?).to_owned(),
        ebs: Some(Ebs { mbps: whole(5)?, iops: whole(6)?, burst_mbps: whole(7)?, burst_iops: whole(8)? }),
        network_gbps: real(9),
        network_burst_gbps: real(10),
        network: (*fields.get(11)?).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        let rows = InstanceType::table();
        assert_eq!(rows.len(), include_str!("instance_types.csv").lines().count() - 1);
        let large = rows.iter().find(|row| row.name == "r6g.large").unwrap();
        assert_eq!((large.vcpus, large.memory_mib, large.ebs.as_ref().unwrap().iops), (2, 16_384, 3_600));
    }
}
