//! Annotation templates that Prometheus can expand.

use catalogue::suggest::did_you_mean;
use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::filled::Filled;
use crate::promql::flow::Labels;
use crate::template::Template;

pub(super) const CHECK: Check = Check {
    name: "alert/template",
    doc: "Prometheus expands annotations when the alert fires. A template that does not parse then shows an error \
          text instead of the description, and a label that the result does not carry shows nothing. Also found: \
          values printed with all their digits, and templates that run queries of their own, which are slow and \
          cannot be tested here.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let labels = rule.expr.as_ref().ok().map(|(_, flow)| &flow.labels);
        let own = rule.alert.rule.labels.keys().map(String::as_str).chain(["severity", "alertname"]);
        let own: Vec<_> = own.collect();
        let texts = [&rule.alert.rule.summary, &rule.alert.rule.description];
        for text in texts.into_iter().chain(rule.alert.rule.labels.values()) {
            let value = |name: &str| rule.alert.rule.params.get(name).map(|param| param.value.to_string());
            check(text, &Filled::new(text, value), labels, &own, problems);
        }
    }
}

fn check(text: &Text, filled: &Filled, labels: Option<&Labels>, own: &[&str], problems: &mut Problems) {
    let place = |range| text.place_of(filled.source(range));
    let template = match Template::parse(&filled.text) {
        Ok(template) => template,
        Err(error) => {
            problems.push(Problem::error(CHECK.name, place(error.range), error.message));
            return;
        }
    };
    for word in template.labels() {
        let Some(labels) = labels.filter(|labels| !labels.open) else { continue };
        if !labels.names.contains(word.text) && !own.contains(&word.text) {
            let message = format!("the result of the expression has no label `{}`", word.text);
            let help = if labels.names.is_empty() {
                "it has no labels at all: keep one in the aggregation with `by (…)`".to_owned()
            } else {
                did_you_mean(word.text, labels.names.iter().map(String::as_str))
            };
            problems.push(Problem::error(CHECK.name, place(word.range), message).help(help));
        }
    }
    for word in template.queries() {
        let message = format!("`{}` runs a query inside a template", word.text);
        let problem = Problem::error(CHECK.name, place(word.range.clone()), message);
        problems.push(problem.help("put the number into the expression"));
    }
    for word in template.raw_values() {
        let problem =
            Problem::error(CHECK.name, place(word.range.clone()), "the value is printed with all its digits");
        problems.push(problem.help("use `printf \"%.0f\" $value` or a humanize function"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn what_would_go_wrong_at_three_in_the_morning_is_found() {
        let with = |text: &str| {
            replaced(&CHECK, "'{{ $labels.target }} is at {{ printf \"%.0f\" $value }}%.'", text)
        };
        assert_eq!(with("'a {{ $labels.slot }}'"), ["9:20 the result of the expression has no label `slot`"]);
        assert_eq!(with("'{{ humanise $value }}'").len(), 1);
        assert_eq!(with("'{{ $value }}'"), ["9:18 the value is printed with all its digits"]);
        assert_eq!(with("'{{ query \"up\" }}'"), ["9:18 `query` runs a query inside a template"]);
        assert!(with("'{{ humanize1024 ${limit} }}'").is_empty());
        assert!(with("'{{ $labels.severity }} {{ .Labels.target }}'").is_empty());
    }
}
