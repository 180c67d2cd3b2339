//! Every series serves somebody.

use std::collections::HashSet;

use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "metric/unused",
    doc: "No rule reads any series of this file, and no page, runbook or SQL file names one. Every series costs the \
          server, the network and the disk of each user. If it is for dashboards, allow it with that reason.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let mut named: HashSet<&str> = HashSet::new();
    for (_, promql, _) in context.parsed() {
        named.extend(promql.selectors().iter().filter_map(|selector| selector.name.as_deref()));
    }
    let pages = context.catalogue.pages.iter().map(catalogue::page::Page::markdown);
    let runbooks = context
        .rules
        .iter()
        .filter_map(|rule| rule.alert.runbook.as_ref())
        .map(|source| source.text.as_str());
    named.extend(pages.chain(runbooks).flat_map(words));
    // A rule that could not be read may read anything.
    if context.catalogue.has_broken("alerts") {
        return;
    }
    for (_, query) in context.catalogue.queries() {
        let used = query.metrics.iter().any(|metric| named.contains(&*metric.series));
        if let Some(metric) = query.metrics.first().filter(|_| !used) {
            let message = format!("nothing reads the series of `{}`", query.name);
            let problem = Problem::warning(CHECK.name, metric.key.place(), message);
            problems
                .push(problem.help("remove the file, or say whom it serves: `allow: {metric/unused: …}`"));
        }
    }
}

/// The words of a text, as series are named.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':'))
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;

    #[test]
    fn a_file_that_nobody_reads_is_found() {
        assert_eq!(run(&[], CHECK.run).0, ["6:3 nothing reads the series of `pg_server`"]);
        let page = "---\ntitle: T\nweight: 1\n---\nSee `pg_limit`.\n";
        assert!(run(&[("pages/a.md", page)], CHECK.run).0.is_empty());
    }
}
