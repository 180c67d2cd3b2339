//! What AWS knows about database engines.

/// The kind of server behind an engine name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// PostgreSQL and what speaks like it.
    Postgres,
    /// `MySQL` and what speaks like it.
    Mysql,
    /// `MariaDB`.
    Mariadb,
    /// Oracle.
    Oracle,
    /// SQL Server.
    SqlServer,
    /// Db2.
    Db2,
    /// Neptune: answered by the RDS API too.
    Neptune,
    /// `DocumentDB`: answered by the RDS API too.
    Docdb,
}

/// One engine that RDS, Neptune or `DocumentDB` offers.
#[derive(Debug)]
pub(crate) struct Engine {
    /// The name in the API.
    pub(crate) name: &'static str,
    /// The kind.
    pub(crate) family: Family,
    /// Whether storage belongs to a cluster.
    pub(crate) clustered: bool,
    /// Port.
    pub(crate) port: u16,
    /// License model.
    pub(crate) license: &'static str,
    /// How many parts of the version make the major version.
    parts: usize,
    /// Versions that can be created, the default last.
    pub(crate) versions: &'static [&'static str],
}

const fn engine(
    name: &'static str,
    family: Family,
    clustered: bool,
    port: u16,
    license: &'static str,
    parts: usize,
    versions: &'static [&'static str],
) -> Engine {
    Engine { name, family, clustered, port, license, parts, versions }
}

const POSTGRES: &[&str] = &["12.22", "13.20", "14.9", "14.18", "15.13", "17.5", "16.9"];
const ORACLE: &[&str] = &["19.0.0.0.ru-2025-01.rur-2025-01.r1"];
const SQLSERVER: &[&str] = &["15.00.4430.1.v1", "16.00.4195.2.v1"];
const AURORA_MYSQL: &[&str] =
    &["5.7.mysql_aurora.2.12.5", "8.0.mysql_aurora.3.04.4", "8.0.mysql_aurora.3.08.2"];

/// All engines.
pub(crate) const ENGINES: &[Engine] = &[
    engine("postgres", Family::Postgres, false, 5432, "postgresql-license", 1, POSTGRES),
    engine(
        "aurora-postgresql",
        Family::Postgres,
        true,
        5432,
        "postgresql-license",
        1,
        &["13.20", "14.17", "15.12", "16.8"],
    ),
    engine("mysql", Family::Mysql, false, 3306, "general-public-license", 2, &["5.7.44", "8.4.5", "8.0.42"]),
    engine("aurora-mysql", Family::Mysql, true, 3306, "general-public-license", 2, AURORA_MYSQL),
    engine(
        "mariadb",
        Family::Mariadb,
        false,
        3306,
        "general-public-license",
        2,
        &["10.6.22", "10.11.13", "11.4.7"],
    ),
    engine("oracle-ee", Family::Oracle, false, 1521, "bring-your-own-license", 1, ORACLE),
    engine("oracle-ee-cdb", Family::Oracle, false, 1521, "bring-your-own-license", 1, ORACLE),
    engine("oracle-se2", Family::Oracle, false, 1521, "license-included", 1, ORACLE),
    engine("oracle-se2-cdb", Family::Oracle, false, 1521, "license-included", 1, ORACLE),
    engine("sqlserver-ee", Family::SqlServer, false, 1433, "license-included", 2, SQLSERVER),
    engine("sqlserver-se", Family::SqlServer, false, 1433, "license-included", 2, SQLSERVER),
    engine("sqlserver-ex", Family::SqlServer, false, 1433, "license-included", 2, SQLSERVER),
    engine("sqlserver-web", Family::SqlServer, false, 1433, "license-included", 2, SQLSERVER),
    engine("db2-ae", Family::Db2, false, 50000, "bring-your-own-license", 2, &["11.5.9.0.sb00052190.r1"]),
    engine("db2-se", Family::Db2, false, 50000, "bring-your-own-license", 2, &["11.5.9.0.sb00052190.r1"]),
    engine("neptune", Family::Neptune, true, 8182, "amazon-license", 2, &["1.3.4.0", "1.4.5.0"]),
    engine("docdb", Family::Docdb, true, 27017, "na", 2, &["4.0.0", "5.0.0"]),
];

impl Engine {
    /// The engine of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ENGINES.iter().find(|engine| engine.name == name)
    }

    /// The version of a new database.
    pub(crate) fn default_version(&self) -> &'static str {
        self.versions.last().copied().unwrap_or_default()
    }

    /// The major version as AWS counts it: `16` of `16.9`, `8.0` of `8.0.42`.
    pub(crate) fn major(&self, version: &str) -> String {
        version.split('.').take(self.parts).collect::<Vec<_>>().join(".")
    }

    /// The family of parameter groups, such as `postgres16`.
    pub(crate) fn group_family(&self, version: &str) -> String {
        let dash =
            if matches!(self.family, Family::Oracle | Family::SqlServer | Family::Db2) { "-" } else { "" };
        format!("{}{dash}{}", self.name, self.major(version))
    }

    /// Whether the RDS API of major versions knows it: Neptune and `DocumentDB` have their own.
    pub(crate) fn is_rds(&self) -> bool {
        !matches!(self.family, Family::Neptune | Family::Docdb)
    }

    /// Whether AWS sells support after the community's has ended.
    pub(crate) fn has_extended_support(&self) -> bool {
        matches!(self.family, Family::Postgres | Family::Mysql)
    }

    /// Kinds of logs that go to CloudWatch.
    pub(crate) fn logs(&self) -> &'static [&'static str] {
        match self.family {
            Family::Postgres => &["postgresql", "upgrade"],
            Family::Mysql | Family::Mariadb => &["audit", "error", "general", "slowquery"],
            Family::Oracle => &["alert", "audit", "listener", "trace"],
            Family::SqlServer => &["agent", "error"],
            Family::Db2 => &["diag.log", "notify.log"],
            Family::Neptune => &["audit", "slowquery"],
            Family::Docdb => &["audit", "profiler"],
        }
    }
}
