//! `DescribeDBLogFiles`.

use std::time::Duration;

use super::World;
use super::instances::find;
use crate::aws::state::{Family, Instance, LogFile};
use crate::aws::wire::{Call, Fields, Page, Refusal, Value, list};

/// The documentation gives no limits for `MaxRecords` here; these refuse what may not work.
const PAGE: Page = Page { default: 100, min: 1, max: 100 };

/// Answers the call.
pub(crate) fn describe(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let instance = find(world, form.need("DBInstanceIdentifier")?)?;
    if !instance.is_running() {
        let message = format!("Database instance {} is not ready: {}", instance.identifier, instance.status);
        return Err(Refusal::new(400, "DBInstanceNotReady", message));
    }
    let (contains, since, larger) =
        (form.text("FilenameContains"), form.whole("FileLastWritten")?, form.whole("FileSize")?);
    let mut files = instance.log_files.clone().unwrap_or_else(|| usual(instance, world));
    files.retain(|file| {
        contains.is_none_or(|part| file.name.contains(part))
            && since.is_none_or(|since| file.written.millis() >= since)
            && larger.is_none_or(|size| file.size > size)
    });
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let (page, marker) = PAGE.cut(files, &form)?;
    let page = page.into_iter().map(|file| {
        Fields::new()
            .with("LogFileName", file.name)
            .with("LastWritten", file.written.millis())
            .with("Size", file.size)
    });
    let page = list("DescribeDBLogFilesDetails", page);
    Ok(Fields::new().with("DescribeDBLogFiles", page).some("Marker", marker).into())
}

/// What every server has.
fn usual(instance: &Instance, world: World<'_>) -> Vec<LogFile> {
    let names: &[&str] = match instance.kind().map(|engine| engine.family) {
        Some(Family::Postgres) => &["error/postgres.log", "error/postgresql.log.1", "error/postgresql.log.2"],
        Some(Family::Mysql | Family::Mariadb) => {
            &["error/mysql-error-running.log", "error/mysql-error.log", "slowquery/mysql-slowquery.log"]
        }
        Some(Family::Oracle) => &["audit/dba_1.aud", "trace/alert_ORCL.log", "trace/listener.log"],
        _ => &["log/ERROR", "log/ERROR.1", "log/SQLAGENT.OUT"],
    };
    let hours = [0_u32, 1, 2];
    let files = names.iter().zip(hours).map(|(name, hour)| LogFile {
        name: (*name).to_owned(),
        size: 1_048_576 >> hour,
        written: world.now.minus(Duration::from_secs(u64::from(hour) * 3_600)),
    });
    files.collect()
}
