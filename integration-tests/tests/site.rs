//! The site as `dmf build` writes it from the real content: every link leads somewhere, nothing comes from elsewhere.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use integration_tests::setup::{self, root};
use walkdir::WalkDir;

/// The site, built once.
fn site() -> &'static Path {
    static SITE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = SITE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = setup::cargo();
        command.args(["run", "--quiet", "--locked", "--bin", "dmf", "--", "build"]);
        command.arg("--site-out").arg(folder.path().join("site"));
        command.arg("--charts-out").arg(folder.path().join("charts"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    });
    Box::leak(folder.path().join("site").into_boxed_path())
}

/// The pages by their path below the root of the site.
fn pages() -> &'static BTreeMap<String, String> {
    static PAGES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    PAGES.get_or_init(|| {
        let files = WalkDir::new(site()).into_iter().map(Result::unwrap);
        let html = files.filter(|entry| entry.path().extension().is_some_and(|end| end == "html"));
        html.map(|entry| {
            let path = entry.path().strip_prefix(site()).unwrap().to_str().unwrap().to_owned();
            (path, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
    })
}

/// The values of an attribute in a page.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn resolve(page: &str, link: &str) -> PathBuf {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => assert!(parts.pop().is_some(), "{page}: `{link}` leaves the site"),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    site().join(parts.join("/"))
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let anchors: BTreeMap<PathBuf, BTreeSet<&str>> = pages()
        .iter()
        .map(|(page, html)| (site().join(page), values(html, "id").into_iter().collect()))
        .collect();
    let mut broken = Vec::new();
    for (page, html) in pages().iter().filter(|(page, _)| *page != "404.html") {
        for link in values(html, "href").into_iter().chain(values(html, "src")) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = file.split('?').next().unwrap();
            let target = if file.is_empty() { site().join(page) } else { resolve(page, file) };
            let known =
                anchors.get(&target).is_none_or(|anchors| anchor.is_empty() || anchors.contains(anchor));
            if !target.is_file() || !known {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn an_anchor_is_there_once() {
    for (page, html) in pages() {
        let mut seen = BTreeSet::new();
        for id in values(html, "id") {
            assert!(seen.insert(id), "{page}: two elements have the id `{id}`");
        }
    }
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for (page, html) in pages() {
        assert!(values(html, "style").is_empty(), "{page} has an inline style");
        for tag in html.split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
            let name = tag.split_whitespace().next().unwrap_or_default();
            if matches!(name, "script" | "img" | "iframe" | "source")
                || tag.starts_with("link rel=\"stylesheet\"")
            {
                assert!(!tag.contains("://") && !tag.contains("=\"//"), "{page}: <{tag}>");
                assert!(name != "script" || tag.contains("src="), "{page}: an inline script");
            }
            assert!(
                !tag.contains(" on") || values(&format!(" {tag}"), "onclick").is_empty(),
                "{page}: <{tag}>"
            );
        }
        let redirects = html.contains("http-equiv=\"refresh\"");
        assert!(redirects || html.contains("Content-Security-Policy"), "{page} has no policy");
    }
}

#[test]
fn a_page_is_small() {
    for (page, html) in pages().iter().filter(|(page, _)| !page.starts_with("print/")) {
        assert!(html.len() < 100 * 1024, "{page} has {} bytes", html.len());
    }
}

#[test]
fn every_alert_has_a_page_a_place_in_the_search_and_its_series_have_one() {
    let catalogue = catalogue::load(&root().join("content")).catalogue.unwrap();
    let index = std::fs::read_to_string(site().join("search-index.js")).unwrap();
    let json = index.strip_prefix("window.dmfSearch = ").unwrap().trim_end().trim_end_matches(';');
    let index: serde_json::Value = serde_json::from_str(&json.replace("<\\/", "</")).unwrap();
    for (component, alert) in catalogue.alerts() {
        let path = format!("runbooks/{}/{}/index.html", component.name, alert.name);
        let html = &pages()[&path];
        let found =
            index["pages"].as_array().unwrap().iter().any(|page| page[0] == *alert.name && page[1] == path);
        assert!(found, "{path} is not in the search index");
        for anchor in
            ["meaning", "impact", "diagnosis", "mitigation", "verification", "additional-resources", "rule"]
        {
            assert!(values(html, "id").contains(&anchor), "{path} has no #{anchor}");
        }
        for (alias, _) in &alert.rule.aliases {
            let old = &pages()[&format!("runbooks/{}/{alias}/index.html", component.name)];
            assert!(old.contains(&format!("../{}/index.html", alert.name)) || old.contains(&path), "{alias}");
        }
    }
    for (_, query, metric) in catalogue.series() {
        let id = format!(" id=\"{}\"", &*metric.series);
        assert!(
            pages().values().any(|html| html.contains(&id)),
            "{} of {} is on no page",
            &*metric.series,
            query.name
        );
    }
}

#[test]
fn the_rule_files_are_what_the_charts_render() {
    let charts = site().parent().unwrap().join("charts");
    for component in ["postgresql", "rds"] {
        let text = std::fs::read_to_string(site().join(format!("downloads/{component}-rules.yaml"))).unwrap();
        let plain: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let chart = charts.join(format!("prometheus-{component}-alerts-chart"));
        let output = Command::new(root().join("tools/bin/helm-3"))
            .args(["template", "t", "--set", "format=PrometheusConfigurationFile"])
            .arg(chart)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rendered: serde_json::Value = serde_yaml::from_slice(&output.stdout).unwrap();
        let tidy = |file: &serde_json::Value| -> Vec<serde_json::Value> {
            let rules = file["groups"][0]["rules"].as_array().unwrap().clone();
            let tidy = |mut rule: serde_json::Value| {
                rule["expr"] = rule["expr"].as_str().unwrap().trim().into();
                rule
            };
            rules.into_iter().map(tidy).collect()
        };
        assert_eq!(plain["groups"][0]["name"], rendered["groups"][0]["name"]);
        let (plain, rendered) = (tidy(&plain), tidy(&rendered));
        assert_eq!(plain.len(), rendered.len());
        for (plain, rendered) in plain.iter().zip(&rendered) {
            assert_eq!(plain, rendered);
        }
    }
}
