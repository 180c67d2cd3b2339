//! Which target serves an account and region: the first that is known to be there. Another one would be the same
//! series twice, of which Prometheus drops one in silence, and twice the cost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What a target claims with; the claim ends with it.
pub type Token = Arc<()>;

/// Account and region, with whose they are.
#[derive(Debug, Default)]
pub struct Claims(Mutex<BTreeMap<(String, String), Weak<()>>>);

impl Claims {
    /// Whether the account and region belongs to this target: from now on, when it was nobody's.
    pub fn claim(&self, account: &str, region: &str, token: &Token) -> bool {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = claims.entry((account.to_owned(), region.to_owned())).or_default();
        if own.strong_count() == 0 {
            *own = Arc::downgrade(token);
        }
        own.ptr_eq(&Arc::downgrade(token))
    }

    /// The regions of an account that are read.
    pub fn regions(&self, account: &str) -> usize {
        let claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = claims.iter().filter(|((known, _), token)| known == account && token.strong_count() > 0);
        own.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_has_it_until_it_ends() {
        let claims = Claims::default();
        let (first, second) = (Token::default(), Token::default());
        assert!(claims.claim("1", "a", &first) && claims.claim("1", "a", &first));
        assert!(!claims.claim("1", "a", &second));
        assert!(claims.claim("1", "b", &second) && claims.claim("2", "a", &second));
        assert_eq!(claims.regions("1"), 2);
        drop(first);
        assert_eq!(claims.regions("1"), 1);
        assert!(claims.claim("1", "a", &second));
    }
}
