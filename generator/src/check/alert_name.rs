//! Alert names say what they belong to and stay short.

use catalogue::Problems;
use catalogue::problem::Problem;

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "alert/name",
    doc: "An alert's name starts with one of its component's prefixes, so that a page says at once what it is \
          about, and has at most 40 characters (mixin guide), so that it fits into chats and phone screens.",
    run,
};

const MAX: usize = 40;

fn run(context: &Context, problems: &mut Problems) {
    for rule in &context.rules {
        let (name, component) = (&rule.alert.name, rule.component);
        let prefixes: Vec<_> = component.about.prefixes.iter().map(|prefix| &**prefix).collect();
        if !prefixes.iter().any(|prefix| name.starts_with(prefix) && name.len() > prefix.len()) {
            let message = format!("alert name `{name}` does not start with a prefix of `{}`", component.name);
            let help = format!("known here: `{}`", prefixes.join("`, `"));
            problems.push(Problem::file(CHECK.name, &rule.alert.folder, message).help(help));
        }
        if name.len() > MAX {
            let message = format!("alert name `{name}` has {} characters, more than {MAX}", name.len());
            problems.push(Problem::file(CHECK.name, &rule.alert.folder, message).help("find a shorter one"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ALERT, run};
    use super::*;

    #[test]
    fn a_foreign_or_long_name_is_found() {
        let long = format!("x/alerts/Q{}/", "a".repeat(40));
        let files = ["alert.yaml", "runbook.md", "tests.yaml"].map(|file| format!("{long}{file}"));
        let (problems, _folder) =
            run(&[(&files[0], ALERT), (&files[1], "# Q\n"), (&files[2], "[]\n")], CHECK.run);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].ends_with("does not start with a prefix of `x`"));
        assert!(problems[1].ends_with("has 41 characters, more than 40"));
    }
}
