//! A place for what a reader of the catalogue works out, so that it is worked out once.

use std::any::Any;
use std::sync::{Arc, OnceLock};

/// Something that follows from what it stands beside. Copies share it.
#[derive(Debug, Clone, Default)]
pub struct Memo(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

/// It adds nothing to what it stands beside.
impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Memo {}

impl Memo {
    /// What was made here, or is made now. One type belongs in one place.
    pub fn get<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        let kept = self.0.get_or_init(|| Box::new(make()));
        kept.downcast_ref().unwrap_or_else(|| unreachable!("another type was kept here before"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_made_once_for_all_copies() {
        let memo = Memo::default();
        let copy = memo.clone();
        assert_eq!(*memo.get(|| 1), 1);
        assert_eq!((*memo.get(|| 2), *copy.get(|| 3)), (1, 1));
    }
}
