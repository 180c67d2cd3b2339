//! What came of the rule tests, alert by alert.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::expand::Expanded;
use super::promtool::Failure;

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    alerts: Vec<String>,
    cases: Vec<Expanded>,
    failures: Vec<Failure>,
}

impl Outcome {
    pub(super) fn new<'a>(
        alerts: impl Iterator<Item = &'a str>,
        cases: Vec<Expanded>,
        failures: Vec<Failure>,
    ) -> Self {
        Self { alerts: alerts.map(str::to_owned).collect(), cases, failures }
    }

    /// Whether every case did what it should.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// One line per alert (or per case), then each failure with what was expected and what came.
    pub fn report(&self, verbose: bool) -> String {
        let mut report = String::new();
        let mut failed: BTreeMap<usize, Vec<&Failure>> = BTreeMap::new();
        for failure in &self.failures {
            failed.entry(failure.case).or_default().push(failure);
        }
        for alert in &self.alerts {
            let own = |case: &Expanded| case.alert == *alert;
            let cases: Vec<_> = self.cases.iter().enumerate().filter(|(_, case)| own(case)).collect();
            let bad = cases.iter().filter(|(index, _)| failed.contains_key(index)).count();
            let word = if bad == 0 { "ok  " } else { "FAIL" };
            let _ = writeln!(report, "{word} {alert}: {} of {} cases", cases.len() - bad, cases.len());
            for (index, case) in cases {
                match failed.get(&index) {
                    None if verbose => {
                        let _ = writeln!(report, "  ok   {}", case.name);
                    }
                    None => {}
                    Some(failures) => {
                        let versions: Vec<_> =
                            failures.iter().map(|failure| failure.version.as_str()).collect();
                        let _ = writeln!(
                            report,
                            "  FAIL {} (Prometheus {})",
                            case.name,
                            unique(versions).join(", ")
                        );
                        report += &failures[0].text;
                    }
                }
            }
        }
        for failure in failed.get(&usize::MAX).into_iter().flatten() {
            let _ = writeln!(report, "FAIL promtool {}: {}", failure.version, failure.text);
        }
        let bad = failed.len();
        let _ = writeln!(report, "{} passed, {bad} failed", self.cases.len().saturating_sub(bad));
        report
    }
}

fn unique(mut words: Vec<&str>) -> Vec<&str> {
    words.dedup();
    words
}
