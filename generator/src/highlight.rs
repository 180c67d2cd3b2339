//! Colours for code: SQL, PromQL, YAML, shell, JSON, HCL and the like. Each language is a line in a table.
//!
//! Not a parser: it finds comments, strings, numbers, keywords and keys, which is what helps to read. It costs
//! microseconds where a library with grammars costs 100 ms before the first character.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::markdown::html::{escape, escape_into};

/// How a language is written.
struct Language {
    names: &'static [&'static str],
    /// What starts a comment to the end of the line.
    comments: &'static [&'static str],
    /// Quotes of strings.
    quotes: &'static str,
    /// Whether a quote inside a string is escaped by a backslash.
    backslash: bool,
    /// Words of the language, in lower case.
    keywords: &'static str,
    /// Whether keywords may be written in capitals.
    any_case: bool,
    /// What makes the word before it a key.
    key: Option<char>,
    /// What starts a variable.
    variable: Option<char>,
}

const LANGUAGES: [Language; 7] = [
    Language {
        names: &["sql"],
        comments: &["--"],
        quotes: "'",
        backslash: false,
        keywords: "add all alter analyze and any array as asc at begin between by cascade case cast collate column commit \
            concurrently create cross current database default delete desc distinct do drop else end except exists extension \
            false filter first for from full function grant group having if in index inner insert interval into is join \
            lateral left like limit materialized not null nulls numeric of offset on only or order outer over partition \
            primary references reindex reset restrict returning revoke right role rollback row rows schema select sequence \
            set show slot subscription system table temp then to transaction true truncate union unique update user using \
            vacuum values view when where with",
        any_case: true,
        key: None,
        variable: Some(':'),
    },
    Language {
        names: &["promql"],
        comments: &["#"],
        quotes: "\"'`",
        backslash: true,
        keywords: "and or unless by without on ignoring group_left group_right bool offset atan2 start end inf nan",
        any_case: true,
        key: None,
        variable: Some('$'),
    },
    Language {
        names: &["yaml", "yml"],
        comments: &["#"],
        quotes: "\"'",
        backslash: false,
        keywords: "true false null yes no on off",
        any_case: false,
        key: Some(':'),
        variable: Some('$'),
    },
    Language {
        names: &["bash", "sh", "shell", "console"],
        comments: &["#"],
        quotes: "\"'",
        backslash: true,
        keywords: "if then else elif fi for in do done while until case esac function export local set sudo",
        any_case: false,
        key: None,
        variable: Some('$'),
    },
    Language {
        names: &["json"],
        comments: &[],
        quotes: "\"",
        backslash: true,
        keywords: "true false null",
        any_case: false,
        key: Some(':'),
        variable: None,
    },
    Language {
        names: &["hcl", "terraform", "tf"],
        comments: &["#", "//"],
        quotes: "\"",
        backslash: true,
        keywords: "resource data variable output module provider locals terraform true false null for in if",
        any_case: false,
        key: Some('='),
        variable: None,
    },
    Language {
        names: &["ini", "toml", "nginx", "dockerfile", "js", "conf"],
        comments: &["#", ";", "//"],
        quotes: "\"'",
        backslash: true,
        keywords: "from run copy entrypoint user expose cmd server location listen root return function var if else",
        any_case: true,
        key: Some('='),
        variable: Some('$'),
    },
];

/// The keywords of each language, in the order of the languages.
static KEYWORDS: LazyLock<Vec<HashSet<&str>>> = LazyLock::new(|| {
    LANGUAGES.iter().map(|language| language.keywords.split_whitespace().collect()).collect()
});

/// Functions and aggregations come before a bracket; keys come before their sign.
fn class_of_word(
    language: &Language,
    keywords: &HashSet<&str>,
    word: &str,
    after: &str,
) -> Option<&'static str> {
    let next = after.trim_start_matches(' ').chars().next();
    if language.key.is_some() && language.key == next {
        // `==` compares.
        let double = after.trim_start_matches(' ').starts_with("==");
        return (!double).then_some("t");
    }
    let has_capitals = language.any_case && word.bytes().any(|byte| byte.is_ascii_uppercase());
    let known = if has_capitals { Cow::Owned(word.to_lowercase()) } else { Cow::Borrowed(word) };
    if keywords.contains(&*known) {
        return Some("k");
    }
    match language.names[0] {
        "sql" | "promql" if after.starts_with('(') => Some("f"),
        "promql" if matches!(next, Some('=' | '!')) => Some("l"),
        "promql" => Some("v"),
        _ => None,
    }
}

/// Code as HTML: the inside of `<code>`.
pub fn highlight(language: &str, code: &str) -> String {
    let code = code.trim_end();
    if language == "diff" {
        return diff(code);
    }
    let Some(number) = LANGUAGES.iter().position(|known| known.names.contains(&language)) else {
        let mut out = String::new();
        with_placeholders(&mut out, code);
        return out;
    };
    let (language, keywords) = (&LANGUAGES[number], &KEYWORDS[number]);
    let mut out = String::with_capacity(code.len() * 2);
    let mut rest = code;
    let mut before = '\n';
    while let Some(c) = rest.chars().next() {
        if let Some(name) = placeholder(rest) {
            blank(&mut out, name);
            rest = &rest[name.len() + 2..];
            before = '>';
            continue;
        }
        if before == ' '
            && language.names[0] == "bash"
            && let Some((name, value)) = assignment(&code[..code.len() - rest.len()], rest)
        {
            let _ = write!(out, "<span class=\"hl-v\">{name}</span>={}", example(name, value));
            rest = &rest[name.len() + 1 + value.len()..];
            before = '>';
            continue;
        }
        let (class, length) = token(language, rest, before);
        let (text, after) = rest.split_at(length);
        let class = match class {
            Class::Word => class_of_word(language, keywords, text, after),
            Class::Is(class) => Some(class),
            Class::Plain => None,
        };
        // A string before a colon is a key in JSON.
        let class = match class {
            Some("s") if language.names[0] == "json" && after.trim_start().starts_with(':') => Some("t"),
            class => class,
        };
        if let Some(class) = class {
            for part in ["<span class=\"hl-", class, "\">"] {
                out.push_str(part);
            }
        }
        with_placeholders(&mut out, text);
        if class.is_some() {
            out.push_str("</span>");
        }
        before = text.chars().next_back().unwrap_or(c);
        rest = after;
    }
    out
}

enum Class {
    Plain,
    Word,
    Is(&'static str),
}

/// The next token: what it is and its bytes.
fn token(language: &Language, rest: &str, before: char) -> (Class, usize) {
    let c = rest.chars().next().unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let span = |keep: &dyn Fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
    let starts_comment = language.comments.iter().any(|mark| rest.starts_with(mark));
    // `#` inside a word is no comment.
    if starts_comment && (c == '-' || before.is_whitespace()) {
        return (Class::Is("c"), rest.find('\n').unwrap_or(rest.len()));
    }
    if language.quotes.contains(c) && !is_word(before) {
        return (Class::Is("s"), string(rest, c, language.backslash));
    }
    if language.variable == Some(c) && before != ':' {
        let name = rest[c.len_utf8()..].find(|c: char| !is_word(c) && !"{}'\"".contains(c));
        let length = c.len_utf8() + name.unwrap_or(rest.len() - c.len_utf8());
        if length > c.len_utf8() && !rest[c.len_utf8()..].starts_with(['"', '\'']) && !is_word(before) {
            return (Class::Is("v"), length);
        }
        return (Class::Plain, c.len_utf8());
    }
    if c.is_ascii_digit() && !is_word(before) {
        return (Class::Is("n"), span(&|c| is_word(c) || c == '.'));
    }
    if c == '-' && matches!(language.names[0], "bash") && before.is_whitespace() {
        return (Class::Is("l"), span(&|c| is_word(c) || c == '-'));
    }
    if is_word(c) {
        let dashed = language.key.is_some() || language.names[0] == "bash";
        let dotted = language.key == Some(':');
        return (
            Class::Word,
            span(&|c| {
                is_word(c)
                    || (dashed && c == '-')
                    || (dotted && matches!(c, '.' | '/'))
                    || (language.names[0] == "promql" && c == ':')
            }),
        );
    }
    if "=<>!+*/%|&^~".contains(c) {
        let all = span(&|c| "=<>!+*/%|&^~".contains(c));
        // `target=<target>`: what is filled in is no operator.
        let blank = (1..all).find(|at| placeholder(&rest[*at..]).is_some());
        return (Class::Is("o"), blank.unwrap_or(all));
    }
    (Class::Plain, c.len_utf8())
}

/// The bytes of a string that starts here; one that is not closed ends with its line.
fn string(rest: &str, quote: char, backslash: bool) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if backslash => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.find('\n').unwrap_or(rest.len())
}

/// `<name>` in code is something that the reader, or the address of the page, fills in.
fn placeholder(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('<')?;
    let name = &inside[..inside.find('>')?];
    let fits = (2..40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    fits.then_some(name)
}

/// `NAME=value` of an `export` is an example that can be replaced: the name of the variable and its plain value.
fn assignment<'a>(before: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let line = before.rsplit('\n').next().unwrap_or_default();
    if !line.trim_start().starts_with("export ") {
        return None;
    }
    let (name, rest) = rest.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let value = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
    let is_plain =
        !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_.:/@-".contains(c));
    (is_name && is_plain).then_some((name, value))
}

/// A variable of the shell is filled by the label of the same name.
fn example(name: &str, value: &str) -> String {
    let name = name.to_ascii_lowercase();
    format!("<span class=\"placeholder is-example\" data-name=\"{name}\">{value}</span>")
}

fn blank(out: &mut String, name: &str) {
    let _ = write!(out, "<span class=\"placeholder\" data-name=\"{name}\">&lt;{name}&gt;</span>");
}

/// Adds text with its placeholders.
fn with_placeholders(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        escape_into(out, before);
        let name = placeholder(tag);
        match name {
            Some(name) => blank(out, name),
            None => out.push_str("&lt;"),
        }
        rest = &tag[name.map_or(1, |name| name.len() + 2)..];
    }
    escape_into(out, rest);
}

fn diff(code: &str) -> String {
    let lines = code.lines().map(|line| {
        let html = escape(line);
        match line.chars().next() {
            Some('+') => format!("<span class=\"hl-i\">{html}</span>"),
            Some('-') => format!("<span class=\"hl-d\">{html}</span>"),
            _ => html,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(html: &str) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in html.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    proptest::proptest! {
        #[test]
        fn no_character_is_lost(code in "[ -~\n€]{0,80}", language in 0..8_usize) {
            let name = LANGUAGES.get(language).map_or("diff", |language| language.names[0]);
            let kept = if name == "diff" { code.trim_end().lines().collect::<Vec<_>>().join("\n") } else { code.trim_end().to_owned() };
            proptest::prop_assert_eq!(text_of(&highlight(name, &code)), kept);
        }
    }

    #[test]
    fn each_language_shows_what_matters() {
        for (language, code, expected) in [
            (
                "sql",
                "SELECT pid FROM t -- x",
                "<span class=\"hl-k\">SELECT</span> pid <span class=\"hl-k\">FROM</span> t <span class=\"hl-c\">-- x</span>",
            ),
            (
                "promql",
                "sum by (a) (up{b=\"c\"}) > 1",
                "<span class=\"hl-v\">sum</span> <span class=\"hl-k\">by</span> (<span class=\"hl-v\">a</span>) (<span class=\"hl-v\">up</span>{<span class=\"hl-l\">b</span><span class=\"hl-o\">=</span><span class=\"hl-s\">&quot;c&quot;</span>}) <span class=\"hl-o\">&gt;</span> <span class=\"hl-n\">1</span>",
            ),
            (
                "yaml",
                "a-b: 1 # c",
                "<span class=\"hl-t\">a-b</span>: <span class=\"hl-n\">1</span> <span class=\"hl-c\"># c</span>",
            ),
            (
                "bash",
                "psql --set a=\"$B\"",
                "psql <span class=\"hl-l\">--set</span> a<span class=\"hl-o\">=</span><span class=\"hl-s\">&quot;$B&quot;</span>",
            ),
            (
                "json",
                "{\"a\": true}",
                "{<span class=\"hl-t\">&quot;a&quot;</span>: <span class=\"hl-k\">true</span>}",
            ),
            ("unknown", "a < b", "a &lt; b"),
        ] {
            assert_eq!(highlight(language, code), expected, "{language}");
        }
    }

    #[test]
    fn a_placeholder_may_follow_an_operator() {
        let html = highlight("bash", "amtool silence add target=<target>");
        assert!(
            html.contains("<span class=\"placeholder\" data-name=\"target\">&lt;target&gt;</span>"),
            "{html}"
        );
    }

    #[test]
    fn exported_variables_are_examples() {
        let html =
            highlight("bash", "x\n  export AWS_REGION=eu-west-3 DB=db1 PW='a b' D=$PWD/x\necho DB=db1");
        let value = |name: &str, value: &str| {
            format!("<span class=\"placeholder is-example\" data-name=\"{name}\">{value}</span>")
        };
        assert!(html.contains(&value("aws_region", "eu-west-3")), "{html}");
        assert!(html.contains(&value("db", "db1")), "{html}");
        assert_eq!(
            html.matches("data-name").count(),
            2,
            "neither quoted nor computed values, nor other commands"
        );
        assert!(!highlight("yaml", "export DB=db1").contains("data-name"));
    }

    #[test]
    fn placeholders_can_be_filled() {
        assert!(
            highlight("bash", "x <target>")
                .contains("<span class=\"placeholder\" data-name=\"target\">&lt;target&gt;</span>")
        );
        assert!(!highlight("sql", "a < b AND c > d").contains("placeholder"));
    }
}
