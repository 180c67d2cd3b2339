//! What a page weighs on its way to a phone.

use crate::{RUNBOOK, SITE, at};

#[test]
fn a_page_with_all_it_needs_is_at_most_100_kib() {
    for page in [RUNBOOK, "index.html", "reference/alerts/index.html"] {
        let tab = at(page);
        let received = tab.received();
        assert!(received > 10_000, "{page}: only {received} bytes were counted");
        assert!(received <= 100 * 1024, "{page}: {received} bytes; {:?}", tab.requests());
        assert!(
            !tab.requests().iter().any(|url| url.contains("search")),
            "{page}: the search is loaded before it is used"
        );
    }
    let _ = &SITE;
}
