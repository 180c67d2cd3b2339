//! EC2: what instance types can do. The only file that knows the EC2 SDK, which is by far the largest crate.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as sdk;

use super::{Api, Aws, Failure};
use crate::rds::model::Machine;

/// Types that one call takes.
const TYPES: usize = 100;

impl Aws {
    /// The types with these names. One that EC2 does not know is left out; it must not take the others with it.
    pub async fn machines(&self, names: &[String]) -> Result<BTreeMap<String, Machine>, Failure> {
        let mut found = BTreeMap::new();
        for names in names.chunks(TYPES) {
            let mut names = names.to_vec();
            loop {
                match self.some_machines(&names).await {
                    Ok(machines) => {
                        found.extend(machines);
                        break;
                    }
                    // The message names those that are unknown: "[db1.huge, db2.huge]".
                    Err(failure) if failure.code == "InvalidInstanceType" => {
                        let known = names.len();
                        names.retain(|name| !mentions(&failure.message, name));
                        if names.is_empty() || names.len() == known {
                            break;
                        }
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(found)
    }

    async fn some_machines(&self, names: &[String]) -> Result<Vec<(String, Machine)>, Failure> {
        let types = names.iter().map(|name| sdk::InstanceType::from(name.as_str())).collect();
        let _turn = self.limits.turn(Api::Ec2).await;
        let answer = self.ec2.describe_instance_types().set_instance_types(Some(types)).send().await;
        let answer = answer.map_err(|error| Failure::of("DescribeInstanceTypes", &error))?;
        Ok(answer.instance_types.unwrap_or_default().into_iter().filter_map(machine).collect())
    }
}

/// Whether a message has the name as a whole word.
fn mentions(message: &str, name: &str) -> bool {
    message.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').any(|word| word.trim_end_matches('.') == name)
}

fn machine(from: sdk::InstanceTypeInfo) -> Option<(String, Machine)> {
    let ebs = from.ebs_info.and_then(|info| info.ebs_optimized_info);
    let network = from.network_info.and_then(|info| info.network_cards).unwrap_or_default().into_iter().next();
    let own = Machine {
        vcpus: from.v_cpu_info.and_then(|info| info.default_v_cpus).map(f64::from),
        memory_mib: from.memory_info.and_then(|info| info.size_in_mib).map(|size| size as f64),
        iops: ebs.as_ref().and_then(|ebs| Some((f64::from(ebs.baseline_iops?), f64::from(ebs.maximum_iops?)))),
        throughput_mb: ebs.and_then(|ebs| Some((ebs.baseline_throughput_in_m_bps?, ebs.maximum_throughput_in_m_bps?))),
        network_gbps: network.and_then(|card| card.baseline_bandwidth_in_gbps),
    };
    Some((from.instance_type?.as_str().to_owned(), own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_types_are_found_in_the_message() {
        let message = "The following supplied instance types do not exist: [zz.huge, m5.large2]";
        assert!(mentions(message, "zz.huge") && mentions(message, "m5.large2"));
        assert!(!mentions(message, "m5.large") && !mentions(message, "huge"));
    }
}
