//! Contents of any size for benchmarks: the real one, and copies of its alerts under other names.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

/// Copies the real content and adds copies of its PostgreSQL alerts until there are so many alerts.
pub fn content(real: &Path, alerts: usize, to: &Path) -> Result<()> {
    let mut there = 0;
    for entry in WalkDir::new(real) {
        let entry = entry?;
        let path = to.join(entry.path().strip_prefix(real)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(path)?;
        } else {
            fs::copy(entry.path(), path)?;
            there += usize::from(entry.file_name() == "alert.yaml");
        }
    }
    let mut templates = Vec::new();
    for entry in fs::read_dir(real.join("postgresql/alerts"))? {
        templates.push(entry?.path());
    }
    templates.sort();
    for (number, template) in (0..alerts.saturating_sub(there)).zip(templates.iter().cycle()) {
        copy(template, &to.join("postgresql/alerts").join(format!("PostgreSQLCopy{number}")))?;
    }
    Ok(())
}

/// Copies the folder of an alert.
fn copy(template: &Path, to: &Path) -> Result<()> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (old, new) = (name(template), name(to));
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(template)? {
        let path = entry?.path();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let text = text.replace(&old, &new);
        let text = if path.ends_with("alert.yaml") { rule(&text, &new) } else { text };
        fs::write(to.join(name(&path)), text)?;
    }
    Ok(())
}

/// A rule that differs from its template, and has no other name that would be there twice.
fn rule(text: &str, name: &str) -> String {
    let unwanted = |line: &&str| !line.starts_with("aliases:") && !line.starts_with("  alert/name:");
    let text: String = text.lines().filter(unwanted).map(|line| format!("{line}\n")).collect();
    let text = text.replace("\nexpr: |\n", &format!("\nexpr: |\n  # {name}\n"));
    let mut blocks: Vec<_> = text.split("\nallow:\n").map(str::to_owned).collect();
    if let Some(allowed) = blocks.pop_if(|last| !last.starts_with("  ")) {
        return if blocks.is_empty() { allowed } else { blocks.concat() + "\n" + &allowed };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_another_alert_that_needs_no_excuse_for_its_name() {
        let text = "title: T\naliases: [Old]\nexpr: |\n  up == 0\nallow:\n  alert/name: long\nsummary: S\n";
        assert_eq!(rule(text, "C1"), "title: T\nexpr: |\n  # C1\n  up == 0\nsummary: S\n");
        let kept = "expr: |\n  up == 0\nallow:\n  promql/nan: why\n";
        assert_eq!(rule(kept, "C1"), kept);
    }
}
