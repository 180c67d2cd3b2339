//! `absent()` needs patience.

use catalogue::duration::PromDuration;
use catalogue::{Problem, Problems};

use super::{Check, Context, word};
use crate::promql::ast::Expr;
use crate::promql::walk;

pub(super) const CHECK: Check = Check {
    name: "alert/absent",
    doc: "`absent()` is true as soon as one scrape or rule evaluation is missed, for example while Prometheus \
          restarts. With a `for` of at least two minutes a single gap pages nobody.",
    run,
};

const PATIENCE_MS: u64 = 120_000;

fn run(context: &Context, problems: &mut Problems) {
    for (alert, promql, _) in context.parsed() {
        let Ok(hold) = PromDuration::new(&alert.rule.params.fill(&alert.rule.hold)) else { continue };
        walk::each(&promql.tree, &mut |node, _| {
            if let Expr::Call(call) = node
                && call.func.name == "absent"
                && hold.milliseconds() < PATIENCE_MS
            {
                let place = word(alert, promql, "absent");
                let message = format!("`absent()` with `for: {hold}` fires on a single missed scrape");
                problems.push(Problem::error(CHECK.name, place, message).help("set `for` to 2m or more"));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn a_hasty_absent_is_found() {
        let alert = |hold: &str| {
            let text = super::super::testing::ALERT.replace("for: 10m", hold);
            let text = text.replace("max by (target) (pg_used) > ${limit}", "absent(pg_used)");
            run(&[("x/alerts/PFoo/alert.yaml", &text)], CHECK.run).0
        };
        assert_eq!(alert("for: 1m"), ["7:7 `absent()` with `for: 1m` fires on a single missed scrape"]);
        assert!(alert("for: 2m").is_empty());
    }
}
