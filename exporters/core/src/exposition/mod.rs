//! Samples as text: Prometheus text format 0.0.4 and OpenMetrics 1.0, written in pieces, so that a page of any
//! size passes through a small buffer.
//!
//! Specifications: <https://prometheus.io/docs/instrumenting/exposition_formats/> and
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

mod format;
mod own;

use std::fmt::Write as _;
use std::sync::Arc;

pub use self::format::Format;
pub use self::own::Own;
use crate::sample::{Family, Table};

/// Bytes after which a piece is handed on.
const PIECE: usize = 32 * 1024;

/// What one scrape answers: tables, each with labels that all of its rows carry.
#[derive(Debug, Default, Clone)]
pub struct Page {
    parts: Vec<(Arc<str>, Arc<Table>)>,
}

impl Page {
    /// Adds a table; `labels` is escaped label text that every row gets, such as `target="db1"`.
    pub fn add(&mut self, labels: &Arc<str>, table: Arc<Table>) {
        self.parts.push((Arc::clone(labels), table));
    }

    /// What tells this page from every page with other samples.
    pub fn key(&self) -> Vec<u64> {
        self.parts.iter().map(|(_, table)| table.id()).collect()
    }

    /// Adds all tables of another page.
    pub fn extend(&mut self, other: Self) {
        self.parts.extend(other.parts);
    }

    /// The page as text, piece by piece; families are sorted and stand together whatever table they come from.
    pub fn pieces(self, format: Format) -> impl Iterator<Item = String> + Send {
        let mut columns: Vec<Column> = Vec::new();
        for (part, (_, table)) in self.parts.iter().enumerate() {
            let filled = |column: &usize| table.column(*column).next().is_some();
            columns.extend((0..table.families().len()).filter(filled).map(|column| Column { part, column }));
        }
        columns.sort_by(|a, b| self.family(a).name.cmp(&self.family(b).name));
        Pieces { page: self, format, columns, at: 0, row: 0, ended: false }
    }

    /// The whole page at once, for tests and small pages.
    pub fn text(self, format: Format) -> String {
        self.pieces(format).collect()
    }

    fn family(&self, column: &Column) -> &Family {
        &self.parts[column.part].1.families()[column.column]
    }
}

/// One column of one table of the page.
struct Column {
    part: usize,
    column: usize,
}

struct Pieces {
    page: Page,
    format: Format,
    /// All columns with samples, by family name.
    columns: Vec<Column>,
    /// The column that is being written.
    at: usize,
    /// Its samples that are written.
    row: usize,
    ended: bool,
}

impl Pieces {
    /// Writes the header of a family, unless the column before was of the same one.
    fn header(&self, text: &mut String) {
        let family = self.page.family(&self.columns[self.at]);
        let before = self.at.checked_sub(1).map(|at| self.page.family(&self.columns[at]));
        if before.is_some_and(|before| before.name == family.name) {
            return;
        }
        let exists = |name: &str| {
            self.columns.binary_search_by(|column| self.page.family(column).name.as_str().cmp(name)).is_ok()
        };
        let (name, kind) = self.format.described(family, exists);
        let _ = write!(text, "# HELP {name} ");
        self.format.escape_help(text, &family.help);
        let _ = write!(text, "\n# TYPE {name} {kind}\n");
        let unit = family.unit.as_deref().filter(|unit| name.ends_with(&format!("_{unit}")));
        if let Some(unit) = unit.filter(|_| self.format == Format::OpenMetrics) {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut text = String::with_capacity(PIECE + 1024);
        while let Some(column) = self.columns.get(self.at) {
            if text.len() >= PIECE {
                return Some(text);
            }
            if self.row == 0 {
                self.header(&mut text);
            }
            let (labels, table) = &self.page.parts[column.part];
            let name = &table.families()[column.column].name;
            for (own, value) in table.column(column.column).skip(self.row) {
                sample(&mut text, name, labels, own, value);
                self.row += 1;
                if text.len() >= PIECE {
                    return Some(text);
                }
            }
            self.at += 1;
            self.row = 0;
        }
        if self.format == Format::OpenMetrics && !self.ended {
            text.push_str("# EOF\n");
        }
        self.ended = true;
        (!text.is_empty()).then_some(text)
    }
}

/// Writes one line.
fn sample(text: &mut String, name: &str, labels: &str, own: &str, value: f64) {
    text.push_str(name);
    match (labels.is_empty(), own.is_empty()) {
        (true, true) => {}
        (false, true) => text.extend(["{", labels, "}"]),
        (true, false) => text.extend(["{", own, "}"]),
        (false, false) => text.extend(["{", labels, ",", own, "}"]),
    }
    text.push(' ');
    number(text, value);
    text.push('\n');
}

/// Writes a value as Go's parser reads it: whole numbers without a point, the shortest digits that give the same
/// number back otherwise.
fn number(text: &mut String, value: f64) {
    /// Up to here every whole number has a value of its own.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let _ = if value.is_infinite() {
        write!(text, "{}Inf", if value > 0.0 { '+' } else { '-' })
    } else if value.abs() <= WHOLE && value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        let whole = value as i64;
        write!(text, "{whole}")
    } else if (1e-5..1e17).contains(&value.abs()) {
        write!(text, "{value}")
    } else {
        write!(text, "{value:e}")
    };
}

#[cfg(test)]
mod tests {
    use catalogue::metric::Kind;

    use super::*;
    use crate::sample::Limits;

    fn family(name: &str, kind: Kind, unit: Option<&str>) -> Family {
        Family { name: name.to_owned(), kind, unit: unit.map(str::to_owned), help: "a\\b \"c\"".to_owned() }
    }

    fn page() -> Page {
        let mut page = Page::default();
        for (target, value) in [("a", 1.5), ("b", f64::INFINITY)] {
            let families: Arc<[Family]> = [
                family("x_seconds_total", Kind::Counter, Some("seconds")),
                family("kept_counter", Kind::Counter, None),
                family("x_info", Kind::Info, None),
                family("never", Kind::Gauge, None),
            ]
            .into();
            let mut builder = Table::builder(families, Limits::default());
            builder.row([("l", "1")], &[value, 3.0, 1.0, f64::NAN]);
            let labels: Arc<str> = format!("target=\"{target}\"").into();
            page.add(&labels, Arc::new(builder.finish().0));
        }
        page
    }

    #[test]
    fn families_of_several_tables_stand_together() {
        assert_eq!(
            page().text(Format::Text),
            "# HELP kept_counter a\\\\b \"c\"\n# TYPE kept_counter counter\n\
             kept_counter{target=\"a\",l=\"1\"} 3\nkept_counter{target=\"b\",l=\"1\"} 3\n\
             # HELP x_info a\\\\b \"c\"\n# TYPE x_info gauge\n\
             x_info{target=\"a\",l=\"1\"} 1\nx_info{target=\"b\",l=\"1\"} 1\n\
             # HELP x_seconds_total a\\\\b \"c\"\n# TYPE x_seconds_total counter\n\
             x_seconds_total{target=\"a\",l=\"1\"} 1.5\nx_seconds_total{target=\"b\",l=\"1\"} +Inf\n"
        );
    }

    #[test]
    fn open_metrics_has_its_own_headers() {
        let text = page().text(Format::OpenMetrics);
        let headers: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(
            headers,
            [
                "# HELP kept_counter a\\\\b \\\"c\\\"",
                "# TYPE kept_counter unknown",
                "# HELP x a\\\\b \\\"c\\\"",
                "# TYPE x info",
                "# HELP x_seconds a\\\\b \\\"c\\\"",
                "# TYPE x_seconds counter",
                "# UNIT x_seconds seconds",
                "# EOF",
            ]
        );
    }

    #[test]
    fn a_big_table_comes_in_pieces_and_is_whole() {
        let families: Arc<[Family]> = [family("x", Kind::Gauge, None), family("y", Kind::Gauge, None)].into();
        let mut builder = Table::builder(families, Limits::default());
        for row in 0..5000_u16 {
            let absent = if row % 3 == 0 { f64::NAN } else { f64::from(row) };
            builder.row([("row", row.to_string().as_str())], &[absent, f64::from(row)]);
        }
        let mut page = Page::default();
        page.add(&"".into(), Arc::new(builder.finish().0));
        let pieces: Vec<_> = page.pieces(Format::Text).collect();
        assert!(pieces.len() > 4 && pieces.iter().all(|piece| piece.len() < PIECE + 1024));
        let text = pieces.concat();
        assert_eq!(text.lines().filter(|line| line.starts_with("x{")).count(), 3333);
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("y{")).collect();
        assert_eq!((lines.len(), lines[4999]), (5000, "y{row=\"4999\"} 4999"));
        assert_eq!(text.matches("# TYPE").count(), 2);
    }

    #[test]
    fn a_header_stands_once_wherever_a_piece_ends() {
        let names: Vec<String> = (0..2000).map(|number| format!("x{number:04}")).collect();
        let families: Arc<[Family]> = names.iter().map(|name| family(name, Kind::Gauge, None)).collect();
        let mut page = Page::default();
        page.add(&"".into(), Arc::new(Table::single(families, &vec![1.0; 2000])));
        let text = page.text(Format::Text);
        for name in names {
            assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{name}");
        }
    }

    #[test]
    fn numbers_are_short_and_exact() {
        let shown = |value: f64| {
            let mut text = String::new();
            number(&mut text, value);
            text
        };
        let values = [0.0, -1.0, 0.1, 1e300, 1.5e-7, 123_456_789_012_345.0, f64::NEG_INFINITY, 1e16];
        let expected = ["0", "-1", "0.1", "1e300", "1.5e-7", "123456789012345", "-Inf", "10000000000000000"];
        assert_eq!(values.map(shown), expected);
    }
}
