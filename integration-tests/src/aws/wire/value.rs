//! The answer of an operation, before any protocol.

use serde_json::{Map, Number};

use crate::aws::state::{Moment, Scalar};

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number.
    Real(f64),
    /// Yes or no.
    Flag(bool),
    /// A point in time.
    Time(Moment),
    /// A list and the name of its items in XML.
    List(&'static str, Vec<Value>),
    /// A structure.
    Map(Vec<(&'static str, Value)>),
}

/// A list whose items have this name in XML.
pub(crate) fn list<T: Into<Value>>(item: &'static str, items: impl IntoIterator<Item = T>) -> Value {
    Value::List(item, items.into_iter().map(Into::into).collect())
}

/// Builds a structure, field by field.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// No fields as yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a field if there is a value.
    pub(crate) fn some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl Value {
    /// Leaves out a field, wherever it stands; says whether it stood anywhere.
    pub(crate) fn drop_field(&mut self, name: &str) -> bool {
        let mut found = false;
        match self {
            Self::List(_, items) => {
                for item in items {
                    found |= item.drop_field(name);
                }
            }
            Self::Map(fields) => {
                let before = fields.len();
                fields.retain(|(field, _)| *field != name);
                found = fields.len() < before;
                for (_, value) in fields {
                    found |= value.drop_field(name);
                }
            }
            _ => {}
        }
        found
    }

    /// Leaves out a field of what is about one instance.
    pub(crate) fn drop_field_of(&mut self, instance: &str, name: &str) {
        let about = |(field, value): &(&str, Self)| {
            *field == "DBInstanceIdentifier" && matches!(value, Self::Text(text) if text == instance)
        };
        match self {
            Self::List(_, items) => {
                for item in items {
                    item.drop_field_of(instance, name);
                }
            }
            Self::Map(fields) if fields.iter().any(about) => {
                self.drop_field(name);
            }
            Self::Map(fields) => {
                for (_, value) in fields {
                    value.drop_field_of(instance, name);
                }
            }
            _ => {}
        }
    }

    /// The same with a next page, whatever the protocol calls it.
    pub(crate) fn with_next(mut self, number: u64) -> Self {
        if let Self::Map(fields) = &mut self {
            let names = ["Marker", "NextToken", "PaginationToken"];
            fields.retain(|(name, _)| !names.contains(name));
            fields.extend(names.map(|name| (name, Self::Text(format!("page {number}")))));
        }
        self
    }

    /// Another `StatusCode` in results with these names.
    pub(crate) fn set_status(&mut self, ids: &[String], status: &str) {
        match self {
            Self::List(_, items) => items.iter_mut().for_each(|item| item.set_status(ids, status)),
            Self::Map(fields) => {
                let is_one = |(name, value): &(&str, Self)| {
                    *name == "Id" && matches!(value, Self::Text(id) if ids.contains(id))
                };
                let hit = fields.iter().any(is_one);
                for (name, value) in fields {
                    match *name {
                        "StatusCode" if hit => *value = Self::Text(status.to_owned()),
                        _ => value.set_status(ids, status),
                    }
                }
            }
            _ => {}
        }
    }

    /// Ten million bytes in place of a text.
    pub(crate) fn lengthen(&mut self, field: &str) {
        match self {
            Self::List(_, items) => items.iter_mut().for_each(|item| item.lengthen(field)),
            Self::Map(fields) => {
                for (name, value) in fields {
                    match value {
                        Self::Text(text) if *name == field => *text = "x".repeat(10_000_000),
                        other => other.lengthen(field),
                    }
                }
            }
            _ => {}
        }
    }

    /// As JSON; points in time are seconds since 1970.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Whole(number) => (*number).into(),
            Self::Real(number) => Number::from_f64(*number).into(),
            Self::Flag(flag) => (*flag).into(),
            #[allow(clippy::cast_precision_loss, reason = "milliseconds of our time fit")]
            Self::Time(moment) => (moment.millis() as f64 / 1_000.0).into(),
            Self::List(_, items) => items.iter().map(Self::json).collect(),
            Self::Map(fields) => fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        Self::Map(fields.0)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Moment> for Value {
    fn from(moment: Moment) -> Self {
        Self::Time(moment)
    }
}

impl From<&Scalar> for Value {
    fn from(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Flag(flag) => Self::Flag(*flag),
            Scalar::Whole(number) => Self::Whole(*number),
            Scalar::Text(text) => Self::Text(text.clone()),
        }
    }
}
