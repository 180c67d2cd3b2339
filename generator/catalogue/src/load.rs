//! Walks `content/` and builds the [`Catalogue`]. Nothing is skipped in silence: what has no place is a problem.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alert::{Alert, Rule};
use crate::component::{About, Component};
use crate::folder::{Folder, FolderState, read_file};
use crate::metric::{Metric, Query};
use crate::name::{AlertName, Key};
use crate::page::Page;
use crate::problem::{Problem, Problems};
use crate::scenario::Scenario;
use crate::site::Site;
use crate::source::Source;
use crate::{cases, yaml};
use rayon::prelude::*;

/// Everything that `content/` says.
#[derive(Debug)]
pub struct Catalogue {
    /// The folder it was read from.
    pub root: PathBuf,
    /// site.yaml.
    pub site: Site,
    /// The components by name.
    pub components: Vec<Component>,
    /// The pages by name.
    pub pages: Vec<Page>,
    /// The pictures of the pages.
    pub pictures: Vec<Arc<Source>>,
    /// Fragments that several runbooks use.
    pub shared: Vec<Arc<Source>>,
    /// Series that no component's exporter makes, such as `up`.
    pub shared_metrics: Vec<Query>,
    /// Files that could not be understood completely. What seems to be missing may stand there.
    pub broken: BTreeSet<PathBuf>,
}

impl Catalogue {
    /// Whether a file of this name, or in a folder of this name, could not be understood.
    pub fn has_broken(&self, name: &str) -> bool {
        self.broken.iter().any(|path| path.iter().any(|part| part == name))
    }

    /// All alerts with their component.
    pub fn alerts(&self) -> impl Iterator<Item = (&Component, &Alert)> {
        self.components
            .iter()
            .flat_map(|component| component.alerts.iter().map(move |alert| (component, &**alert)))
    }

    /// All metrics files with their component; shared ones have none.
    pub fn queries(&self) -> impl Iterator<Item = (Option<&Component>, &Query)> {
        let own = self
            .components
            .iter()
            .flat_map(|component| component.metrics.iter().map(move |q| (Some(component), q)));
        self.shared_metrics.iter().map(|query| (None, query)).chain(own)
    }

    /// All series with their file and component.
    pub fn series(&self) -> impl Iterator<Item = (Option<&Component>, &Query, &Metric)> {
        self.queries()
            .flat_map(|(component, query)| query.metrics.iter().map(move |metric| (component, query, metric)))
    }
}

/// What reading gave: the catalogue unless something essential is missing, and all problems.
#[derive(Debug)]
pub struct Loaded {
    /// The catalogue; what could not be read is left out of it.
    pub catalogue: Option<Catalogue>,
    /// Everything that is wrong.
    pub problems: Problems,
}

/// Reads a content folder completely.
pub fn load(root: &Path) -> Loaded {
    Loader { forgets: true, ..Loader::default() }.load(root)
}

/// Reads a content folder again and again, and the folders of alerts only when they changed.
#[derive(Debug, Default)]
pub struct Loader {
    known: HashMap<PathBuf, Known>,
    /// Whether it reads once only.
    forgets: bool,
    /// What changed since it read last; none where that is not known.
    changed: Option<BTreeSet<PathBuf>>,
}

/// What an alert's folder gave, and how its files were then.
#[derive(Debug, Clone)]
struct Known {
    state: FolderState,
    alert: Option<Arc<Alert>>,
    problems: Vec<Problem>,
}

impl Loader {
    /// Reads a content folder again of which only this changed; the paths begin with that of the folder.
    pub fn again(&mut self, root: &Path, changed: BTreeSet<PathBuf>) -> Loaded {
        self.changed = Some(changed);
        let loaded = self.load(root);
        self.changed = None;
        loaded
    }

    /// Whether nothing in a folder, and no folder around it, changed since it was read.
    fn is_as_before(&self, folder: &Path) -> bool {
        let touches = |changed: &PathBuf| changed.starts_with(folder) || folder.starts_with(changed);
        self.changed.as_ref().is_some_and(|changed| !changed.iter().any(touches))
    }

    /// Reads a content folder.
    pub fn load(&mut self, root: &Path) -> Loaded {
        let mut problems = Problems::default();
        let mut catalogue =
            Folder::open(root, &mut problems).and_then(|folder| read_root(&folder, self, &mut problems));
        if let Some(catalogue) = &mut catalogue {
            catalogue.broken = problems.iter().map(|problem| problem.spot.path().to_path_buf()).collect();
        }
        Loaded { catalogue, problems }
    }
}

/// What the last run of all scenarios saw; written by it, and read by whoever shows it.
pub const EVIDENCE: &str = "evidence.json";

fn read_root(root: &Folder, loader: &mut Loader, problems: &mut Problems) -> Option<Catalogue> {
    let site = root.required_file("site.yaml", problems);
    let site = site.and_then(|source| Site::read(&yaml::parse(&source, problems)?, problems));
    root.refuse_files(&["site.yaml", EVIDENCE], problems);
    let mut components = Vec::new();
    let (mut pages, mut shared, mut shared_metrics) = (Vec::new(), Vec::new(), Vec::new());
    let mut pictures = Vec::new();
    for path in &root.folders {
        let Some(folder) = Folder::open(path, problems) else { continue };
        match folder.name() {
            "pages" => {
                let sections: Vec<_> =
                    folder.folders.iter().filter_map(|path| Folder::open(path, problems)).collect();
                for folder in std::iter::once(&folder).chain(&sections) {
                    if folder.name() != "pages" {
                        folder.refuse_folders(&[], problems);
                    }
                    for source in folder.files_with(&["md", "svg"], problems) {
                        if source.path.extension().is_some_and(|extension| extension == "svg") {
                            pictures.push(source);
                        } else {
                            pages.extend(Page::read(&source, problems));
                        }
                    }
                }
            }
            "shared" => {
                folder.refuse_folders(&["metrics"], problems);
                shared = folder.files_with(&["md", "sql"], problems);
                shared_metrics = read_metrics(&folder, problems);
            }
            name => match Key::new(name) {
                Ok(name) => components.extend(read_component(name, &folder, loader, problems)),
                Err(message) => problems.push(Problem::file("content/file", path, message)),
            },
        }
    }
    for (index, component) in components.iter().enumerate() {
        let chart = &component.about.chart;
        let before: &[Component] = &components[..index];
        if let Some(other) = before.iter().find(|other| *other.about.chart == **chart) {
            let message = format!("`{}` is the chart of `{}` already", &**chart, other.name);
            let problem = Problem::error("yaml/value", chart.place(), message);
            problems.push(problem.help("each component has a chart of its own: name another one"));
        }
    }
    Some(Catalogue {
        root: root.path.clone(),
        site: site?,
        components,
        pages,
        pictures,
        shared,
        shared_metrics,
        broken: BTreeSet::new(),
    })
}

fn read_component(
    name: Key,
    folder: &Folder,
    loader: &mut Loader,
    problems: &mut Problems,
) -> Option<Component> {
    let source = folder.required_file("component.yaml", problems);
    folder.refuse_files(&["component.yaml"], problems);
    folder.refuse_folders(&["alerts", "metrics"], problems);
    let metrics = read_metrics(folder, problems);
    let alerts = folder.child("alerts", problems);
    let alerts = alerts.map_or(Vec::new(), |folder| read_alerts(&folder, loader, problems));
    let source = source?;
    let about = About::read(&yaml::parse(&source, problems)?, problems)?;
    Some(Component { name, source, about, alerts, metrics })
}

fn read_metrics(folder: &Folder, problems: &mut Problems) -> Vec<Query> {
    let Some(folder) = folder.child("metrics", problems) else { return Vec::new() };
    folder.refuse_folders(&[], problems);
    let sources = folder.files_with(&["yaml"], problems);
    let read = sources.par_iter().map(|source| {
        let mut problems = Problems::default();
        (Query::read(source, &mut problems), problems)
    });
    let mut queries = Vec::new();
    for (query, found) in read.collect::<Vec<_>>() {
        queries.extend(query);
        problems.extend(found);
    }
    queries
}

fn read_alerts(folder: &Folder, loader: &mut Loader, problems: &mut Problems) -> Vec<Arc<Alert>> {
    folder.refuse_files(&[], problems);
    loader
        .known
        .retain(|path, _| path.parent() != Some(&*folder.path) || folder.folders.binary_search(path).is_ok());
    let before = &*loader;
    let read = folder.folders.par_iter().map(|path| {
        if let Some(known) = before.known.get(path).filter(|_| before.is_as_before(path)) {
            return known.clone();
        }
        let mut problems = Problems::default();
        let folder = Folder::open(path, &mut problems);
        let state = folder.as_ref().filter(|_| !before.forgets).map(Folder::state).unwrap_or_default();
        if let Some(known) = before.known.get(path).filter(|known| !state.is_empty() && known.state == state)
        {
            return known.clone();
        }
        let alert = folder.and_then(|folder| read_alert(&folder, &mut problems));
        Known { state, alert: alert.map(Arc::new), problems: problems.into_iter().collect() }
    });
    let mut alerts = Vec::new();
    for (path, known) in folder.folders.iter().zip(read.collect::<Vec<_>>()) {
        if !loader.forgets {
            loader.known.insert(path.clone(), known.clone());
        }
        alerts.extend(known.alert);
        problems.extend(known.problems);
    }
    alerts
}

/// The files that an alert's folder may hold besides SQL.
const ALERT_FILES: [&str; 4] = ["alert.yaml", "runbook.md", "tests.yaml", "scenario.yaml"];

fn read_alert(folder: &Folder, problems: &mut Problems) -> Option<Alert> {
    let name = AlertName::new(folder.name());
    if let Err(message) = &name {
        problems.push(Problem::file("content/file", &folder.path, message.clone()));
    }
    folder.refuse_folders(&[], problems);
    let known: Vec<&str> = ALERT_FILES.into_iter().chain(folder.names_with("sql")).collect();
    folder.refuse_files(&known, problems);
    let source = folder.required_file("alert.yaml", problems);
    let runbook = folder.required_file("runbook.md", problems);
    let tests = folder.required_file("tests.yaml", problems);
    let sql = folder.files.iter().filter(|path| path.extension().is_some_and(|ext| ext == "sql"));
    let sql = sql.filter_map(|path| read_file(path, problems)).collect();
    let scenario = folder.optional_file("scenario.yaml", problems);
    let scenario = scenario.and_then(|source| Scenario::read(&source, problems));
    let source = source?;
    let rule = Rule::read(&yaml::parse(&source, problems)?, problems)?;
    let cases = tests.as_ref().and_then(|tests| yaml::parse(tests, problems));
    let cases = cases.map_or(Vec::new(), |node| cases::read(&node, &rule.params, problems));
    Some(Alert {
        name: name.ok()?,
        folder: folder.path.clone(),
        source,
        rule,
        cases,
        tests,
        scenario,
        runbook,
        sql,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "title: T\ndescription: D\nurl: https://u\nrepository: https://r\ncharts: oci://c\n\
                        kube_version: '>=1.16.0-0'\nicon: https://i\nmaintainers: [{ name: N, url: https://n }]\n";
    const COMPONENT: &str =
        "title: T\ndescription: D\nchart: c\nrule_group: g\nprefixes: [P]\ngroups: { a: A }\n";
    const ALERT: &str =
        "title: T\ngroup: a\nseverity: warning\nfor: 1m\nexpr: up == 0\nsummary: S.\ndescription: D.\n";

    fn content(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn messages(folder: &tempfile::TempDir) -> Vec<String> {
        let problems = load(folder.path()).problems.into_sorted();
        problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.spot.path().display(), problem.message))
            .map(|text| text.replace(&format!("{}/", folder.path().display()), ""))
            .collect()
    }

    #[test]
    fn a_whole_alert_is_read() {
        let folder = content(&[
            ("site.yaml", SITE.as_bytes()),
            ("x/component.yaml", COMPONENT.as_bytes()),
            ("x/alerts/PFoo/alert.yaml", ALERT.as_bytes()),
            ("x/alerts/PFoo/runbook.md", b"# PFoo\n"),
            ("x/alerts/PFoo/tests.yaml", b"- { name: n, series: {}, at: 1m, fires: [] }\n"),
            ("x/alerts/PFoo/a.sql", b"SELECT 1;\n"),
        ]);
        assert_eq!(messages(&folder), Vec::<String>::new());
        let catalogue = load(folder.path()).catalogue.unwrap();
        let alert = &catalogue.components[0].alerts[0];
        assert_eq!((&*alert.name, alert.cases.len(), alert.sql.len()), ("PFoo", 1, 1));
    }

    #[test]
    fn reading_again_sees_what_changed_and_keeps_the_rest() {
        let folder = content(&[
            ("site.yaml", SITE.as_bytes()),
            ("x/component.yaml", COMPONENT.as_bytes()),
            ("x/alerts/PFoo/alert.yaml", ALERT.as_bytes()),
            ("x/alerts/PFoo/runbook.md", b"# PFoo\n"),
            ("x/alerts/PFoo/tests.yaml", b"- { name: n, series: {}, at: 1m, fires: [] }\n"),
        ]);
        let alert = |loader: &mut Loader| {
            let loaded = loader.load(folder.path());
            let mut alerts = loaded.catalogue.unwrap().components.remove(0).alerts;
            (alerts.pop(), loaded.problems.into_sorted().len())
        };
        let mut loader = Loader::default();
        let (first, _) = alert(&mut loader);
        let (second, _) = alert(&mut loader);
        assert!(Arc::ptr_eq(&first.unwrap().source, &second.unwrap().source), "it was read again");
        let path = folder.path().join("x/alerts/PFoo/alert.yaml");
        std::fs::write(&path, ALERT.replace("title: T", "title: Tee")).unwrap();
        let again = |loader: &mut Loader, changed: PathBuf| {
            let catalogue = loader.again(folder.path(), [changed].into()).catalogue.unwrap();
            catalogue.components[0].alerts[0].rule.title.to_string()
        };
        assert_eq!(again(&mut loader, folder.path().join("x/alerts/PBar/alert.yaml")), "T", "nobody looks");
        assert_eq!(again(&mut loader, path.clone()), "Tee");
        std::fs::write(&path, ALERT.replace("title: T", "title: Teee")).unwrap();
        assert_eq!(again(&mut loader, folder.path().join("x/alerts")), "Teee", "what is around it changed");
        std::fs::write(&path, ALERT.replace("title: T", "title: Tee")).unwrap();
        assert_eq!(&*alert(&mut loader).0.unwrap().rule.title, "Tee");
        std::fs::write(&path, "title: [").unwrap();
        let (broken, problems) = alert(&mut loader);
        assert!(broken.is_none() && problems > 0);
        assert_eq!(alert(&mut loader).1, problems, "problems of an unchanged folder stay");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert_eq!(alert(&mut loader).1, 0);
        assert!(loader.known.is_empty());
    }

    #[test]
    fn bad_files_are_all_reported_in_one_run() {
        let folder = content(&[
            ("site.yaml", b"\xef\xbb\xbftitle: T\n"),
            ("x/component.yaml", COMPONENT.replace('\n', "\r\n").as_bytes()),
            ("x/alerts/PFoo/alert.yml", ALERT.as_bytes()),
            ("x/alerts/P-Bar/alert.yaml", b"title: \xff\n"),
            ("x/alerts/PBig/alert.yaml", &vec![b'#'; 10_000_000]),
            ("x/notes.txt", b"hello"),
            ("x/.notes.txt.swp", b"\xff"),
            ("x/component.yaml~", b"old"),
        ]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("x/alerts/loop")).unwrap();
        let messages = messages(&folder);
        for expected in [
            "site.yaml: the file starts with a byte order mark",
            "x/component.yaml: line 1 ends with a carriage return",
            "x/alerts/PFoo/alert.yml: unknown file `alert.yml`",
            "x/alerts/PFoo/alert.yaml: file `alert.yaml` is missing",
            "x/alerts/P-Bar: `P-Bar` is not an alert name: letters and digits, starting with a capital",
            "x/alerts/P-Bar/alert.yaml: line 1 is not valid UTF-8",
            "x/alerts/PBig/alert.yaml: the file has 10000000 bytes, more than 4194304",
            "x/alerts/loop: symbolic links are not used in content",
            "x/notes.txt: unknown file `notes.txt`",
        ] {
            assert!(messages.iter().any(|message| message == expected), "{expected}\n{messages:#?}");
        }
        assert!(
            !messages.iter().any(|message| message.contains(".swp") || message.contains('~')),
            "{messages:#?}"
        );
    }

    #[test]
    fn components_with_one_chart_are_refused() {
        let folder = content(&[
            ("site.yaml", SITE.as_bytes()),
            ("x/component.yaml", COMPONENT.as_bytes()),
            ("y/component.yaml", COMPONENT.as_bytes()),
        ]);
        assert_eq!(messages(&folder), ["y/component.yaml: `c` is the chart of `x` already"]);
    }

    #[test]
    fn an_empty_or_missing_folder_says_what_is_missing() {
        let folder = content(&[]);
        assert_eq!(messages(&folder), ["site.yaml: file `site.yaml` is missing"]);
        let missing = load(Path::new("/nonexistent")).problems.into_sorted();
        assert!(missing[0].message.starts_with("cannot read the folder"), "{missing:?}");
    }

    #[test]
    fn wrong_types_unknown_keys_and_bad_values_are_reported_together() {
        let alert = "title: [x]\ngroup: a/b\nsevrity: warning\nfor: 1m\nexpr: up == 0\nsummary: S.\ndescription: D.\n\
                     params:\n  p: { value: 101, unit: percent, max: 100, help: h }\n  q: { value: x, unit: bytes, help: h }\n";
        let folder = content(&[
            ("site.yaml", SITE.as_bytes()),
            ("x/component.yaml", COMPONENT.as_bytes()),
            ("x/alerts/PFoo/alert.yaml", alert.as_bytes()),
            ("x/alerts/PFoo/runbook.md", b"# PFoo\n"),
            (
                "x/alerts/PFoo/tests.yaml",
                b"- { name: n, series: {}, at: soon, fires: [], skip: { onst: x } }\n",
            ),
        ]);
        let text = messages(&folder).join("\n");
        for expected in [
            "expected text, found a list",
            "`a/b` is not a name: lower-case letters, digits and `_`, starting with a letter",
            "unknown key `sevrity`",
            "key `severity` is missing",
            "`101` is above the bound of 100 of this parameter",
            "`x` is not a number, but the unit is bytes",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
