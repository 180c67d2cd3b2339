//! How pages are laid out: what comes first, on paper, and on a disk.

use integration_tests::browser::Look;

use crate::{RUNBOOK, SITE, at, tab};

#[test]
fn what_to_do_first_is_on_the_first_screen_of_each_runbook() {
    let tab = tab();
    tab.look(Look { size: Look::PHONE, ..Look::default() }).unwrap();
    let pages = SITE.pages();
    let runbooks =
        pages.iter().filter(|page| page.starts_with("runbooks/") && page.matches('/').count() == 3);
    let mut seen = 0;
    for page in runbooks.filter(|page| !page.contains("/groups/")) {
        tab.goto(&SITE.url(page)).unwrap();
        let end = tab.eval("document.querySelector('.first')?.getBoundingClientRect().bottom").unwrap();
        let end = end.as_f64().unwrap_or_else(|| panic!("{page} does not say what to do first"));
        assert!(end < f64::from(Look::PHONE.1), "{page}: what to do first ends at {end}");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} runbooks");
}

#[test]
fn lines_are_neither_long_nor_short() {
    let tab = at(RUNBOOK);
    for size in [(1440, 900), (1920, 1080)] {
        tab.look(Look { size, ..Look::default() }).unwrap();
        let letters = "(() => { const p = document.querySelector('.runbook-body p'); const c = document.createElement('canvas').getContext('2d'); \
            c.font = getComputedStyle(p).font; return p.getBoundingClientRect().width / (c.measureText('the quick brown fox jumps over the lazy dog ').width / 44) })()";
        let letters = tab.eval(letters).unwrap().as_f64().unwrap();
        assert!((60.0..=80.0).contains(&letters), "{letters} letters in a line at {size:?}");
    }
}

#[test]
fn paper_shows_all_content_and_no_navigation() {
    let tab = at(RUNBOOK);
    let folds = tab.eval("document.querySelectorAll('main details').length").unwrap();
    assert_ne!(folds, 0);
    tab.eval("dispatchEvent(new Event('beforeprint'))").unwrap();
    tab.paper(true).unwrap();
    let shown = "[...document.querySelectorAll('.top, .menu, .toc, .toc-small, .copy, .bottom, .skip, .neighbours, .fill-fields')]\
        .filter(it => it.checkVisibility()).map(it => it.className)";
    assert_eq!(tab.eval(shown).unwrap(), serde_json::json!([]));
    let missing = "[...document.querySelectorAll('main h2, main p, main pre, main td')]\
        .filter(it => it.textContent.trim() && !it.checkVisibility({ contentVisibilityAuto: true }) && \
        !it.closest('.toc-small, .fill, .visually-hidden, .breadcrumbs, [hidden]')).map(it => it.textContent.slice(0, 50))";
    assert_eq!(tab.eval(missing).unwrap(), serde_json::json!([]));
    let cut =
        "[...document.querySelectorAll('pre')].filter(it => it.scrollWidth > it.clientWidth + 1).length";
    assert_eq!(tab.eval(cut).unwrap(), 0, "code is cut off on paper");
    let ground = tab.text("getComputedStyle(document.documentElement).backgroundColor").unwrap();
    assert_eq!(ground, "rgb(255, 255, 255)");
}

#[test]
fn a_page_from_a_disk_looks_like_the_served_one() {
    let tab = at(RUNBOOK);
    let looks = "JSON.stringify([...document.querySelectorAll('h1, .badge, .menu, figure.code')].map(it => { \
        const box = it.getBoundingClientRect(); return [box.x, box.y, box.width, box.height].map(Math.round) }))";
    let served = tab.text(looks).unwrap();
    drop(tab);
    let tab = crate::tab();
    tab.goto(&SITE.file(RUNBOOK)).unwrap();
    assert_eq!(tab.text(looks).unwrap(), served);
    assert!(tab.complaints().is_empty(), "{:?}", tab.complaints());
    assert!(tab.requests().iter().all(|url| url.starts_with("file://")), "{:?}", tab.requests());
}
