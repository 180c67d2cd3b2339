//! The values of one CloudWatch metric over time.

use serde::Deserialize;

use super::Moment;

/// Values of a metric. In YAML a number (always this), a list with one value per minute, the newest last (`null` is
/// a minute without data; before and after the list its ends go on), or `none`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Written")]
pub enum Series {
    /// No data at all.
    None,
    /// Always this value.
    Constant(f64),
    /// One value per minute.
    Minutes {
        /// Start of the newest minute.
        newest: Moment,
        /// Values, the newest last.
        values: Vec<Option<f64>>,
    },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number, a list of numbers per minute, or `none`")]
enum Written {
    Number(f64),
    List(Vec<Option<f64>>),
    Word(Word),
}

#[derive(Deserialize)]
enum Word {
    #[serde(rename = "none")]
    None,
}

impl From<Written> for Series {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(value) => Self::Constant(value),
            Written::List(values) => Self::minutes(values),
            Written::Word(Word::None) => Self::None,
        }
    }
}

impl From<f64> for Series {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl Series {
    /// One value per minute; the last is that of the last full minute.
    pub fn minutes(values: Vec<Option<f64>>) -> Self {
        let now = Moment::now().seconds();
        Self::Minutes { newest: Moment::from_seconds(now - now.rem_euclid(60) - 60), values }
    }

    /// The value of the minute that starts at `second`.
    pub(crate) fn at(&self, second: i64) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Constant(value) => Some(*value),
            Self::Minutes { newest, values } => {
                let back = (newest.seconds() - second).div_euclid(60).max(0);
                let last = values.len().checked_sub(1)?;
                values[last.saturating_sub(usize::try_from(back).unwrap_or(usize::MAX))]
            }
        }
    }

    /// Whether there is any value.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Constant(_) => false,
            Self::Minutes { values, .. } => values.iter().all(Option::is_none),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_list_go_on() {
        let newest = Moment::from_seconds(600);
        let series = Series::Minutes { newest, values: vec![Some(1.0), None, Some(3.0)] };
        let values: Vec<_> = [420, 480, 540, 600, 660].map(|second| series.at(second)).into();
        assert_eq!(values, [Some(1.0), Some(1.0), None, Some(3.0), Some(3.0)]);
    }

    #[test]
    fn yaml_has_three_forms() {
        let read = |text: &str| serde_yaml::from_str::<Series>(text);
        assert_eq!(read("12.5").unwrap(), Series::Constant(12.5));
        assert_eq!(read("none").unwrap(), Series::None);
        assert!(matches!(read("[1, null, 3]").unwrap(), Series::Minutes { values, .. } if values.len() == 3));
        assert!(read("much").is_err());
    }
}
