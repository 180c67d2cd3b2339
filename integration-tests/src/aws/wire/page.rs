//! Lists in pages: `MaxRecords` and `Marker`, and the tokens of the other services.

use data_encoding::BASE64;

use super::{Form, Refusal};

/// How many records an operation of RDS puts on a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Unless the caller says something else.
    pub(crate) default: i64,
    /// At least.
    pub(crate) min: i64,
    /// At most.
    pub(crate) max: i64,
}

impl Page {
    /// What nearly every operation of RDS has.
    pub(crate) const RDS: Self = Self { default: 100, min: 20, max: 100 };

    /// The page that a call asks for, and the marker of the next.
    pub(crate) fn cut<T>(self, items: Vec<T>, form: &Form) -> Result<(Vec<T>, Option<String>), Refusal> {
        let size = form.whole("MaxRecords")?.unwrap_or(self.default);
        if size < self.min || size > self.max {
            let (min, max) = (self.min, self.max);
            let message = format!("Invalid value {size} for MaxRecords. Must be between {min} and {max}");
            return Err(Refusal::new(400, "InvalidParameterValue", message));
        }
        let action = form.text("Action").unwrap_or_default();
        let size = usize::try_from(size).unwrap_or_default();
        let cut = slice(items, size, form.text("Marker"), action);
        cut.ok_or_else(|| Refusal::new(400, "InvalidParameterValue", "The Marker is invalid."))
    }
}

/// The page behind a token and the token of the next page. A token is good for the list that it came from.
pub(crate) fn slice<T>(
    items: Vec<T>,
    size: usize,
    token: Option<&str>,
    of: &str,
) -> Option<(Vec<T>, Option<String>)> {
    let start = match token {
        None => 0,
        Some(token) => {
            let bytes = BASE64.decode(token.as_bytes()).ok()?;
            let (from, at) = str::from_utf8(&bytes).ok()?.split_once(' ')?;
            at.parse().ok().filter(|_| from == of)?
        }
    };
    let end = start + size;
    let next = (end < items.len()).then(|| BASE64.encode(format!("{of} {end}").as_bytes()));
    Some((items.into_iter().skip(start).take(size).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_next_page_of_the_same_list() {
        let (first, token) = slice(vec![1, 2, 3], 2, None, "List").unwrap();
        assert_eq!(first, [1, 2]);
        let (second, end) = slice(vec![1, 2, 3], 2, token.as_deref(), "List").unwrap();
        assert_eq!((second, end), (vec![3], None));
        assert!(slice(vec![1], 2, token.as_deref(), "Other").is_none());
        assert!(slice(vec![1], 2, Some("?"), "List").is_none());
    }
}
