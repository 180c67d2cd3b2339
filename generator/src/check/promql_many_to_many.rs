//! A match of which one side may have several series.

use catalogue::Problems;

use super::{Check, Context, report_flow};
use crate::promql::flow::Mistake;

pub(super) const CHECK: Check = Check {
    name: "promql/many-to-many",
    doc: "With `on (…)`, the side that counts once carries more labels than those matched on. As soon as two series \
          differ only in those (a second exporter, a resize in progress), Prometheus reports a many-to-many error \
          and the rule stops working for everybody.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let help = "aggregate that side `by (…)` the labels of `on (…)`, or use `group_left` on purpose";
    report_flow(context, problems, CHECK.name, Mistake::ManyToMany, help);
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn a_side_with_too_many_labels_is_found() {
        assert_eq!(
            expression(&CHECK, "max by (target) (pg_limit) / on (target) pg_used > 1"),
            [
                "8:30 the right side of `/` can have several series for one match: it also carries `instance`, `job`, \
                 `slot`"
            ]
        );
        assert!(
            expression(&CHECK, "pg_used / on (target) group_left max by (target) (pg_limit) > 1").is_empty()
        );
    }
}
