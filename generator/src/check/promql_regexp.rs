//! Regular expressions that are none, or that say too much.

use catalogue::{Problem, Problems};

use super::{Check, Context, word};
use crate::promql::tokens::Token;

pub(super) const CHECK: Check = Check {
    name: "promql/regexp",
    doc: "`=~` with a text that has nothing to match is a slower `=`. Patterns are anchored by Prometheus on both \
          sides, so `^` and `$` are noise, and `.*` matches everything, series without the label included. \
          Patterns that come from a parameter are left alone.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for (alert, promql, _) in context.parsed() {
        let from_param = |value: &str| {
            let text = |token: &&Token| promql.filled.text.get(token.range.clone());
            let token =
                promql.tokens.iter().find(|token| text(token).is_some_and(|text| text.contains(value)));
            token.is_some_and(|token| promql.filled.has_param(&token.range))
        };
        for matcher in promql.selectors().iter().flat_map(|selector| &selector.matchers.matchers) {
            let operator = matcher.op.to_string();
            let value = &matcher.value;
            if !operator.ends_with('~') || from_param(value) {
                continue;
            }
            let mut find = |message: String, help: &str| {
                let place = word(alert, promql, &matcher.name);
                problems.push(Problem::error(CHECK.name, place, message).help(help));
            };
            if value.starts_with('^') || (value.ends_with('$') && !value.ends_with("\\$")) {
                find(format!("the pattern `{value}` is anchored already"), "remove `^` and `$`");
            } else if value == ".*" {
                find(
                    format!("`{}{operator}\".*\"` matches everything", matcher.name),
                    "remove the matcher, or use `.+`",
                );
            } else if !value.contains(['.', '*', '+', '?', '|', '(', '[', '\\', '{']) {
                let equal = if operator == "=~" { "=" } else { "!=" };
                find(
                    format!("`{value}` is not a pattern"),
                    &format!("use `{equal}` instead of `{operator}`"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{expression, replaced};
    use super::*;

    #[test]
    fn patterns_that_are_none_are_found() {
        assert_eq!(expression(&CHECK, "pg_used{slot=~\"a\"} > 1"), ["8:11 `a` is not a pattern"]);
        assert_eq!(expression(&CHECK, "pg_used{slot=~\"^a.*$\"} > 1").len(), 1);
        assert_eq!(expression(&CHECK, "pg_used{slot!~\".*\"} > 1").len(), 1);
        assert!(expression(&CHECK, "pg_used{slot=~\"a|b\", job=\"x\"} > 1").is_empty());
        let params = "expr: pg_used{slot=~\"${slots}\"} > ${limit}";
        let text = format!("  slots: {{ value: a, unit: regex, help: h }}\n{params}");
        assert!(replaced(&CHECK, "expr: max by (target) (pg_used) > ${limit}", &text).is_empty());
    }
}
