//! The little raw HTML that content may use: folds, line breaks, and comments that make tabs, steps and columns.

use super::html::escape;

/// What becomes of a piece of raw HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// It is known and safe.
    Html(String),
    /// It is shown as it was written.
    Text(String),
}

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Details,
    Summary,
    Word(&'static str),
    Tabs,
    Tab,
    Columns,
    Column,
    Steps,
}

impl Open {
    fn end(self) -> String {
        match self {
            Self::Details => "</details>\n".to_owned(),
            Self::Summary => "</summary>\n".to_owned(),
            Self::Word(tag) => format!("</{tag}>"),
            Self::Tabs | Self::Tab | Self::Columns | Self::Column => "</div>\n".to_owned(),
            Self::Steps => String::new(),
        }
    }
}

/// How deep things may be open in each other; what goes deeper is shown as it was written.
const DEEPEST: usize = 32;

/// The tags without attributes that pass inside of a paragraph.
const WORDS: [&str; 4] = ["kbd", "sub", "sup", "mark"];

/// What is open at this place of a text.
#[derive(Debug, Default)]
pub(super) struct Directives {
    open: Vec<Open>,
}

impl Directives {
    /// The class of the next list.
    pub(super) fn list_class(&mut self) -> &'static str {
        // Only the outermost list of steps has the look of steps.
        match self.open.iter().position(|open| *open == Open::Steps) {
            Some(at) => {
                self.open.remove(at);
                " class=\"steps\""
            }
            None => "",
        }
    }

    /// Takes raw HTML apart.
    pub(super) fn read(&mut self, html: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = html;
        while let Some(start) = rest.find('<') {
            let (before, tag) = rest.split_at(start);
            text(&mut pieces, before);
            let end = if tag.starts_with("<!--") {
                tag.find("-->").map(|at| at + 3)
            } else {
                tag.find('>').map(|at| at + 1)
            };
            let Some(end) = end else {
                text(&mut pieces, tag);
                return pieces;
            };
            let (tag, after) = tag.split_at(end);
            pieces.push(match tag.strip_prefix("<!--").and_then(|tag| tag.strip_suffix("-->")) {
                Some(comment) => Piece::Html(self.comment(comment.trim())),
                None => self.tag(tag),
            });
            rest = after;
        }
        text(&mut pieces, rest);
        pieces
    }

    fn tag(&mut self, tag: &str) -> Piece {
        let inside = tag.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/').trim();
        let (closes, inside) = inside.strip_prefix('/').map_or((false, inside), |inside| (true, inside));
        let mut words = inside.split_whitespace();
        let name = words.next().unwrap_or_default().to_lowercase();
        let open = match &*name {
            "br" => return Piece::Html("<br>".to_owned()),
            "details" => Open::Details,
            "summary" => Open::Summary,
            name => match WORDS.into_iter().find(|word| *word == name) {
                Some(word) => Open::Word(word),
                None => return Piece::Text(tag.to_owned()),
            },
        };
        if closes {
            return if self.open.contains(&open) {
                Piece::Html(self.close_until(open))
            } else {
                Piece::Text(tag.to_owned())
            };
        }
        if self.open.len() >= DEEPEST {
            return Piece::Text(tag.to_owned());
        }
        self.open.push(open);
        let opened = words.any(|word| word == "open") && open == Open::Details;
        Piece::Html(format!("<{name}{}>", if opened { " open" } else { "" }))
    }

    /// A comment; those that mean nothing here vanish.
    fn comment(&mut self, comment: &str) -> String {
        if self.open.len() >= DEEPEST && !comment.starts_with('/') {
            return String::new();
        }
        match comment {
            "tabs" => {
                self.open.push(Open::Tabs);
                // One group: tabs with the same title go in step everywhere.
                "<div class=\"tabs\" data-group=\"way\" data-label=\"Ways\">\n".to_owned()
            }
            "columns" => {
                self.open.extend([Open::Columns, Open::Column]);
                "<div class=\"columns\">\n<div>\n".to_owned()
            }
            "column" if self.open.contains(&Open::Column) => {
                let closed = self.close_until(Open::Column);
                self.open.push(Open::Column);
                format!("{closed}<div>\n")
            }
            "steps" => {
                self.open.push(Open::Steps);
                String::new()
            }
            "/tabs" if self.open.contains(&Open::Tabs) => self.close_until(Open::Tabs),
            "/columns" if self.open.contains(&Open::Columns) => self.close_until(Open::Columns),
            "/steps" if self.open.contains(&Open::Steps) => self.close_until(Open::Steps),
            tab => match tab.strip_prefix("tab:") {
                Some(title) if self.open.contains(&Open::Tabs) => {
                    let inside = self.open.iter().rposition(|open| *open == Open::Tab)
                        > self.open.iter().rposition(|open| *open == Open::Tabs);
                    let closed = if inside { self.close_until(Open::Tab) } else { String::new() };
                    self.open.push(Open::Tab);
                    format!(
                        "{closed}<div class=\"tab\"><p class=\"tab-title\">{}</p>\n",
                        escape(title.trim())
                    )
                }
                _ => String::new(),
            },
        }
    }

    fn close_until(&mut self, last: Open) -> String {
        let mut closed = String::new();
        while let Some(open) = self.open.pop() {
            closed.push_str(&open.end());
            if open == last {
                break;
            }
        }
        closed
    }

    /// Closes what was left open.
    pub(super) fn close(&mut self) -> String {
        let mut closed = String::new();
        while let Some(open) = self.open.pop() {
            closed.push_str(&open.end());
        }
        closed
    }
}

fn text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}
