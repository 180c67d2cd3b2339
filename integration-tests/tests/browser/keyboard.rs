//! The site without a mouse.

use std::collections::BTreeSet;

use integration_tests::browser::{Look, Tab};

use crate::{RUNBOOK, SITE, at, tab};

/// What has the focus: where it is, whether it can be seen, and whether the header hides it.
const FOCUS: &str = "(() => { const it = document.activeElement; if (!it || it === document.body || dmfSeen.has(it)) return null; dmfSeen.add(it); \
    const box = it.getBoundingClientRect(); const style = getComputedStyle(it); \
    const header = document.querySelector('.top').getBoundingClientRect(); \
    const within = it.closest('.top, .menu, .toc, main, .bottom, dialog, .skip'); \
    return { what: it.tagName + '.' + it.className + '#' + it.id, \
        where: it.matches('.copy') ? 'copy' : it.matches('.theme-toggle') ? 'theme' : it.matches('[data-search]') ? 'search' \
            : within ? within.className.split(' ')[0] || within.tagName.toLowerCase() : 'elsewhere', \
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1, \
        seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight, \
        hidden: !it.closest('.top, .skip, .menu') && box.top < header.bottom - 1 && box.bottom <= header.bottom + 1 } })()";

/// Presses Tab until the focus leaves the page or comes round, forwards or backwards; what had it.
fn walk(tab: &Tab, key: &str) -> Vec<serde_json::Value> {
    tab.eval("window.dmfSeen = new WeakSet()").unwrap();
    let mut stops = Vec::new();
    loop {
        tab.press(key).unwrap();
        let stop = tab.eval(FOCUS).unwrap();
        if stop.is_null() || stops.len() > 400 {
            return stops;
        }
        stops.push(stop);
    }
}

fn all_stops(page: &str, look: Look) -> Vec<serde_json::Value> {
    let tab = tab();
    tab.look(look).unwrap();
    tab.goto(&SITE.url(page)).unwrap();
    let stops = walk(&tab, "Tab");
    assert!((10..400).contains(&stops.len()), "{page}: a trap, or nothing to reach: {} stops", stops.len());
    for stop in &stops {
        assert!(stop["ring"] == true, "{page}: the focus cannot be seen on {stop}");
        assert!(stop["seen"] == true, "{page}: what has the focus is not on the screen: {stop}");
        assert!(stop["hidden"] == false, "{page}: the header hides {stop}");
    }
    assert_eq!(walk(&tab, "Shift+Tab").len(), stops.len(), "{page}: the way back is as long");
    stops
}

#[test]
fn tab_reaches_everything_and_the_focus_can_always_be_seen() {
    let stops = all_stops(RUNBOOK, Look::default());
    let reached: BTreeSet<_> = stops.iter().map(|stop| stop["where"].as_str().unwrap()).collect();
    let expected = ["skip", "top", "search", "theme", "menu", "main", "copy", "toc", "bottom"];
    assert_eq!(reached, expected.into_iter().collect());
    assert_eq!(stops[0]["where"], "skip", "the skip link comes first");
}

#[test]
fn tab_reaches_everything_on_a_phone_without_the_closed_menu() {
    for page in [RUNBOOK, "reference/alerts/index.html"] {
        let stops = all_stops(page, Look { size: Look::PHONE, ..Look::default() });
        assert!(
            stops.iter().all(|stop| stop["where"] != "menu"),
            "{page}: what is in the closed menu has the focus"
        );
        assert!(stops.iter().any(|stop| stop["where"] == "main"), "{page}");
    }
}

#[test]
fn the_skip_link_leads_past_header_and_menu() {
    let tab = at(RUNBOOK);
    tab.press("Tab").unwrap();
    tab.press("Enter").unwrap();
    tab.until("location.hash === '#main'").unwrap();
    assert_eq!(walk(&tab, "Tab")[0]["where"], "main");
}

#[test]
fn the_menu_of_a_phone_opens_keeps_the_focus_and_closes() {
    let tab = tab();
    // While it slides in, too.
    tab.look(Look { size: Look::PHONE, motion: "no-preference", ..Look::default() }).unwrap();
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    tab.eval("document.querySelector('.menu-open').focus()").unwrap();
    tab.press("Space").unwrap();
    tab.until("document.activeElement.closest('.menu') !== null").unwrap();
    assert_eq!(
        tab.text("document.querySelector('.menu-open').getAttribute('aria-expanded')").unwrap(),
        "true"
    );
    let stops = walk(&tab, "Tab");
    assert!(stops.len() > 8, "{stops:?}");
    assert!(stops.iter().all(|stop| stop["where"] == "menu"), "behind the open menu: {stops:?}");
    tab.press("Escape").unwrap();
    assert!(tab.eval("document.activeElement.matches('.menu-open')").unwrap() == true);
    assert_eq!(tab.text("document.activeElement.getAttribute('aria-expanded')").unwrap(), "false");
}

#[test]
fn tabs_move_by_arrows_and_stay_in_step() {
    let tab = at("getting-started/index.html");
    let shown = "[...document.querySelectorAll('.tab')].filter(it => !it.hidden).length";
    let sets = tab.eval("document.querySelectorAll('.tabs').length").unwrap();
    assert!(sets.as_u64().unwrap() > 0, "the page has no tabs");
    assert_eq!(tab.eval(shown).unwrap(), sets);
    tab.eval("document.querySelector('[role=tab][aria-selected=true]').focus()").unwrap();
    let first = tab.text("document.activeElement.textContent").unwrap();
    tab.press("ArrowRight").unwrap();
    let second = tab.text("document.activeElement.textContent").unwrap();
    assert_ne!(first, second);
    assert_eq!(tab.eval(shown).unwrap(), sets);
    let selected = "document.activeElement.getAttribute('aria-selected') + ' ' + \
        document.getElementById(document.activeElement.getAttribute('aria-controls')).hidden";
    assert_eq!(tab.text(selected).unwrap(), "true false");
    tab.press("Home").unwrap();
    assert_eq!(tab.text("document.activeElement.textContent").unwrap(), first);
    tab.press("ArrowLeft").unwrap();
    tab.press("ArrowRight").unwrap();
    assert_eq!(tab.text("document.activeElement.textContent").unwrap(), first, "they go round");
    tab.press("End").unwrap();
    let last = tab.text("document.activeElement.textContent").unwrap();
    // What was chosen is still chosen after coming back.
    tab.goto(&SITE.url("getting-started/index.html")).unwrap();
    assert_eq!(
        tab.text("document.querySelector('[role=tab][aria-selected=true]').textContent").unwrap(),
        last
    );
}

#[test]
fn copying_works_by_keyboard_and_is_announced() {
    let tab = at(RUNBOOK);
    tab.grant(&["clipboardReadWrite", "clipboardSanitizedWrite"]).unwrap();
    tab.eval("document.querySelector('.runbook-body .copy').focus()").unwrap();
    tab.press("Enter").unwrap();
    tab.until(
        "[...document.querySelectorAll('[role=status]')].some(it => it.textContent.startsWith('Copied'))",
    )
    .unwrap();
    let copied = tab.text("navigator.clipboard.readText()").unwrap();
    let shown = tab.text("document.querySelector('.runbook-body figure.code code').textContent").unwrap();
    assert_eq!(copied.trim_end(), shown.trim_end());
}
