//! Which tags are versions, in which order.

use semver::Version;

use super::git::Tag;

/// Which versions are wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The oldest.
    pub min: Option<Version>,
    /// No others, when there are any.
    pub only: Vec<Version>,
    /// Versions such as 1.0.0-rc.1 are not.
    pub releases_only: bool,
}

/// A version and its tag.
#[derive(Debug)]
pub(super) struct Tagged {
    pub(super) version: Version,
    pub(super) tag: Tag,
    /// Whether a newer release is there.
    pub(super) is_old: bool,
}

/// A tag as a version: semantic, with or without a `v`.
fn version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

/// The versions, newest first, and what is wrong with the tags.
pub(super) fn select(tags: Vec<Tag>, wanted: &Wanted) -> (Vec<Tagged>, Vec<String>) {
    let mut problems = Vec::new();
    let mut found: Vec<_> = tags
        .into_iter()
        .filter_map(|tag| Some(Tagged { version: version(&tag.name)?, tag, is_old: false }))
        .collect();
    // Of two names of one version, the one with a `v` comes first.
    found.sort_by(|a, b| b.version.cmp(&a.version).then_with(|| b.tag.name.cmp(&a.tag.name)));
    found.dedup_by(|other, kept| {
        let same = other.version == kept.version;
        if same && other.tag.commit != kept.tag.commit {
            problems.push(format!(
                "the tags `{}` and `{}` are the same version but not the same commit, so `{1}` is left out",
                kept.tag.name, other.tag.name
            ));
        }
        same
    });
    let newest =
        found.iter().find(|tagged| tagged.version.pre.is_empty()).map(|tagged| tagged.version.clone());
    for tagged in &mut found {
        tagged.is_old = newest.as_ref().is_some_and(|newest| tagged.version < *newest);
    }
    for version in wanted.only.iter().filter(|only| !found.iter().any(|tagged| tagged.version == **only)) {
        problems.push(format!("there is no tag of version {version}: `git tag --list` shows all"));
    }
    found.retain(|tagged| {
        let version = &tagged.version;
        wanted.min.as_ref().is_none_or(|min| version >= min)
            && (wanted.only.is_empty() || wanted.only.contains(version))
            && (!wanted.releases_only || version.pre.is_empty())
    });
    (found, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], wanted: &Wanted) -> (Vec<(String, bool)>, Vec<String>) {
        let tag =
            |name: &&str| Tag { name: (*name).to_owned(), commit: (*name).to_owned(), date: String::new() };
        let (found, problems) = select(names.iter().map(tag).collect(), wanted);
        (found.into_iter().map(|tagged| (tagged.tag.name, tagged.is_old)).collect(), problems)
    }

    #[test]
    fn versions_are_ordered_by_meaning() {
        let tags =
            ["v0.9.0", "v0.10.0", "0.2.0", "v0.10.1-rc.10", "v0.10.1-rc.2", "nightly", "v1", "v0.10.0-rc.1"];
        let (found, problems) = chosen(&tags, &Wanted::default());
        let expected = [
            ("v0.10.1-rc.10", false),
            ("v0.10.1-rc.2", false),
            ("v0.10.0", false),
            ("v0.10.0-rc.1", true),
            ("v0.9.0", true),
            ("0.2.0", true),
        ];
        assert_eq!(found, expected.map(|(name, old)| (name.to_owned(), old)));
        assert!(problems.is_empty());
    }

    #[test]
    fn fewer_can_be_asked_for_and_what_is_not_there_is_said() {
        let names = |found: Vec<(String, bool)>| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let tags = ["v0.9.0", "v0.10.0", "v0.11.0-rc.1", "0.9.0"];
        let wanted = Wanted { min: Some(Version::new(0, 10, 0)), releases_only: true, ..Wanted::default() };
        let (found, problems) = chosen(&tags, &wanted);
        assert_eq!(names(found), ["v0.10.0"]);
        assert!(problems[0].contains("`v0.9.0` and `0.9.0`"), "{problems:?}");
        let only = vec![Version::new(0, 9, 0), Version::new(3, 0, 0)];
        let (found, problems) = chosen(&tags, &Wanted { only, ..Wanted::default() });
        assert_eq!(names(found), ["v0.9.0"]);
        assert!(problems[1].contains("no tag of version 3.0.0"), "{problems:?}");
    }
}
