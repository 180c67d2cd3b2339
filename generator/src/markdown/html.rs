//! Markdown as HTML of the site. What is written in content is never trusted: of raw HTML only what folds text passes.

use std::collections::HashMap;
use std::fmt::Write as _;

use pulldown_cmark::{Alignment, BlockQuoteKind, CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use super::directive::{Directives, Piece};
use super::{dialect, headings};

/// What a page looks like from inside: where its links lead, what stands in the files that it shows.
pub trait Surroundings {
    /// Where a link leads on the site.
    fn link(&self, destination: &str) -> String;
    /// The code of a file that a paragraph consists of, if it is one.
    fn listing(&self, destination: &str) -> Option<Listing>;
    /// A picture that is put into the page, so that it follows the theme.
    fn picture(&self, destination: &str) -> Option<String>;
    /// Highlighted code, the inside of `<code>`.
    fn highlight(&self, language: &str, code: &str) -> String;
}

/// A file that a page shows.
#[derive(Debug)]
pub struct Listing {
    /// Its language.
    pub language: &'static str,
    /// Its text.
    pub text: String,
    /// Whether it changes or destroys something.
    pub dangerous: bool,
}

/// A heading with those below it.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The anchor.
    pub id: String,
    /// The text.
    pub title: String,
    /// The headings below.
    pub children: Vec<Entry>,
}

/// What a search finds: the text below a heading, without code.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The heading; empty before the first.
    pub heading: String,
    /// Its anchor.
    pub anchor: String,
    /// The text in one line.
    pub text: String,
}

/// A rendered text.
#[derive(Debug)]
pub struct Html {
    /// HTML without the title.
    pub body: String,
    /// The second and third level of headings.
    pub toc: Vec<Entry>,
    /// For the search.
    pub sections: Vec<Section>,
}

/// Renders a text. Its first heading of level one is the title of the page and left out.
pub fn html(text: &str, surroundings: &dyn Surroundings) -> Html {
    let events: Vec<_> = Parser::new_ext(text, dialect()).into_offset_iter().collect();
    let headings = headings(text, &events).into_iter();
    let anchors = headings.map(|heading| (heading.range.start, heading.anchor)).collect();
    let mut writer = Writer {
        surroundings,
        anchors,
        out: String::with_capacity(text.len() * 2),
        held: None,
        code: None,
        heading: None,
        alt: None,
        table: Vec::new(),
        cell: 0,
        in_head: false,
        paragraph: None,
        notes: HashMap::new(),
        note: None,
        footnotes: Vec::new(),
        directives: Directives::default(),
        toc: Vec::new(),
        sections: vec![Section::default()],
    };
    for (event, range) in events {
        writer.event(event, range.start);
    }
    writer.finish()
}

/// Text for HTML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape_into(&mut escaped, text);
    escaped
}

/// Adds text to HTML.
pub fn escape_into(html: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')) {
        html.push_str(&rest[..at]);
        html.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    html.push_str(rest);
}

/// What stands above the code of a figure.
#[derive(Debug, Default, Clone, Copy)]
pub struct Caption<'a> {
    /// What it is.
    pub title: &'a str,
    /// Where the file is, for those who would rather run it than copy it.
    pub file: Option<&'a str>,
}

/// A figure with code. `html` is the highlighted text.
pub fn figure(language: &str, caption: Option<Caption>, dangerous: bool, html: &str) -> String {
    let language = escape(language);
    let class = if dangerous { "code danger" } else { "code" };
    let caption = caption.map_or(String::new(), |Caption { title, file }| {
        let warning = if dangerous { " (this changes the server)" } else { "" };
        let file = file.map_or(String::new(), |file| {
            let name = escape(file.rsplit('/').next().unwrap_or(file));
            format!(" <a class=\"file\" href=\"{}\">{name}</a>", escape(file))
        });
        format!("<figcaption>{}{warning}{file}</figcaption>\n", escape(title))
    });
    format!(
        "<figure class=\"{class}\" data-lang=\"{language}\">{caption}<pre tabindex=\"0\"><code class=\"language-{language}\">{html}</code></pre></figure>\n"
    )
}

/// A paragraph that may turn out to be a link to a file and nothing else.
struct Paragraph {
    /// Where its HTML starts.
    start: usize,
    /// The link that it consists of so far.
    link: Option<(String, String)>,
    /// Whether anything else was in it.
    other: bool,
    /// Whether the link is open.
    inside: bool,
}

struct Writer<'a> {
    surroundings: &'a dyn Surroundings,
    anchors: HashMap<usize, String>,
    out: String,
    /// The text around a footnote, while the footnote is written.
    held: Option<String>,
    code: Option<(String, String)>,
    heading: Option<(HeadingLevel, String, usize, String)>,
    alt: Option<(String, String)>,
    table: Vec<Alignment>,
    cell: usize,
    in_head: bool,
    paragraph: Option<Paragraph>,
    notes: HashMap<String, usize>,
    note: Option<usize>,
    footnotes: Vec<(usize, String)>,
    directives: Directives,
    toc: Vec<Entry>,
    sections: Vec<Section>,
}

impl Writer<'_> {
    fn event(&mut self, event: Event, at: usize) {
        match event {
            Event::Start(tag) => self.start(tag, at),
            Event::End(tag) => self.end(tag),
            Event::Code(text) => {
                self.other();
                self.words(&text);
                let _ = write!(self.out, "<code>{}</code>", escape(&text));
            }
            Event::Html(text) | Event::InlineHtml(text) => self.raw(&text),
            Event::SoftBreak => {
                self.words(" ");
                self.out.push('\n');
            }
            Event::HardBreak => {
                self.words(" ");
                self.out.push_str("<br>\n");
            }
            Event::Rule => self.out.push_str("<hr>\n"),
            Event::TaskListMarker(done) => {
                if let Some(at) = self.out.rfind("<li>") {
                    self.out.replace_range(at..at + 4, "<li class=\"task\">");
                }
                let (checked, label) = if done { (" checked", "done") } else { ("", "to do") };
                let _ =
                    write!(self.out, "<input type=\"checkbox\" disabled{checked} aria-label=\"{label}\"> ");
            }
            Event::FootnoteReference(name) => {
                let number = self.number(&name);
                let _ = write!(
                    self.out,
                    "<sup class=\"footnote-ref\"><a href=\"#fn{number}\" id=\"fnref{number}\">{number}</a></sup>"
                );
            }
            Event::Text(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
        }
    }

    fn number(&mut self, name: &str) -> usize {
        let next = self.notes.len() + 1;
        *self.notes.entry(name.to_owned()).or_insert(next)
    }

    /// Remembers what the search finds.
    fn words(&mut self, text: &str) {
        if self.heading.is_none()
            && let Some(section) = self.sections.last_mut()
        {
            section.text.push_str(text);
        }
    }

    /// Something that is not the link which a paragraph may consist of.
    fn other(&mut self) {
        if let Some(paragraph) = &mut self.paragraph
            && !paragraph.inside
        {
            paragraph.other = true;
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(text);
            return;
        }
        if let Some((_, alt)) = &mut self.alt {
            alt.push_str(text);
            return;
        }
        if let Some((.., title)) = &mut self.heading {
            title.push_str(text);
        }
        self.words(text);
        match &mut self.paragraph {
            Some(Paragraph { inside: true, link: Some((_, label)), .. }) => label.push_str(text),
            Some(paragraph) => paragraph.other |= !text.trim().is_empty(),
            None => {}
        }
        escape_into(&mut self.out, text);
    }

    fn raw(&mut self, html: &str) {
        self.other();
        for piece in self.directives.read(html) {
            match piece {
                Piece::Html(html) => self.out.push_str(&html),
                Piece::Text(text) => {
                    self.words(&text);
                    escape_into(&mut self.out, &text);
                }
            }
        }
    }

    fn start(&mut self, tag: Tag, at: usize) {
        match tag {
            Tag::Paragraph => {
                let start = self.out.len();
                self.paragraph = Some(Paragraph { start, link: None, other: false, inside: false });
                self.out.push_str("<p>");
            }
            Tag::Heading { level, .. } => {
                let anchor = self.anchors.get(&at).cloned().unwrap_or_default();
                self.heading = Some((level, anchor, self.out.len(), String::new()));
            }
            Tag::BlockQuote(kind) => self.hint(kind),
            Tag::CodeBlock(kind) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((info, String::new()));
            }
            Tag::List(first) => {
                let class = self.directives.list_class();
                let _ = match first {
                    Some(1) => writeln!(self.out, "<ol{class}>"),
                    Some(first) => writeln!(self.out, "<ol{class} start=\"{first}\">"),
                    None => writeln!(self.out, "<ul{class}>"),
                };
            }
            Tag::Item => self.out.push_str("<li>"),
            Tag::FootnoteDefinition(name) => {
                let number = self.number(&name);
                self.note = Some(number);
                self.held = Some(std::mem::take(&mut self.out));
            }
            Tag::Table(alignments) => {
                self.table = alignments;
                // The first header names the region.
                self.out.push_str("<div class=\"table-scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">\n<table>\n");
            }
            Tag::TableHead => {
                self.in_head = true;
                self.cell = 0;
                self.out.push_str("<thead><tr>");
            }
            Tag::TableRow => {
                self.cell = 0;
                self.out.push_str("<tr>");
            }
            Tag::TableCell => {
                let class = match self.table.get(self.cell) {
                    Some(Alignment::Right) => " class=\"right\"",
                    Some(Alignment::Center) => " class=\"center\"",
                    _ => "",
                };
                self.cell += 1;
                let _ = if self.in_head {
                    write!(self.out, "<th scope=\"col\"{class}>")
                } else {
                    write!(self.out, "<td{class}>")
                };
            }
            Tag::Emphasis => self.out.push_str("<em>"),
            Tag::Strong => self.out.push_str("<strong>"),
            Tag::Strikethrough => self.out.push_str("<del>"),
            Tag::Link { dest_url, .. } => self.start_link(&dest_url),
            Tag::Image { dest_url, .. } => {
                self.other();
                self.alt = Some((dest_url.into_string(), String::new()));
            }
            _ => {}
        }
    }

    fn start_link(&mut self, destination: &str) {
        if let Some(paragraph) = &mut self.paragraph {
            paragraph.other |= paragraph.link.is_some();
            paragraph.link = Some((destination.to_owned(), String::new()));
            paragraph.inside = true;
        }
        let href = safe(&self.surroundings.link(destination));
        let _ = write!(self.out, "<a href=\"{}\">", escape(&href));
    }

    fn hint(&mut self, kind: Option<BlockQuoteKind>) {
        let (class, icon, title) = match kind {
            None => return self.out.push_str("<blockquote>\n"),
            Some(BlockQuoteKind::Note) => ("note", "info", "Note"),
            Some(BlockQuoteKind::Tip) => ("tip", "tip", "Tip"),
            Some(BlockQuoteKind::Important) => ("important", "info", "Important"),
            Some(BlockQuoteKind::Warning) => ("warning", "warning", "Warning"),
            Some(BlockQuoteKind::Caution) => ("caution", "critical", "Caution"),
        };
        let _ = writeln!(
            self.out,
            "<div class=\"hint hint-{class}\" role=\"note\"><p class=\"hint-title\"><svg class=\"icon\" aria-hidden=\"true\">\
             <use href=\"#i-{icon}\"/></svg>{title}</p>"
        );
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.end_paragraph(),
            TagEnd::Heading(_) => self.end_heading(),
            TagEnd::BlockQuote(kind) => {
                self.out.push_str(if kind.is_some() { "</div>\n" } else { "</blockquote>\n" });
            }
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(ordered) => self.out.push_str(if ordered { "</ol>\n" } else { "</ul>\n" }),
            TagEnd::Item => {
                self.words(" ");
                self.out.push_str("</li>\n");
            }
            TagEnd::FootnoteDefinition => {
                if let (Some(number), Some(before)) = (self.note.take(), self.held.take()) {
                    let note = std::mem::replace(&mut self.out, before);
                    self.footnotes.push((number, note));
                }
            }
            TagEnd::Table => self.out.push_str("</tbody>\n</table>\n</div>\n"),
            TagEnd::TableHead => {
                self.in_head = false;
                self.out.push_str("</tr></thead>\n<tbody>\n");
            }
            TagEnd::TableRow => self.out.push_str("</tr>\n"),
            TagEnd::TableCell => {
                self.words(" ");
                self.out.push_str(if self.in_head { "</th>" } else { "</td>" });
            }
            TagEnd::Emphasis => self.out.push_str("</em>"),
            TagEnd::Strong => self.out.push_str("</strong>"),
            TagEnd::Strikethrough => self.out.push_str("</del>"),
            TagEnd::Link => {
                if let Some(paragraph) = &mut self.paragraph {
                    paragraph.inside = false;
                }
                self.out.push_str("</a>");
            }
            TagEnd::Image => self.end_picture(),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        self.words(" ");
        let Some(paragraph) = self.paragraph.take() else { return self.out.push_str("</p>\n") };
        if let (Some((destination, label)), false) = (&paragraph.link, paragraph.other)
            && let Some(listing) = self.surroundings.listing(destination)
        {
            self.out.truncate(paragraph.start);
            let code = self.surroundings.highlight(listing.language, &listing.text);
            let file = safe(&self.surroundings.link(destination));
            let caption = Caption { title: label, file: Some(&file) };
            self.out.push_str(&figure(listing.language, Some(caption), listing.dangerous, &code));
            return;
        }
        // A picture alone is a figure, and a figure is no part of a paragraph.
        let inside = self.out[paragraph.start + 3..].to_owned();
        if inside.starts_with("<figure") || inside.starts_with("<svg") {
            self.out.truncate(paragraph.start);
            self.out.push_str(&inside);
            self.out.push('\n');
        } else {
            self.out.push_str("</p>\n");
        }
    }

    fn end_heading(&mut self) {
        let Some((level, anchor, start, title)) = self.heading.take() else { return };
        let inside = self.out.split_off(start);
        if level == HeadingLevel::H1 {
            return;
        }
        let _ = writeln!(self.out, "<{level} id=\"{}\">{inside}</{level}>", escape(&anchor));
        let entry = Entry { id: anchor.clone(), title: title.clone(), children: Vec::new() };
        match (level, self.toc.last_mut()) {
            (HeadingLevel::H2, _) => self.toc.push(entry),
            (HeadingLevel::H3, Some(parent)) => parent.children.push(entry),
            _ => {}
        }
        self.sections.push(Section { heading: title, anchor, text: String::new() });
    }

    fn end_code(&mut self) {
        let Some((info, code)) = self.code.take() else { return };
        let (language, rest) = info.split_once([' ', '{']).unwrap_or((&info, ""));
        let title = rest.split_once("title=\"").and_then(|(_, rest)| rest.split('"').next());
        let known = !language.is_empty() && language.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let language = if known { language } else { "text" };
        let html = self.surroundings.highlight(language, &code);
        let caption = title.map(|title| Caption { title, file: None });
        self.out.push_str(&figure(language, caption, false, &html));
    }

    fn end_picture(&mut self) {
        let Some((destination, alt)) = self.alt.take() else { return };
        if let Some(svg) = self.surroundings.picture(&destination) {
            self.out.push_str(&svg);
            return;
        }
        let source = escape(&safe(&self.surroundings.link(&destination)));
        // Nothing is loaded from elsewhere.
        if source.contains("//") {
            let _ = write!(self.out, "<a href=\"{source}\">{}</a>", escape(&alt));
            return;
        }
        let _ = write!(self.out, "<img src=\"{source}\" alt=\"{}\" loading=\"lazy\">", escape(&alt));
    }

    fn finish(mut self) -> Html {
        self.out.push_str(&self.directives.close());
        if !self.footnotes.is_empty() {
            self.footnotes.sort_by_key(|(number, _)| *number);
            self.out.push_str("<section class=\"footnotes\" aria-label=\"Footnotes\"><ol>\n");
            for (number, text) in &self.footnotes {
                let back = format!(
                    " <a class=\"footnote-back\" href=\"#fnref{number}\" aria-label=\"Back to the text\">↩</a>"
                );
                let text = text.trim_end();
                let text = text
                    .strip_suffix("</p>")
                    .map_or_else(|| format!("{text}{back}"), |text| format!("{text}{back}</p>"));
                let _ = writeln!(self.out, "<li id=\"fn{number}\">{text}</li>");
            }
            self.out.push_str("</ol></section>\n");
        }
        for section in &mut self.sections {
            section.text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        Html { body: self.out, toc: self.toc, sections: self.sections }
    }
}

/// A link that can do no harm: of schemes only those that open a page or a mail.
fn safe(destination: &str) -> String {
    let cleaned: String = destination.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let scheme =
        cleaned.split(['/', '?', '#']).next().unwrap_or_default().split_once(':').map(|(scheme, _)| scheme);
    match scheme.map(str::to_lowercase).as_deref() {
        None | Some("http" | "https" | "mailto") => destination.to_owned(),
        Some(_) => "#".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;

    impl Surroundings for Plain {
        fn link(&self, destination: &str) -> String {
            destination.replace(".md", "/index.html")
        }

        fn listing(&self, destination: &str) -> Option<Listing> {
            destination.contains(".sql").then(|| Listing {
                language: "sql",
                text: "SELECT 1".to_owned(),
                dangerous: destination.contains("drop"),
            })
        }

        fn picture(&self, destination: &str) -> Option<String> {
            destination.contains(".svg").then(|| "<svg></svg>".to_owned())
        }

        fn highlight(&self, _: &str, code: &str) -> String {
            escape(code)
        }
    }

    fn body(text: &str) -> String {
        html(text, &Plain).body
    }

    #[test]
    fn nothing_of_hostile_markdown_reaches_the_page() {
        for hostile in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x](JaVa&#10;Script:alert(1))",
            "![x](data:text/html,<script>)",
            "<details ontoggle=alert(1)><summary onclick=x>s</summary></details>",
            "<iframe src=//evil></iframe>",
            "# <b onclick=x>t</b>",
            "```\"><script>\nx\n```",
            "[x](<\"onmouseover=alert(1)>)",
            "<svg onload=alert(1)>",
            "<!-- tab: \"><script>alert(1)</script> -->",
        ] {
            let body = body(hostile);
            let tags: String =
                body.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or_default()).collect();
            for bad in ["script", "onerror", "iframe", "ontoggle", "onclick", "javascript", "data:", "onload"]
            {
                assert!(!tags.to_lowercase().contains(bad), "{hostile}\n{body}");
            }
            assert!(!body.contains("\"onmouseover"), "{body}");
        }
    }

    #[test]
    fn the_title_is_left_out_and_headings_have_anchors() {
        let html = html("# T `x`\n\nintro\n\n## A b\n\ntext\n\n### C\n\n## A b\n", &Plain);
        assert_eq!(html.body.lines().next(), Some("<p>intro</p>"));
        assert!(html.body.contains("<h2 id=\"a-b\">A b</h2>") && html.body.contains("<h2 id=\"a-b-1\">"));
        assert_eq!(html.toc[0].children[0].id, "c");
        let found: Vec<_> = html.sections.iter().map(|s| (&*s.heading, &*s.text)).collect();
        assert_eq!(found, [("", "intro"), ("A b", "text"), ("C", ""), ("A b", "")]);
    }

    #[test]
    fn a_paragraph_that_is_a_link_to_sql_shows_it() {
        let shown = body("[Find them](a.sql)\n");
        assert!(
            shown.contains("<figcaption>Find them <a class=\"file\" href=\"") && shown.contains("SELECT 1"),
            "{shown}"
        );
        assert!(!shown.contains("<p>"));
        assert!(body("see [a](a.sql)\n").contains("<p>see <a href=\"a.sql\">a</a></p>"));
        assert!(body("[Drop](drop.sql)\n").contains("code danger"));
        assert!(body("![d](d.svg)\n").starts_with("<svg>"));
    }

    #[test]
    fn hints_tables_tasks_and_footnotes() {
        assert!(body("> [!WARNING]\n> x\n").contains("hint hint-warning"));
        let table = body("| a | b |\n| --- | ---: |\n| 1 | 2 |\n");
        assert!(table.contains("<th scope=\"col\">a</th>") && table.contains("<td class=\"right\">2</td>"));
        assert!(body("- [x] a\n").contains("<li class=\"task\"><input type=\"checkbox\" disabled checked"));
        let notes = body("a[^x]\n\n[^x]: b\n");
        assert!(notes.contains("href=\"#fn1\"") && notes.contains("<li id=\"fn1\"><p>b <a"), "{notes}");
    }

    #[test]
    fn tabs_steps_columns_and_folds() {
        let tabs = body(
            "<!-- tabs -->\n<!-- tab: Helm -->\n\na\n\n<!-- tab: Plain -->\n\nb\n\n<!-- /tabs -->\n\nc\n",
        );
        assert_eq!(tabs.matches("<div class=\"tab\">").count(), 2, "{tabs}");
        assert_eq!(tabs.matches("<div").count(), tabs.matches("</div>").count());
        assert!(body("<!-- steps -->\n\n1. a\n2. b\n\n<!-- /steps -->\n").contains("<ol class=\"steps\">"));
        let columns = body("<!-- columns -->\n\na\n\n<!-- column -->\n\nb\n\n<!-- /columns -->\n");
        assert_eq!(columns.matches("<div").count(), 3, "{columns}");
        let fold = body("<details>\n<summary>More</summary>\n\ntext\n\n</details>\n");
        assert!(fold.contains("<details>") && fold.contains("<summary>More</summary>"), "{fold}");
        let open = body("<details><summary>a");
        assert_eq!(open.matches("<details").count(), open.matches("</details>").count(), "{open}");
        assert!(!body("text </details>\n").contains("</details>"));
    }
}
