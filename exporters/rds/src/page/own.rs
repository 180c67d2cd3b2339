//! What the exporter says about its own work.

use super::super::aws::{Api, Count};
use super::Rows;
use super::maker::Maker;

impl Maker<'_> {
    pub(super) fn collectors(&self, into: &mut Rows<'_>) {
        for (collector, run) in &self.state.runs {
            into.add(self, &[("collector", collector.name())], "", |key| match key {
                "exporter_collector_success" => Some(f64::from(u8::from(run.works(collector.interval())))),
                "exporter_collector_age_seconds" => run.last.map(|last| last.elapsed().as_secs_f64()),
                "exporter_collector_duration_seconds" => (run.runs > 0).then_some(run.took.as_secs_f64()),
                "exporter_errors_total" => Some(run.failures as f64),
                _ => None,
            });
        }
    }

    pub(super) fn failures(&self, into: &mut Rows<'_>) {
        for (collector, run) in &self.state.runs {
            for code in &run.codes {
                let labels = [("collector", collector.name()), ("code", code.as_str())];
                into.add(self, &labels, "", |key| (key == "exporter_collector_failing").then_some(1.0));
            }
        }
    }

    pub(super) fn calls(&self, into: &mut Rows<'_>) {
        let apis: Vec<Api> = self.state.runs.keys().map(|collector| collector.api()).collect();
        for api in Api::ALL.into_iter().filter(|api| apis.contains(api)) {
            let Count { requests, retries, throttled, failed, billed } = self.target.calls.of(api);
            let bills = matches!(api, Api::CloudWatch | Api::Usage);
            into.add(self, &[("api", api.name())], "", |key| match key {
                "api_call_total" => Some(requests as f64),
                "api_retries_total" => Some(retries as f64),
                "api_throttled_total" => Some(throttled as f64),
                "api_errors_total" => Some(failed as f64),
                "api_billed_metrics_total" => bills.then_some(billed as f64),
                _ => None,
            });
        }
    }

    pub(super) fn targets(&self, into: &mut Rows<'_>) {
        let known = self.state.account.is_some();
        into.add(self, &[], "", |key| match key {
            "exporter_target_info" => known.then_some(1.0),
            "exporter_target_instances" => self.state.instances().map(|all| all.len() as f64),
            _ => None,
        });
    }
}
