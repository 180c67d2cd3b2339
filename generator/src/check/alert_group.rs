//! An alert is in one of the groups of its component.

use catalogue::suggest::did_you_mean;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/group",
    doc: "Users switch alerts by group (`groups.<group>.enabled`) and the menu of the site follows the groups of \
          component.yaml, so an alert's group must be one of them.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let group = &rule.alert.rule.group;
        let known = &rule.component.about.groups;
        if !known.contains_key(&**group) {
            let message = format!("component `{}` has no group `{}`", rule.component.name, &**group);
            let help = did_you_mean(group, known.keys().map(String::as_str));
            problems.push(Problem::error(CHECK.name, group.place(), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::replaced;
    use super::*;

    #[test]
    fn an_unknown_group_is_found() {
        assert_eq!(replaced(&CHECK, "group: a", "group: b"), ["2:8 component `x` has no group `b`"]);
    }
}
