//! What people type. Exit codes: 0 fine, 1 problems found, 2 could not run.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalogue::{Catalogue, Problem};
use clap::{Args, Parser, Subcommand};

use crate::edition::judge;
use crate::report::{self, Format};
use crate::rule_tests::{self, Selection};
use crate::tools::Tools;
use crate::{check, mutate, new};

mod build;
mod package;
mod site;

/// Builds Helm charts from content/, checks it, and tests its rules.
#[derive(Debug, Parser)]
#[command(name = "dmf", version, propagate_version = true)]
pub struct Cli {
    /// The content folder.
    #[arg(long, global = true, value_name = "DIR", default_value = CONTENT)]
    content: PathBuf,
    #[command(subcommand)]
    command: Command,
}

/// The content folder, when none is named.
const CONTENT: &str = "content";

/// What `dmf mutate --help` teaches.
const MUTATE: &str = "A mutant is the rule with one small mistake: `>` for `>=`, a label missing in `by`, a threshold a \
tenth higher, `for` a minute shorter. A mutant that no case of tests.yaml (nor one derived from it) can tell from the \
rule survives: such a mistake would ship. Write the case that tells them apart. A mutant that no data can tell from the \
rule is marked in alert.yaml, with the reason:\n\n  \
mutants:\n    \
- operator: comparator-boundary   # as in the report\n      \
of: 'pg_x > 0'                  # the piece of the expression that is changed\n      \
to: '>='                        # what it becomes; without it, all changes of this piece\n      \
reason: ...\n\n\
Tools are found as by `dmf test`; the newest promtool is used.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks the content and writes the charts and the site.
    Build {
        /// Writes nothing; fails and lists the files that are stale, missing or extra.
        #[arg(long)]
        check: bool,
        /// Version to stamp on the charts instead of the workspace's.
        #[arg(long, value_name = "X.Y.Z", value_parser = semantic)]
        release: Option<semver::Version>,
        /// Where the charts go.
        #[arg(long, value_name = "DIR", default_value = "charts-out")]
        charts_out: PathBuf,
        /// Where the site goes.
        #[arg(long, value_name = "DIR", default_value = "site-out")]
        site_out: PathBuf,
        /// Address under which the site is published, instead of site.yaml's `url` and the version.
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// Folder with templates and static files that replace those of the theme.
        #[arg(long, value_name = "DIR")]
        theme: Option<PathBuf>,
    },
    /// Checks the content and writes each chart as a package: the same bytes for the same content.
    #[command(after_help = "A package is what `helm push` and `helm install` take:\n  \
        helm install postgresql dist/charts/prometheus-postgresql-alerts-chart-1.2.3.tgz")]
    Package {
        /// Version to stamp on the charts instead of the workspace's.
        #[arg(long, value_name = "X.Y.Z", value_parser = semantic)]
        release: Option<semver::Version>,
        /// Where the packages go.
        #[arg(long, value_name = "DIR", default_value = "dist/charts")]
        out: PathBuf,
    },
    /// Shows the site while you write: builds it in memory, again at each save, and reloads the browser.
    #[command(
        after_help = "Problems of the content are shown in the page and on the terminal. It is for your own machine: \
        `dmf build` makes the site that is published."
    )]
    Serve {
        /// Where it listens; port 0 takes any free one.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
        listen: SocketAddr,
        /// Folder with templates and static files that replace those of the theme; followed as well.
        #[arg(long, value_name = "DIR")]
        theme: Option<PathBuf>,
        /// Opens the site in the browser.
        #[arg(long)]
        open: bool,
        /// Looks for changes twice a second, for folders on a network or of a virtual machine.
        #[arg(long)]
        poll: bool,
    },
    /// The site with all its versions.
    #[command(subcommand)]
    Site(site::Site),
    /// Finds everything that is wrong with the content, in one run.
    Check {
        /// How problems are printed.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Explains a check; without a name, lists all.
    Explain {
        /// The name behind a message, such as `alert/for`.
        check: Option<String>,
    },
    /// Writes a skeleton that needs only to be filled in.
    #[command(subcommand)]
    New(New),
    /// Runs the rule tests with promtool on the rules as Helm renders them.
    #[command(after_help = "Tools are found in $PROMTOOL and $HELM, then in tools/bin, then on the PATH.\n\
        $PROMTOOL may name several, separated by `:`; the tests then run with each.")]
    Test {
        /// Alerts to test; all when none is named.
        alerts: Vec<String>,
        /// Lists every case instead of a line per alert.
        #[arg(long, short)]
        verbose: bool,
        /// Keeps promtool's input files in this folder.
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
    /// Puts small mistakes into each rule and counts which of them its tests notice.
    #[command(after_help = MUTATE)]
    Mutate(Mutate),
}

/// What `dmf mutate` is asked for.
#[derive(Debug, Args)]
struct Mutate {
    /// Alerts whose tests are put to the test; all when none is named.
    alerts: Vec<String>,
    /// The score below which the command fails, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 95.0)]
    min_score: f64,
    /// Lists every mutant instead of the survivors.
    #[arg(long, short)]
    verbose: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum New {
    /// A new alert: rule, tests and runbook in one folder.
    Alert {
        /// The component's folder, such as postgresql.
        component: String,
        /// The alert's name, such as `PostgreSQLMaxConnections`.
        name: String,
    },
    /// A new metrics file.
    Metric {
        /// The component's folder, such as postgresql.
        component: String,
        /// The file's stem: what series names start with, such as `pg_locks`.
        name: String,
    },
}

/// A version that charts can carry: Helm wants `SemVer`.
fn semantic(text: &str) -> Result<semver::Version, String> {
    semver::Version::parse(text).map_err(|error| format!("write a semantic version such as 1.2.3: {error}"))
}

/// How a command ended.
enum End {
    Fine,
    Problems,
    Failed(String),
}

impl Cli {
    /// Runs the command.
    pub fn run(mut self) -> ExitCode {
        if !matches!(self.command, Command::Explain { .. })
            && let Err(message) = self.find_content()
        {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
        let end = match self.command {
            Command::Build { check, release, charts_out, site_out, base_url, theme } => build::run(
                &self.content,
                check,
                &build::To {
                    release,
                    charts: &charts_out,
                    site: &site_out,
                    base_url: base_url.as_deref(),
                    theme: theme.as_deref(),
                },
            ),
            Command::Package { release, out } => package::run(&self.content, release.as_ref(), &out),
            Command::Serve { listen, theme, open, poll } => {
                site::serve(self.content, theme, listen, open, poll)
            }
            Command::Site(site) => site.run(&self.content),
            Command::Check { format } => run_checks(&self.content, format),
            Command::Explain { check } => explain(check.as_deref()),
            Command::New(New::Alert { component, name }) => {
                created(new::alert(&self.content, &component, &name))
            }
            Command::New(New::Metric { component, name }) => {
                created(new::metric(&self.content, &component, &name))
            }
            Command::Mutate(wanted) => mutation(&self.content, &wanted),
            Command::Test { alerts, verbose, keep } => test(&self.content, &alerts, verbose, keep.as_deref()),
        };
        match end {
            End::Fine => ExitCode::SUCCESS,
            End::Problems => ExitCode::from(1),
            End::Failed(message) => {
                eprintln!("error: {message}");
                ExitCode::from(2)
            }
        }
    }
}

impl Cli {
    /// Makes sure that there is a content folder. Like git, looks for it upwards when none is named; what is made then
    /// goes beside it, for the other folders are named from there too.
    fn find_content(&mut self) -> Result<(), String> {
        if self.content.exists() {
            return Ok(());
        }
        let here = std::env::current_dir().map_err(|error| format!("cannot tell where this is: {error}"))?;
        let above = here.ancestors().skip(1).find(|folder| folder.join(CONTENT).join("site.yaml").is_file());
        match above.filter(|_| self.content == Path::new(CONTENT)) {
            Some(root) => std::env::set_current_dir(root)
                .map_err(|error| format!("cannot go to `{}`: {error}", root.display())),
            None => Err(format!(
                "there is no folder `{}`, here or above; run dmf in the repository, or name the folder with `--content`",
                self.content.display()
            )),
        }
    }
}

/// Prints to standard output; a reader that went away is no error.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write the output: {error}");
            std::process::exit(2);
        }
        _ => {}
    }
}

/// The catalogue when nothing is wrong with it; otherwise prints what is.
fn clean(content: &Path) -> Result<Catalogue, End> {
    let (catalogue, problems) = judge(content);
    match catalogue {
        Some(catalogue) if problems.is_empty() => Ok(catalogue),
        _ => Err(refuse(&problems)),
    }
}

/// Prints what is wrong with a content.
fn refuse(problems: &[Problem]) -> End {
    eprintln!("{}{}", report::problems(problems, Format::Text), report::summary(problems));
    End::Problems
}

fn run_checks(content: &Path, format: Format) -> End {
    let (catalogue, problems) = judge(content);
    say(&report::problems(&problems, format));
    if problems.is_empty()
        && let Some(catalogue) = &catalogue
    {
        if format == Format::Text {
            let (alerts, series) = (catalogue.alerts().count(), catalogue.series().count());
            say(&format!("{alerts} alerts, {series} series: no problems\n"));
        }
        return End::Fine;
    }
    if format == Format::Text {
        say(&format!("{}\n", report::summary(&problems)));
    }
    End::Problems
}

fn explain(name: Option<&str>) -> End {
    let Some(name) = name else {
        for kind in check::kinds() {
            let first = kind.doc.split_inclusive(". ").next().unwrap_or(kind.doc).trim();
            say(&format!("{:<24} {first}\n", kind.name));
        }
        return End::Fine;
    };
    if let Some(kind) = check::kinds().find(|kind| kind.name == name) {
        let words: Vec<_> = kind.doc.split_whitespace().collect();
        say(&format!("{}\n\n{}\n", kind.name, wrap(&words, 90)));
        return End::Fine;
    }
    let names: Vec<_> = check::kinds().map(|kind| kind.name).collect();
    let help = catalogue::suggest::did_you_mean(name, names.iter().copied());
    End::Failed(format!("there is no check `{name}`, {help}"))
}

fn wrap(words: &[&str], width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in words {
        let line = lines.last_mut().filter(|line| line.len() + word.len() < width);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push((*word).to_owned()),
        }
    }
    lines.join("\n")
}

fn created(result: Result<Vec<PathBuf>, String>) -> End {
    match result {
        Ok(paths) => {
            for path in paths {
                say(&format!("created {}\n", path.display()));
            }
            say("fill in what says FIXME, then run `dmf check`\n");
            End::Fine
        }
        Err(message) => End::Failed(message),
    }
}

fn test(content: &Path, alerts: &[String], verbose: bool, keep: Option<&Path>) -> End {
    let catalogue = match clean(content) {
        Ok(catalogue) => catalogue,
        Err(end) => return end,
    };
    let run = Selection::new(&catalogue, alerts)
        .and_then(|selection| rule_tests::run(&catalogue, &selection, &Tools::find()?, keep));
    match run {
        Err(message) => End::Failed(message),
        Ok(outcome) => {
            say(&outcome.report(verbose));
            if outcome.passed() { End::Fine } else { End::Problems }
        }
    }
}

fn mutation(content: &Path, wanted: &Mutate) -> End {
    let catalogue = match clean(content) {
        Ok(catalogue) => catalogue,
        Err(end) => return end,
    };
    let run = Selection::new(&catalogue, &wanted.alerts)
        .and_then(|selection| mutate::run(&catalogue, &selection, &Tools::find()?));
    match run {
        Err(message) => End::Failed(message),
        Ok(outcome) => {
            say(&outcome.report(wanted.min_score, wanted.verbose, wanted.format));
            if outcome.passed(wanted.min_score) { End::Fine } else { End::Problems }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_release_is_a_semantic_version() {
        assert!(semantic("1.2.3").is_ok() && semantic("1.2.3-rc.1+x").is_ok());
        for wrong in ["1.2", "v1.2.3", "1.02.3", "1.2.3 x", ""] {
            assert!(semantic(wrong).is_err(), "{wrong}");
        }
    }
}
