//! Tags as labels.

use std::collections::{BTreeMap, BTreeSet};

/// `tag_<name>` with the value, for each tag. Of tags whose names become the same label the first by name has it; the
/// others have a number behind it, in every scrape the same.
pub fn labels(tags: &[(String, String)]) -> BTreeMap<String, String> {
    let sorted: BTreeMap<&str, &str> =
        tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let own: BTreeSet<String> = sorted.keys().map(|name| label(name)).collect();
    let mut labels = BTreeMap::new();
    for (name, value) in sorted {
        let own_label = label(name);
        let numbered =
            (2..).map(|number| format!("{own_label}_{number}")).filter(|label| !own.contains(label));
        let mut free =
            std::iter::once(own_label.clone()).chain(numbered).filter(|label| !labels.contains_key(label));
        if let Some(label) = free.next() {
            labels.insert(label, value.to_owned());
        }
    }
    labels
}

/// A tag's name as a label, as the exporter that came before makes it: the first byte is dropped unless it is a letter,
/// each run of what is neither letter nor digit nor `_` becomes one `_`.
fn label(name: &str) -> String {
    let bytes = name.as_bytes();
    let first = usize::from(!bytes.first().is_some_and(u8::is_ascii_alphabetic));
    let mut label = "tag_".to_owned();
    let mut replaced = false;
    for byte in bytes.iter().skip(first) {
        let stays = byte.is_ascii_alphanumeric() || *byte == b'_';
        if stays {
            label.push(char::from(*byte));
        } else if !replaced {
            label.push('_');
        }
        replaced = !stays;
    }
    label
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
        assert_eq!(of(&["foo.bar", "foo-bar"]), "tag_foo_bar=v foo-bar tag_foo_bar_2=v foo.bar");
        assert_eq!(of(&["foo-bar", "foo.bar"]), "tag_foo_bar=v foo-bar tag_foo_bar_2=v foo.bar");
        assert_eq!(
            of(&["foo-bar", "foo.bar", "foo_bar_2"]),
            "tag_foo_bar=v foo-bar tag_foo_bar_2=v foo_bar_2 tag_foo_bar_3=v foo.bar"
        );
        assert_eq!(of(&["a__b", "cost__center_"]), "tag_a__b=v a__b tag_cost__center_=v cost__center_");
        assert_eq!(of(&["cost: _x"]), "tag_cost__x=v cost: _x");
    }
}
