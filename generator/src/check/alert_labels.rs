//! Static labels of an alert.

use catalogue::name::LabelName;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/labels",
    doc: "Labels identify an alert. A label that changes with the value makes a new alert at each evaluation, so \
          `for` is never reached; `severity` has its own key, and `alertname` is the folder.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        for (name, text) in &rule.alert.rule.labels {
            let message = match LabelName::new(name) {
                Err(message) => message,
                Ok(_) if matches!(name.as_str(), "severity" | "alertname") => {
                    format!("label `{name}` is made from elsewhere")
                }
                Ok(_) if text.contains("$value") || text.contains(".Value") => {
                    format!("label `{name}` changes with the value")
                }
                Ok(_) => continue,
            };
            problems.push(
                Problem::error(CHECK.name, text.place(), message).help("remove it, or use an annotation"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn bad_labels_are_found() {
        let with = |labels: &str| replaced(&CHECK, "group: a", &format!("group: a\nlabels: {labels}"));
        assert_eq!(with("{ severity: x }"), ["3:21 label `severity` is made from elsewhere"]);
        assert_eq!(with("{ v: '{{ $value }}' }"), ["3:14 label `v` changes with the value"]);
        assert_eq!(with("{ a-b: x }").len(), 1);
        assert!(with("{ team: dba }").is_empty());
    }
}
