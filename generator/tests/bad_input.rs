//! Bad content: each mistake is named with its place and what to do, and what is odd but right becomes a page.

use std::fs;
use std::path::Path;

use generator::render::site::theme::Theme;
use generator::render::site::{self, Material};
use generator::tree::Tree;
use walkdir::WalkDir;

/// The fixture's content with some files replaced or added.
fn content(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/content");
    let copied = WalkDir::new(&from).into_iter().filter_map(Result::ok);
    for entry in copied.filter(|entry| entry.file_type().is_file()) {
        let inside = entry.path().strip_prefix(&from).expect("below the root");
        write(&folder.path().join(inside), &fs::read(entry.path()).expect("readable"));
    }
    for (path, bytes) in files {
        write(&folder.path().join(path), bytes);
    }
    folder
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

/// What is said about it: `file:line:column message | help`.
fn problems(files: &[(&str, &[u8])]) -> Vec<String> {
    let folder = content(files);
    let loaded = catalogue::load(folder.path());
    let mut problems = loaded.problems;
    if let Some(catalogue) = &loaded.catalogue {
        problems.extend(generator::check::run(catalogue));
    }
    let text = generator::report::problems(&problems.into_sorted(), generator::report::Format::Text);
    let text = text.replace(&format!("{}/", folder.path().display()), "");
    text.split("\nerror").map(|one| one.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Files, and what is said about them: the message, the place, the remedy.
type Case<'a> = (&'a [(&'a str, &'a [u8])], &'a str, &'a str, &'a str);

fn build(files: &[(&str, &[u8])]) -> Tree {
    let folder = content(files);
    let loaded = catalogue::load(folder.path());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems.into_sorted());
    let material = Material {
        version: None,
        url: "https://example.org",
        revision: "main",
        shelf: None,
        history: generator::history::read(folder.path()),
        evidence: serde_json::Value::Null,
        charts: Vec::new(),
        checks: Vec::new(),
        only: None,
    };
    let catalogue = loaded.catalogue.expect("it loads");
    let theme = Theme::read(None).expect("the theme");
    Tree::of(|out| site::render(&catalogue, &theme, &material, out)).expect("a site")
}

fn page(tree: &Tree, path: &str) -> String {
    let (_, bytes) = tree.files().find(|(found, _)| *found == Path::new(path)).expect("the page is there");
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn every_mistake_has_its_place_and_a_remedy() {
    let alert = include_str!("fixture/content/db/alerts/DbFull/alert.yaml");
    let aliased =
        |alias: &str| alert.replace("severity: warning", &format!("severity: warning\naliases: [{alias}]"));
    let (escape, taken, other) = (aliased("../../x"), aliased("DbExporterDown"), aliased("DbOld"));
    let down = include_str!("fixture/content/db/alerts/DbExporterDown/alert.yaml");
    let down = down.replace("severity: critical", "severity: critical\naliases: [DbOld]");
    let cases: &[Case] = &[
        (
            &[("pages/x.md", b"# A\n")],
            "the page has no front matter",
            "pages/x.md:1:1",
            "start it with `---`",
        ),
        (
            &[("pages/x.md", b"---\ntitle: A\n")],
            "the page has no front matter",
            "pages/x.md:1:1",
            "start it with `---`",
        ),
        (&[("pages/x.md", b"")], "the page has no front matter", "pages/x.md:1:1", "start it with `---`"),
        (&[("pages/x.md", b"---\ntitle: [A\n---\n")], "unclosed bracket", "pages/x.md:2:8", "quote a text"),
        (
            &[("pages/x.md", b"---\ntitle: A\nweight: heavy\n---\n")],
            "weight",
            "pages/x.md:3:9",
            "expected a number",
        ),
        (
            &[("pages/x.md", b"---\ntitle: A\n---\n\n![p](no.svg)\n")],
            "there is no file `no.svg`",
            "pages/x.md:5:1",
            "links are relative to the file",
        ),
        (
            &[("pages/x.md", b"---\ntitle: A\n---\n\n[p](no.md)\n")],
            "there is no file `no.md`",
            "pages/x.md:5:1",
            "links are relative to the file",
        ),
        (
            &[("pages/x.md", b"---\ntitle: A\n---\n[x](../../../etc/passwd)\n")],
            "there is no file",
            "pages/x.md:4:1",
            "links are relative to the file",
        ),
        (
            &[("pages/x.md", b"---\ntitle: A\n---\n[x](javascript:alert)\n")],
            "there is no file",
            "pages/x.md:4:1",
            "links are relative to the file",
        ),
        (
            &[("pages/x.md", b"---\ntitle: \xff\n---\n")],
            "line 2 is not valid UTF-8",
            "pages/x.md",
            "save the file as UTF-8",
        ),
        (
            &[("pages/print.md", b"---\ntitle: A\n---\n")],
            "`print/` of the site is generated",
            "pages/print.md:1:1",
            "give the file another name",
        ),
        (
            &[("pages/a.svg", b"<svg onload=\"x\"/>")],
            "does more than draw",
            "pages/a.svg:1:1",
            "keep to shapes",
        ),
        (
            &[("db/alerts/DbFull/alert.yaml", escape.as_bytes())],
            "is not an alert name",
            "DbFull/alert.yaml:4:11",
            "starting with a capital",
        ),
        (
            &[("db/alerts/DbFull/alert.yaml", taken.as_bytes())],
            "alias `DbExporterDown` is a name",
            "DbFull/alert.yaml:4:11",
            "remove the alias",
        ),
        // Two alerts that claim one old name: the redirect could lead to one of them only.
        (
            &[
                ("db/alerts/DbFull/alert.yaml", other.as_bytes()),
                ("db/alerts/DbExporterDown/alert.yaml", down.as_bytes()),
            ],
            "alias `DbOld` is a name of",
            "alert.yaml:4:11",
            "remove the alias",
        ),
    ];
    for (files, message, place, remedy) in cases {
        let found = problems(files);
        let fits = found.iter().any(|one| [message, place, remedy].iter().all(|part| one.contains(**part)));
        assert!(fits, "{message} at {place}, {remedy}: {found:#?}");
    }
}

#[test]
fn what_is_odd_but_right_becomes_a_page() {
    let tree = build(&[
        ("pages/empty.md", b"---\ntitle: Empty\n---\n"),
        (
            "pages/title.md",
            b"---\ntitle: '<b onclick=alert(1)>x</b></title></script><script>'\n---\n\ntext\n",
        ),
        (
            "pages/code.md",
            b"---\ntitle: Code\n---\n\n```brainfuck\n<a onclick=x>+[-]\n```\n\n```\nplain\n```\n",
        ),
    ]);
    assert!(page(&tree, "empty/index.html").contains("<h1>Empty</h1>"));
    assert!(page(&tree, "code/index.html").contains("&lt;a onclick=x&gt;+[-]"));
    let titled = page(&tree, "title/index.html");
    assert!(titled.contains("&lt;b onclick=alert(1)&gt;x&lt;/b&gt;"), "the title is text");
    let mut pages = 0;
    for (path, bytes) in tree.files().filter(|(path, _)| path.extension().is_some_and(|end| end == "html")) {
        pages += 1;
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("<b "), "{}", path.display());
        for script in text.split("<script").skip(1) {
            assert!(
                script.starts_with(" src=\"") || script.starts_with(" defer src=\""),
                "{}: {script:.80}",
                path.display()
            );
        }
    }
    assert!(pages > 10, "all pages were looked at");
    assert!(!page(&tree, "search-index.js").contains("</script"));
}

#[test]
fn a_folder_without_git_has_no_dates_and_an_empty_feed() {
    let tree = build(&[]);
    assert!(!page(&tree, "start/index.html").contains("Last change"));
    let feed = page(&tree, "feed.xml");
    assert!(feed.contains("<feed") && !feed.contains("<entry>"), "{feed}");
}

#[test]
fn a_page_of_two_megabytes_is_built() {
    let table = "| a | b |\n| --- | --- |\n".to_owned() + &"| 1 | <script> |\n".repeat(60_000);
    let headings = "## Again\n\nSee [it](#again).\n\n".repeat(40_000);
    let text = format!("---\ntitle: Long\n---\n\n{headings}\n{table}");
    assert!(text.len() > 2_000_000);
    assert_eq!(problems(&[("pages/long.md", text.as_bytes())]), [""]);
    let long = page(&build(&[("pages/long.md", text.as_bytes())]), "long/index.html");
    assert!(long.contains("id=\"again-39999\"") && !long.contains("<script>"), "all of it, and nothing else");
}
