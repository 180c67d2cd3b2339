//! Every alert on every version of PostgreSQL, or in an AWS account: it fires, it clears, it stays quiet when it should, and it does not end
//! in silence when the exporter or the server goes away.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod lives;
mod sql;

use integration_tests::images::POSTGRESQL;
use integration_tests::scenario::order::in_order;
use integration_tests::scenario::{evidence, proof, show};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_fire_and_clear_on_the_real_thing() {
    let catalogue = show::catalogue().unwrap();
    let rules = show::Rules::render(&catalogue).unwrap();
    let cases = show::select(&catalogue, &rules, &[]).unwrap();
    let (takes, proofs, unhealthy) =
        in_order(show::prove(&rules, &cases, &show::versions(&POSTGRESQL), true, &|_| ())).await.unwrap();
    let problems: Vec<_> =
        unhealthy.into_iter().chain(proofs.iter().flat_map(proof::Proof::problems)).collect();
    let mut times: Vec<_> = proofs.iter().map(|proof| (proof.took, &proof.alert, proof.version)).collect();
    times.sort();
    println!("the slowest ten:");
    for (took, alert, version) in times.iter().rev().take(10) {
        println!("{:6.1} s  {alert} on {version}", took.as_secs_f64());
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    if is_update() {
        evidence::write(&catalogue, &rules, &takes, &proofs).unwrap();
    }
}

#[test]
fn evidence_is_of_what_is_there() {
    let catalogue = show::catalogue().unwrap();
    let rules = show::Rules::render(&catalogue).unwrap();
    let stale = evidence::stale(&catalogue, &rules).unwrap();
    assert!(stale.is_empty() || is_update(), "run `just evidence`:\n{}", stale.join("\n"));
}

/// Whether the run may write the evidence.
fn is_update() -> bool {
    std::env::var_os("UPDATE_EVIDENCE").is_some()
}
