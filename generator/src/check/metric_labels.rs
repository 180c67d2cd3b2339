//! Labels of a metric do not clash with those that others put there.

use catalogue::source::Place;
use catalogue::{Problem, Problems};

use super::{Check, Context, TARGET_LABELS};

pub(super) const CHECK: Check = Check {
    name: "metric/labels",
    doc: "`job` and `instance` belong to Prometheus, `le` and `quantile` to histograms and summaries, and the labels \
          of component.yaml are added by the exporter. A metric that brings one of its own gets it renamed to \
          `exported_…`, or produces duplicate labels. A label twice in one list is a mistake too.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (component, query) in context.catalogue.queries() {
        for (index, label) in query.labels.iter().enumerate() {
            let common = component.filter(|_| query.scope.has_component_labels());
            let added =
                common.is_some_and(|component| component.about.labels.iter().any(|(name, _)| name == label));
            let message = if query.labels[..index].contains(label) {
                format!("label `{label}` stands twice")
            } else if TARGET_LABELS.contains(&&**label) || matches!(&**label, "le" | "quantile") {
                format!("label `{label}` is reserved")
            } else if added {
                format!("label `{label}` is added to every series by the exporter")
            } else {
                continue;
            };
            let problem = Problem::error(CHECK.name, Place::start(&query.source), message);
            problems.push(problem.help("remove it from `labels`, or rename it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn clashing_labels_are_found() {
        let query = "help: H\nsource: s\nscope: server\nlabels: [job, target, a, a]\nmetrics:\n  b: { kind: gauge, \
                     help: h }\nqueries: [{ since: 13, sql: SELECT 1 }]\n";
        assert_eq!(
            findings(&CHECK, "x/metrics/z.yaml", query),
            [
                "1:1 label `a` stands twice",
                "1:1 label `job` is reserved",
                "1:1 label `target` is added to every series by the exporter"
            ]
        );
    }
}
