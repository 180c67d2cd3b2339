//! The sample model: results as columns. Text comes into being only on the way out, so a big result costs its
//! labels once and eight bytes per sample.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use catalogue::metric::{Kind, Query};

/// A series family: what the `# HELP` and `# TYPE` lines say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Name of its series.
    pub name: String,
    /// Gauge, counter or info.
    pub kind: Kind,
    /// Unit, when it has one.
    pub unit: Option<String>,
    /// One line of help.
    pub help: String,
}

impl Family {
    /// The families of a metrics file, in its order.
    pub fn of(query: &Query) -> Arc<[Self]> {
        let families = query.metrics.iter().map(|metric| Self {
            name: metric.series.to_string(),
            kind: metric.kind,
            unit: metric.unit.as_ref().map(|unit| unit.to_owned().to_string()),
            help: metric.help.split_whitespace().collect::<Vec<_>>().join(" "),
        });
        families.collect()
    }
}

/// Rows with labels and one value per family. A value that is NaN is absent.
#[derive(Debug)]
pub struct Table {
    /// No other table of this process has it.
    id: u64,
    families: Arc<[Family]>,
    /// The label sets, one after the other, escaped: `datname="app",relname="t"`.
    labels: String,
    /// Where each row's labels end.
    ends: Vec<u32>,
    /// Row by row, one per family.
    values: Vec<f64>,
}

impl Table {
    /// A table of these families, to be filled.
    pub fn builder(families: Arc<[Family]>, limits: Limits) -> Builder {
        static TABLES: AtomicU64 = AtomicU64::new(0);
        let id = TABLES.fetch_add(1, Ordering::Relaxed);
        let table = Self { id, families, labels: String::new(), ends: Vec::new(), values: Vec::new() };
        Builder {
            table,
            limits,
            last: None,
            seen: HashSet::new(),
            hasher: RandomState::new(),
            skipped: Skipped::default(),
        }
    }

    /// A table with one row without labels.
    pub fn single(families: Arc<[Family]>, values: &[f64]) -> Self {
        let mut builder = Self::builder(families, Limits::default());
        builder.row(std::iter::empty(), values);
        builder.finish().0
    }

    /// What tells this table from every other one.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The families, one per column.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The first rows in the order of their labels. Which ones these are does not depend on the order in which the
    /// rows came, so that what is left out is the same each time.
    #[must_use]
    pub fn first(&self, rows: usize) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        if rows < order.len() {
            order.select_nth_unstable_by(rows, |a, b| self.labels_of(*a).cmp(self.labels_of(*b)));
            order.truncate(rows);
            order.sort_unstable();
        }
        let (mut first, _) = Self::builder(Arc::clone(&self.families), Limits::default()).finish();
        let width = self.families.len();
        for row in order {
            first.labels += self.labels_of(row);
            first.ends.push(u32::try_from(first.labels.len()).unwrap_or(u32::MAX));
            first.values.extend_from_slice(&self.values[row * width..(row + 1) * width]);
        }
        first
    }

    fn labels_of(&self, row: usize) -> &str {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.labels[start as usize..self.ends[row] as usize]
    }

    /// The samples of one family: escaped labels and value.
    pub fn column(&self, column: usize) -> impl Iterator<Item = (&str, f64)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let rows = starts.zip(&self.ends).enumerate();
        rows.filter_map(move |(row, (start, end))| {
            let value = self.values[row * self.families.len() + column];
            (!value.is_nan()).then(|| (&self.labels[start as usize..*end as usize], value))
        })
    }
}

/// What a table takes at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows, and so series of each family.
    pub rows: usize,
    /// Bytes of one label value.
    pub label: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 10_000, label: 1024 }
    }
}

/// What a table did not take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Rows with the labels of an earlier row.
    pub duplicate: u64,
    /// Rows with a label value that is too long.
    pub label: u64,
    /// Rows beyond the limit.
    pub limit: u64,
    /// Values that are not a number.
    pub nan: u64,
}

impl Skipped {
    /// Each reason with its number.
    pub fn reasons(&self) -> [(&'static str, u64); 4] {
        [("duplicate", self.duplicate), ("label", self.label), ("limit", self.limit), ("nan", self.nan)]
    }

    /// Adds the numbers of another result.
    pub fn add(&mut self, other: Self) {
        self.duplicate += other.duplicate;
        self.label += other.label;
        self.limit += other.limit;
        self.nan += other.nan;
    }

    /// Whether nothing was skipped.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Fills a [`Table`]. It takes up to twice the rows that it may keep, and then goes back to the first of them.
#[derive(Debug)]
pub struct Builder {
    table: Table,
    limits: Limits,
    /// The last labels that were kept, once there were too many: no row behind them can be among the first.
    last: Option<String>,
    seen: HashSet<u64>,
    hasher: RandomState,
    skipped: Skipped,
}

impl Builder {
    /// Takes a row: labels by name, one value per family. Empty label values are left out, as in Prometheus'
    /// data model; a NaN is an absent value.
    pub fn row<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>, values: &[f64]) {
        if self.table.len() >= self.limits.rows.saturating_mul(2) {
            self.cut();
        }
        let table = &mut self.table;
        let start = table.labels.len();
        for (name, value) in labels {
            if value.len() > self.limits.label {
                self.skipped.label += 1;
                table.labels.truncate(start);
                return;
            }
            push_label(&mut table.labels, start, name, value);
        }
        let Ok(end) = u32::try_from(table.labels.len()) else {
            self.skipped.limit += 1;
            table.labels.truncate(start);
            return;
        };
        if self.limits.rows == 0 || self.last.as_deref().is_some_and(|last| &table.labels[start..] > last) {
            self.skipped.limit += 1;
            table.labels.truncate(start);
            return;
        }
        if !self.seen.insert(self.hasher.hash_one(&table.labels[start..])) {
            self.skipped.duplicate += 1;
            table.labels.truncate(start);
            return;
        }
        debug_assert_eq!(values.len(), table.families.len(), "one value per family");
        table.ends.push(end);
        table.values.extend_from_slice(values);
    }

    /// Counts a value that is not a number; it is left out of its row.
    pub fn not_a_number(&mut self) {
        self.skipped.nan += 1;
    }

    /// Keeps the first rows only.
    fn cut(&mut self) {
        let over = self.table.len().saturating_sub(self.limits.rows);
        if over == 0 {
            return;
        }
        self.table = self.table.first(self.limits.rows);
        self.skipped.limit += over as u64;
        let kept = || (0..self.table.len()).map(|row| self.table.labels_of(row));
        self.seen = kept().map(|labels| self.hasher.hash_one(labels)).collect();
        self.last = kept().max().map(str::to_owned);
    }

    /// The table, and what was left out.
    pub fn finish(mut self) -> (Table, Skipped) {
        self.cut();
        let mut table = self.table;
        table.labels.shrink_to_fit();
        table.ends.shrink_to_fit();
        table.values.shrink_to_fit();
        (table, self.skipped)
    }
}

/// A set of labels, escaped, as a [`Table`] keeps it.
pub fn label_text<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        push_label(&mut text, 0, name, value);
    }
    text
}

/// Appends `name="value"` to the label set that starts at `start`; backslash, quote and line feed are escaped as
/// both text formats ask.
fn push_label(text: &mut String, start: usize, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    if text.len() > start {
        text.push(',');
    }
    let _ = write!(text, "{name}=\"");
    for part in value.split_inclusive(['\\', '"', '\n']) {
        match part.as_bytes().last() {
            Some(b'\\') => text.extend([&part[..part.len() - 1], "\\\\"]),
            Some(b'"') => text.extend([&part[..part.len() - 1], "\\\""]),
            Some(b'\n') => text.extend([&part[..part.len() - 1], "\\n"]),
            _ => text.push_str(part),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(names: &[&str]) -> Arc<[Family]> {
        let family = |name: &&str| Family {
            name: (*name).to_owned(),
            kind: Kind::Gauge,
            unit: None,
            help: "H".to_owned(),
        };
        names.iter().map(family).collect()
    }

    #[test]
    fn odd_label_values_are_escaped_and_empty_ones_left_out() {
        let mut builder = Table::builder(families(&["a"]), Limits::default());
        builder.row([("x", "a\"b\\c\nd"), ("y", ""), ("z", "é")], &[1.0]);
        let (table, skipped) = builder.finish();
        let rows: Vec<_> = table.column(0).collect();
        assert_eq!(rows, [("x=\"a\\\"b\\\\c\\nd\",z=\"é\"", 1.0)]);
        assert!(skipped.is_nothing());
    }

    #[test]
    fn what_cannot_be_served_is_counted() {
        let mut builder = Table::builder(families(&["a", "b"]), Limits { rows: 2, label: 3 });
        builder.row([("x", "1")], &[1.0, f64::NAN]);
        builder.row([("x", "1")], &[2.0, 2.0]);
        builder.row([("x", "long")], &[3.0, 3.0]);
        builder.row([("x", "2")], &[4.0, 4.0]);
        builder.row([("x", "3")], &[5.0, 5.0]);
        builder.not_a_number();
        let (table, skipped) = builder.finish();
        assert_eq!(table.column(0).collect::<Vec<_>>(), [("x=\"1\"", 1.0), ("x=\"2\"", 4.0)]);
        assert_eq!(table.column(1).collect::<Vec<_>>(), [("x=\"2\"", 4.0)]);
        assert_eq!(skipped, Skipped { duplicate: 1, label: 1, limit: 1, nan: 1 });
    }

    #[test]
    fn what_is_cut_does_not_depend_on_the_order_of_the_rows() {
        let kept = |order: &mut dyn Iterator<Item = u32>| {
            let mut builder = Table::builder(families(&["a"]), Limits { rows: 3, label: 9 });
            for row in order {
                builder.row([("x", format!("{row:02}").as_str())], &[f64::from(row)]);
            }
            let (table, skipped) = builder.finish();
            let mut rows: Vec<_> = table.column(0).map(|(_, value)| value).collect();
            rows.sort_by(f64::total_cmp);
            (rows, skipped.limit)
        };
        let expected = (vec![0.0, 1.0, 2.0], 37);
        assert_eq!(kept(&mut (0..40)), expected);
        assert_eq!(kept(&mut (0..40).rev()), expected);
        assert_eq!(kept(&mut (0..40).map(|row| row * 7 % 40)), expected);
        let mut none = Table::builder(families(&["a"]), Limits { rows: 0, label: 9 });
        none.row([("x", "1")], &[1.0]);
        let (table, skipped) = none.finish();
        assert_eq!((table.len(), skipped.limit), (0, 1));
    }
}
