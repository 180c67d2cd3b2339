//! A real browser: Debian's Chromium without a window, spoken to over a pipe in the `DevTools` protocol.
//!
//! The pipe is the child's file descriptors 3 and 4. When this process ends, however it ends, the pipe closes and the
//! browser with it; the shell that started it then removes its profile.

mod keys;
mod pages;
mod tab;

pub use pages::Pages;
pub use tab::{Complaint, Look, Tab};

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::patience;

/// Tabs that are open at a time.
const TABS: usize = 2;

/// Starts the browser on the pipe, and cleans up after it.
const START: &str =
    r#"profile=$1; shift; "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null; rm -rf "$profile""#;

/// A running browser; all tests of a process share one.
pub struct Browser {
    process: Mutex<Child>,
    input: Mutex<ChildStdin>,
    next: AtomicU64,
    /// Who waits for the answer to a call.
    waiting: Mutex<HashMap<u64, mpsc::Sender<Value>>>,
    /// Where the events of a tab go.
    tabs: Mutex<HashMap<String, Arc<Inbox>>>,
    free: Mutex<usize>,
    freed: Condvar,
}

/// The events of a tab, in order.
#[derive(Default)]
struct Inbox {
    events: Mutex<Vec<Value>>,
    arrived: Condvar,
}

/// A lock; a test that panicked with it leaves the data whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Browser {
    /// Starts one.
    pub fn start() -> Result<Arc<Self>> {
        let profile = std::env::temp_dir().join(format!("dmf-browser-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", START, "sh"]).arg(&profile).arg("chromium");
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.args([
            "--headless",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
        ]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().context("the browser has an input")?;
        let output = process.stdout.take().context("the browser has an output")?;
        let browser = Arc::new(Self {
            process: Mutex::new(process),
            input: Mutex::new(input),
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
            tabs: Mutex::default(),
            free: Mutex::new(TABS),
            freed: Condvar::new(),
        });
        let reader = Arc::clone(&browser);
        std::thread::spawn(move || reader.read(output));
        browser
            .call(None, "Browser.getVersion", &json!({}))
            .context("chromium does not start: `just setup` installs it on Debian")?;
        Ok(browser)
    }

    /// A new tab with a profile of its own, as soon as fewer than two are open.
    pub fn tab(self: &Arc<Self>) -> Result<Tab> {
        let mut free = lock(&self.free);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        Tab::open(self).inspect_err(|_| self.release())
    }

    fn release(&self) {
        *lock(&self.free) += 1;
        self.freed.notify_one();
    }

    /// Takes what the browser says to where it is waited for.
    fn read(&self, output: impl Read) {
        let mut output = BufReader::new(output);
        let mut message = Vec::new();
        while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
            message.pop();
            let said: Value = serde_json::from_slice(&message).unwrap_or_default();
            message.clear();
            if let Some(id) = said["id"].as_u64() {
                if let Some(sender) = lock(&self.waiting).remove(&id) {
                    let _ = sender.send(said);
                }
            } else if let Some(inbox) =
                said["sessionId"].as_str().and_then(|tab| lock(&self.tabs).get(tab).cloned())
            {
                lock(&inbox.events).push(said);
                inbox.arrived.notify_all();
            }
        }
        // Whoever still waits learns that nobody answers.
        lock(&self.waiting).clear();
    }

    /// Calls a method of the protocol, in a tab or in the browser itself.
    fn call(&self, session: Option<&str>, method: &str, parameters: &Value) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = mpsc::channel();
        lock(&self.waiting).insert(id, sender);
        let mut call = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        let sent = lock(&self.input).write_all(format!("{call}\0").as_bytes());
        sent.with_context(|| format!("{method}: the browser has ended"))?;
        let mut answer =
            answer.recv_timeout(patience()).map_err(|error| anyhow!("{method}: no answer: {error}"))?;
        if answer["error"].is_object() {
            bail!("{method}: {}", answer["error"]["message"]);
        }
        Ok(answer["result"].take())
    }

    /// The tab's inbox from now on.
    fn listen(&self, session: &str) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        lock(&self.tabs).insert(session.to_owned(), Arc::clone(&inbox));
        inbox
    }

    fn forget(&self, session: &str) {
        lock(&self.tabs).remove(session);
        self.release();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call(None, "Browser.close", &json!({}));
        let _ = lock(&self.process).wait();
    }
}
