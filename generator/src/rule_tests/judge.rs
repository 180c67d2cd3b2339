//! Which rules do the cases of an alert tell from the alert's own?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use catalogue::{Alert, Catalogue, Component};
use serde_json::Value;
use tempfile::TempDir;

use super::batch::{Added, Batch};
use super::expand::{Expanded, Variant, expand};
use super::guess::{self, Readable};
use super::helm::Rules;
use super::{helm, promtool};
use crate::tools::Tools;

/// The charts' rules, and the newest promtool.
pub struct Judge<'a> {
    catalogue: &'a Catalogue,
    /// The program and its version.
    promtool: (PathBuf, String),
    rules: Rules,
    scratch: TempDir,
}

/// A rule of the caller's making.
#[derive(Debug)]
pub struct Subject {
    /// Without injected matchers and labels.
    pub plain: Value,
    /// With them.
    pub injected: Value,
}

/// Name of the alert's own rule among the others.
const OWN: &str = "own";

/// So many cases judge those that are left first, and each time three times as many.
const FIRST_CASES: usize = 4;

impl<'a> Judge<'a> {
    /// Renders the charts.
    pub fn new(catalogue: &'a Catalogue, tools: &Tools) -> Result<Self, String> {
        let scratch =
            tempfile::tempdir().map_err(|error| format!("cannot make a folder for the tests: {error}"))?;
        let rules = helm::render(catalogue, tools, scratch.path())?;
        let promtool = newest(&tools.promtools)?;
        Ok(Self { catalogue, promtool, rules, scratch })
    }

    /// The rule of an alert as Helm renders it.
    pub fn rule(&self, alert: &Alert, variant: Variant) -> Result<&Value, String> {
        self.rules.of(&alert.name, variant)
    }

    /// The indices of the rules that some case tells from the alert's own. `told` hears how many more they are
    /// each time.
    pub fn told_apart(
        &self,
        component: &Component,
        alert: &Alert,
        subjects: &[Subject],
        told: &(dyn Fn(usize) + Sync),
    ) -> Result<BTreeSet<usize>, String> {
        let folder = self.scratch.path().join(&*alert.name);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        let added = Added::of(self.catalogue, component, alert);
        let own = |variant| Ok::<_, String>(self.rule(alert, variant)?.clone());
        let own = Subject { plain: own(Variant::Plain)?, injected: own(Variant::Injected)? };
        let mut alive: BTreeMap<String, &Subject> = BTreeMap::from([(OWN.to_owned(), &own)]);
        alive.extend(subjects.iter().enumerate().map(|(index, subject)| (index.to_string(), subject)));
        let mut cases = expand(component, alert);
        cases.retain(|case| case.by == *alert.name);
        let ask = |questions: Vec<Question>, alive: &mut BTreeMap<String, &Subject>| {
            let before = alive.len();
            self.run(&folder, questions, &added, alive)?;
            told(before - alive.len());
            let fine = alive.contains_key(OWN);
            fine.then_some(())
                .ok_or_else(|| format!("the rule tests of `{}` fail: run `dmf test {0}`", alert.name))
        };
        let readable: Vec<_> = cases.iter().map(Readable::new).collect();
        let guesses: Vec<_> = subjects.iter().map(|subject| guess::guess(&own, subject, &readable)).collect();
        let each = || guesses.iter().enumerate();
        let expected = each().filter_map(|(name, guess)| Some((guess.differs?, name)));
        ask(questions(expected, &cases), &mut alive)?;
        // What is left: where the guess was wrong, any case may tell; else those that only promtool understands.
        let left = |name: usize| alive.contains_key(&name.to_string());
        let left = each().filter(|(name, _)| left(*name)).flat_map(|(name, guess)| {
            let all = guess.differs.map_or(0..0, |_| 0..cases.len());
            all.chain(guess.unknown.iter().copied()).map(move |case| (case, name))
        });
        let left: Vec<_> = left.collect();
        let (mut first, mut size) = (0, FIRST_CASES);
        while first < cases.len() && alive.len() > 1 {
            let now = first..first + size;
            let pairs = left
                .iter()
                .filter(|(case, name)| now.contains(case) && alive.contains_key(&name.to_string()));
            let pairs: Vec<_> = pairs.copied().collect();
            ask(questions(pairs.into_iter(), &cases), &mut alive)?;
            (first, size) = (now.end, size * 3);
        }
        Ok((0..subjects.len()).filter(|index| !alive.contains_key(&index.to_string())).collect())
    }

    /// Asks some questions about the rules that are left, and takes those away that fail.
    fn run(
        &self,
        folder: &Path,
        mut pending: Vec<Question>,
        added: &Added,
        alive: &mut BTreeMap<String, &Subject>,
    ) -> Result<(), String> {
        while !pending.is_empty() {
            let mut batches = Vec::new();
            for question in &pending {
                let name = format!("{}-{}", Batch::name(question.case), question.index);
                let mut batch = Batch::new(&name, question.case, question.rules(alive));
                batch.add(question.index, question.case, added);
                batches.push(batch);
            }
            let files = batches.iter_mut().map(|batch| {
                batch.mark_ends();
                batch.write(folder)
            });
            let files: Result<Vec<_>, String> = files.collect();
            let (program, version) = &self.promtool;
            let failures = promtool::run_one(program, version, folder, &files?, &|| ())?;
            let before = (pending.len(), alive.len());
            for failure in &failures {
                alive.remove(&failure.rule);
            }
            // A rule that cannot be evaluated breaks off the test for all.
            let ended = |index: usize| {
                failures.iter().any(|failure| failure.case == index && failure.rule.is_empty())
            };
            pending.retain(|question| !ended(question.index));
            if before == (pending.len(), alive.len()) {
                let said: Vec<_> = failures.iter().map(|failure| failure.text.trim()).collect();
                return Err(format!("promtool does not finish the tests:\n{}", said.join("\n")));
            }
        }
        Ok(())
    }
}

/// What does a case say about some rules?
struct Question<'a> {
    index: usize,
    case: &'a Expanded,
    /// Names of the rules.
    about: BTreeSet<String>,
}

impl Question<'_> {
    /// The rules that are left, each under its name.
    fn rules(&self, alive: &BTreeMap<String, &Subject>) -> Vec<Value> {
        let rules = alive.iter().filter(|(name, _)| self.about.contains(*name)).map(|(name, subject)| {
            let mut rule = match self.case.variant {
                Variant::Plain => subject.plain.clone(),
                Variant::Injected => subject.injected.clone(),
            };
            rule["alert"] = name.as_str().into();
            rule
        });
        rules.collect()
    }
}

/// One question for each case, about the rules that go with it and the alert's own, which must pass, too.
fn questions(pairs: impl Iterator<Item = (usize, usize)>, cases: &[Expanded]) -> Vec<Question<'_>> {
    let mut about: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (case, rule) in pairs {
        let names = about.entry(case).or_insert_with(|| BTreeSet::from([OWN.to_owned()]));
        names.insert(rule.to_string());
    }
    about.into_iter().map(|(index, about)| Question { index, case: &cases[index], about }).collect()
}

/// The promtool with the highest version, and that version.
fn newest(programs: &[PathBuf]) -> Result<(PathBuf, String), String> {
    let mut newest = None;
    for program in programs {
        let version = promtool::version(program)?;
        let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
        newest = newest.max(Some((numbers, program, version)));
    }
    let newest = newest.map(|(_, program, version)| (program.clone(), version));
    newest.ok_or_else(|| "there is no promtool".to_owned())
}
