//! `check-grants`: what the role lacks, as SQL that gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use catalogue::need::Need;

use super::collector::Collector;
use super::doors::Greeting;
use super::needs::{Have, monitor};
use super::session::{Failure, Session, quoted};
use super::target::Target;
use exporter_core::scrape::Deadline;

/// The databases that are wanted and can be entered.
async fn databases(target: &Target, session: &Session, deadline: &Deadline) -> Result<Vec<String>, Failure> {
    let listed = Greeting::ask(session, deadline).await?.databases.into_iter();
    let open = listed.filter(|listed| listed.barred.is_none()).map(|listed| listed.name);
    Ok(open.filter(|name| target.selection.databases.has(name)).collect())
}

/// The SQL for one server; `None` when nothing is missing.
pub async fn check(target: &Target, patience: Duration) -> Result<Option<String>, Failure> {
    let deadline = Deadline::after(patience);
    let login = &target.login;
    let mut session = login.open(login.database()).await?;
    let everything = || target.selection.collectors.iter();
    let server: Vec<_> = everything().filter(|collector| !collector.per_database()).collect();
    let database: Vec<_> = everything().filter(|collector| collector.per_database()).collect();
    let mut missing: BTreeMap<String, BTreeMap<Need, BTreeSet<String>>> = BTreeMap::new();
    let mut note = |database: &str, have: &Have, collectors: &[&Arc<Collector>]| {
        for need in have.missing() {
            let of = collectors.iter().filter(|collector| collector.query.needs.contains(need));
            let names = of.map(|collector| collector.name().to_owned());
            missing.entry(database.to_owned()).or_default().entry(need.clone()).or_default().extend(names);
        }
    };
    let major = session.major;
    let needs = |collectors: &[&Arc<Collector>]| {
        let fitting = collectors.iter().filter(|collector| collector.query.branch(major).is_some());
        fitting.flat_map(|collector| collector.query.needs.clone()).collect::<Vec<_>>()
    };
    let have = Have::ask(&mut session, &[monitor()], &deadline).await?;
    let is_monitor = have.missing().next().is_none();
    let have = Have::ask(&mut session, &needs(&server), &deadline).await?;
    note(login.database(), &have, &server);
    if !needs(&database).is_empty() {
        for name in databases(target, &session, &deadline).await? {
            let mut session = login.open(&name).await?;
            let have = Have::ask(&mut session, &needs(&database), &deadline).await?;
            note(&name, &have, &database);
        }
    }
    if is_monitor && missing.is_empty() {
        return Ok(None);
    }
    let role = quoted(login.user());
    let mut text = String::new();
    if !is_monitor {
        let _ =
            writeln!(text, "-- without it, many views hide what other roles do\nGRANT pg_monitor TO {role};");
    }
    for (database, needs) in missing {
        let _ = writeln!(text, "\\connect {}", quoted(&database));
        for (need, collectors) in needs {
            let names: Vec<_> = collectors.into_iter().collect();
            let _ = writeln!(text, "-- for {}\n{}", names.join(", "), need.grant(&role));
        }
    }
    Ok(Some(text))
}
