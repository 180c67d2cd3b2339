//! STS: who we are.

use super::{Api, Aws, Failure};

impl Aws {
    /// The account that the credentials belong to.
    pub async fn account(&self) -> Result<String, Failure> {
        let _turn = self.limits.turn(Api::Sts).await;
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| Failure::of("GetCallerIdentity", &error))?;
        answer.account.ok_or_else(|| Failure::lacks("GetCallerIdentity", "Account"))
    }
}
