//! Hostile content: whatever stands in the files, there are problems and no panic, and nothing is written.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use walkdir::WalkDir;

/// A copy of the fixture's content.
fn copy(to: &Path) -> Vec<std::path::PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/content");
    let mut files = Vec::new();
    for entry in
        WalkDir::new(&from).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
    {
        let path = to.join(entry.path().strip_prefix(&from).expect("below the root"));
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::copy(entry.path(), &path).expect("a file can be copied");
        files.push(path);
    }
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_edit_of_any_file_is_survived(
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in 0..40_usize,
        insert in prop_oneof![
            "[\\PC\n\t]{0,12}",
            Just("${".to_owned()),
            Just("{{ ".to_owned()),
            Just("\u{0}".to_owned()),
            Just("- - - {a: [".to_owned()),
            Just("é}}}{{$labels.".to_owned()),
        ],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let files = copy(folder.path());
        let path = file.get(&files);
        let mut bytes = fs::read(path).unwrap();
        let start = at.index(bytes.len().max(1)).min(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, insert.bytes());
        fs::write(path, bytes).unwrap();
        let loaded = catalogue::load(folder.path());
        let mut problems = loaded.problems;
        if let Some(catalogue) = &loaded.catalogue {
            problems.extend(generator::check::run(catalogue));
        }
        let problems = problems.into_sorted();
        generator::report::problems(&problems, generator::report::Format::Text);
        if let (Some(catalogue), true) = (&loaded.catalogue, problems.is_empty()) {
            generator::render::chart::render(catalogue, generator::render::chart::Release::default());
        }
    }
}

mod markdown {
    use generator::markdown::html::{Listing, Surroundings, escape, html};
    use proptest::prelude::*;

    struct Plain;

    impl Surroundings for Plain {
        fn link(&self, destination: &str) -> String {
            destination.to_owned()
        }

        fn listing(&self, destination: &str) -> Option<Listing> {
            std::path::Path::new(destination).extension().is_some_and(|end| end == "sql").then(|| Listing {
                language: "sql",
                text: "SELECT '<b>'".to_owned(),
                dangerous: true,
            })
        }

        fn picture(&self, _: &str) -> Option<String> {
            None
        }

        fn highlight(&self, _: &str, code: &str) -> String {
            escape(code)
        }
    }

    /// The tags that Markdown may become, and their attributes.
    const ALLOWED: &[(&str, &[&str])] = &[
        ("a", &["href", "id", "class", "aria-label"]),
        ("blockquote", &[]),
        ("br", &[]),
        ("code", &["class"]),
        ("del", &[]),
        ("details", &["open"]),
        ("div", &["class", "tabindex", "role", "aria-label", "data-group", "data-label"]),
        ("em", &[]),
        ("figcaption", &[]),
        ("figure", &["class", "data-lang"]),
        ("h2", &["id"]),
        ("h3", &["id"]),
        ("h4", &["id"]),
        ("h5", &["id"]),
        ("h6", &["id"]),
        ("hr", &[]),
        ("img", &["src", "alt", "loading"]),
        ("input", &["type", "disabled", "checked", "aria-label"]),
        ("kbd", &[]),
        ("li", &["class", "id"]),
        ("mark", &[]),
        ("ol", &["class", "start"]),
        ("p", &["class"]),
        ("pre", &["tabindex"]),
        ("section", &["class", "aria-label"]),
        ("strong", &[]),
        ("sub", &[]),
        ("summary", &[]),
        ("sup", &["class"]),
        ("svg", &["class", "aria-hidden"]),
        ("table", &[]),
        ("tbody", &[]),
        ("td", &["class"]),
        ("th", &["class", "scope"]),
        ("thead", &[]),
        ("tr", &[]),
        ("ul", &["class"]),
        ("use", &["href"]),
    ];

    /// What a browser would read, strictly: anything that is not exactly as we write it is wrong.
    fn judge(body: &str) -> Result<(), String> {
        let mut rest = body;
        while let Some(start) = rest.find('<') {
            let tag = &rest[start + 1..];
            let end = tag.find('>').ok_or("a tag does not end")?;
            let (tag, after) = tag.split_at(end);
            rest = after;
            let tag = tag.strip_prefix('/').unwrap_or(tag);
            let tag = tag.strip_suffix('/').unwrap_or(tag);
            let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let (_, allowed) =
                ALLOWED.iter().find(|(known, _)| *known == name).ok_or(format!("tag `{name}`"))?;
            while !attributes.is_empty() {
                let end = attributes.find(['=', ' ']).unwrap_or(attributes.len());
                let (attribute, after) = attributes.split_at(end);
                if !allowed.contains(&attribute) {
                    return Err(format!("`{attribute}` of `{name}`"));
                }
                attributes = after;
                if let Some(value) = attributes.strip_prefix("=\"") {
                    let (value, after) = value.split_once('"').ok_or("a value does not end")?;
                    attributes = after;
                    if matches!(attribute, "href" | "src") {
                        address(value)?;
                    }
                }
                attributes = attributes.strip_prefix(' ').unwrap_or(attributes);
            }
        }
        Ok(())
    }

    /// What a browser does with an address: entities are read, blanks and control characters left out.
    fn address(value: &str) -> Result<(), String> {
        let read = ["&lt;", "&gt;", "&quot;", "&#39;"]
            .iter()
            .fold(value.to_owned(), |value, entity| value.replace(entity, "_"));
        let read: String =
            read.replace("&amp;", "&").chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
        let read = read.to_lowercase();
        let scheme = read.split(['/', '?', '#']).next().unwrap_or_default().split_once(':');
        match scheme {
            None | Some(("http" | "https" | "mailto", _)) => Ok(()),
            Some((scheme, _)) => Err(format!("address with `{scheme}:`")),
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        let hostile = [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<details ontoggle=x open>",
            "<summary onclick=x>",
            "</summary>",
            "</details>",
            "<kbd style=x>",
            "<br/onload=x>",
            "<svg/onload=x>",
            "<a href=javascript:x>",
            "[x](javascript:alert(1))",
            "[x](JAVA\u{1}script:x)",
            "[x](java&Tab;script:x)",
            "[x](&#x6a;avascript:x)",
            "[x](<java\tscript:x>)",
            "[x]( data:text/html;base64,x )",
            "![x](vbscript:x \"t\" )",
            "<javascript:alert(1)>",
            "[r]: javascript:x\n\n[r]",
            "# h {#i onclick=x .c}",
            "# <b onclick=x>t</b> {#\"><script>}\n",
            "| <script> | b |\n| - | - |\n| <img onerror=x> | `|` |\n",
            "```\"><script> title=\"<script>\"\nx\n```\n",
            "<!-- tabs -->",
            "<!-- tab: \"><script> -->",
            "<!-- /tabs -->",
            "<!-- columns -->",
            "<!-- column -->",
            "<!-- steps -->",
            "<!--",
            "-->",
            "<![CDATA[",
            "<?php",
            "[^1]",
            "[^1]: <b>\n",
            "> [!WARNING]\n> ",
            "- [x] ",
            "1. ",
            "\n\n",
            "\n",
            "    ",
            "***",
            "~~",
            "`",
            "[f](a.sql)",
            "\u{0}",
            "\u{202e}",
            "&lt;",
            "&",
            "\"",
            "'",
            ">",
        ];
        prop_oneof![
            4 => prop::sample::select(hostile.to_vec()).prop_map(str::to_owned),
            1 => "\\PC{0,12}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn becomes_nothing_but_known_tags(pieces in prop::collection::vec(piece(), 0..24)) {
            let text = pieces.concat();
            let body = html(&text, &Plain).body;
            prop_assert_eq!(judge(&body), Ok(()), "{}\n{}", text, body);
        }
    }

    #[test]
    fn the_judge_is_awake() {
        for wrong in
            ["<script>", "<p onclick=\"x\">", "<a href=\"java\tscript:x\">", "<a href=\"data:x\">", "<p"]
        {
            assert!(judge(wrong).is_err(), "{wrong}");
        }
    }

    /// With a time that grows with the square, this would not end.
    #[test]
    fn a_lot_of_anything_is_survived() {
        let shapes = [
            "# a\n",
            "## a\n\n",
            "<details>\n",
            "<!-- tabs -->\n",
            "<!-- steps -->\n\n- a\n\n",
            "| a ",
            "|a|b|\n|-|-|\n|1|2|\n\n",
            "> ",
            "- ",
            "[x](#a) ",
            "[^1] ",
            "![",
            "**a",
            "<b>",
            "`",
            "- [x] a\n",
            "&amp;",
            "[a](b.sql)\n\n",
            "~~a~~",
            "\n",
            "```\n",
        ];
        for shape in shapes {
            let text = shape.repeat((1 << 18) / shape.len());
            assert_eq!(judge(&html(&text, &Plain).body), Ok(()), "{shape:?}");
        }
    }
}
