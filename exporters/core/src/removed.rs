//! What a configuration has no longer: those who expect it are told that it went on purpose.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long it is told; longer than anybody expects a target that nobody reports.
const TOLD: Duration = Duration::from_hours(48);

/// Targets by what names them, with the time of their removal in seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Removed<K>(BTreeMap<K, f64>);

impl<K> Default for Removed<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Removed<K> {
    /// After another reading of the configuration: `gone` were read until now, `named` are said to be removed, and `read`
    /// are read from now on.
    #[must_use]
    pub fn after(&self, gone: impl IntoIterator<Item = K>, named: &[K], read: &[K]) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut all = self.0.clone();
        for key in gone.into_iter().chain(named.iter().cloned()) {
            all.entry(key).or_insert(now);
        }
        all.retain(|key, at| !read.contains(key) && (named.contains(key) || now - *at < TOLD.as_secs_f64()));
        Self(all)
    }

    /// Each with the time of its removal.
    pub fn iter(&self) -> impl Iterator<Item = (&K, f64)> {
        self.0.iter().map(|(key, at)| (key, *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(removed: &Removed<&'static str>) -> Vec<&'static str> {
        removed.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn what_goes_is_told_until_it_comes_back() {
        let first = Removed::default().after([], &["c"], &["a", "b"]);
        assert_eq!(names(&first), ["c"]);
        let second = first.after(["a", "b"], &["c"], &["a"]);
        assert_eq!(names(&second), ["b", "c"]);
        assert!(second.iter().all(|(_, at)| at > 1_700_000_000.0));
        assert_eq!(names(&second.after(["a"], &[], &["a", "b"])), ["c"]);
        let old = Removed([("x", 1.0), ("y", 1.0)].into());
        assert_eq!(names(&old.after([], &["y"], &[])), ["y"]);
    }
}
