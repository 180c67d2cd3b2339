//! SQL is SQL.

use std::sync::Arc;

use catalogue::source::{Place, Source};
use catalogue::text::Text;
use catalogue::{Problem, Problems};
use rayon::prelude::*;

use super::{Check, Context};
use crate::markdown::Outline;
use crate::sql;

pub(super) const CHECK: Check = Check {
    name: "sql/syntax",
    doc: "A metric's query, a SQL file or a `sql` block of a runbook does not parse as PostgreSQL. Variables of psql \
          (`:pid`, `:'slot'`) are fine in files. Every SQL file starts with a comment that says what it lists.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let files: Vec<&Arc<Source>> = sql::files(context.catalogue).collect();
    let mut texts: Vec<Text> = files.iter().map(|source| Text::file(source)).collect();
    let branches = context.catalogue.queries().flat_map(|(_, query)| &query.branches);
    texts.extend(branches.map(|branch| branch.sql.clone()));
    let scripts: Vec<_> = texts.iter().map(|text| &**text).collect();
    for (text, errors) in texts.iter().zip(sql::errors(&scripts)) {
        problems.extend(errors.into_iter().map(|error| problem(text.place_of(error.range), &error.message)));
    }
    for source in files {
        if !source.text.starts_with("--") {
            let problem = Problem::error(
                CHECK.name,
                Text::file(source).place_of(0..0),
                "the file does not say what it is for",
            );
            problems.push(problem.help("start it with a comment: `-- Lists …`"));
        }
    }
    let runbooks = context.rules.par_iter().filter_map(|rule| rule.alert.runbook.as_ref());
    let blocks: Vec<_> = runbooks
        .flat_map_iter(|source| {
            let text = Text::file(source);
            let blocks = Outline::of(source).code_blocks.iter().filter(|block| block.language == "sql");
            blocks.map(|block| (text.place_of(block.range.clone()), &block.text)).collect::<Vec<_>>()
        })
        .collect();
    let scripts: Vec<_> = blocks.iter().map(|(_, script)| script.as_str()).collect();
    for ((place, _), errors) in blocks.iter().zip(sql::errors(&scripts)) {
        problems.extend(errors.into_iter().map(|error| problem(place.clone(), &error.message)));
    }
}

fn problem(place: Place, message: &str) -> Problem {
    Problem::error(CHECK.name, place, message.to_lowercase())
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
