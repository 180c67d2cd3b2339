//! A small valid content that each check's tests break in one place.

use catalogue::Problems;

use super::{Check, Context};

const FILES: [(&str, &str); 8] = [
    (
        "site.yaml",
        "title: T\ndescription: D\nurl: https://u\nrepository: https://r\ncharts: oci://c\n\
         kube_version: '>=1.16.0-0'\nicon: https://i\nmaintainers: [{ name: N, url: https://n }]\n",
    ),
    (
        "x/component.yaml",
        "title: T\ndescription: D\nchart: c\nrule_group: g\nprefixes: [P]\nlabels: { target: the server }\n\
         groups: { a: A }\n",
    ),
    (
        "x/metrics/pg.yaml",
        "help: H\nsource: s\nscope: server\nlabels: [slot]\nmetrics:\n  used: { kind: gauge, help: h }\n  \
         errors_total: { kind: counter, help: h }\nqueries:\n  - since: 13\n    sql: SELECT slot, used, errors_total\n",
    ),
    (
        "x/metrics/pg_server.yaml",
        "help: H\nsource: s\nscope: server\nprefix: pg_\nmetrics:\n  limit: { kind: gauge, help: h }\nqueries:\n  \
         - since: 13\n    sql: SELECT 1 AS limit\n",
    ),
    ("x/alerts/PFoo/alert.yaml", ALERT),
    ("x/alerts/PFoo/tests.yaml", TESTS),
    ("x/alerts/PFoo/runbook.md", RUNBOOK),
    ("x/alerts/PFoo/list.sql", "-- Lists.\nSELECT 1;\n"),
];

pub(super) const ALERT: &str = "title: Foo\ngroup: a\nseverity: warning\nfor: 10m\n\
    params:\n  limit: { value: 80, unit: percent, min: 1, max: 100, help: h }\n\
    expr: max by (target) (pg_used) > ${limit}\n\
    summary: A server is full.\ndescription: '{{ $labels.target }} is at {{ printf \"%.0f\" $value }}%.'\n";

pub(super) const TESTS: &str = "- name: fires\n  series: { 'pg_used{target=\"a\", slot=\"s\"}': 81x20 }\n  at: 10m\n  \
    fires: [{ target: a }]\n  texts: { description: 'a is at 81%.' }\n  \
    near_misses: [{ name: at, series: { 'pg_used{target=\"a\", slot=\"s\"}': 80x20 } }]\n";

pub(super) const RUNBOOK: &str = "# PFoo\n\nIt is full. Empty it.\n\n## Meaning\n\nAbove ${limit}.\n\n## Impact\n\nSlow.\n\n\
    ## Diagnosis\n\n[List](list.sql)\n\n## Mitigation\n\nDo.\n\n## Verification\n\nSee.\n\n\
    ## Additional resources\n\n- <https://example.org/>\n";

/// What one check says, as `line:column message`, about the small content with one file replaced.
pub(super) fn findings(check: &Check, path: &str, text: &str) -> Vec<String> {
    let (problems, _folder) = run(&[(path, text)], |context, problems| (check.run)(context, problems));
    problems
}

/// What one check says about an alert.yaml in which one text is replaced by another.
pub(super) fn replaced(check: &Check, from: &str, to: &str) -> Vec<String> {
    assert!(ALERT.contains(from), "{from} is not in the alert");
    findings(check, "x/alerts/PFoo/alert.yaml", &ALERT.replace(from, to))
}

/// What one check says about another expression.
pub(super) fn expression(check: &Check, expr: &str) -> Vec<String> {
    replaced(check, "max by (target) (pg_used) > ${limit}", &format!("|\n  {expr}"))
}

/// Runs something on the small content with some files replaced or added.
pub(super) fn run(
    files: &[(&str, &str)],
    look: impl FnOnce(&Context, &mut Problems),
) -> (Vec<String>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in FILES.iter().chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let loaded = catalogue::load(folder.path());
    let mut problems = loaded.problems;
    let catalogue = loaded.catalogue.unwrap();
    look(&Context::new(&catalogue), &mut problems);
    let lines = problems.into_sorted().into_iter().map(|problem| {
        let place = problem
            .spot
            .line_and_column()
            .map_or(String::new(), |(line, column)| format!("{line}:{column} "));
        format!("{place}{}", problem.message)
    });
    (lines.collect(), folder)
}

#[test]
fn the_small_content_is_clean() {
    let (problems, _folder) = run(&[], |context, problems| {
        let found = super::run(context.catalogue).into_sorted();
        // The second series is there for tests of joins; no rule reads it.
        problems.extend(found.into_iter().filter(|problem| problem.check != "metric/unused"));
    });
    assert_eq!(problems, Vec::<String>::new());
}
