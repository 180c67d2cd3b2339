//! What people type. Exit codes: 0 fine, 1 problems found, 2 could not run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalogue::{Catalogue, Problem};
use clap::{Parser, Subcommand};

use crate::render::chart::Release;
use crate::render::site::Material;
use crate::render::site::theme::Theme;
use crate::report::{self, Format};
use crate::rule_tests::{self, Selection};
use crate::tools::Tools;
use crate::tree::Tree;
use crate::{check, history, new, render};

/// Builds Helm charts from content/, checks it, and tests its rules.
#[derive(Debug, Parser)]
#[command(name = "dmf", version, propagate_version = true)]
pub struct Cli {
    /// The content folder.
    #[arg(long, global = true, value_name = "DIR", default_value = "content")]
    content: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks the content and writes the charts and the site.
    Build {
        /// Writes nothing; fails and lists the files that are stale, missing or extra.
        #[arg(long)]
        check: bool,
        /// Version to stamp on the charts instead of the workspace's.
        #[arg(long, value_name = "X.Y.Z", value_parser = release)]
        release: Option<String>,
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

/// A version that charts can carry: Helm wants SemVer.
fn release(text: &str) -> Result<String, String> {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<_> = core.split('.').collect();
    let number = |part: &&str| part.parse::<u32>().is_ok() && (*part == "0" || !part.starts_with('0'));
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b));
    if numbers.len() == 3 && numbers.iter().all(number) && rest {
        Ok(text.to_owned())
    } else {
        Err("write a semantic version such as 1.2.3".to_owned())
    }
}

/// How a command ended.
enum End {
    Fine,
    Problems,
    Failed(String),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let end = match self.command {
            Command::Build { check, release, charts_out, site_out, base_url, theme } => {
                let stamped = Release::default();
                let stamped = Release { version: release.as_deref().unwrap_or(stamped.version), ..stamped };
                let (theme, base_url) = (theme.as_deref(), base_url.as_deref());
                build(
                    &self.content,
                    check,
                    stamped,
                    &charts_out,
                    &SiteTo { folder: &site_out, base_url, theme },
                )
            }
            Command::Check { format } => run_checks(&self.content, format),
            Command::Explain { check } => explain(check.as_deref()),
            Command::New(New::Alert { component, name }) => {
                created(new::alert(&self.content, &component, &name))
            }
            Command::New(New::Metric { component, name }) => {
                created(new::metric(&self.content, &component, &name))
            }
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

/// The catalogue and everything that is wrong with it.
fn judge(content: &Path) -> (Option<Catalogue>, Vec<Problem>) {
    let loaded = catalogue::load(content);
    let mut problems = loaded.problems;
    if let Some(catalogue) = &loaded.catalogue {
        problems.extend(check::run(catalogue));
    }
    (loaded.catalogue, problems.into_sorted())
}

/// The catalogue when nothing is wrong with it; otherwise prints what is.
fn clean(content: &Path) -> Result<Catalogue, End> {
    let (catalogue, problems) = judge(content);
    match catalogue {
        Some(catalogue) if problems.is_empty() => Ok(catalogue),
        _ => {
            eprintln!("{}{}", report::problems(&problems, Format::Text), report::summary(&problems));
            Err(End::Problems)
        }
    }
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

/// What the scenarios showed, if there is a file of it.
fn evidence(content: &Path) -> Result<serde_json::Value, String> {
    let path = content.join(catalogue::load::EVIDENCE);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| format!("`{}` is not JSON: {error}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(serde_json::Value::Null),
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
    }
}

/// Where the site goes and how.
struct SiteTo<'a> {
    folder: &'a Path,
    base_url: Option<&'a str>,
    theme: Option<&'a Path>,
}

impl SiteTo<'_> {
    /// The site of a catalogue.
    fn render(&self, catalogue: &Catalogue, release: Release, charts: &Tree) -> Result<Tree, String> {
        let theme = Theme::read(self.theme)?;
        let readme = |(path, bytes): (&Path, &[u8])| {
            let chart = path.to_str()?.strip_suffix("/README.md")?;
            Some((chart.to_owned(), String::from_utf8_lossy(bytes).into_owned()))
        };
        let url = self.base_url.map_or_else(
            || format!("{}/{}", &*catalogue.site.url, release.version),
            |url| url.trim_end_matches('/').to_owned(),
        );
        let material = Material {
            version: Some(release.version),
            url: &url,
            versions: false,
            newest: None,
            history: history::read(&catalogue.root),
            evidence: evidence(&catalogue.root)?,
            charts: charts.files().filter_map(readme).collect(),
            checks: check::kinds().map(|kind| (kind.name, kind.doc)).collect(),
        };
        let mut tree = render::site::render(catalogue, &theme, &material)?;
        tree.extend(render::queries::render(catalogue));
        Ok(tree)
    }
}

fn build(content: &Path, check: bool, release: Release, charts_out: &Path, site: &SiteTo) -> End {
    let catalogue = match clean(content) {
        Ok(catalogue) => catalogue,
        Err(end) => return end,
    };
    let charts = render::chart::render(&catalogue, release);
    if check {
        // The site is not committed, so it cannot be stale.
        return compare(&charts, charts_out);
    }
    match write(&charts, charts_out) {
        End::Fine => match site.render(&catalogue, release, &charts) {
            Ok(tree) => write(&tree, site.folder),
            Err(message) => End::Failed(message),
        },
        end => end,
    }
}

fn write(tree: &Tree, folder: &Path) -> End {
    match tree.write(folder) {
        Ok(changed) => {
            let what = if changed { "written" } else { "unchanged" };
            say(&format!("{}: {} files, {what}\n", folder.display(), tree.files().count()));
            End::Fine
        }
        Err(error) => End::Failed(error.to_string()),
    }
}

fn compare(tree: &Tree, folder: &Path) -> End {
    let difference = match tree.compare(folder) {
        Ok(difference) => difference,
        Err(error) => return End::Failed(error.to_string()),
    };
    if difference.is_empty() {
        say(&format!("{}: up to date\n", folder.display()));
        return End::Fine;
    }
    let kinds =
        [("stale", &difference.stale), ("missing", &difference.missing), ("extra", &difference.extra)];
    for (kind, paths) in kinds {
        for path in paths {
            say(&format!("{kind}: {}\n", folder.join(path).display()));
        }
    }
    say("help: run `dmf build` and commit the result\n");
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
    let run = Tools::find().and_then(|tools| {
        let selection = Selection::new(&catalogue, alerts)?;
        rule_tests::run(&catalogue, &selection, &tools, keep)
    });
    match run {
        Err(message) => End::Failed(message),
        Ok(outcome) => {
            say(&outcome.report(verbose));
            if outcome.passed() { End::Fine } else { End::Problems }
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
        assert!(release("1.2.3").is_ok() && release("1.2.3-rc.1+x").is_ok());
        for wrong in ["1.2", "v1.2.3", "1.02.3", "1.2.3 x", ""] {
            assert!(release(wrong).is_err(), "{wrong}");
        }
    }
}
