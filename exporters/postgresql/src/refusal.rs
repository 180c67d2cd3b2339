//! Why a server refuses a login, told by what it does not translate: the SQLSTATE and the routine that refused.
//!
//! PostgreSQL source: `InitializeSessionUserId` (`miscinit.c`), `CheckMyDatabase` and `InitPostgres` (`postinit.c`),
//! `InitProcess` (`proc.c`), `ProcessStartupPacket` (`backend_startup.c`, `postmaster.c`), `ClientAuthentication`
//! (`auth.c`). The routines are the same in PostgreSQL 13 to 18.

/// A reason that a server gave, or that its catalogue shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No connection is free for this role: `max_connections` less what is reserved.
    ServerFull,
    /// The role has as many connections as it may: `rolconnlimit`.
    RoleLimit,
    /// The database has as many connections as it may: `datconnlimit`.
    DatabaseLimit,
    /// No line of `pg_hba.conf` lets the role in, or one rejects it.
    PgHba,
    /// The role lacks the privilege CONNECT.
    NoConnect,
    /// A `DROP DATABASE` was interrupted: `datconnlimit` is -2, and nothing is left but to drop it again.
    Invalid,
    /// `datallowconn` is false.
    Closed,
}

impl Reason {
    /// Reads what a server answered; `None` when that is none of the reasons.
    pub fn of(sqlstate: &str, routine: Option<&str>) -> Option<Self> {
        Some(match (sqlstate, routine?) {
            ("53300", "InitializeSessionUserId") => Self::RoleLimit,
            ("53300", "CheckMyDatabase") => Self::DatabaseLimit,
            ("53300", "InitProcess" | "InitPostgres" | "ProcessStartupPacket") => Self::ServerFull,
            ("28000", "ClientAuthentication") => Self::PgHba,
            ("42501", "CheckMyDatabase") => Self::NoConnect,
            ("55000", "InitPostgres") => Self::Invalid,
            ("55000", "CheckMyDatabase") => Self::Closed,
            _ => return None,
        })
    }

    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerFull => "server_full",
            Self::RoleLimit => "role_limit",
            Self::DatabaseLimit => "database_limit",
            Self::PgHba => "pg_hba",
            Self::NoConnect => "no_connect",
            Self::Invalid => "invalid",
            Self::Closed => "closed",
        }
    }

    /// Whether other databases may be entered all the same.
    pub fn is_of_database(self) -> bool {
        !matches!(self, Self::ServerFull | Self::RoleLimit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_from_a_full_server() {
        assert_eq!(Reason::of("53300", Some("InitProcess")), Some(Reason::ServerFull));
        assert_eq!(Reason::of("53300", Some("CheckMyDatabase")), Some(Reason::DatabaseLimit));
        assert_eq!(Reason::of("42501", Some("CheckMyDatabase")), Some(Reason::NoConnect));
        // A pooler, which has no such routine; and an answer of another kind.
        assert_eq!(Reason::of("53300", None), None);
        assert_eq!(Reason::of("57P03", Some("ProcessStartupPacket")), None);
    }
}
