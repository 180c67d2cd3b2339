//! A parameter does something.

use catalogue::interpolate;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "param/unused",
    doc: "Users see every parameter in the values file and expect that moving it changes the rule, so each is used \
          in `expr` or `for`.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let rule = &rule.alert.rule;
        let keep = rule.keep_firing_for.iter().map(|text| &**text);
        let texts: Vec<&str> = [&*rule.expr, &*rule.hold].into_iter().chain(keep).collect();
        for param in rule.params.iter() {
            if !texts.iter().any(|text| interpolate::uses(text).any(|found| found.name == &*param.name)) {
                let message = format!("parameter `{}` changes nothing", param.name);
                let help = format!("use `${{{}}}` in `expr` or `for`, or remove it", param.name);
                problems.push(Problem::error(CHECK.name, param.key.place(), message).help(help));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn a_parameter_without_effect_is_found() {
        assert_eq!(replaced(&CHECK, "> ${limit}", "> 3"), ["6:3 parameter `limit` changes nothing"]);
    }
}
