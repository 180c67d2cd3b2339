//! How long major versions are supported, from the release calendars in the RDS and Aurora user guides.

use serde::Deserialize;

use super::Moment;

/// Support of a major version.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// Engine name.
    pub engine: String,
    /// Major version, such as `16` or `8.0`.
    pub major: String,
    /// Start of standard support.
    #[serde(default = "long_ago")]
    pub standard_start: Moment,
    /// End of standard support.
    pub standard_end: Moment,
    /// End of extended support; `MariaDB` has none.
    #[serde(default)]
    pub extended_end: Option<Moment>,
}

fn long_ago() -> Moment {
    Moment::from_seconds(1_577_836_800)
}

/// Engine, major version, start and end of standard support, end of extended support.
const CALENDAR: &[(&str, &str, &str, &str, &str)] = &[
    ("aurora-mysql", "5.7", "2018-02-06", "2024-10-31", "2027-02-28"),
    ("aurora-mysql", "8.0", "2021-11-18", "2028-04-30", "2029-07-31"),
    ("aurora-postgresql", "12", "2021-01-28", "2025-02-28", "2028-02-29"),
    ("aurora-postgresql", "13", "2021-08-26", "2026-02-28", "2029-02-28"),
    ("aurora-postgresql", "14", "2022-06-20", "2027-02-28", "2030-02-28"),
    ("aurora-postgresql", "15", "2023-01-31", "2028-02-29", "2031-02-28"),
    ("aurora-postgresql", "16", "2024-01-31", "2029-02-28", "2032-02-29"),
    ("aurora-postgresql", "17", "2025-05-01", "2030-02-28", "2033-02-28"),
    ("mariadb", "10.6", "2022-02-04", "2026-08-31", ""),
    ("mariadb", "10.11", "2023-08-21", "2028-02-28", ""),
    ("mariadb", "11.4", "2024-10-15", "2029-05-31", ""),
    ("mysql", "5.7", "2016-02-22", "2024-02-29", "2027-02-28"),
    ("mysql", "8.0", "2018-10-24", "2026-07-31", "2029-07-31"),
    ("mysql", "8.4", "2024-11-21", "2029-07-31", "2032-07-31"),
    ("postgres", "11", "2019-03-13", "2024-02-29", "2027-03-31"),
    ("postgres", "12", "2020-03-31", "2025-02-28", "2028-02-29"),
    ("postgres", "13", "2021-02-24", "2026-02-28", "2029-02-28"),
    ("postgres", "14", "2022-02-03", "2027-02-28", "2030-02-28"),
    ("postgres", "15", "2023-02-27", "2028-02-29", "2031-02-28"),
    ("postgres", "16", "2024-02-15", "2029-02-28", "2032-02-29"),
    ("postgres", "17", "2024-12-03", "2030-02-28", "2033-02-28"),
];

/// The calendar as AWS writes it: support ends in the last millisecond of a day.
pub(crate) fn calendar() -> Vec<Lifecycle> {
    let end = |date: &str| Moment::parse(&format!("{date}T23:59:59.999Z")).ok();
    let rows = CALENDAR.iter().filter_map(|(engine, major, start, standard, extended)| {
        Some(Lifecycle {
            engine: (*engine).to_owned(),
            major: (*major).to_owned(),
            standard_start: Moment::parse(start).ok()?,
            standard_end: end(standard)?,
            extended_end: end(extended),
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_of_the_calendar_exists() {
        let calendar = calendar();
        assert_eq!(calendar.len(), CALENDAR.len());
        let without = calendar.iter().filter(|row| row.extended_end.is_none());
        assert!(without.into_iter().all(|row| row.engine == "mariadb"));
    }
}
