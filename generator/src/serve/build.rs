//! Makes the site again when something changed: first the pages that were edited, then, behind them, all the rest.
//!
//! Who saves a runbook sees it at once, because only its page is made. Checks and all other pages follow in a second
//! thread, which gives up as soon as the next change makes its work worthless.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use catalogue::load::Loader;
use catalogue::{Catalogue, Problem};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::shown::Shown;
use crate::edition::{self, Edition};
use crate::render::chart::Release;
use crate::render::site::Material;
use crate::render::site::theme::Theme;
use crate::report::{self, Format};
use crate::tree::Tree;
use crate::{check, history, render};

/// What has been read and is to be shown completely.
struct Job {
    number: u64,
    start: Instant,
    catalogue: Option<Arc<Catalogue>>,
    problems: Vec<Problem>,
    theme: Arc<Theme>,
}

/// What both threads know.
struct Common {
    shown: Arc<Shown>,
    say: fn(&str),
    url: &'static str,
    /// The number of the newest change.
    newest: AtomicU64,
    /// What pages need besides the catalogue, as it was for the last complete site.
    material: Mutex<Option<Material<'static>>>,
    /// What the terminal says now.
    said: Mutex<String>,
    /// Threads that step back, and so do those that they start: a page that somebody waits for does not stand in line
    /// behind the whole site.
    workers: Option<ThreadPool>,
}

/// Makes the site again.
pub(super) struct Builder {
    common: Arc<Common>,
    content: PathBuf,
    /// The same folder as events name it.
    watched: PathBuf,
    theme_folder: Option<PathBuf>,
    theme: Option<Arc<Theme>>,
    loader: Loader,
    jobs: Sender<Job>,
}

impl Builder {
    /// Makes the site for the first time.
    pub(super) fn new(
        content: PathBuf,
        watched: PathBuf,
        theme_folder: Option<PathBuf>,
        url: &str,
        shown: Arc<Shown>,
        say: fn(&str),
    ) -> Self {
        let common = Arc::new(Common {
            shown,
            say,
            // There is one preview in a process, and it lasts as long.
            url: url.to_owned().leak(),
            newest: AtomicU64::new(0),
            material: Mutex::new(None),
            said: Mutex::default(),
            workers: ThreadPoolBuilder::new().start_handler(|_| step_back()).build().ok(),
        });
        let (jobs, todo) = channel();
        let mut builder =
            Self { common, content, watched, theme_folder, theme: None, loader: Loader::default(), jobs };
        if let Some(job) = builder.read(Instant::now(), &BTreeSet::new()) {
            builder.common.behind(job);
        }
        let common = Arc::clone(&builder.common);
        std::thread::spawn(move || common.work(&todo));
        builder
    }

    /// Makes it again after some files changed.
    pub(super) fn again(&mut self, changed: &BTreeSet<PathBuf>) {
        let start = Instant::now();
        if let Some(job) = self.read(start, changed) {
            self.hurry(&job, changed);
            // The other thread ends only with the program.
            let _ = self.jobs.send(job);
        }
    }

    /// Reads what changed. Nothing when there is no theme to show it with.
    fn read(&mut self, start: Instant, changed: &BTreeSet<PathBuf>) -> Option<Job> {
        let number = self.common.newest.fetch_add(1, Ordering::SeqCst) + 1;
        // Also when there is no theme: what changed is told once.
        let inside = |path: &PathBuf| Some(self.content.join(path.strip_prefix(&self.watched).ok()?));
        let loaded = if changed.iter().any(|path| path.as_os_str().is_empty()) {
            self.loader.load(&self.content)
        } else {
            self.loader.again(&self.content, changed.iter().filter_map(inside).collect())
        };
        let theme = match &self.theme {
            Some(theme) if !self.touches_theme(changed) => Arc::clone(theme),
            _ => match Theme::read(self.theme_folder.as_deref()) {
                Ok(theme) => Arc::new(theme),
                Err(message) => {
                    self.theme = None;
                    self.common.fail(&message);
                    return None;
                }
            },
        };
        self.theme = Some(Arc::clone(&theme));
        let (catalogue, problems) = (loaded.catalogue.map(Arc::new), loaded.problems.into_sorted());
        Some(Job { number, start, catalogue, problems, theme })
    }

    fn touches_theme(&self, changed: &BTreeSet<PathBuf>) -> bool {
        let Some(folder) = &self.theme_folder else { return false };
        changed.iter().any(|path| path.as_os_str().is_empty() || path.starts_with(folder))
    }

    /// Shows the edited pages before all else, when nothing but runbooks and pages was edited.
    fn hurry(&self, job: &Job, changed: &BTreeSet<PathBuf>) {
        let Some(catalogue) = job.catalogue.as_ref().filter(|_| job.problems.is_empty()) else { return };
        let folders = changed.iter().map(|path| self.folder_with_a_page(path)).collect::<Option<_>>();
        let Some(folders) = folders else { return };
        let mut material = self.common.material.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(material) = material.as_mut() else { return };
        material.only = Some(folders);
        // A mistake of the theme is reported with the whole site.
        if let Ok(pages) = Tree::of(|out| render::site::render(catalogue, &job.theme, material, out))
            && pages.files().next().is_some()
        {
            self.common.shown.pages(pages);
            (self.common.say)(&format!("shown after {} ms\n", job.start.elapsed().as_millis()));
        }
    }

    /// The folder of the runbook or page that a file belongs to, as the catalogue names it.
    fn folder_with_a_page(&self, path: &Path) -> Option<PathBuf> {
        let inside = path.strip_prefix(&self.watched).ok()?;
        let parts: Vec<_> = inside.iter().filter_map(|part| part.to_str()).collect();
        match parts[..] {
            ["pages", ..] | [_, "alerts", _, _] => Some(self.content.join(inside).parent()?.to_owned()),
            _ => None,
        }
    }
}

/// Lets other threads have the processor before this one. Where that is not allowed, all are alike.
fn step_back() {
    let _ = rustix::process::setpriority_process(None, 10);
}

impl Common {
    /// Completes one job after the other, and of those that wait only the newest.
    fn work(&self, todo: &Receiver<Job>) {
        while let Ok(mut job) = todo.recv() {
            job = todo.try_iter().last().unwrap_or(job);
            self.behind(job);
        }
    }

    /// Completes a job behind all that is more urgent.
    fn behind(&self, job: Job) {
        match &self.workers {
            Some(workers) => workers.install(|| self.complete(job)),
            None => self.complete(job),
        }
    }

    fn is_newest(&self, job: &Job) -> bool {
        self.newest.load(Ordering::SeqCst) == job.number
    }

    /// Shows the whole site and all that is wrong. A content that cannot be read leaves the last good site.
    fn complete(&self, mut job: Job) {
        let Some(catalogue) = job.catalogue.clone() else { return self.report(&job) };
        if job.problems.is_empty() {
            if let Err(message) = self.whole(&job, &catalogue) {
                // What is wrong with the content says more, if anything is.
                job.problems = check::run(&catalogue).into_sorted();
                return if job.problems.is_empty() { self.fail(&message) } else { self.report(&job) };
            }
        } else {
            self.report(&job);
        }
        if self.is_newest(&job) {
            let mut problems = catalogue::Problems::default();
            problems.extend(std::mem::take(&mut job.problems));
            problems.extend(check::run(&catalogue));
            job.problems = problems.into_sorted();
            self.report(&job);
        }
    }

    fn whole(&self, job: &Job, catalogue: &Catalogue) -> Result<(), String> {
        let release = Release::default();
        let charts = render::chart::render(catalogue, release);
        let edition = Edition {
            release,
            version: None,
            url: self.url,
            revision: "main",
            history: history::read(&catalogue.root),
            shelf: None,
        };
        let material = edition.material(catalogue, &charts)?;
        let site = Tree::of(|out| edition::files(catalogue, &job.theme, &material, out))?;
        *self.material.lock().unwrap_or_else(PoisonError::into_inner) = Some(material);
        self.shown.site(site, || self.is_newest(job));
        Ok(())
    }

    /// Says what is wrong, in the page and on the terminal, when it is not what was said before.
    fn report(&self, job: &Job) {
        if !self.is_newest(job) {
            return;
        }
        self.shown.problems(&job.problems);
        let text = if job.problems.is_empty() {
            format!("no problems, complete after {} ms\n", job.start.elapsed().as_millis())
        } else {
            let summary = report::summary(&job.problems);
            format!("{}{summary}\n", report::problems(&job.problems, Format::Text))
        };
        self.tell(&text, job.problems.is_empty());
    }

    /// Says why there is no new site.
    fn fail(&self, message: &str) {
        self.shown.failure(message);
        self.tell(&format!("error: {message}\n"), false);
    }

    fn tell(&self, text: &str, always: bool) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if always || *said != text {
            (self.say)(text);
            text.clone_into(&mut said);
        }
    }
}
