//! "Did you mean": the closest known name.

/// The known name that is closest to a misspelt one, if any is close enough to be worth saying.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (word.chars().count().max(name.chars().count()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// A help text that names the closest known name, or else lists them all.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = closest(word, known.clone()) {
        format!("did you mean `{name}`?")
    } else {
        let names: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
        format!("known here: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_recognised_and_a_stranger_is_not() {
        assert_eq!(closest("sevrity", ["severity", "summary"]), Some("severity"));
        assert_eq!(closest("Expr", ["expr"]), Some("expr"));
        assert_eq!(closest("zzz", ["severity", "summary"]), None);
        assert_eq!(did_you_mean("zzz", ["a", "b"]), "known here: `a`, `b`");
    }
}
