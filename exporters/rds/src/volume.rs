//! What a volume can do, from its type and size.
//!
//! Amazon RDS User Guide, "Amazon RDS DB instance storage". gp2, io1 and io2 as in the metrics files.

use super::model::Instance;

/// IOPS of the volumes at most; `None` for storage that is no EBS volume, and when AWS says too little.
pub fn iops(instance: &Instance) -> Option<f64> {
    let others = instance.volumes.iter().map(|volume| volume.iops.filter(|iops| *iops > 0.0));
    others.fold(first_iops(instance), |sum, own| Some(sum? + own?))
}

/// Throughput of the volumes at most, MiB per second.
pub fn throughput_mib(instance: &Instance) -> Option<f64> {
    let others = instance.volumes.iter().map(|volume| match volume.storage_type.as_str() {
        "io2" => volume.iops.and_then(io2_mib),
        _ => volume.throughput_mib.filter(|throughput| *throughput > 0.0),
    });
    others.fold(first_throughput_mib(instance), |sum, own| Some(sum? + own?))
}

fn first_iops(instance: &Instance) -> Option<f64> {
    match instance.storage_type.as_str() {
        "gp3" | "io1" | "io2" => instance.iops.filter(|iops| *iops > 0.0),
        "gp2" => {
            let size = instance.allocated_gib?;
            let (least, most) =
                if is_striped(instance, size) { (12_000.0, 64_000.0) } else { (3_000.0, 16_000.0) };
            Some((3.0 * size).clamp(least, most))
        }
        _ => None,
    }
}

fn first_throughput_mib(instance: &Instance) -> Option<f64> {
    match instance.storage_type.as_str() {
        "gp3" => instance.throughput_mib.filter(|throughput| *throughput > 0.0),
        "gp2" => {
            let size = instance.allocated_gib?;
            let volume = |size: f64| if size > 170.0 { 250.0 } else { 128.0 };
            Some(if is_striped(instance, size) { 4.0 * volume(size / 4.0) } else { volume(size) })
        }
        "io1" => {
            let iops = instance.iops.filter(|iops| *iops > 0.0)?;
            Some(match iops {
                64_000.0.. => 1000.0,
                32_000.0.. => iops * 16.0 / 1024.0,
                2_000.0.. => 500.0,
                _ => iops * 256.0 / 1024.0,
            })
        }
        "io2" => instance.iops.and_then(io2_mib),
        _ => None,
    }
}

fn io2_mib(iops: f64) -> Option<f64> {
    (iops > 0.0).then(|| (iops * 0.256).clamp(256.0, 4000.0))
}

/// Whether RDS spreads the disk over four volumes.
fn is_striped(instance: &Instance, gib: f64) -> bool {
    match instance.engine.as_str() {
        "postgres" | "mysql" | "mariadb" => gib >= 400.0,
        engine => engine.starts_with("oracle-") && gib >= 200.0,
    }
}

/// What the exporter that came before said, with `--compat`.
pub mod compat {
    use super::super::model::Instance;

    /// As [`super::iops`], without stripes and bursts.
    pub fn iops(instance: &Instance) -> Option<f64> {
        match (instance.storage_type.as_str(), instance.allocated_gib) {
            ("gp2", Some(size)) => Some((3.0 * size).clamp(100.0, 16_000.0)),
            _ => instance.iops.filter(|iops| *iops > 0.0),
        }
    }

    /// As [`super::throughput_mib`], without stripes.
    pub fn throughput_mib(instance: &Instance) -> Option<f64> {
        match (instance.storage_type.as_str(), instance.allocated_gib) {
            ("gp2", Some(size)) => Some(if size >= 334.0 { 250.0 } else { 128.0 }),
            ("io1" | "io2", _) => super::first_throughput_mib(instance).map(f64::floor),
            _ => instance.throughput_mib.filter(|throughput| *throughput > 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(storage_type: &str, engine: &str, gib: f64, iops: Option<f64>) -> (Option<f64>, Option<f64>) {
        let instance = Instance {
            storage_type: storage_type.to_owned(),
            engine: engine.to_owned(),
            allocated_gib: Some(gib),
            iops,
            throughput_mib: Some(125.0),
            ..Instance::default()
        };
        (self::iops(&instance), throughput_mib(&instance))
    }

    #[test]
    fn volumes_have_the_limits_that_aws_documents() {
        assert_eq!(limits("gp2", "postgres", 100.0, None), (Some(3_000.0), Some(128.0)));
        assert_eq!(limits("gp2", "postgres", 400.0, None), (Some(12_000.0), Some(512.0)));
        assert_eq!(limits("gp2", "postgres", 20_000.0, None), (Some(60_000.0), Some(1000.0)));
        assert_eq!(limits("gp2", "sqlserver-se", 10_000.0, None), (Some(16_000.0), Some(250.0)));
        assert_eq!(limits("gp3", "postgres", 100.0, Some(3_000.0)), (Some(3_000.0), Some(125.0)));
        assert_eq!(limits("io1", "postgres", 100.0, Some(48_000.0)), (Some(48_000.0), Some(750.0)));
        assert_eq!(limits("io2", "postgres", 100.0, Some(20_000.0)), (Some(20_000.0), Some(4_000.0)));
        assert_eq!(limits("aurora", "aurora-postgresql", 1.0, None), (None, None));
        assert_eq!(limits("io1", "postgres", 100.0, None), (None, None));
    }

    #[test]
    fn additional_volumes_count() {
        use super::super::model::Volume;
        let gp3 = Volume {
            storage_type: "gp3".to_owned(),
            iops: Some(12_000.0),
            throughput_mib: Some(500.0),
            ..Volume::default()
        };
        let io2 = Volume { storage_type: "io2".to_owned(), iops: Some(2_000.0), ..Volume::default() };
        let mut instance = Instance {
            storage_type: "gp3".to_owned(),
            engine: "oracle-ee".to_owned(),
            allocated_gib: Some(200.0),
            iops: Some(3_000.0),
            throughput_mib: Some(125.0),
            volumes: vec![gp3, io2],
            ..Instance::default()
        };
        assert_eq!((iops(&instance), throughput_mib(&instance)), (Some(17_000.0), Some(1_137.0)));
        assert_eq!(compat::iops(&instance), Some(3_000.0));
        instance.volumes[0].iops = None;
        assert_eq!(iops(&instance), None);
    }

    #[test]
    fn compat_gives_the_old_numbers() {
        let gp2 = Instance {
            storage_type: "gp2".to_owned(),
            engine: "postgres".to_owned(),
            allocated_gib: Some(400.0),
            ..Instance::default()
        };
        assert_eq!((compat::iops(&gp2), compat::throughput_mib(&gp2)), (Some(1_200.0), Some(250.0)));
    }
}
