//! Series names follow the conventions of Prometheus.

use catalogue::metric::{Kind, Origin};
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "metric/name",
    doc: "Counters end in `_total` and nothing else does; info metrics end in `_info`; `_count`, \
          `_sum` and `_bucket` are for histograms; a unit stands in the name \
          and is a base unit: seconds, bytes, ratio (Prometheus manual, \"Metric and label naming\"). Names that \
          dashboards already read are kept and allowed with that reason.",
    run,
};

/// Base units that must stand in the name.
const BASE_UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// Units that have a better one, and numbers of things, which have none.
const NO_UNITS: [&str; 1] = ["count"];

/// What the parts of histograms and summaries end in.
const OF_HISTOGRAMS: [&str; 3] = ["_count", "_sum", "_bucket"];

fn run(context: &Context, problems: &mut Problems) {
    for (_, _, metric) in context.catalogue.series() {
        let name = &*metric.series;
        let mut find = |message: String, help: &str| {
            problems.push(Problem::error(CHECK.name, metric.key.place(), message).help(help));
        };
        if matches!(metric.origin, Origin::Prometheus(_)) {
            continue;
        }
        if (metric.kind == Kind::Counter) != name.ends_with("_total") {
            find(
                format!("`{name}` is a {}, but the name says otherwise", metric.kind.name()),
                "counters end in `_total`, and only they do",
            );
        }
        if (metric.kind == Kind::Info) != name.ends_with("_info") {
            find(
                format!("`{name}` is a {}, but the name says otherwise", metric.kind.name()),
                "info metrics end in `_info`, and only they do",
            );
        }
        if let Some(suffix) = OF_HISTOGRAMS.iter().find(|suffix| name.ends_with(*suffix)) {
            find(
                format!("`{name}` ends in `{suffix}`, which belongs to histograms and summaries"),
                "name what is counted or added up",
            );
        }
        match metric.unit.as_deref() {
            Some(unit) if NO_UNITS.contains(&unit) => {}
            Some(unit) if !BASE_UNITS.contains(&unit) => {
                find(format!("unit `{unit}` of `{name}` is not a base unit"), "use seconds, bytes or ratio");
            }
            Some(unit) if !name.contains(unit) => {
                find(
                    format!("the name `{name}` does not say its unit, {unit}"),
                    "put the unit into the name",
                );
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn names_that_mislead_are_found() {
        let with = |metric: &str| {
            let query = format!(
                "help: H\nsource: s\nscope: server\nmetrics:\n  {metric}\nqueries: [{{ since: 13, sql: SELECT 1 }}]\n"
            );
            findings(&CHECK, "x/metrics/z.yaml", &query)
        };
        assert_eq!(
            with("a_total: { kind: gauge, help: h }"),
            ["5:3 `z_a_total` is a gauge, but the name says otherwise"]
        );
        assert_eq!(with("a: { kind: counter, help: h }").len(), 1);
        assert_eq!(with("a_count: { kind: gauge, help: h }").len(), 1);
        assert_eq!(with("a: { kind: info, help: h }").len(), 1);
        assert_eq!(
            with("a: { kind: gauge, unit: minutes, help: h }"),
            ["5:3 unit `minutes` of `z_a` is not a base unit"]
        );
        assert_eq!(with("a: { kind: gauge, unit: bytes, help: h }").len(), 1);
        assert!(with("a_bytes: { kind: gauge, unit: bytes, help: h }").is_empty());
    }
}
