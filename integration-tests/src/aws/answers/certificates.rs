//! `DescribeCertificates`.

use super::World;
use super::names::token;
use crate::aws::state::Moment;
use crate::aws::wire::{Call, Fields, Page, Refusal, Value, list};

/// The authorities of today, with the year in which their certificates end.
pub(crate) const AUTHORITIES: [(&str, &str); 3] =
    [("rds-ca-ecc384-g1", "2121"), ("rds-ca-rsa2048-g1", "2061"), ("rds-ca-rsa4096-g1", "2121")];

/// Answers the call.
pub(crate) fn describe(call: &Call, world: World<'_>) -> Result<Value, Refusal> {
    let form = call.form();
    let mut authorities = AUTHORITIES.to_vec();
    if let Some(name) = form.text("CertificateIdentifier") {
        authorities.retain(|(one, _)| one.eq_ignore_ascii_case(name));
        if authorities.is_empty() {
            return Err(Refusal::new(404, "CertificateNotFound", format!("Certificate {name} not found.")));
        }
    }
    let (page, marker) = Page::RDS.cut(authorities, &form)?;
    let date = |year: &str| Moment::parse(&format!("{year}-05-24T22:00:00Z")).ok();
    let page = page.into_iter().map(|(name, year)| {
        Fields::new()
            .with("CertificateIdentifier", name)
            .with("CertificateType", "CA")
            .with("Thumbprint", token(name, 40).to_lowercase())
            .some("ValidFrom", date("2021"))
            .some("ValidTill", date(year))
            .with(
                "CertificateArn",
                world.account.arn(world.region, "cert", name).replace(&world.account.id, ""),
            )
            .with("CustomerOverride", false)
    });
    Ok(Fields::new()
        .with("DefaultCertificateForNewLaunches", "rds-ca-rsa2048-g1")
        .with("Certificates", list("Certificate", page))
        .some("Marker", marker)
        .into())
}
