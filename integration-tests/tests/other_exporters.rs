//! The queries in the formats of other exporters, in those programs: everything that our rules read is there.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::too_many_lines,
    reason = "a test may panic, compares exactly and tells a whole story"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use generator::tree::Tree;
use integration_tests::exporter::{Exporter, Samples};
use integration_tests::images::POSTGRESQL;
use integration_tests::postgres::Postgres;
use integration_tests::{eventually, http, setup};
use tokio::io::AsyncReadExt as _;

fn downloads() -> Tree {
    let loaded = catalogue::load(&setup::root().join("content"));
    let catalogue = loaded.catalogue.expect("the content loads");
    Tree::of(|out| generator::render::queries::render(&catalogue, out)).expect("one file for each path")
}

fn file(tree: &Tree, path: &str) -> String {
    let found = tree.files().find(|(known, _)| *known == Path::new(path));
    let (_, bytes) = found.unwrap_or_else(|| panic!("{path} is not made"));
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn names(samples: &Samples) -> BTreeSet<String> {
    let own = |name: &str| {
        ["pg_scrape_", "process_", "postgresql_exporter_"].iter().any(|prefix| name.starts_with(prefix))
    };
    samples.iter().map(|sample| sample.name.clone()).filter(|name| !own(name)).collect()
}

/// With every grant that `check-grants` prints, or as a plain member of `pg_monitor`.
async fn in_postgres_exporter(major: u32, granted: bool) {
    let server = Postgres::major(major).start().await.unwrap();
    for database in ["one", "two", "three"] {
        server.sql("postgres", &format!("CREATE DATABASE {database}")).await.unwrap();
    }
    for database in ["postgres", "one"] {
        let table = "CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t DEFAULT VALUES; ANALYZE t";
        server.sql(database, table).await.unwrap();
    }
    let dsn = server.dsn("postgres");
    if granted {
        let grants = Exporter::postgresql().env("DATA_SOURCE_NAME", &dsn).arg("check-grants");
        let (_, grants, _) = grants.output().await.unwrap();
        let psql = format!("psql -X -h 127.0.0.1 -p {} -U postgres -f - <<'END'\n{grants}\nEND", server.port);
        server.run(&psql).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let queries = folder.path().join("queries.yaml");
    let which = if granted { "-with-grants" } else { "" };
    let text =
        file(&downloads(), &format!("downloads/postgres_exporter/queries-postgresql-{major}{which}.yaml"));
    std::fs::write(&queries, &text).unwrap();
    std::fs::write(folder.path().join("empty.yml"), "{}\n").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut command = tokio::process::Command::new(setup::root().join("tools/bin/postgres_exporter"));
    // The flags that the file asks for, and no other.
    let flags =
        text.lines().filter_map(|line| line.strip_prefix("#   --")).flat_map(|line| line.split(" --"));
    command.args(flags.map(|flag| format!("--{flag}")));
    command.args(["--web.listen-address", &address]);
    command
        .arg("--config.file")
        .arg(folder.path().join("empty.yml"))
        .arg("--extend.query-path")
        .arg(&queries);
    command
        .env("DATA_SOURCE_NAME", server.dsn("postgres") + "?sslmode=disable")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let answer = eventually!("postgres_exporter answers", http::get(&address, "/metrics", &[]).await.ok());
    let text = answer.text();
    assert_eq!(answer.status, 200, "PostgreSQL {major}: {text}");
    let theirs = Samples::parse(&text);
    let errors = theirs.all("pg_exporter_last_scrape_error", &[]).map(|sample| sample.value).sum::<f64>();
    let mut said = String::new();
    if errors >= 1.0 {
        child.start_kill().unwrap();
        child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    }
    assert!(errors < 1.0, "PostgreSQL {major}: {said}");
    // What the format cannot express is listed in the file.
    let config = std::fs::read_to_string(&queries).unwrap();
    let listed = |name: &String| {
        config.contains(&format!("# Not expressible, because its namespace is taken: {name}\n"))
    };
    let rules = catalogue::load(&setup::root().join("content")).catalogue.unwrap();
    for name in config
        .lines()
        .filter_map(|line| line.strip_prefix("# Not expressible, because its namespace is taken: "))
    {
        let read = rules.alerts().any(|(_, alert)| alert.rule.expr.contains(name));
        assert!(!read, "a rule reads {name}, which the file lacks");
    }
    let exporter = Exporter::postgresql().env("DATA_SOURCE_NAME", &dsn).start().await.unwrap();
    // What is there for a moment only, such as a worker of autovacuum, one may see and the other not.
    let mut lacks: Vec<String>;
    let (ours, theirs) = eventually!(format!("all of ours on PostgreSQL {major}, it lacks {lacks:?}"), {
        let ours = exporter.scrape().await.unwrap();
        let theirs = Samples::parse(&http::get(&address, "/metrics", &[]).await.unwrap().text());
        lacks = names(&ours).difference(&names(&theirs)).filter(|name| !listed(name)).cloned().collect();
        lacks.is_empty().then_some((ours, theirs))
    });
    for sample in ours.iter().filter(|sample| sample.name.starts_with("pg_settings_")) {
        let value = theirs.one(&sample.name, &[]);
        // Settings that each program sets for its own session differ.
        let own = ["timeout", "jit"].iter().any(|word| sample.name.contains(word));
        assert!(own || (value - sample.value).abs() < 1e-6, "{}: {value} and {}", sample.name, sample.value);
    }
}

#[tokio::test]
async fn postgres_exporter_takes_the_queries() {
    for major in POSTGRESQL {
        in_postgres_exporter(major, true).await;
    }
}

#[tokio::test]
async fn postgres_exporter_takes_the_queries_as_a_plain_member_of_pg_monitor() {
    in_postgres_exporter(17, false).await;
}

/// The program is in no package registry that the tests can reach; what can be checked without it is the format.
#[test]
fn collector_files_of_sql_exporter_have_its_form() {
    let tree = downloads();
    let mut collectors = 0;
    for (path, bytes) in tree.files().filter(|(path, _)| path.to_string_lossy().ends_with(".collector.yml")) {
        let value: serde_yaml::Value =
            serde_yaml::from_slice(bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let query = &value["queries"][0];
        assert_eq!(query["query_name"], value["collector_name"]);
        for metric in value["metrics"].as_sequence().unwrap() {
            assert!(["gauge", "counter"].contains(&metric["type"].as_str().unwrap()));
            assert_eq!(metric["query_ref"], value["collector_name"]);
            assert!(!metric["help"].as_str().unwrap().is_empty());
        }
        collectors += 1;
    }
    assert!(collectors > 100, "{collectors}");
    for major in POSTGRESQL {
        let text = file(&tree, &format!("downloads/sql_exporter/postgresql-{major}/sql_exporter.yml"));
        let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        for job in value["jobs"].as_sequence().unwrap() {
            for name in job["collectors"].as_sequence().unwrap() {
                file(
                    &tree,
                    &format!(
                        "downloads/sql_exporter/postgresql-{major}/{}.collector.yml",
                        name.as_str().unwrap()
                    ),
                );
            }
        }
    }
}

/// What the page says about each name of `postgres_exporter`, against what the collectors are.
#[test]
fn the_page_says_under_which_flag_each_name_is_served() {
    let read = |path: &str| std::fs::read_to_string(setup::root().join(path)).unwrap();
    let page = read("content/pages/postgresql-exporter.md");
    let rows =
        page.lines().filter_map(|line| line.trim().strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let ticked = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut said = std::collections::BTreeMap::new();
    for (flag, names) in rows
        .filter(|(flag, names)| flag.contains("`--co") && names.contains("`pg_") || flag.starts_with("none"))
    {
        let flag = ticked(flag).pop().unwrap_or_default();
        said.extend(
            ticked(names).into_iter().map(|name| (name, Some(flag.clone()).filter(|flag| !flag.is_empty()))),
        );
    }
    let (queries, _) = postgresql_exporter::queries();
    for line in read("integration-tests/tests/values/postgres_exporter-names.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let (name, labels) = line.split_once(' ').unwrap_or((line, ""));
        let maker = queries.iter().find(|query| query.metrics.iter().any(|metric| &*metric.series == name));
        let said = said.remove(name);
        let Some(query) = maker else {
            assert_eq!(said, Some(None), "{name} is not served, and the page does not say so");
            continue;
        };
        let flag = match (query.default, query.compat) {
            (true, false) => None,
            (true, true) => Some("--compat".to_owned()),
            (false, _) => Some(format!("--collector.{}", query.name.trim_start_matches("pg_"))),
        };
        assert_eq!(said, flag.map(Some), "{name}");
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            assert!(query.labels.iter().any(|own| &**own == label), "{name} has no label {label}");
        }
    }
    assert!(said.is_empty(), "names that postgres_exporter does not have: {said:?}");
}
