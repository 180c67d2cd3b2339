//! promtool: judges rule files and pages of metrics.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::helm::programs;

/// One version of promtool.
#[derive(Debug, Clone)]
pub struct Promtool(PathBuf);

impl Promtool {
    /// All installed versions.
    pub fn all() -> Result<Vec<Self>> {
        Ok(programs("PROMTOOL", "promtool")?.into_iter().map(Self).collect())
    }

    /// Checks a rule file with every lint; the error is what promtool says.
    pub fn check_rules(&self, text: &str) -> Result<()> {
        let mut command = Command::new(&self.0);
        command.args(["check", "rules", "--lint=all", "--lint-fatal", "/dev/stdin"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.0.display()))?;
        child.stdin.take().context("promtool has a standard input")?.write_all(text.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// What promtool complains about on a page of metrics, line by line; an error when it cannot read the page.
    pub fn check_metrics(&self, page: &str) -> Result<Vec<String>> {
        let mut command = Command::new(&self.0);
        command
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.0.display()))?;
        child.stdin.take().context("promtool has a standard input")?.write_all(page.as_bytes())?;
        let output = child.wait_with_output()?;
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        // 3 says that the page can be read, but names could be better.
        if !matches!(output.status.code(), Some(0 | 3)) {
            bail!("{complaints}");
        }
        Ok(complaints.lines().map(str::to_owned).collect())
    }
}
