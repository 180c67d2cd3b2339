//! A bar on the terminal for what takes longer than a second.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that goes away when it is dropped. Without a terminal, nothing is drawn.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for so many things, such as `testing rules` and `files`.
    pub fn new(doing: &str, things: &str, count: usize) -> Self {
        let style = format!("{doing} [{{bar:30}}] {{pos}}/{{len}} {things}, {{elapsed}}");
        let style = ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(count as u64).with_style(style))
    }

    /// So many are done.
    pub fn done(&self, count: usize) {
        self.0.inc(count as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
