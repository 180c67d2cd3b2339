//! One series is made in one place.

use std::collections::BTreeMap;

use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "metric/duplicate",
    doc: "Two metrics files declare the same series. An exporter that served both would produce duplicate samples, \
          and Prometheus refuses the whole scrape.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for (component, query, metric) in context.catalogue.series() {
        let owner = component.map(|component| &*component.name);
        if let Some(other) = seen.insert((&*metric.series, owner), &query.source.path) {
            let message = format!("series `{}` is declared twice", metric.series);
            let help = format!("it also stands in {}", other.display());
            problems.push(Problem::error(CHECK.name, metric.key.place(), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn a_second_declaration_is_found() {
        let again = "help: H\nsource: s\nscope: server\nprefix: ''\nmetrics:\n  pg_used: { kind: gauge, help: h }\n\
                     queries: [{ since: 13, sql: SELECT 1 }]\n";
        assert_eq!(findings(&CHECK, "x/metrics/z.yaml", again), ["6:3 series `pg_used` is declared twice"]);
    }
}
