//! Commands that are filled in from the address, as a link in a page at night does it.

use crate::{RUNBOOK, SITE, tab};

/// The placeholders of the page as they are shown.
const SHOWN: &str =
    "[...document.querySelectorAll('.placeholder[data-name=target]')].map(it => it.textContent)";

#[test]
fn a_target_in_the_address_is_in_the_commands_and_in_what_is_copied() {
    let tab = tab();
    tab.goto(&SITE.url(&format!("{RUNBOOK}?target=db1.example.org"))).unwrap();
    let shown = tab.eval(SHOWN).unwrap();
    let shown = shown.as_array().unwrap();
    assert!(!shown.is_empty(), "the page has no placeholder");
    assert!(shown.iter().all(|text| text == "db1.example.org"), "{shown:?}");
    tab.grant(&["clipboardReadWrite", "clipboardSanitizedWrite"]).unwrap();
    tab.eval(
        "document.querySelector('figure .placeholder[data-name=target]').closest('figure').querySelector('.copy').click()",
    )
    .unwrap();
    tab.until("document.querySelector('figure.is-copied') !== null").unwrap();
    let copied = tab.text("navigator.clipboard.readText()").unwrap();
    assert!(copied.contains("db1.example.org") && !copied.contains('<'), "{copied}");
}

#[test]
fn what_is_typed_is_filled_in_and_stands_in_the_address() {
    let tab = tab();
    tab.goto(&SITE.file(RUNBOOK)).unwrap();
    tab.eval(
        "document.querySelector('details.fill').open = true, document.querySelector('.fill input').focus()",
    )
    .unwrap();
    tab.write("db2").unwrap();
    assert!(tab.eval(SHOWN).unwrap().as_array().unwrap().iter().all(|text| text == "db2"));
    assert!(tab.text("location.href").unwrap().ends_with("?target=db2"));
}

/// The block of a page that ends a session.
const TERMINATE: &str = "[...document.querySelectorAll('figure.code')].find(it => it.textContent.includes('pg_terminate_backend'))";

#[test]
fn a_command_with_a_blank_is_not_copied_and_asks_for_what_it_needs() {
    let tab = tab();
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    tab.grant(&["clipboardReadWrite", "clipboardSanitizedWrite"]).unwrap();
    tab.eval("navigator.clipboard.writeText('as before')").unwrap();
    tab.eval(&format!("{TERMINATE}.querySelector('.copy').click()")).unwrap();
    tab.until(&format!("{TERMINATE}.querySelector('.copy').textContent === 'Fill in pid'")).unwrap();
    assert_eq!(tab.text("navigator.clipboard.readText()").unwrap(), "as before");
    // The field beside the command has the focus.
    assert_eq!(tab.eval(&format!("{TERMINATE}.contains(document.activeElement)")).unwrap(), true);
    tab.write("4711").unwrap();
    tab.eval(&format!("{TERMINATE}.querySelector('.copy').click()")).unwrap();
    tab.until(&format!("{TERMINATE}.matches('.is-copied')")).unwrap();
    let copied = tab.text("navigator.clipboard.readText()").unwrap();
    assert!(copied.contains("SELECT pg_terminate_backend(4711) AS ended;"), "{copied}");
    assert!(tab.text("location.search").unwrap().contains("pid=4711"));
}

#[test]
fn the_example_of_somebody_elses_server_is_not_copied_from_a_runbook() {
    let tab = tab();
    let page = "runbooks/rds/RDSDiskSpaceLimit/index.html";
    tab.grant(&["clipboardReadWrite", "clipboardSanitizedWrite"]).unwrap();
    for (query, said) in [
        ("?aws_region=eu-west-1", "Fill in dbidentifier"),
        ("?aws_region=eu-west-1&dbidentifier=orders", "Copied"),
    ] {
        tab.goto(&SITE.url(&format!("{page}{query}"))).unwrap();
        let block = "document.querySelector('figure .placeholder.is-example').closest('figure').querySelector('.copy')";
        tab.eval(&format!("{block}.click()")).unwrap();
        tab.until(&format!("{block}.textContent === {said:?}")).unwrap();
    }
}

#[test]
fn the_file_of_a_command_can_be_had() {
    let tab = tab();
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    let link = tab.text(&format!("{TERMINATE}.querySelector('figcaption a').href")).unwrap();
    assert!(link.ends_with("/terminate-session.sql"), "{link}");
    let text = tab.text(&format!("fetch({link:?}).then(it => it.text())")).unwrap();
    assert!(text.contains("SELECT pg_terminate_backend(:pid)"), "{text}");
}

#[test]
fn hostile_values_stay_out_of_commands_and_out_of_the_page() {
    let tab = tab();
    let values = [
        "'; DROP TABLE x; --",
        "$(id)",
        "`id`",
        "-oProxyCommand=id",
        "db1\nid",
        "db1 && id",
        "\"><img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "{{constructor.constructor('alert(1)')()}}",
        "javascript:alert(1)//\\",
    ];
    tab.goto(&SITE.url(RUNBOOK)).unwrap();
    let empty = tab.eval(SHOWN).unwrap();
    let elements = "document.querySelectorAll('main *').length - document.querySelectorAll('.fill *').length";
    let usual = tab.eval(elements).unwrap();
    for value in values {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", value).finish();
        tab.goto(&SITE.url(&format!("{RUNBOOK}?{query}"))).unwrap();
        assert_eq!(tab.eval(SHOWN).unwrap(), empty, "{value}");
        assert_eq!(tab.eval(elements).unwrap(), usual, "{value} made elements");
        assert_eq!(
            tab.eval("document.querySelectorAll('main script, main img').length").unwrap(),
            0,
            "{value}"
        );
        let said = tab.text("document.querySelector('.fill summary').textContent").unwrap();
        assert!(said.contains("Not filled in, because of unusual characters: target"), "{value}: {said}");
        assert_eq!(
            tab.text("document.querySelector('.fill input').getAttribute('aria-invalid')").unwrap(),
            "true",
            "{value}"
        );
        assert!(tab.complaints().is_empty(), "{value}: {:?}", tab.complaints());
        assert!(
            tab.requests().iter().all(|url| url.starts_with(&SITE.served.url)),
            "{value}: {:?}",
            tab.requests()
        );
    }
}

#[test]
fn labels_in_the_address_replace_the_examples_of_the_shell() {
    let tab = tab();
    let page = "runbooks/rds/RDSDiskSpaceLimit/index.html";
    let commands = "[...document.querySelectorAll('figure code')].map(it => it.textContent).join('\\n')";
    tab.goto(&SITE.url(page)).unwrap();
    assert!(tab.text(commands).unwrap().contains("export AWS_REGION=eu-west-3 DBIDENTIFIER=db1\n"));
    tab.goto(&SITE.url(&format!("{page}?dbidentifier=orders&aws_region=us-east-1"))).unwrap();
    let filled = tab.text(commands).unwrap();
    assert!(filled.contains("export AWS_REGION=us-east-1 DBIDENTIFIER=orders\n"), "{filled}");
    assert!(!filled.contains("=db1"), "{filled}");
}
