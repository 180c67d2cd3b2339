//! A field of an AWS answer is one that the exporter reads.

use catalogue::api::FIELDS;
use catalogue::metric::Origin;
use catalogue::suggest::closest;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "metric/api-field",
    doc: "The RDS exporter fills a metric with `api` from a field of an answer of AWS that its code reads. A field that \
          it does not read, or a misspelt one, is a series that never comes. What CloudWatch has needs no code: use \
          `cloudwatch`. Allow it where another exporter makes the series.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (_, query) in context.catalogue.queries() {
        for metric in &query.metrics {
            let Origin::Api(field) = &metric.origin else { continue };
            if FIELDS.contains(&&**field) {
                continue;
            }
            let message = format!("the RDS exporter reads no field `{}`", &**field);
            let help = match closest(field, FIELDS) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "what CloudWatch has is written as `cloudwatch`; another field takes a line in the exporter"
                    .to_owned(),
            };
            problems.push(Problem::error(CHECK.name, field.place(), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn an_unknown_field_is_found() {
        let file = |field: &str| {
            let text = format!(
                "help: H\nsource: s\nscope: instance\nmetrics: {{ a: {{ kind: gauge, help: h, api: {field} }} }}\n"
            );
            findings(&CHECK, "x/metrics/z.yaml", &text)
        };
        assert_eq!(file("DescribeDBInstances.Iops"), [""; 0]);
        assert_eq!(
            file("DescribeDBInstances.Iopps"),
            ["4:44 the RDS exporter reads no field `DescribeDBInstances.Iopps`"]
        );
        assert_eq!(file("Foo.Bar").len(), 1);
    }
}
