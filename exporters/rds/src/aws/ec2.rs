//! EC2: what instance types can do. The only file that knows the EC2 SDK, which is by far the largest crate.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as sdk;

use super::{Api, Aws, Failure};
use crate::model::Machine;

/// Names that one filter takes, and types that one page has.
const TYPES: usize = 100;

impl Aws {
    /// The types with these names. The names are a filter, so that one that EC2 does not know is left out: as a list
    /// of types it would refuse the whole call.
    pub async fn machines(&self, names: &[String]) -> Result<BTreeMap<String, Machine>, Failure> {
        let mut found = BTreeMap::new();
        for names in names.chunks(TYPES) {
            let filter =
                sdk::Filter::builder().name("instance-type").set_values(Some(names.to_vec())).build();
            let request = self.ec2.describe_instance_types().filters(filter).max_results(100);
            super::rds::pages!(self, Api::Ec2, "DescribeInstanceTypes", request, |page| {
                let types = page
                    .instance_types
                    .ok_or_else(|| Failure::lacks("DescribeInstanceTypes", "InstanceTypes"))?;
                found.extend(types.into_iter().filter_map(machine));
            });
        }
        Ok(found)
    }
}

fn machine(from: sdk::InstanceTypeInfo) -> Option<(String, Machine)> {
    let ebs = from.ebs_info.and_then(|info| info.ebs_optimized_info);
    let network =
        from.network_info.and_then(|info| info.network_cards).unwrap_or_default().into_iter().next();
    let own = Machine {
        vcpus: from.v_cpu_info.and_then(|info| info.default_v_cpus).map(f64::from),
        memory_mib: from.memory_info.and_then(|info| info.size_in_mib).map(|size| size as f64),
        iops: ebs
            .as_ref()
            .and_then(|ebs| Some((f64::from(ebs.baseline_iops?), f64::from(ebs.maximum_iops?)))),
        throughput_mb: ebs
            .and_then(|ebs| Some((ebs.baseline_throughput_in_m_bps?, ebs.maximum_throughput_in_m_bps?))),
        network_gbps: network.and_then(|card| card.baseline_bandwidth_in_gbps),
    };
    Some((from.instance_type?.as_str().to_owned(), own))
}
