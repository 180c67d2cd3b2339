//! Names that are valid by construction.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            #[doc = concat!("Checks ", $what, "; the error says the rule.")]
            pub fn new(name: &str) -> Result<Self, String> {
                let valid: fn(&str) -> bool = $valid;
                if valid(name) {
                    Ok(Self(name.to_owned()))
                } else {
                    Err(format!(concat!("`{}` is not ", $what, ": ", $rule), name.escape_debug()))
                }
            }
        }

        impl Deref for $type {
            type Target = str;
            fn deref(&self) -> &str { &self.0 }
        }
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

name! {
    /// Name of an alert, such as `PostgreSQLMaxConnections`: `CamelCase` ASCII, also a folder name and a URL part.
    AlertName, "an alert name", "letters and digits, starting with a capital",
    |name| name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
}

name! {
    /// Name of a series: the Prometheus data model without colons, which are for recording rules.
    SeriesName, "a series name", "lower-case letters, digits and `_`, starting with a letter",
    |name| name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_snake)
}

name! {
    /// Name of a label.
    LabelName, "a label name", "letters, digits and `_`, starting with a letter, not with `__`",
    |name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !name.starts_with("__")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

name! {
    /// Name of a parameter, a rule group or a component.
    Key, "a name", "lower-case letters, digits and `_`, starting with a letter",
    |name| name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_snake)
}

fn is_snake(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slash_is_refused_and_says_why() {
        assert_eq!(
            AlertName::new("Postgre/SQL").unwrap_err(),
            "`Postgre/SQL` is not an alert name: letters and digits, starting with a capital"
        );
        assert!(AlertName::new("PostgreSQLMaxConnections").is_ok());
        assert!(SeriesName::new("pg_up").is_ok());
        assert!(SeriesName::new("pg:up").is_err());
        assert!(LabelName::new("__name__").is_err());
        assert!(Key::new("a/b").is_err());
    }
}
