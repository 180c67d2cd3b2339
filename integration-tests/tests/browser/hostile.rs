//! Markdown that wants to do something in the reader's browser: it is text, and does nothing.

use integration_tests::setup::root;
use walkdir::WalkDir;

use crate::{Site, tab};

const HOSTILE: &str = r#"---
title: Hostile "><script>alert('title')</script>
---

<script>alert('script')</script>
<img src=x onerror=alert('image')>
<svg onload=alert('svg')><animate onbegin=alert('animate') attributeName=x dur=1s></svg>
<iframe srcdoc="<script>alert('frame')</script>"></iframe>
<style>body { display: none }</style>
<base href="https://evil.example/">
<meta http-equiv="refresh" content="0; url=https://evil.example/">
<details open ontoggle=alert('toggle')><summary onclick=alert('summary')>Fold</summary>folded</details>
<form action="https://evil.example/"><button autofocus onfocus=alert('focus')>x</button></form>

## A heading {#x onclick=alert('heading')}

## <b onmouseover=alert('b')>Bold</b> heading

`<script>alert('code')</script>`

```"><script>alert('language')</script>
</code></pre><script>alert('block')</script>
```

```sql title="x' onclick='alert(1)"
SELECT '<script>alert(2)</script>';
```

| <img src=y onerror=alert('cell')> | b |
| --- | --- |
| ![x](https://evil.example/pixel.png) | `</td><script>alert('td')</script>` |

> [!WARNING]
> <script>alert('hint')</script>

[^1]: <img src=z onerror=alert('note')>

Text[^1] &lt;script&gt;alert('entity')&lt;/script&gt;.
"#;

/// The generator's fixture with a hostile page.
fn content() -> tempfile::TempDir {
    let from = root().join("generator/tests/fixture/content");
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path();
    for entry in
        WalkDir::new(&from).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file())
    {
        let path = to.join(entry.path().strip_prefix(&from).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(entry.path(), path).unwrap();
    }
    std::fs::write(to.join("pages/hostile.md"), HOSTILE).unwrap();
    folder
}

#[test]
fn links_that_run_something_are_refused() {
    let content = content();
    let links = "[a](javascript&#58;alert(1)) [b](JaVaScRiPt:alert(1)) <javascript:alert(1)> [c](data:text/html,x) \
        [d](vbscript:x) [e](//evil.example/x) ![f](javascript:alert(1)) [g]\n\n[g]: javascript:alert(1)\n";
    std::fs::write(content.path().join("pages/links.md"), format!("---\ntitle: Links\n---\n\n{links}"))
        .unwrap();
    let loaded = catalogue::load(content.path());
    let problems = generator::check::run(&loaded.catalogue.unwrap()).into_sorted();
    assert_eq!(
        problems.len(),
        8,
        "{}",
        generator::report::problems(&problems, generator::report::Format::Text)
    );
}

#[test]
fn hostile_markdown_does_nothing() {
    let content = content();
    let site = Site::build(content.path(), "hostile");
    let tab = tab();
    for page in ["hostile/index.html", "print/index.html", "index.html"] {
        tab.goto(&site.url(page)).unwrap();
        let elements = "document.querySelectorAll('main script, main style, main iframe, main img, main base, main meta, main form').length";
        assert_eq!(tab.eval(elements).unwrap(), 0, "{page}");
        let handlers = "[...document.querySelectorAll('*')].flatMap(it => [...it.attributes]).filter(it => /^on/.test(it.name) || \
            /^\\s*javascript:/i.test(it.value)).map(it => it.name + '=' + it.value)";
        assert_eq!(tab.eval(handlers).unwrap(), serde_json::json!([]), "{page}");
        // Clicks on everything in the text.
        tab.eval("document.querySelectorAll('main summary, main a[href^=\"#\"], main .copy, main h2').forEach(it => it.click())").unwrap();
        let complaints: Vec<_> = tab.complaints().iter().map(ToString::to_string).collect();
        assert!(complaints.is_empty(), "{page}: {complaints:?}");
        assert!(
            tab.requests().iter().all(|url| url.starts_with(&site.served.url)),
            "{page}: {:?}",
            tab.requests()
        );
        assert_eq!(tab.eval("getComputedStyle(document.body).display").unwrap(), "block", "{page}");
    }
    tab.goto(&site.url("index.html")).unwrap();
    tab.press("/").unwrap();
    tab.until("document.activeElement?.id === 'search-input'").unwrap();
    tab.write("hostile alert").unwrap();
    tab.until("document.querySelector('.search-hits .hit') !== null").unwrap();
    assert_eq!(tab.eval("document.querySelectorAll('dialog script, dialog img').length").unwrap(), 0);
    assert!(tab.complaints().is_empty(), "the search: {:?}", tab.complaints());
}
