//! The theme: templates and static files, embedded, and replaceable file by file from a folder.
//!
//! A folder with the name of a style or script, such as `static/style.css/`, holds its parts: they become one file.

use std::collections::BTreeMap;
use std::path::Path;

use handlebars::{Context, Handlebars};
use include_dir::{Dir, include_dir};
use serde_json::{Map, Value};
use walkdir::WalkDir;

static EMBEDDED: Dir = include_dir!("$CARGO_MANIFEST_DIR/theme");

/// Templates and static files.
pub struct Theme {
    engine: Handlebars<'static>,
    /// What is copied as it stands, by its path below the root of the site.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Theme {
    /// The embedded theme; files of a folder with the same paths (`templates/…`, `static/…`) replace its own.
    ///
    /// # Errors
    /// A file that cannot be read, or a template that does not parse, named with its line.
    pub fn read(folder: Option<&Path>) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        embedded(&EMBEDDED, &mut files);
        for entry in folder.into_iter().flat_map(|folder| WalkDir::new(folder).sort_by_file_name()) {
            let entry = entry.map_err(|error| format!("the theme cannot be read: {error}"))?;
            let path = entry.path();
            if let (true, Some(folder)) = (entry.file_type().is_file(), folder) {
                let bytes = std::fs::read(path)
                    .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
                let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
                files.insert(name, bytes);
            }
        }
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.set_prevent_indent(true);
        for (path, bytes) in &files {
            let Some(name) = path.strip_prefix("templates/").and_then(|path| path.strip_suffix(".hbs"))
            else {
                continue;
            };
            let name = name.rsplit('/').next().unwrap_or(name);
            let text = std::str::from_utf8(bytes)
                .map_err(|_| format!("`{path}` of the theme is not valid UTF-8"))?;
            engine
                .register_template_string(name, text)
                .map_err(|error| format!("`{path}` of the theme: {error}"))?;
        }
        files.retain(|path, _| path.starts_with("static/"));
        Ok(Self { engine, files: join(files)? })
    }

    /// What a template makes.
    ///
    /// # Errors
    /// A template that names what is not there.
    pub fn render(&self, template: &str, context: Value) -> Result<String, String> {
        self.made(template, &context.into())
    }

    /// A part of a page: what a template makes, without the line break at its end.
    ///
    /// # Errors
    /// A template that names what is not there.
    pub fn part(&self, template: &str, context: Value) -> Result<String, String> {
        self.render(template, context).map(|part| part.trim_end().to_owned())
    }

    /// One page: what a template makes, which the layout knows as `content`, and the layout around it.
    ///
    /// # Errors
    /// A template that names what is not there.
    pub fn page(&self, template: &str, context: Map<String, Value>) -> Result<String, String> {
        let mut context = Context::from(Value::Object(context));
        let inside = self.made(template, &context)?;
        context.data_mut()["content"] = inside.trim_end().into();
        self.made("layout", &context)
    }

    fn made(&self, template: &str, context: &Context) -> Result<String, String> {
        self.engine.render_with_context(template, context).map_err(|error| format!("theme: {error}"))
    }
}

/// Joins the parts of styles and scripts in the order of their names; a whole file wins over its parts.
fn join(files: BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    let mut whole = BTreeMap::new();
    for (path, bytes) in files {
        let end = [".css/", ".js/"].iter().find_map(|end| path.find(end).map(|at| at + end.len() - 1));
        let Some(end) = end else {
            whole.insert(path, bytes);
            continue;
        };
        let text =
            String::from_utf8(bytes).map_err(|_| format!("`{path}` of the theme is not valid UTF-8"))?;
        parts.entry(path[..end].to_owned()).or_default().push_str(&squeezed(&text));
    }
    for (path, text) in parts {
        // The parts of a script see each other, and nobody else sees them.
        let text = if Path::new(&path).extension().is_some_and(|end| end == "js") {
            format!("(function () {{\n'use strict';\n{text}}})();\n")
        } else {
            text
        };
        whole.entry(path).or_insert_with(|| text.into_bytes());
    }
    Ok(whole)
}

/// A part without indentation and lines of comment: a tenth less on the way to a phone.
fn squeezed(text: &str) -> String {
    let comment = |line: &&str| {
        line.starts_with("// ") || line.starts_with("/*") && line.find("*/") == Some(line.len() - 2)
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !comment(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn embedded(folder: &Dir, files: &mut BTreeMap<String, Vec<u8>>) {
    for file in folder.files() {
        files.insert(file.path().to_string_lossy().into_owned(), file.contents().to_vec());
    }
    for folder in folder.dirs() {
        embedded(folder, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_replaces_single_files_and_mistakes_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("templates/partials")).expect("made");
        std::fs::write(folder.path().join("templates/page.hbs"), "own {{title}}").expect("written");
        let theme = Theme::read(Some(folder.path())).expect("a theme");
        assert_eq!(
            theme.render("page", serde_json::json!({ "title": "<a>" })),
            Ok("own &lt;a&gt;".to_owned())
        );
        assert!(theme.render("page", serde_json::json!({})).is_err_and(|error| error.contains("title")));
        assert!(theme.files.contains_key("static/style.css"));
        std::fs::write(folder.path().join("templates/page.hbs"), "{{#if").expect("written");
        let error = Theme::read(Some(folder.path())).err().expect("an error");
        assert!(error.starts_with("`templates/page.hbs` of the theme:"), "{error}");
    }

    #[test]
    fn parts_become_one_file_in_the_order_of_their_names() {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        let joined = join(BTreeMap::from([
            file("static/a.css/20.css", "/* two */\nb {\n  color: red;\n}\n"),
            file("static/a.css/10.css", "a { color: blue; }\n"),
            file("static/b.js/10.js", "// One.\nvar one = 1;\n"),
            file("static/c.css", "whole {}\n"),
            file("static/c.css/10.css", "part {}\n"),
        ]))
        .expect("valid UTF-8");
        let text = |path: &str| String::from_utf8_lossy(&joined[path]).into_owned();
        assert_eq!(text("static/a.css"), "a { color: blue; }\nb {\ncolor: red;\n}\n");
        assert_eq!(text("static/b.js"), "(function () {\n'use strict';\nvar one = 1;\n})();\n");
        assert_eq!(text("static/c.css"), "whole {}\n");
        assert_eq!(joined.len(), 3);
    }
}
