//! Fleets for measurements: many databases, none like its neighbour.

use super::{Account, Cluster, Instance, LogFile, Maintenance, Moment, Serverless, days};

const ENGINES: &[(&str, Option<&str>)] = &[
    ("postgres", None),
    ("postgres", Some("14.18")),
    ("mysql", None),
    ("postgres", Some("13.20")),
    ("mariadb", None),
    ("postgres", Some("17.5")),
    ("mysql", Some("8.4.5")),
];

const CLASSES: &[&str] = &[
    "db.t3.micro",
    "db.t3.medium",
    "db.t4g.micro",
    "db.t4g.medium",
    "db.t4g.large",
    "db.m5.large",
    "db.m5.xlarge",
    "db.m6g.large",
    "db.m6g.xlarge",
    "db.m6g.2xlarge",
    "db.m6i.large",
    "db.m6i.2xlarge",
    "db.m7g.large",
    "db.m7g.xlarge",
    "db.r5.large",
    "db.r5.2xlarge",
    "db.r6g.large",
    "db.r6g.xlarge",
    "db.r6g.4xlarge",
    "db.r6i.large",
    "db.r7g.large",
    "db.r7g.2xlarge",
    "db.x2g.large",
];

/// Storage type, GiB and provisioned operations.
const STORAGE: &[(&str, i64, Option<i64>)] = &[
    ("gp3", 100, None),
    ("gp2", 200, None),
    ("gp3", 500, Some(12_000)),
    ("io1", 400, Some(8_000)),
    ("io2", 1_000, Some(20_000)),
];

const STATUSES: &[&str] =
    &["backing-up", "modifying", "storage-optimization", "stopped", "upgrading", "creating"];

impl Account {
    /// An account with `count` instances of all engines, classes and storage types. Nine of ten are single, every
    /// tenth is a member of an Aurora cluster of three.
    pub fn fleet(count: usize) -> Self {
        let mut account = Self::default();
        for index in 0..count {
            let instance = if index % 10 == 9 {
                account.aurora_member(index)
            } else {
                single(index, &account.instances)
            };
            account.instances.push(instance);
        }
        account.quotas.insert("L-7B6409FD".to_owned(), 5_000.0);
        account.quotas.insert("L-7ADDB58A".to_owned(), 1_000_000.0);
        account
    }

    fn aurora_member(&mut self, index: usize) -> Instance {
        let name = format!("aurora-{:04}", index / 30);
        let engine = if (index / 30).is_multiple_of(2) { "aurora-postgresql" } else { "aurora-mysql" };
        if self.clusters.last().is_none_or(|last| last.identifier != name) {
            let serverless = (index / 30).is_multiple_of(3).then_some(Serverless {
                min: 0.5,
                max: 16.0,
                auto_pause: None,
            });
            self.clusters.push(Cluster { engine: engine.to_owned(), serverless, ..Cluster::new(&name) });
        }
        let class =
            if (index / 30).is_multiple_of(3) { "db.serverless" } else { CLASSES[14 + index / 10 % 8] };
        Instance {
            engine: engine.to_owned(),
            class: class.to_owned(),
            cluster: Some(name),
            tags: [("team".to_owned(), "aurora".to_owned())].into(),
            ..Instance::new(format!("aurora-db-{index:05}"))
        }
    }
}

fn single(index: usize, earlier: &[Instance]) -> Instance {
    let replica_of = (index % 8 == 7).then(|| earlier.iter().rfind(|one| one.cluster.is_none())).flatten();
    let (engine, version) = ENGINES[index % ENGINES.len()];
    let (storage_type, storage, iops) = STORAGE[index % STORAGE.len()];
    let mut instance = Instance {
        class: CLASSES[index % CLASSES.len()].to_owned(),
        engine: engine.to_owned(),
        version: version.map(str::to_owned),
        storage_type: Some(storage_type.to_owned()),
        storage: Some(storage),
        iops,
        multi_az: index.is_multiple_of(3),
        performance_insights: !index.is_multiple_of(4),
        age: days(index as u64 % 900 + 1),
        ..Instance::new(format!("db-{index:05}"))
    };
    instance.tags.insert("team".to_owned(), ["payments", "cards", "ledger", "risk"][index % 4].to_owned());
    instance.tags.insert("env".to_owned(), ["production", "staging"][index % 2].to_owned());
    if let Some(source) = replica_of {
        instance.engine.clone_from(&source.engine);
        instance.version.clone_from(&source.version);
        instance.replica_of = Some(source.identifier.clone());
    }
    if index % 50 == 41 {
        STATUSES[index / 50 % STATUSES.len()].clone_into(&mut instance.status);
    }
    if index % 20 == 11 {
        instance.maintenance = vec![Maintenance {
            action: "system-update".to_owned(),
            description: "New Operating System update is available".to_owned(),
            ..Maintenance::default()
        }];
    }
    if index % 25 == 17 {
        let written = Moment::now();
        let file = |hour: usize| LogFile { name: format!("error/log.{hour:03}"), size: 4_096, written };
        instance.log_files = Some((0..130).map(file).collect());
    }
    #[allow(clippy::cast_precision_loss, reason = "an index is small")]
    instance.metrics.insert("CPUUtilization".to_owned(), ((index * 7 % 90) as f64 + 1.5).into());
    instance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_a_possible_account() {
        let fleet = Account::fleet(1_000);
        assert_eq!(fleet.instances.len(), 1_000);
        assert_eq!(fleet.clusters.len(), 34);
        fleet.check().unwrap();
    }
}
