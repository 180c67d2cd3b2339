//! Service Quotas: what the account may have.

use super::{Api, Aws, Failure};

impl Aws {
    /// A quota of RDS.
    pub async fn quota(&self, code: &str) -> Result<f64, Failure> {
        let _turn = self.limits.turn(Api::ServiceQuotas).await;
        let answer = self.quotas.get_service_quota().service_code("rds").quota_code(code).send().await;
        let answer = answer.map_err(|error| Failure::of("GetServiceQuota", &error))?;
        answer
            .quota
            .and_then(|quota| quota.value)
            .ok_or_else(|| Failure::lacks("GetServiceQuota", "Quota.Value"))
    }
}
