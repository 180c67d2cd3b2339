//! A live preview of the site from memory: built again when content or theme change, reloaded in the browser.
//!
//! [`watch`] says what changed, [`build`] makes the site again, [`shown`] holds what is shown, [`http`] answers.

mod build;
mod http;
mod shown;
mod watch;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// What a preview needs to know.
#[derive(Debug)]
pub struct Options {
    /// The content folder.
    pub content: PathBuf,
    /// Folder with templates and static files that replace those of the theme.
    pub theme: Option<PathBuf>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether a browser is opened.
    pub open: bool,
    /// Whether the folders are compared now and then instead of being watched.
    pub poll: bool,
}

/// Programs that open an address in the browser of the desktop.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

fn opened(url: &str) -> bool {
    OPENERS.iter().any(|program| {
        let mut command = Command::new(program);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
    })
}

/// Serves until SIGINT or SIGTERM. `say` tells what happens.
///
/// # Errors
/// The address is taken, or the site cannot be made at all.
pub fn run(options: Options, say: fn(&str)) -> Result<(), String> {
    let listener = TcpListener::bind(options.listen).map_err(|error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        let remedy = if taken { ": name another with `--listen`, port 0 takes any" } else { "" };
        format!("cannot listen on {}: {error}{remedy}", options.listen)
    })?;
    let address = listener.local_addr().map_err(|error| format!("cannot listen: {error}"))?;
    let url = format!("http://{address}");
    let shown = Arc::new(shown::Shown::default());
    // Watched before it is read, so that no change falls in between.
    let real = |folder: PathBuf| {
        folder
            .canonicalize()
            .map_err(|error| format!("cannot read the folder `{}`: {error}", folder.display()))
    };
    let (watched, theme) = (real(options.content.clone())?, options.theme.map(real).transpose()?);
    let changes = watch::watch(&watched, theme.as_deref(), options.poll, say)?;
    let mut builder = build::Builder::new(options.content, watched, theme, &url, Arc::clone(&shown), say);
    say(&format!("the site is at {url}/ and follows what you save; Ctrl+C ends it\n"));
    if options.open && !opened(&format!("{url}/")) {
        say("no browser could be opened: open the address yourself\n");
    }
    std::thread::spawn(move || {
        while let Some(changed) = changes.next() {
            builder.again(&changed);
        }
    });
    http::serve(listener, &shown).map_err(|error| format!("the web server failed: {error}"))
}
