//! Says which files changed: from the system, or by looking now and then where the system cannot say it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{Config, ErrorKind, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

/// Editors save in several steps; after this time without another one they are done.
const QUIET: Duration = Duration::from_millis(8);

/// Changes that never pause are taken as they are after this time.
const LONGEST: Duration = Duration::from_millis(200);

/// How often folders that cannot be watched are looked at.
const PAUSE: Duration = Duration::from_millis(500);

/// Changes as they come.
pub(super) struct Changes {
    events: Receiver<notify::Result<Event>>,
    /// Watches as long as it lives.
    _watcher: Box<dyn Watcher + Send>,
}

/// Watches folders with all that is in them.
pub(super) fn watch(
    content: &Path,
    theme: Option<&Path>,
    poll: bool,
    say: fn(&str),
) -> Result<Changes, String> {
    let folders: Vec<&Path> = std::iter::once(content).chain(theme).collect();
    if !poll {
        match by_system(&folders) {
            Ok(changes) => return Ok(changes),
            Err(error) => say(&sentence(&error)),
        }
    }
    let (send, events) = channel();
    // Contents too: a save within one tick of the clock changes no time.
    let config = Config::default().with_poll_interval(PAUSE).with_compare_contents(true);
    let failed = |error: notify::Error| format!("cannot watch `{}`: {error}", content.display());
    let mut watcher = PollWatcher::new(send, config).map_err(failed)?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
    }
    Ok(Changes { events, _watcher: Box::new(watcher) })
}

fn by_system(folders: &[&Path]) -> notify::Result<Changes> {
    let (send, events) = channel();
    let mut watcher = RecommendedWatcher::new(send, Config::default())?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::Recursive)?;
    }
    Ok(Changes { events, _watcher: Box::new(watcher) })
}

/// Why the system does not watch, and what that means.
fn sentence(error: &notify::Error) -> String {
    let full = matches!(&error.kind, ErrorKind::MaxFilesWatch);
    let remedy = if full { "; raise fs.inotify.max_user_watches to get changes at once" } else { "" };
    format!("the system cannot watch the folders ({error}), so they are looked at twice a second{remedy}\n")
}

impl Changes {
    /// Waits for changes, and until they pause. `None` when nothing is watched any more.
    pub(super) fn next(&self) -> Option<BTreeSet<PathBuf>> {
        let mut changed = BTreeSet::new();
        while changed.is_empty() {
            add(&mut changed, self.events.recv().ok()?);
        }
        let start = Instant::now();
        while start.elapsed() < LONGEST {
            match self.events.recv_timeout(QUIET) {
                Ok(event) => add(&mut changed, event),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        Some(changed)
    }

    /// Whether something changed meanwhile.
    #[cfg(test)]
    fn is_quiet(&self) -> bool {
        self.events.try_recv().is_err()
    }
}

/// The files of an event. One that was read did not change; one that is lost may have been any.
fn add(changed: &mut BTreeSet<PathBuf>, event: notify::Result<Event>) {
    match event {
        Ok(Event { kind: EventKind::Access(_), .. }) => {}
        Ok(event) if event.paths.is_empty() => {
            changed.insert(PathBuf::new());
        }
        Ok(event) => changed.extend(event.paths),
        Err(_) => {
            changed.insert(PathBuf::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn silent(_: &str) {}

    #[test]
    fn a_file_that_is_saved_by_renaming_and_one_in_a_new_folder_are_seen() {
        for poll in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let root = folder.path();
            let changes = watch(root, None, poll, silent).expect("watched");
            assert!(changes.is_quiet());
            fs::create_dir(root.join("new")).expect("made");
            let mut seen = changes.next().expect("a change");
            fs::write(root.join("new/.a.swp"), "1").expect("written");
            fs::rename(root.join("new/.a.swp"), root.join("new/a.md")).expect("renamed");
            while !seen.contains(&root.join("new/a.md")) {
                seen.extend(changes.next().expect("a change"));
            }
            fs::remove_file(root.join("new/a.md")).expect("removed");
            assert!(changes.next().expect("a change").contains(&root.join("new/a.md")));
        }
    }
}
