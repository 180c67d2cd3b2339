//! The site without JavaScript: everything is there.

use integration_tests::browser::Look;

use crate::{RUNBOOK, SITE, tab};

/// The text that a reader can get at, with folds opened as a reader opens them.
const READABLE: &str = "(document.querySelectorAll('details').forEach(fold => fold.open = true), document.querySelector('main').innerText)";

/// What is in the page but never shown; pictures for the search button and the like are no text.
const HIDDEN: &str = "(document.querySelectorAll('details').forEach(fold => fold.open = true), \
    [...document.querySelectorAll('main h2, main h3, main p, main li, main pre, main td')]\
    .filter(it => it.textContent.trim() && !it.checkVisibility() && !it.closest('.js-only, [hidden], .toc-small, .search-open, .hero-search, .wide, .narrow')))\
    .map(it => it.tagName + ': ' + it.textContent.slice(0, 60))";

#[test]
fn content_menu_tabs_and_folds_can_be_read() {
    let tab = tab();
    tab.without_javascript().unwrap();
    for page in
        [RUNBOOK, "index.html", "getting-started/index.html", "reference/alerts/index.html", "faq/index.html"]
    {
        tab.goto(&SITE.url(page)).unwrap();
        assert_eq!(tab.text("document.documentElement.className").unwrap(), "", "{page}: a script ran");
        let hidden = tab.eval(HIDDEN).unwrap();
        assert_eq!(hidden, serde_json::json!([]), "{page}");
        let dead = "[...document.querySelectorAll('.theme-toggle, .search-open, .hero-search, .filters, .copy, .fill-slot')]\
            .filter(it => it.checkVisibility()).map(it => it.className)";
        assert_eq!(tab.eval(dead).unwrap(), serde_json::json!([]), "{page}: buttons that do nothing");
        let menu = "[...document.querySelectorAll('.menu a')].filter(it => it.checkVisibility()).length > 8";
        assert_eq!(tab.eval(menu).unwrap(), true, "{page}: the menu is not there");
    }
    tab.goto(&SITE.url("getting-started/index.html")).unwrap();
    let text = tab.text(READABLE).unwrap();
    let titles = tab.eval("[...document.querySelectorAll('.tab-title')].map(it => it.textContent)").unwrap();
    assert!(titles.as_array().is_some_and(|titles| titles.len() > 1));
    for title in titles.as_array().unwrap() {
        assert!(text.contains(title.as_str().unwrap()), "the tab {title} has no title");
    }
}

#[test]
fn the_menu_of_a_phone_opens() {
    let tab = tab();
    tab.look(Look { size: Look::PHONE, ..Look::default() }).unwrap();
    tab.without_javascript().unwrap();
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    let seen =
        "document.querySelector('.menu a[aria-current]').checkVisibility({ visibilityProperty: true })";
    assert_eq!(tab.eval(seen).unwrap(), false);
    tab.goto(&SITE.url(&format!("{RUNBOOK}#menu"))).unwrap();
    assert_eq!(tab.eval(seen).unwrap(), true);
}

#[test]
fn the_theme_of_the_system_is_taken() {
    let tab = tab();
    tab.without_javascript().unwrap();
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    let ground = "getComputedStyle(document.documentElement).backgroundColor";
    let light = tab.text(ground).unwrap();
    tab.look(Look { scheme: "dark", ..Look::default() }).unwrap();
    assert_ne!(tab.text(ground).unwrap(), light);
}
