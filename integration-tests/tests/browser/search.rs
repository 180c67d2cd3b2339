//! The search, as people use it: keys, words, results that lead there.

use integration_tests::browser::Tab;
use integration_tests::setup::root;

use crate::{RUNBOOK, SITE, at, tab};

/// What the line above the results says.
const COUNT: &str = "document.querySelector('dialog.search [role=status]')?.textContent || ''";

fn open(tab: &Tab) {
    tab.press("/").unwrap();
    tab.until("document.activeElement?.id === 'search-input'").unwrap();
    // While the index is loaded, it says so.
    tab.until(&format!("({COUNT}) === ''")).unwrap();
}

/// Opens, asks, moves, goes there, and comes back out.
fn works(tab: &Tab, home: &str) {
    tab.goto(home).unwrap();
    open(tab);
    assert_eq!(tab.text("document.activeElement.value").unwrap(), "", "the slash itself is not typed");
    tab.write("max connections").unwrap();
    tab.until(&format!("/^\\d+ pages?/.test({COUNT})")).unwrap();
    let status =
        tab.eval("document.querySelector('dialog.search [role=status]').getAttribute('role')").unwrap();
    assert_eq!(status, "status", "the count is announced");
    tab.press("ArrowDown").unwrap();
    assert_eq!(
        tab.text("document.activeElement.querySelector('.hit-title').textContent").unwrap(),
        "PostgreSQLMaxConnections"
    );
    tab.press("ArrowUp").unwrap();
    assert_eq!(tab.text("document.activeElement.id").unwrap(), "search-input");
    tab.press("ArrowDown").unwrap();
    tab.follow(|tab| tab.press("Enter")).unwrap();
    assert_eq!(tab.text("document.querySelector('h1').textContent").unwrap(), "PostgreSQLMaxConnections");
    assert!(tab.text("location.href").unwrap().ends_with(RUNBOOK));
    // Back to where the focus was.
    tab.eval("document.querySelector('.theme-toggle').focus()").unwrap();
    open(tab);
    tab.press("Escape").unwrap();
    tab.until("!document.querySelector('dialog.search').open").unwrap();
    assert!(tab.eval("document.activeElement.matches('.theme-toggle')").unwrap() == true);
}

#[test]
fn the_keyboard_is_enough_below_a_sub_path_and_from_a_disk() {
    let tab = tab();
    works(&tab, &SITE.url("index.html"));
    works(&tab, &SITE.file("index.html"));
}

#[test]
fn every_alert_is_found_by_its_name_and_by_words_of_its_text() {
    let catalogue = catalogue::load(&root().join("content")).catalogue.unwrap();
    let tab = at("index.html");
    open(&tab);
    for (component, alert) in catalogue.alerts() {
        let path = format!("runbooks/{}/{}/index.html", component.name, alert.name);
        let first = |query: &str| {
            let find = format!(
                "dmfFind.find({}).then(found => found.hits.map(hit => hit.page.path))",
                serde_json::json!(query)
            );
            let found = tab.eval(&find).unwrap();
            let found = found.as_array().unwrap();
            found.iter().position(|hit| *hit == *path)
        };
        assert_eq!(first(&alert.name), Some(0), "{}", &*alert.name);
        assert_eq!(first(&alert.name.to_lowercase()), Some(0), "{} in small letters", &*alert.name);
        let runbook = std::fs::read_to_string(SITE.folder.join(&path)).unwrap();
        let text = runbook.split_once("class=\"first\"").unwrap().1;
        let first_paragraph = text.split_once("<p>").unwrap().1.split_once("</p>").unwrap().0;
        let long = |word: &&str| word.len() > 6 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let words: Vec<_> = first_paragraph.split_whitespace().filter(long).take(3).collect();
        assert!(!words.is_empty(), "{path} has no long word: {first_paragraph}");
        assert!(first(&words.join(" ")).is_some(), "{path} is not found by {words:?}");
    }
}

#[test]
fn a_slip_of_the_finger_is_forgiven_and_nonsense_finds_nothing() {
    let tab = at("index.html");
    open(&tab);
    tab.write("maxconections").unwrap();
    tab.until(
        "document.querySelector('.search-hits .hit-title')?.textContent === 'PostgreSQLMaxConnections'",
    )
    .unwrap();
    tab.eval("document.activeElement.select()").unwrap();
    tab.write("zzyzx <img src=x onerror=alert(1)>").unwrap();
    tab.until(&format!("({COUNT}).startsWith('Nothing found')")).unwrap();
    assert_eq!(tab.eval("document.querySelectorAll('dialog.search img').length").unwrap(), 0);
    assert!(tab.complaints().is_empty(), "{:?}", tab.complaints());
}

#[test]
fn an_address_that_is_not_there_proposes_pages() {
    let tab = tab();
    tab.goto(&SITE.url("runbooks/postgresql/PostgreSQLMaxConection/")).unwrap();
    tab.until("!document.querySelector('.suggestions').hidden").unwrap();
    assert_eq!(
        tab.text("document.querySelector('.suggestions a').textContent").unwrap(),
        "PostgreSQLMaxConnections"
    );
    tab.follow(|tab| tab.eval("document.querySelector('.suggestions a').click()").map(drop)).unwrap();
    assert!(tab.text("location.href").unwrap().ends_with(RUNBOOK));
}

#[test]
fn old_names_and_short_links_lead_to_the_runbook() {
    let tab = tab();
    for home in [SITE.url(""), SITE.file("")] {
        tab.goto(&format!("{home}a/PostgreSQLMaxConnections/index.html")).unwrap();
        tab.until(&format!("location.href.endsWith({RUNBOOK:?})")).unwrap();
    }
}
