//! Tags as labels.

use std::collections::BTreeMap;

/// `tag_<name>` with the value, for each tag. Tags whose names become the same label share it: the one that comes
/// first by name counts, in every scrape.
pub fn labels(tags: &[(String, String)]) -> BTreeMap<String, String> {
    let sorted: BTreeMap<&str, &str> =
        tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut labels = BTreeMap::new();
    for (name, value) in sorted {
        labels.entry(format!("tag_{}", cleaned(name))).or_insert_with(|| value.to_owned());
    }
    labels
}

/// A tag's name as a label: the first byte is dropped unless it is a letter, and each run of others becomes one `_`.
fn cleaned(name: &str) -> String {
    let bytes = name.as_bytes();
    let rest = if bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        bytes
    } else {
        bytes.get(1..).unwrap_or_default()
    };
    let mut clean = String::new();
    for byte in rest {
        if byte.is_ascii_alphanumeric() {
            clean.push(char::from(*byte));
        } else if !clean.ends_with('_') {
            clean.push('_');
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels_and_stay_the_same() {
        let of = |names: &[&str]| {
            let tags: Vec<_> = names.iter().map(|name| ((*name).to_owned(), format!("v {name}"))).collect();
            labels(&tags)
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            of(&["aws:cloudformation:stack-name"]),
            "tag_aws_cloudformation_stack_name=v aws:cloudformation:stack-name"
        );
        assert_eq!(of(&["_x"]), "tag_x=v _x");
        assert_eq!(of(&["1a"]), "tag_a=v 1a");
        assert_eq!(of(&["été"]), "tag__t_=v été");
        assert_eq!(of(&[""]), "tag_=v ");
        assert_eq!(of(&["foo.bar", "foo-bar"]), "tag_foo_bar=v foo-bar");
        assert_eq!(of(&["foo-bar", "foo.bar"]), "tag_foo_bar=v foo-bar");
    }
}
