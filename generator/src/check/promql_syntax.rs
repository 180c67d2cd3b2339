//! The expression is PromQL.

use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "promql/syntax",
    doc: "The expression does not parse, or uses what Prometheus accepts only with a feature flag. One broken rule \
          makes Prometheus refuse the whole file, with all the other rules in it.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        if let Err(error) = &rule.expr {
            let place = rule.alert.rule.expr.place_of(error.range.clone());
            let problem = Problem::error(CHECK.name, place, error.message.clone());
            problems.push(problem.help("compare with the manual of Prometheus; `promtool check rules` on the rule says it in other words"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expression;
    use super::*;

    #[test]
    fn what_does_not_parse_is_found() {
        assert_eq!(expression(&CHECK, "max(pg_used"), ["8:3 unclosed left parenthesis"]);
        assert_eq!(expression(&CHECK, "pg_used >").len(), 1);
        assert!(expression(&CHECK, "pg_used > 1").is_empty());
    }
}
