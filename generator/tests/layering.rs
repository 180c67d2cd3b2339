//! The import rules inside the generator: who may use whom. Cargo enforces those between crates.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// Modules of the generator and the modules that they may use, besides themselves and the catalogue.
const RULES: &[(&str, &[&str])] = &[
    ("filled", &[]),
    ("promql", &["filled"]),
    ("template", &[]),
    ("markdown", &[]),
    ("highlight", &["markdown"]),
    ("history", &["render"]),
    ("inhibition", &[]),
    ("life", &["promql"]),
    ("sql", &[]),
    ("psql", &[]),
    ("links", &["markdown", "sql"]),
    ("check", &["filled", "promql", "template", "markdown", "sql", "links", "mutate"]),
    ("tree", &[]),
    (
        "render",
        &[
            "inhibition",
            "life",
            "promql",
            "psql",
            "template",
            "markdown",
            "highlight",
            "sql",
            "links",
            "tree",
        ],
    ),
    ("report", &[]),
    ("package", &["tree"]),
    ("new", &[]),
    ("tools", &[]),
    ("progress", &[]),
    ("mutate", &["progress", "promql", "report", "rule_tests", "tools"]),
    ("rule_tests", &["progress", "promql", "render", "tools"]),
    ("edition", &["check", "history", "render", "tree"]),
    ("serve", &["check", "edition", "history", "render", "report", "tree"]),
    ("versions", &["edition", "history", "render", "report", "tree"]),
    (
        "cli",
        &[
            "check",
            "edition",
            "history",
            "mutate",
            "new",
            "package",
            "render",
            "report",
            "rule_tests",
            "serve",
            "tools",
            "tree",
            "versions",
        ],
    ),
];

/// Outside crates that live in one place, so that replacing one touches one place.
const HOMES: &[(&str, &str)] = &[
    ("granit_parser", "catalogue/src/yaml.rs"),
    ("pulldown_cmark", "src/markdown"),
    ("squawk_syntax", "src/sql.rs"),
    ("promql_parser", "src/promql"),
    ("lrpar", "src/promql/tokens.rs"),
    ("rustix::fs", "src/tree.rs"),
    ("rustix::process", "src/serve/build.rs"),
    ("clap", "src/cli"),
    ("hyper", "src/serve/http.rs"),
    ("hyper_util", "src/serve/http.rs"),
    ("notify", "src/serve/watch.rs"),
    ("tokio", "src/serve"),
    ("handlebars", "src/render/site/theme.rs"),
    ("include_dir", "src/render/site/theme.rs"),
    ("indicatif", "src/progress.rs"),
    ("tar", "src/package.rs"),
    ("flate2", "src/package.rs"),
    ("serde_saphyr", "src/render/chart/metadata.rs"),
    ("serde_yaml", "src/rule_tests/helm.rs"),
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "catalogue/src"].into_iter().flat_map(|folder| WalkDir::new(root.join(folder)));
    let files =
        files.filter_map(Result::ok).filter(|entry| entry.path().extension().is_some_and(|ext| ext == "rs"));
    let sources = files.map(|entry| {
        let path = entry.path().strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        (path, fs::read_to_string(entry.path()).expect("a source can be read"))
    });
    sources.collect()
}

#[test]
fn modules_use_only_what_they_may() {
    for (path, text) in sources() {
        let Some(inside) = path.strip_prefix("src/") else { continue };
        let module = inside.split(['/', '.']).next().unwrap_or_default();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let (_, allowed) = RULES.iter().find(|(name, _)| *name == module).unwrap_or_else(|| {
            panic!("module `{module}` has no import rule: add it to {}", file!());
        });
        for used in text.match_indices("crate::").map(|(at, _)| &text[at + 7..]) {
            let names: Vec<&str> = match used.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
                None => vec![used],
            };
            for name in names {
                let name: String =
                    name.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let fine = name.is_empty() || name == module || allowed.contains(&&*name);
                assert!(fine, "{path}: module `{module}` may not use `{name}`");
            }
        }
    }
}

#[test]
fn no_check_and_no_renderer_knows_another() {
    for (path, text) in sources() {
        if path.starts_with("src/check/") && !path.ends_with("mod.rs") {
            let foreign = text.lines().find(|line| {
                line.trim_start().starts_with("use super::")
                    && line.contains("::CHECK")
                    && !line.contains("testing")
            });
            assert_eq!(foreign, None, "{path}");
        }
    }
}

#[test]
fn outside_crates_have_one_home() {
    for (path, text) in sources() {
        for (name, home) in HOMES {
            let used = text.contains(&format!("use {name}::")) || text.contains(&format!("{name}::"));
            let fine = !used || path.starts_with(home) || (path == "src/report.rs" && *name == "clap");
            // main.rs parses the arguments that cli.rs defines.
            assert!(fine || path == "src/main.rs", "{path} uses `{name}`, whose home is {home}");
        }
    }
}

#[test]
fn nothing_unfinished_is_left() {
    for (path, text) in sources() {
        for word in ["todo!(", "dbg!(", "unimplemented!(", "XXX"] {
            assert!(!text.contains(word), "{path} contains {word}");
        }
        assert!(text.starts_with("//! "), "{path} does not say what it is for");
    }
}
