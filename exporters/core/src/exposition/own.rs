//! What the exporter says about its own process. The only file that knows the `prometheus` crate.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use catalogue::metric::Kind;
use prometheus::core::Collector;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Gauge, IntCounterVec, Opts, Registry};

use super::Page;
use crate::sample::{Family, Limits, Table};

/// Counters and gauges of the process: build, reloads, requests, CPU, memory, files.
#[derive(Debug)]
pub struct Own {
    registry: Registry,
    reload_successful: Gauge,
    reload_timestamp: Gauge,
    requests: IntCounterVec,
}

impl Own {
    /// For a program whose series start with `prefix`, such as `postgresql_exporter`; the labels say what was built.
    pub fn new(prefix: &str, build: &[(&str, &str)]) -> Self {
        let registry = Registry::new();
        let register = |collector: Box<dyn Collector>| {
            // Fails for a name that is taken; these names are all different.
            let _ = registry.register(collector);
        };
        let opts = |name: &str, help: &str| Opts::new(format!("{prefix}_{name}"), help);
        let gauge = |opts: Opts| Gauge::with_opts(opts).expect("the name is valid");
        let info = opts("build_info", "Always 1; the labels say what was built");
        let build = build.iter().fold(info, |opts, (name, value)| opts.const_label(*name, *value));
        let build = gauge(build);
        build.set(1.0);
        register(Box::new(build));
        let reload_successful = gauge(opts(
            "config_last_reload_successful",
            "1 when the last reading of the configuration succeeded",
        ));
        register(Box::new(reload_successful.clone()));
        let reload_timestamp = gauge(opts(
            "config_last_reload_success_timestamp_seconds",
            "When the configuration was last read without an error",
        ));
        register(Box::new(reload_timestamp.clone()));
        let requests = opts("http_requests_total", "Answers by status code and path");
        let requests = IntCounterVec::new(requests, &["path", "code"]).expect("the name is valid");
        register(Box::new(requests.clone()));
        #[cfg(target_os = "linux")]
        register(Box::new(prometheus::process_collector::ProcessCollector::for_self()));
        let own = Self { registry, reload_successful, reload_timestamp, requests };
        own.reloaded(true);
        own
    }

    /// Notes how a reload went.
    pub fn reloaded(&self, successful: bool) {
        self.reload_successful.set(f64::from(u8::from(successful)));
        if successful {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.reload_timestamp.set(now.as_secs_f64());
        }
    }

    /// Counts an answer.
    pub fn answered(&self, path: &str, code: u16) {
        self.requests.with_label_values(&[path, &code.to_string()]).inc();
    }

    /// The samples, as they are now.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        for metric in self.registry.gather() {
            page.add(&"".into(), Arc::new(table(&metric)));
        }
        page
    }
}

fn table(metric: &MetricFamily) -> Table {
    let counter = metric.get_field_type() == MetricType::COUNTER;
    let kind = match counter {
        true => Kind::Counter,
        false if metric.name().ends_with("_info") => Kind::Info,
        false => Kind::Gauge,
    };
    let unit = ["seconds", "bytes"].into_iter().find(|unit| metric.name().contains(unit));
    let family = Family {
        name: metric.name().to_owned(),
        kind,
        unit: unit.map(str::to_owned),
        help: metric.help().to_owned(),
    };
    let mut builder = Table::builder([family].into(), Limits::default());
    for sample in metric.get_metric() {
        let value = if counter { sample.get_counter().get_value() } else { sample.get_gauge().get_value() };
        builder.row(sample.get_label().iter().map(|label| (label.name(), label.value())), &[value]);
    }
    builder.finish().0
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn the_process_is_described() {
        let own = Own::new("test_exporter", &[("version", "1.2.3")]);
        own.answered("/metrics", 200);
        own.reloaded(false);
        let text = own.page().text(Format::Text);
        assert!(
            text.contains("test_exporter_http_requests_total{code=\"200\",path=\"/metrics\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("test_exporter_config_last_reload_successful 0\n"), "{text}");
        assert!(text.contains("test_exporter_build_info{version=\"1.2.3\"} 1\n"), "{text}");
        #[cfg(target_os = "linux")]
        assert!(text.contains("# TYPE process_cpu_seconds_total counter\n"), "{text}");
    }
}
