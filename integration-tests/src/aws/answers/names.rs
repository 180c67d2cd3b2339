//! Names and identifiers that AWS makes up, and the check of those that a test writes.

use anyhow::{Result, ensure};

use super::World;
use super::{clusters, instances};
use crate::aws::state::{Account, Moment};
use crate::aws::wire::Value;

/// Letters and digits that belong to a name, and to no other.
pub(crate) fn token(name: &str, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    // FNV-1a.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut letters = String::with_capacity(length);
    for _ in 0..length {
        hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        letters.push(char::from(ALPHABET[usize::try_from(hash >> 59).unwrap_or_default()]));
    }
    letters
}

/// Checks that `omit` and `pending` name fields that exist.
pub(crate) fn check_names(account: &Account) -> Result<()> {
    let world = |region| World { account, region, now: Moment::now() };
    for instance in &account.instances {
        let (name, region) = (&instance.identifier, account.region_of(instance.region.as_deref()));
        for field in instance.pending.keys() {
            let known = instances::PENDING.contains(&field.as_str());
            ensure!(known, "`{name}`: PendingModifiedValues has no field `{field}`");
        }
        check_omitted(name, &instance.omit, instances::describe_one(instance, world(region)))?;
    }
    for cluster in &account.clusters {
        let region = account.region_of(cluster.region.as_deref());
        check_omitted(&cluster.identifier, &cluster.omit, clusters::describe_one(cluster, world(region)))?;
    }
    Ok(())
}

fn check_omitted(name: &str, omit: &[String], mut answer: Value) -> Result<()> {
    for field in omit {
        ensure!(
            answer.drop_field(field),
            "`{name}`: `{field}` cannot be omitted, the answer has no such field"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_name() {
        assert_eq!(token("db-1", 26), token("db-1", 26));
        assert_ne!(token("db-1", 26), token("db-2", 26));
        assert_eq!(token("db-1", 26).len(), 26);
    }

    #[test]
    fn names_that_do_not_exist_are_refused() {
        let read = |text: &str| Account::from_yaml(text).map(|_| ()).map_err(|error| error.to_string());
        read("instances: [{ identifier: a, omit: [StorageType], pending: { AllocatedStorage: 5 } }]")
            .unwrap();
        assert!(read("instances: [{ identifier: a, omit: [Foo] }]").unwrap_err().contains("`Foo`"));
        assert!(read("instances: [{ identifier: a, pending: { Foo: 5 } }]").unwrap_err().contains("`Foo`"));
    }
}
