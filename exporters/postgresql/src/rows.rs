//! From rows of PostgreSQL to a table of samples: which column is what, and what its binary form means.
//!
//! Binary formats: PostgreSQL source, `src/backend/utils/adt/*.c`, the `…send` functions.

use std::borrow::Cow;

use catalogue::metric::Query;
use catalogue::text::Text;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Row, SimpleQueryRow, Statement};

use super::session::quoted;
use exporter_core::sample::Builder;

/// Where labels and values stand in the rows of a statement.
#[derive(Debug, Clone)]
pub struct Columns {
    labels: Vec<(String, usize, LabelType)>,
    /// By metric; `None` for one that is absent.
    values: Vec<Option<(usize, ValueType)>>,
}

impl Columns {
    /// Finds the columns that a metrics file declares in what its statement returns. The error names the one that is
    /// missing, that nobody declares, or that has a type of no use.
    pub fn find(query: &Query, statement: &Statement) -> Result<Self, String> {
        let columns = statement.columns();
        let position = |name: &str| {
            let found = columns.iter().position(|column| column.name() == name);
            found.ok_or_else(|| format!("the query returns no column `{name}`"))
        };
        let mut labels = Vec::new();
        for label in &query.labels {
            let at = position(label)?;
            let Some(kind) = LabelType::of(columns[at].type_()) else {
                return Err(format!(
                    "label `{label}` is of {}: cast it to text",
                    described(columns[at].type_())
                ));
            };
            labels.push((label.to_string(), at, kind));
        }
        let mut values = Vec::new();
        for metric in &query.metrics {
            let at = position(&metric.key)?;
            let Some(kind) = ValueType::of(columns[at].type_()) else {
                return Err(format!(
                    "metric `{}` is of {}: cast it to a number",
                    &*metric.key,
                    described(columns[at].type_())
                ));
            };
            values.push(Some((at, kind)));
        }
        let known = |name: &str| {
            query.labels.iter().any(|label| &**label == name)
                || query.metrics.iter().any(|metric| &*metric.key == name)
        };
        if let Some(extra) = columns.iter().find(|column| !known(column.name())) {
            return Err(format!("column `{}` is neither a label nor a metric", extra.name()));
        }
        Ok(Self { labels, values })
    }

    /// Leaves out metrics, whatever the statement returns for them.
    pub fn leave_out<'a>(&mut self, query: &Query, keys: impl Iterator<Item = &'a Text>) {
        for key in keys {
            let at = query.metrics.iter().position(|metric| *metric.key == **key);
            if let Some(value) = at.and_then(|at| self.values.get_mut(at)) {
                *value = None;
            }
        }
    }

    /// Takes a row into a table.
    pub fn take(&self, row: &Row, into: &mut Builder, scratch: &mut Vec<f64>) {
        scratch.clear();
        for column in &self.values {
            let value = column.and_then(|(at, kind)| raw(row, at).map(|bytes| kind.value(bytes)));
            if value.is_some_and(f64::is_nan) {
                into.not_a_number();
            }
            // NULL is an absent series, and so is what cannot be read.
            scratch.push(value.unwrap_or(f64::NAN));
        }
        let labels: Vec<(&str, Cow<'_, str>)> = self
            .labels
            .iter()
            .map(|(name, at, kind)| {
                (name.as_str(), raw(row, *at).map_or(Cow::Borrowed(""), |bytes| kind.text(bytes)))
            })
            .collect();
        into.row(labels.iter().map(|(name, value)| (*name, value.as_ref())), scratch);
    }
}

/// The name of a type; what [`super::bounded`] did not know it called `unknown`.
fn described(kind: &Type) -> String {
    if *kind == Type::UNKNOWN { "a type that is not built in".to_owned() } else { format!("type {kind}") }
}

/// The labels and values of a query as texts, for connections on which no type is known.
#[derive(Debug)]
pub struct Texts<'a> {
    labels: Vec<&'a str>,
    /// By metric; `None` for one that is absent.
    values: Vec<Option<&'a str>>,
}

impl<'a> Texts<'a> {
    /// Those that a metrics file declares, without some metrics.
    pub fn of<'b>(query: &'a Query, without: impl Iterator<Item = &'b Text>) -> Self {
        let labels = query.labels.iter().map(|label| &**label).collect();
        let without: Vec<&str> = without.map(|key| &**key).collect();
        let values = query.metrics.iter().map(|metric| &*metric.key);
        Self { labels, values: values.map(|key| Some(key).filter(|key| !without.contains(key))).collect() }
    }

    /// A statement that returns them in their order.
    pub fn question(&self, sql: &str) -> String {
        let names = self.labels.iter().copied().map(Some).chain(self.values.iter().copied());
        let column = |name: Option<&str>| {
            name.map_or_else(|| "NULL".to_owned(), |name| format!("q.{}::text", quoted(name)))
        };
        let columns: Vec<_> = names.map(column).collect();
        let sql = sql.trim_end().trim_end_matches(';');
        format!("SELECT {} FROM (\n{sql}\n) AS q", columns.join(", "))
    }

    /// Takes a row into a table.
    pub fn take(
        &self,
        row: &SimpleQueryRow,
        into: &mut Builder,
        scratch: &mut Vec<f64>,
    ) -> Result<(), String> {
        let text = |at: usize, name: &str| {
            row.try_get(at).map_err(|_| format!("column `{name}` is missing, or is not text in UTF-8"))
        };
        let mut labels = Vec::with_capacity(self.labels.len());
        for (at, name) in self.labels.iter().enumerate() {
            labels.push((*name, text(at, name)?.unwrap_or_default()));
        }
        scratch.clear();
        for (at, name) in self.values.iter().enumerate() {
            let name = name.unwrap_or_default();
            let value = text(self.labels.len() + at, name)?.map(str::parse::<f64>).transpose();
            let value = value.map_err(|_| format!("metric `{name}` is not a number: cast it to one"))?;
            if value.is_some_and(f64::is_nan) {
                into.not_a_number();
            }
            scratch.push(value.unwrap_or(f64::NAN));
        }
        into.row(labels, scratch);
        Ok(())
    }
}

/// The bytes of a column, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn raw(row: &Row, at: usize) -> Option<&[u8]> {
    row.try_get::<_, Option<Raw>>(at).ok().flatten().map(|raw| raw.0)
}

#[derive(Debug, Clone, Copy)]
enum LabelType {
    Text,
    Bool,
    Whole(ValueType),
}

impl LabelType {
    fn of(kind: &Type) -> Option<Self> {
        match *kind {
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::CHAR => Some(Self::Text),
            Type::BOOL => Some(Self::Bool),
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => ValueType::of(kind).map(Self::Whole),
            _ => None,
        }
    }

    /// The text; what is not UTF-8 (a database in `SQL_ASCII`) gets the replacement character.
    fn text(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Text => String::from_utf8_lossy(bytes),
            Self::Bool => Cow::Borrowed(if bytes == [1] { "true" } else { "false" }),
            Self::Whole(kind) => Cow::Owned(kind.value(bytes).to_string()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueType {
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
}

impl ValueType {
    fn of(kind: &Type) -> Option<Self> {
        Some(match *kind {
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            _ => return None,
        })
    }

    /// The number; NaN when the bytes are not what the type says.
    fn value(self, bytes: &[u8]) -> f64 {
        let number = match self {
            Self::Int2 => bytes.try_into().ok().map(|bytes| f64::from(i16::from_be_bytes(bytes))),
            Self::Int4 => bytes.try_into().ok().map(|bytes| f64::from(i32::from_be_bytes(bytes))),
            #[expect(clippy::cast_precision_loss, reason = "samples are doubles in Prometheus")]
            Self::Int8 => bytes.try_into().ok().map(|bytes| i64::from_be_bytes(bytes) as f64),
            Self::Oid => bytes.try_into().ok().map(|bytes| f64::from(u32::from_be_bytes(bytes))),
            Self::Float4 => bytes.try_into().ok().map(|bytes| f64::from(f32::from_be_bytes(bytes))),
            Self::Float8 => bytes.try_into().ok().map(f64::from_be_bytes),
            Self::Numeric => numeric(bytes),
        };
        number.unwrap_or(f64::NAN)
    }
}

/// A `numeric`: digits to the base 10,000 with the weight of the first, a sign, and a scale.
fn numeric(bytes: &[u8]) -> Option<f64> {
    let mut words = bytes.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight, sign, _scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let magnitude = words.take(usize::try_from(count).ok()?).enumerate().map(|(at, digit)| {
        let power = i32::from(weight) - i32::try_from(at).unwrap_or(i32::MAX);
        f64::from(digit) * 10_000_f64.powi(power)
    });
    match sign.cast_unsigned() {
        0x0000 => Some(magnitude.sum()),
        0x4000 => Some(-magnitude.sum::<f64>()),
        0xD000 => Some(f64::INFINITY),
        0xF000 => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_numbers_are_read() {
        assert_eq!(ValueType::Int8.value(&(-5_i64).to_be_bytes()).to_string(), "-5");
        assert_eq!(ValueType::Oid.value(&u32::MAX.to_be_bytes()).to_string(), "4294967295");
        assert!(ValueType::Int4.value(&[1]).is_nan());
        // 12345.67 is 1 2345 . 6700
        let words = [3_i16, 1, 0, 2, 1, 2345, 6700];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        assert!((numeric(&bytes).unwrap() - 12_345.67).abs() < 1e-9);
        let nan: Vec<u8> = [0_u16, 0, 0xC000, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
        assert_eq!(numeric(&nan), None);
    }

    #[test]
    fn odd_text_stays_text() {
        assert_eq!(LabelType::Text.text(b"a\xff"), "a\u{fffd}");
        assert_eq!(LabelType::Whole(ValueType::Int4).text(&42_i32.to_be_bytes()), "42");
        assert_eq!(LabelType::Bool.text(&[1]), "true");
    }
}
