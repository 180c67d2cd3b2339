//! How long a condition must hold.

use catalogue::duration::PromDuration;
use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/for",
    doc: "`for` and `keep_firing_for` are durations of Prometheus such as `10m`. With `0s` one bad sample pages \
          somebody; allow it with a reason where the condition cannot flap. More than a day is never reached: a \
          restart of Prometheus or a missed scrape starts it anew.",
    run,
};

const DAY_MS: u64 = 86_400_000;

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let rule = &rule.alert.rule;
        let mut check = |text: &Text, key: &str| {
            let error = |message: String| Problem::error(CHECK.name, text.place(), message);
            match PromDuration::new(&rule.params.fill(text)) {
                Err(message) => problems.push(error(message)),
                Ok(hold) if hold.milliseconds() == 0 => {
                    problems
                        .push(error(format!("`{key}` is zero")).help("say how long the condition must hold"));
                }
                Ok(hold) if hold.milliseconds() > DAY_MS => {
                    let message = format!("`{key}: {hold}` is longer than a day");
                    problems.push(
                        error(message).help("use a range in the expression, for example `min_over_time`"),
                    );
                }
                Ok(_) => {}
            }
        };
        check(&rule.hold, "for");
        if let Some(keep) = &rule.keep_firing_for {
            check(keep, "keep_firing_for");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn a_bad_duration_is_found() {
        let message = "4:6 `5` is not a duration: write for example `30s`, `10m` or `1h30m`";
        assert_eq!(replaced(&CHECK, "for: 10m", "for: 5"), [message]);
        assert_eq!(replaced(&CHECK, "for: 10m", "for: 0s"), ["4:6 `for` is zero"]);
        assert_eq!(replaced(&CHECK, "for: 10m", "for: 2d"), ["4:6 `for: 2d` is longer than a day"]);
        assert!(replaced(&CHECK, "for: 10m", "for: 1h30m").is_empty());
    }
}
