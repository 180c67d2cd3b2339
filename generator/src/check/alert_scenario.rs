//! Every alert of a component that is proven has a scenario, and its scenario names what exists.

use std::collections::BTreeSet;
use std::path::PathBuf;

use catalogue::alert::Alert;
use catalogue::component::Platform;
use catalogue::scenario::{Kind, Play, Scenario};
use catalogue::source::Place;
use catalogue::suggest::did_you_mean;
use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::links::Library;
use crate::markdown::Outline;

pub(super) const CHECK: Check = Check {
    name: "alert/scenario",
    doc: "`scenario.yaml` makes an alert happen on a real server or in a fake AWS account. As soon as one alert of a component has one, all of \
          them must, or say `unprovable: <why>`, with `stand_in: <case of tests.yaml>` where a made-up case shows the \
          same. The alerts, SQL files and cases that it names must exist, and the runbook must link the SQL. Alerts whose \
          metrics come from CloudWatch play in an AWS account, all others on a PostgreSQL server, and each has its steps.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    let names: BTreeSet<&str> = context.rules.iter().map(|rule| &*rule.alert.name).collect();
    for component in &context.catalogue.components {
        let proven = component.alerts.iter().any(|alert| alert.scenario.is_some());
        for alert in &component.alerts {
            match &alert.scenario {
                Some(scenario) => {
                    look(context, alert, scenario, &names, problems);
                    look_at_steps(component.platform(), scenario, problems);
                }
                None if proven => missing(context, alert, problems),
                None => {}
            }
        }
    }
}

fn missing(context: &Context, alert: &Alert, problems: &mut Problems) {
    let path = alert.folder.join("scenario.yaml");
    if !context.catalogue.broken.contains(&path) {
        let problem = Problem::file(CHECK.name, path, format!("nothing proves `{}`", &*alert.name));
        problems.push(problem.help("write how to make it happen, or `unprovable: <why>`"));
    }
}

fn look(
    context: &Context,
    alert: &Alert,
    scenario: &Scenario,
    names: &BTreeSet<&str>,
    problems: &mut Problems,
) {
    match &scenario.kind {
        Kind::Unprovable { stand_in: Some(case), .. } => {
            let cases: Vec<_> = alert.cases.iter().filter(|case| !case.fires.is_empty()).collect();
            if !cases.iter().any(|known| known.name == **case) {
                let problem = unknown(case, "no firing case of tests.yaml is called");
                problems.push(problem.help(did_you_mean(case, cases.iter().map(|case| case.name.as_str()))));
            }
        }
        Kind::Unprovable { .. } => {}
        Kind::Play(play) => {
            look_at_names(context, alert, play, names, problems);
            look_at_files(alert, play, problems);
        }
    }
}

/// Every step is one of what the component plays on, and so is the rest.
fn look_at_steps(platform: Platform, scenario: &Scenario, problems: &mut Problems) {
    let Some(play) = scenario.play() else { return };
    let (own, other, steps) = match platform {
        Platform::Aws => {
            ("an AWS account", "a PostgreSQL server", "`aws`, `exporter` with `action` and `name`")
        }
        Platform::Server => ("a PostgreSQL server", "an AWS account", "all but `aws`"),
    };
    for (_, step) in play.steps().filter(|(_, step)| step.action.platform().is_some_and(|of| of != platform))
    {
        let message = format!("`{}` is a step for {other}, and this plays on {own}", step.action);
        problems.push(
            Problem::error(CHECK.name, step.place.clone(), message).help(format!("steps here: {steps}")),
        );
    }
    if platform == Platform::Aws {
        let (shows, mitigate) = (&play.runbook.shows, &play.runbook.mitigate);
        let files = shows.iter().map(|show| &show.file).chain(mitigate.iter().map(|one| &one.file));
        for file in files {
            let message = format!("`{}` cannot run in an AWS account", &**file);
            let problem = Problem::error(CHECK.name, file.place(), message);
            problems.push(problem.help("leave it out: SQL of such a runbook runs on every version anyway"));
        }
        let own = (!play.versions.is_empty()).then(|| Place::start(&scenario.source));
        let of_misses = play.near_misses.iter().filter(|miss| !miss.versions.is_empty());
        for place in own.into_iter().chain(of_misses.map(|miss| miss.name.place())) {
            let message = "`versions` are those of PostgreSQL, and this plays in an AWS account";
            problems.push(Problem::error(CHECK.name, place, message).help("remove `versions`"));
        }
    }
}

fn look_at_names(
    context: &Context,
    alert: &Alert,
    play: &Play,
    names: &BTreeSet<&str>,
    problems: &mut Problems,
) {
    for name in play.names() {
        if **name == *alert.name {
            let problem = Problem::error(CHECK.name, name.place(), "the alert names itself");
            problems.push(problem.help("for an alert that goes on, write `keeps firing`"));
        } else if !names.contains(&**name) && !context.catalogue.has_broken(name) {
            problems.push(unknown(name, "there is no alert").help(did_you_mean(name, names.iter().copied())));
        }
    }
}

fn look_at_files(alert: &Alert, play: &Play, problems: &mut Problems) {
    let Some(runbook) = &alert.runbook else { return };
    let linked: Vec<&str> = Outline::of(runbook).links.iter().map(|link| &*link.destination).collect();
    let paths: BTreeSet<PathBuf> = linked.iter().map(|file| Library::path(&alert.folder, file)).collect();
    let runbook = &play.runbook;
    let shown: BTreeSet<&str> = runbook.shows.iter().map(|show| &*show.file).collect();
    for file in
        runbook.shows.iter().map(|show| &show.file).chain(runbook.mitigate.iter().map(|one| &one.file))
    {
        if !paths.contains(&Library::path(&alert.folder, file)) {
            let problem = unknown(file, "the runbook links no file");
            problems.push(problem.help(did_you_mean(file, linked.iter().copied())));
        }
    }
    for file in runbook.mitigate.iter().filter_map(|one| one.for_each.as_ref()) {
        if !shown.contains(&**file) {
            let problem = unknown(file, "`shows` has no file");
            problems.push(problem.help(did_you_mean(file, shown.iter().copied())));
        }
    }
}

fn unknown(text: &Text, message: &str) -> Problem {
    Problem::error(CHECK.name, text.place(), format!("{message} `{}`", &**text))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ALERT, RUNBOOK, TESTS, run as run_with};
    use super::*;

    const SCENARIO: &str = "provoke: [restart]\nfires: [{ target: a }]\nnear_misses: []\nrecover: []\nclears: 1m\n\
        runbook: { shows: { list.sql: [] }, mitigate: [{ file: list.sql, for_each: list.sql }] }\n\
        also_fires: []\ngone: { exporter: keeps firing, target: keeps firing }\n";

    fn findings(scenario: &str) -> Vec<String> {
        let files = [
            ("x/alerts/PFoo/scenario.yaml", scenario),
            ("x/alerts/PBar/alert.yaml", ALERT),
            ("x/alerts/PBar/tests.yaml", TESTS),
            ("x/alerts/PBar/runbook.md", RUNBOOK),
            ("x/alerts/PBar/scenario.yaml", "unprovable: no such hardware\nstand_in: fires\n"),
        ];
        run_with(&files, run).0
    }

    #[test]
    fn what_a_scenario_names_must_exist() {
        assert!(findings(SCENARIO).is_empty(), "{:?}", findings(SCENARIO));
        for (from, to, expected) in [
            ("also_fires: []", "also_fires: [PBaz]", "7:14 there is no alert `PBaz`"),
            ("also_fires: []", "also_fires: [PFoo]", "7:14 the alert names itself"),
            ("target: keeps firing", "target: PBaz", "8:41 there is no alert `PBaz`"),
            ("shows: { list.sql", "shows: { lst.sql", "6:21 the runbook links no file `lst.sql`"),
            ("for_each: list.sql", "for_each: lst.sql", "6:76 `shows` has no file `lst.sql`"),
        ] {
            let found = findings(&SCENARIO.replace(from, to));
            assert!(found.iter().any(|line| line == expected), "{expected}\n{found:#?}");
        }
        assert_eq!(
            findings("unprovable: x\nstand_in: fire\n"),
            ["2:11 no firing case of tests.yaml is called `fire`"]
        );
    }

    #[test]
    fn every_step_is_one_of_its_platform() {
        let server = SCENARIO.replace("provoke: [restart]", "provoke: [restart, aws: { instances: {} }]");
        assert_eq!(
            findings(&server),
            ["1:20 `aws: instances` is a step for an AWS account, and this plays on a PostgreSQL server"]
        );
        let metrics = "help: H\nsource: s\nscope: instance\nlabels: [slot]\nmetrics:\n  \
            used: { kind: gauge, help: h, cloudwatch: { metric: Used, statistic: Average, period: 1m } }\n";
        let steps = "provoke: [aws: { faults: {} }, wal: 1GB, exporter: stop, exporter: { action: start, timeout: 1s }]";
        let scenario =
            SCENARIO.replace("provoke: [restart]", steps).replacen("\nfires:", "\nversions: [17]\nfires:", 1);
        let miss = "near_misses: [{ name: fewer, versions: [17], steps: [] }]";
        let scenario = scenario.replace("near_misses: []", miss);
        let files = [("x/metrics/pg.yaml", metrics), ("x/alerts/PFoo/scenario.yaml", &scenario)];
        let found = run_with(&files, run).0;
        for expected in [
            "1:1 `versions` are those of PostgreSQL, and this plays in an AWS account",
            "4:23 `versions` are those of PostgreSQL, and this plays in an AWS account",
            "1:32 `wal: 1073741824 bytes` is a step for a PostgreSQL server, and this plays on an AWS account",
            "1:58 `exporter: start ` is a step for a PostgreSQL server, and this plays on an AWS account",
            "7:21 `list.sql` cannot run in an AWS account",
        ] {
            assert!(found.iter().any(|line| line == expected), "{expected}\n{found:#?}");
        }
        assert_eq!(found.len(), 6, "{found:#?}");
    }

    #[test]
    fn once_one_alert_is_proven_all_must_be() {
        let bar = [
            ("x/alerts/PBar/alert.yaml", ALERT),
            ("x/alerts/PBar/tests.yaml", TESTS),
            ("x/alerts/PBar/runbook.md", RUNBOOK),
        ];
        assert!(run_with(&bar, run).0.is_empty());
        let proven = [("x/alerts/PFoo/scenario.yaml", SCENARIO)];
        let found = run_with(&[&bar[..], &proven].concat(), run).0;
        assert_eq!(found, ["nothing proves `PBar`"]);
    }
}
