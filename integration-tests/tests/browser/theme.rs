//! Themes: the reader's choice, the system's, and what people with particular needs ask their system for.

use integration_tests::browser::{Look, Tab};

use crate::{RUNBOOK, SITE, at};

const GROUND: &str = "getComputedStyle(document.documentElement).backgroundColor";

fn toggle(tab: &Tab, becomes: &str) {
    tab.eval("document.querySelector('.theme-toggle').focus()").unwrap();
    tab.press("Enter").unwrap();
    assert_eq!(
        tab.text("document.querySelector('.theme-toggle').textContent").unwrap(),
        format!("Theme: {becomes}")
    );
    tab.until(&format!(
        "[...document.querySelectorAll('[role=status]')].some(it => it.textContent === 'Theme: {becomes}')"
    ))
    .unwrap();
}

#[test]
fn a_choice_holds_on_other_pages_and_auto_follows_the_system() {
    let tab = at(RUNBOOK);
    let light = tab.text(GROUND).unwrap();
    tab.look(Look { scheme: "dark", ..Look::default() }).unwrap();
    let dark = tab.text(GROUND).unwrap();
    assert_ne!(light, dark, "auto follows the system");
    toggle(&tab, "light");
    assert_eq!(tab.text(GROUND).unwrap(), light);
    tab.goto(&SITE.url("index.html")).unwrap();
    assert_eq!(tab.text(GROUND).unwrap(), light, "light holds on the next page");
    tab.look(Look::default()).unwrap();
    toggle(&tab, "dark");
    assert_eq!(tab.text(GROUND).unwrap(), dark);
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    assert_eq!(tab.text(GROUND).unwrap(), dark, "dark holds on the next page");
    toggle(&tab, "auto");
    tab.goto(&SITE.url("index.html")).unwrap();
    assert_eq!(tab.text(GROUND).unwrap(), light, "auto holds on the next page");
}

#[test]
fn the_two_dark_themes_are_one() {
    let tab = at(RUNBOOK);
    let colours = "[...document.styleSheets].flatMap(sheet => [...sheet.cssRules]).filter(rule => rule.selectorText === ':root')\
        .flatMap(rule => [...rule.style]).filter(name => name.startsWith('--'))\
        .map(name => name + getComputedStyle(document.documentElement).getPropertyValue(name)).join('\\n')";
    tab.eval("document.documentElement.dataset.theme = 'dark'").unwrap();
    let chosen = tab.text(colours).unwrap();
    tab.eval("delete document.documentElement.dataset.theme").unwrap();
    assert_ne!(tab.text(colours).unwrap(), chosen);
    tab.look(Look { scheme: "dark", ..Look::default() }).unwrap();
    assert_eq!(tab.text(colours).unwrap(), chosen);
}

#[test]
fn nothing_moves_where_less_motion_is_asked_for() {
    let tab = at(RUNBOOK);
    let moving = "[...document.querySelectorAll('*')].filter(it => { const style = getComputedStyle(it); \
        return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0 }).length";
    let look = Look { size: Look::PHONE, ..Look::default() };
    tab.look(Look { motion: "no-preference", ..look }).unwrap();
    assert_ne!(tab.eval(moving).unwrap(), 0, "the menu slides in otherwise");
    tab.look(look).unwrap();
    assert_eq!(tab.eval(moving).unwrap(), 0);
}

#[test]
fn forced_colours_keep_what_is_chosen_and_what_is_severe_visible() {
    let tab = at("getting-started/index.html");
    tab.look(Look { forced_colors: "active", ..Look::default() }).unwrap();
    assert_eq!(tab.eval("matchMedia('(forced-colors: active)').matches").unwrap(), true);
    let border = |what: &str| {
        tab.text(&format!("(it => it.outlineStyle + ' ' + it.borderTopStyle)(getComputedStyle(document.querySelector({what:?})))"))
            .unwrap()
    };
    assert!(border("[role=tab][aria-selected=true]").starts_with("solid"), "the chosen tab");
    assert!(border(".menu a[aria-current]").starts_with("solid"), "where I am in the menu");
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    assert!(border(".badge").ends_with("solid"), "a severity");
    assert_eq!(tab.text("document.querySelector('.badge').textContent.trim()").unwrap(), "warning");
}
