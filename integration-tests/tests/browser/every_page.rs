//! What holds on each page: one visit per page, from which the tests read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use anyhow::Result;
use integration_tests::browser::{Look, Tab};
use integration_tests::setup::root;

use crate::{BROWSER, SITE};

/// The tests of WCAG 2.2 AA and what else axe's authors advise.
const ALL: &str = "runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";

/// The tests that colours can fail.
const COLOURS: &str = "runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }";

/// All but the slowest ones: for the page that holds all others, where they were run.
const SHAPES: &str = "runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], \
    rules: { 'color-contrast': { enabled: false }, 'target-size': { enabled: false } }";

/// Runs axe; each violation as a line.
fn axe(what: &str) -> String {
    format!(
        "axe.run(document, {{ resultTypes: ['violations'], {what} }}).then(found => found.violations.flatMap(rule => \
        rule.nodes.map(node => rule.id + ' at ' + node.target.join(' ') + ': ' + \
        node.any.concat(node.all, node.none).map(check => check.message).join('; '))))"
    )
}

/// What is wider than the page, without what scrolls by itself.
const WIDER: &str = "document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]\
    .filter(it => it.getBoundingClientRect().right > innerWidth + 1 && !it.closest('pre, .table-scroll, .timeline-scroll'))\
    .map(it => it.tagName + '.' + it.className).concat('the page')";

/// Regions that scroll sideways and cannot be reached by keyboard.
const UNREACHABLE: &str = "[...document.querySelectorAll('main *')].filter(it => it.scrollWidth > it.clientWidth + 1 && \
    /auto|scroll/.test(getComputedStyle(it).overflowX) && it.tabIndex !== 0).map(it => it.tagName + '.' + it.className)";

/// Anchors of the page's own links that lead nowhere.
const LOST: &str = "[...document.querySelectorAll('a[href^=\"#\"]')].map(it => decodeURIComponent(it.hash.slice(1)))\
    .filter(id => id && !document.getElementById(id))";

/// What was seen on one page.
#[derive(Default)]
struct Visit {
    page: String,
    /// Why it could not be looked at.
    failed: Option<String>,
    axe: Vec<String>,
    complaints: Vec<String>,
    requests: Vec<String>,
    narrow: Vec<String>,
    unreachable: Vec<String>,
    lost: Vec<String>,
}

static VISITS: LazyLock<Vec<Visit>> = LazyLock::new(|| {
    let pages = SITE.pages();
    let script = root().join("tools/bin/axe.min.js");
    let script = std::fs::read_to_string(script).expect("axe is missing: `just setup` installs it");
    let next = AtomicUsize::new(0);
    let visits = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let tab = BROWSER.tab().unwrap();
                while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let visit = visit(&tab, page, &script).unwrap_or_else(|error| Visit {
                        page: page.clone(),
                        failed: Some(format!("{error:#}")),
                        ..Visit::default()
                    });
                    visits.lock().unwrap().push(visit);
                }
            });
        }
    });
    visits.into_inner().unwrap()
});

fn visit(tab: &Tab, page: &str, script: &str) -> Result<Visit> {
    let list =
        |expression: &str| -> Result<Vec<String>> { Ok(serde_json::from_value(tab.eval(expression)?)?) };
    // The page finds out which regions scroll, anew with each width.
    let settle = || tab.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
    let resize = |size| {
        tab.look(Look { size, ..Look::default() })?;
        settle()
    };
    tab.look(Look::default())?;
    tab.goto(&SITE.url(page))?;
    settle()?;
    let mut visit = Visit { page: page.to_owned(), ..Visit::default() };
    tab.eval(script)?;
    let mut run = |how: &str, what: &str| -> Result<()> {
        visit.axe.extend(list(&axe(what))?.into_iter().map(|found| format!("{how}: {found}")));
        Ok(())
    };
    if page == "print/index.html" {
        run("light", SHAPES)?;
    } else {
        run("light", ALL)?;
        tab.eval("document.documentElement.dataset.theme = 'dark'")?;
        run("dark", COLOURS)?;
        // The pages of metrics differ in nothing but what they list.
        if !page.starts_with("reference/metrics/") || page == "reference/metrics/index.html" {
            resize(Look::PHONE)?;
            run("phone", ALL)?;
        }
    }
    resize((320, 640))?;
    visit.narrow = list(WIDER)?;
    visit.unreachable = list(UNREACHABLE)?;
    visit.lost = list(LOST)?;
    visit.requests = tab.requests();
    visit.complaints = tab.complaints().iter().map(ToString::to_string).collect();
    Ok(visit)
}

/// Fails with what was found on the pages, if anything was.
fn nothing(what: impl Fn(&Visit) -> Vec<String>) {
    assert!(VISITS.len() > 50, "only {} pages", VISITS.len());
    let found: Vec<_> = VISITS
        .iter()
        .flat_map(|visit| {
            let found = visit.failed.clone().map_or_else(|| what(visit), |failed| vec![failed]);
            found.into_iter().map(|found| format!("{}: {found}", visit.page))
        })
        .collect();
    assert!(found.is_empty(), "{} times:\n{}", found.len(), found.join("\n"));
}

#[test]
fn axe_finds_nothing_in_both_themes_and_on_a_phone() {
    nothing(|visit| visit.axe.clone());
}

#[test]
fn no_page_complains_or_breaks_its_policy() {
    nothing(|visit| visit.complaints.clone());
}

#[test]
fn no_request_leaves_the_origin() {
    nothing(|visit| {
        assert!(visit.requests.len() > 2, "{}: {:?}", visit.page, visit.requests);
        let here = |url: &&String| !url.starts_with(&SITE.served.url);
        visit.requests.iter().filter(here).cloned().collect()
    });
}

#[test]
fn no_page_scrolls_sideways_at_320_pixels() {
    nothing(|visit| visit.narrow.clone());
}

#[test]
fn what_scrolls_sideways_can_be_reached_by_keyboard() {
    nothing(|visit| visit.unreachable.clone());
}

#[test]
fn links_within_a_page_lead_somewhere_after_the_scripts_ran() {
    nothing(|visit| visit.lost.clone());
}
