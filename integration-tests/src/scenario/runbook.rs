//! The runbook in the loop: its SQL runs while the fault is on, must show the culprit, and may end the fault.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use catalogue::alert::Alert;
use catalogue::scenario::{Mitigation, Show};
use catalogue::text::Text;
use generator::links::Library;
use generator::markdown::{Link, Outline};
use generator::psql;
use indexmap::IndexMap;
use tokio_postgres::SimpleQueryMessage;

use super::stage::{APP, Stage};
use crate::patience;
use crate::postgres::MONITOR;

/// A row by the names of its columns.
pub type Row = IndexMap<String, String>;

/// Results by file name.
pub type Results = BTreeMap<String, Vec<Row>>;

/// The SQL files that a runbook links: as it links them, and their text.
pub fn files(alert: &Alert) -> Result<Vec<(String, String)>> {
    let Some(runbook) = &alert.runbook else { return Ok(Vec::new()) };
    let mut files: Vec<(String, String)> = Vec::new();
    for Link { destination, .. } in &Outline::of(runbook).links {
        let sql = PathBuf::from(destination).extension().is_some_and(|extension| extension == "sql");
        if sql && !files.iter().any(|(known, _)| known == destination) {
            files.push((destination.clone(), read(alert, destination)?));
        }
    }
    Ok(files)
}

fn read(alert: &Alert, file: &str) -> Result<String> {
    let path = Library::path(&alert.folder, file);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The files of a runbook that only read: one that needs variables of psql changes something, and is a mitigation.
pub fn reading(alert: &Alert) -> Result<Vec<(String, String)>> {
    Ok(files(alert)?.into_iter().filter(|(_, text)| psql::variables(text).is_empty()).collect())
}

/// Runs every file of the runbook that only reads, while the exporters scrape, until all show what they must.
pub async fn diagnose(stage: &Stage, alert: &Alert, shows: &[Show]) -> Result<Results> {
    let files = reading(alert)?;
    let start = Instant::now();
    let within = shows
        .iter()
        .filter_map(|show| show.within.as_ref())
        .map(|time| Duration::from_millis(time.milliseconds()));
    let limit = within.max().unwrap_or_default() + patience();
    loop {
        // A scrape is under way, because one file looks at the exporter's own statements.
        let work = async {
            let mut results = Results::new();
            for (file, text) in &files {
                let show = shows.iter().find(|show| *show.file == **file);
                let rows =
                    query(stage, show, text).await.with_context(|| format!("`{file}` of the runbook"))?;
                results.insert(file.clone(), rows);
            }
            anyhow::Ok(results)
        };
        let (results, scrape) = tokio::join!(work, stage.exporters.observe());
        let results = results?;
        scrape?;
        let missing = shows.iter().find_map(|show| missing(show, &results));
        match missing {
            None => return Ok(results),
            Some(missing) if start.elapsed() > limit => bail!("{missing}"),
            Some(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn query(stage: &Stage, show: Option<&Show>, text: &str) -> Result<Vec<Row>> {
    let database = show.and_then(|show| show.database.as_deref()).unwrap_or(APP);
    let client = stage.server.client(database).await?;
    if show.is_some_and(|show| show.monitor) {
        client.simple_query(&format!("SET SESSION AUTHORIZATION {MONITOR}")).await?;
    }
    let messages = client.simple_query(text).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let value = |at| row.get(at).unwrap_or_default().to_owned();
            Some(
                row.columns()
                    .iter()
                    .enumerate()
                    .map(|(at, column)| (column.name().to_owned(), value(at)))
                    .collect(),
            )
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// What a result lacks.
fn missing(show: &Show, results: &Results) -> Option<String> {
    let rows = results.get(&*show.file).map_or(&[][..], Vec::as_slice);
    let wanted = show.rows.iter().find(|wanted| !rows.iter().any(|row| fits(row, wanted)))?;
    let wanted: Vec<_> = wanted.iter().map(|(column, value)| format!("{column} = {}", &**value)).collect();
    Some(format!("`{}` does not show {}; it shows {rows:?}", &*show.file, wanted.join(", ")))
}

fn fits(row: &Row, wanted: &IndexMap<String, Text>) -> bool {
    wanted.iter().all(|(column, value)| row.get(column).is_some_and(|own| *own == **value))
}

/// Runs what the runbook says to end the fault, with psql.
pub async fn mitigate(stage: &Stage, alert: &Alert, steps: &[Mitigation], results: &Results) -> Result<()> {
    for step in steps {
        let file = &*step.file;
        let text = read(alert, file)?;
        let rows = match &step.for_each {
            None => vec![Row::new()],
            Some(shown) => {
                let rows = results.get(&**shown).into_iter().flatten();
                rows.filter(|row| fits(row, &step.rows)).cloned().collect()
            }
        };
        if rows.is_empty() {
            bail!("`{file}` of the runbook has no row to run for");
        }
        let mut script = String::new();
        for row in rows {
            let variables =
                row.into_iter().chain(step.set.iter().map(|(name, value)| (name.clone(), value.to_string())));
            let variables: String = variables
                .map(|(name, value)| format!(" -v '{}'", format!("{name}={value}").replace('\'', "'\\''")))
                .collect();
            script += &format!(
                "psql -X -q -v ON_ERROR_STOP=1 -h /tmp -p {} -U postgres -d {APP}{variables} -f - <<'END_OF_FILE'\n{text}\nEND_OF_FILE\n",
                stage.server.port
            );
        }
        stage
            .server
            .run(&format!("set -e\n{script}"))
            .await
            .with_context(|| format!("`{file}` of the runbook"))?;
    }
    Ok(())
}
