//! SQL is SQL.

use std::ops::Range;
use std::sync::Arc;

use catalogue::source::{Place, Source};
use catalogue::text::Text;
use catalogue::{Problem, Problems};
use rayon::prelude::*;

use super::{Check, Context};
use crate::markdown::Outline;
use crate::sql::{self, SqlError};

pub(super) const CHECK: Check = Check {
    name: "sql/syntax",
    doc: "A metric's query, a SQL file or a `sql` block of a runbook does not parse as PostgreSQL. Variables of psql \
          (`:pid`, `:'slot'`) are fine in files. Every SQL file starts with a comment that says what it lists.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let files: Vec<&Arc<Source>> = sql::files(context.catalogue).collect();
    let scripts: Vec<&str> = files.iter().map(|source| &*source.text).collect();
    report(problems, &scripts, |number, range| Place::new(files[number], range));
    let branches = context.catalogue.queries().flat_map(|(_, query)| &query.branches);
    let texts: Vec<&Text> = branches.map(|branch| &branch.sql).collect();
    let scripts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
    report(problems, &scripts, |number, range| texts[number].place_of(range));
    let runbooks = context.rules.par_iter().filter_map(|rule| rule.alert.runbook.as_ref());
    let blocks = runbooks.flat_map_iter(|source| {
        let blocks = Outline::of(source).code_blocks.iter().filter(|block| block.language == "sql");
        blocks.map(move |block| (source, block))
    });
    let blocks: Vec<_> = blocks.collect();
    let scripts: Vec<&str> = blocks.iter().map(|(_, block)| &*block.text).collect();
    report(problems, &scripts, |number, _| Place::new(blocks[number].0, blocks[number].1.range.clone()));
    for source in files {
        if !source.text.starts_with("--") {
            let problem =
                Problem::error(CHECK.name, Place::start(source), "the file does not say what it is for");
            problems.push(problem.help("start it with a comment: `-- Lists …`"));
        }
    }
}

/// Reports the errors of scripts. Where a byte range of a script, told by its number, stands, is for the caller to say.
fn report(problems: &mut Problems, scripts: &[&str], place: impl Fn(usize, Range<usize>) -> Place) {
    for (number, errors) in sql::errors(scripts).into_iter().enumerate() {
        let problem = |error: SqlError| {
            Problem::error(CHECK.name, place(number, error.range), error.message.to_lowercase())
        };
        problems.extend(errors.into_iter().map(problem));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RUNBOOK, findings};
    use super::*;

    #[test]
    fn what_postgresql_would_refuse_is_found() {
        let file = |text: &str| findings(&CHECK, "x/alerts/PFoo/list.sql", text);
        assert!(
            file("-- Ends it.\nSELECT pg_terminate_backend(:pid), :'slot', 'a:b'::text, now()::date;\n")
                .is_empty()
        );
        assert!(file("-- x\nVACUUM (FREEZE, VERBOSE) a;\nREINDEX INDEX CONCURRENTLY b;\nALTER SYSTEM SET work_mem = '4MB';\n").is_empty());
        assert!(!file("-- x\nSELEC 1;\n").is_empty());
        assert_eq!(file("SELECT 1;\n"), ["1:1 the file does not say what it is for"]);
        let runbook = RUNBOOK.replace("Slow.", "```sql\nSELECT FROM WHERE;\n```");
        assert!(!findings(&CHECK, "x/alerts/PFoo/runbook.md", &runbook).is_empty());
    }
}
