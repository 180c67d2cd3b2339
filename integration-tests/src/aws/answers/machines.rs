//! `DescribeInstanceTypes` and `DescribeRegions` of EC2.

use super::World;
use crate::aws::state::InstanceType;
use crate::aws::wire::{Call, Fields, Filter, Refusal, Service, Value, list, slice};

const FILTERS: &[&str] = &[
    "burstable-performance-supported",
    "current-generation",
    "instance-type",
    "memory-info.size-in-mib",
    "processor-info.supported-architecture",
    "vcpu-info.default-vcpus",
];

/// Names per call.
const LIMIT: usize = 100;

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", message)
}

/// Answers `DescribeInstanceTypes`. One unknown name refuses the whole call.
pub(crate) fn types(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let names = form.list("InstanceType");
    let filters = form.filters(Service::Ec2, FILTERS)?;
    if names.len() > LIMIT {
        return Err(wrong(format!(
            "The maximum number of instance types is {LIMIT}, {} were given",
            names.len()
        )));
    }
    let mut types = world.account.types();
    let unknown: Vec<_> = names.iter().filter(|name| types.iter().all(|one| one.name != **name)).collect();
    if !unknown.is_empty() {
        let unknown: Vec<_> = unknown.into_iter().map(String::as_str).collect();
        let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(Refusal::new(400, "InvalidInstanceType", message));
    }
    types.retain(|one| {
        (names.is_empty() || names.contains(&one.name)) && filters.iter().all(|filter| fits(filter, one))
    });
    let size = form.whole("MaxResults")?;
    if size.is_some() && !names.is_empty() {
        let message = "The parameter MaxResults cannot be used with the parameter InstanceTypes";
        return Err(Refusal::new(400, "InvalidParameterCombination", message));
    }
    let size = size.unwrap_or(100);
    if !(5..=100).contains(&size) {
        return Err(wrong(format!(
            "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 100."
        )));
    }
    let size = usize::try_from(size).unwrap_or_default();
    let (page, token) = slice(types, size, form.text("NextToken"), &call.action)
        .ok_or_else(|| Refusal::new(400, "InvalidNextToken", "The token is invalid."))?;
    let page = list("item", page.iter().map(describe));
    Ok(Fields::new().with("instanceTypeSet", page).some("nextToken", token).into())
}

fn fits(filter: &Filter, one: &InstanceType) -> bool {
    let value = match filter.name.as_str() {
        "instance-type" => return filter.values.iter().any(|pattern| matches(pattern, &one.name)),
        "processor-info.supported-architecture" => one.architecture.clone(),
        "vcpu-info.default-vcpus" => one.vcpus.to_string(),
        "memory-info.size-in-mib" => one.memory_mib.to_string(),
        "burstable-performance-supported" => one.name.starts_with('t').to_string(),
        _ => "true".to_owned(),
    };
    filter.values.contains(&value)
}

/// EC2's wildcards: `*` for any text, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(&pattern[1..], &text[at..]))
        }
        Some(first) => text.chars().next().is_some_and(|c| {
            (first == '?' || first == c) && matches(&pattern[first.len_utf8()..], &text[c.len_utf8()..])
        }),
    }
}

fn describe(one: &InstanceType) -> Fields {
    let cores = one.cores.unwrap_or(one.vcpus);
    let cpu = Fields::new()
        .with("defaultVCpus", one.vcpus)
        .with("defaultCores", cores)
        .with("defaultThreadsPerCore", one.vcpus / cores.max(1));
    #[allow(clippy::cast_precision_loss, reason = "bandwidths are small")]
    let limits = one.ebs.as_ref().map(|ebs| {
        Fields::new()
            .with("baselineBandwidthInMbps", ebs.mbps)
            .with("baselineThroughputInMBps", ebs.mbps as f64 / 8.0)
            .with("baselineIops", ebs.iops)
            .with("maximumBandwidthInMbps", ebs.burst_mbps)
            .with("maximumThroughputInMBps", ebs.burst_mbps as f64 / 8.0)
            .with("maximumIops", ebs.burst_iops)
    });
    let disks = Fields::new()
        .with("ebsOptimizedSupport", if limits.is_some() { "default" } else { "unsupported" })
        .with("encryptionSupport", "supported")
        .some("ebsOptimizedInfo", limits)
        .with("nvmeSupport", "required");
    let card = Fields::new()
        .with("networkCardIndex", 0)
        .with("networkPerformance", &one.network)
        .with("maximumNetworkInterfaces", 4)
        .some("baselineBandwidthInGbps", one.network_gbps)
        .some("peakBandwidthInGbps", one.network_burst_gbps);
    let network = Fields::new()
        .with("networkPerformance", &one.network)
        .with("maximumNetworkInterfaces", 4)
        .with("maximumNetworkCards", 1)
        .with("defaultNetworkCardIndex", 0)
        .with("networkCards", list("item", [card]))
        .with("ipv4AddressesPerInterface", 15)
        .with("ipv6Supported", true)
        .with("enaSupport", "required");
    let processor = Fields::new()
        .with("supportedArchitectures", list("item", [&one.architecture]))
        .with("manufacturer", if one.architecture == "arm64" { "AWS" } else { "Intel" });
    Fields::new()
        .with("instanceType", &one.name)
        .with("currentGeneration", true)
        .with("freeTierEligible", false)
        .with("bareMetal", false)
        .with("hypervisor", "nitro")
        .with("processorInfo", processor)
        .with("vCpuInfo", cpu)
        .with("memoryInfo", Fields::new().with("sizeInMiB", one.memory_mib))
        .with("instanceStorageSupported", false)
        .with("ebsInfo", disks)
        .with("networkInfo", network)
        .with("burstablePerformanceSupported", one.name.starts_with('t'))
}

/// Regions that every account has.
const DEFAULT: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Regions that an account has to ask for.
const OPT_IN: &[&str] =
    &["af-south-1", "ap-east-1", "eu-central-2", "eu-south-1", "eu-south-2", "me-central-1", "me-south-1"];

/// Answers `DescribeRegions`. Regions that the account did not enable are there only when all are asked for.
pub(crate) fn regions(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let names = form.list("RegionName");
    let filters = form.filters(Service::Ec2, &["region-name", "opt-in-status", "endpoint"])?;
    let enabled = &world.account.regions;
    let others = DEFAULT.iter().chain(OPT_IN).map(|name| (*name).to_owned());
    let mut regions: Vec<String> = enabled.iter().cloned().chain(others).collect();
    regions.sort();
    regions.dedup();
    if let Some(unknown) = names.iter().find(|name| !regions.contains(name)) {
        return Err(wrong(format!("Invalid region provided: {unknown}")));
    }
    let all = form.flag("AllRegions");
    let regions = regions.into_iter().filter_map(|name| {
        let status = match (DEFAULT.contains(&&*name), enabled.contains(&name)) {
            (true, true) => "opt-in-not-required",
            (false, true) => "opted-in",
            (_, false) => "not-opted-in",
        };
        let endpoint = format!("ec2.{name}.amazonaws.com");
        let fits = filters.iter().all(|filter| match filter.name.as_str() {
            "region-name" => filter.values.iter().any(|pattern| matches(pattern, &name)),
            "opt-in-status" => filter.names(status),
            _ => filter.values.iter().any(|pattern| matches(pattern, &endpoint)),
        });
        let wanted = names.is_empty() || names.contains(&name);
        (fits && wanted && (all || status != "not-opted-in")).then(|| {
            Fields::new()
                .with("optInStatus", status)
                .with("regionName", name)
                .with("regionEndpoint", endpoint)
        })
    });
    Ok(Fields::new().with("regionInfo", list("item", regions)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        assert!(matches("m6g.*", "m6g.large") && matches("*", "") && matches("t?.micro", "t3.micro"));
        assert!(!matches("m6g.*", "m6gd.large") && !matches("t?.micro", "t4g.micro"));
    }
}
