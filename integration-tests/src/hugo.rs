//! The same content as a site for Hugo, with a small theme of ours that does what book themes do on every page.
//!
//! The book theme that the existing site uses cannot be fetched from a package registry. What makes such a theme
//! expensive is here: a menu of all pages on every page, a table of contents, coloured code, an index for the search.

use std::fs;
use std::path::Path;

use anyhow::Result;
use catalogue::Catalogue;

const LAYOUT: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ .Title }} | {{ .Site.Title }}</title>
<meta name="description" content="{{ .Summary | plainify | truncate 160 }}">
<link rel="canonical" href="{{ .Permalink }}">
</head>
<body>
<nav>{{ template "section" (dict "section" .Site.Home "current" .) }}</nav>
<main>
<h1>{{ .Title }}</h1>
{{ .Content }}
{{ with .PrevInSection }}<a href="{{ .RelPermalink }}">{{ .Title }}</a>{{ end }}
{{ with .NextInSection }}<a href="{{ .RelPermalink }}">{{ .Title }}</a>{{ end }}
</main>
<aside>{{ .TableOfContents }}</aside>
</body>
</html>
{{ define "section" }}<ul>{{ $current := .current }}
{{ range .section.Pages.ByWeight }}<li><a href="{{ .RelPermalink }}"{{ if eq . $current }} class="active"{{ end }}>{{ .Title }}</a>
{{ if .IsSection }}{{ template "section" (dict "section" . "current" $current) }}{{ end }}</li>
{{ end }}</ul>{{ end }}
"#;

const INDEX: &str = r#"[{{ range $index, $page := .Site.RegularPages }}{{ if $index }},{{ end }}
{{ dict "title" .Title "href" .RelPermalink "content" .Plain | jsonify }}{{ end }}]
"#;

const CONFIGURATION: &str = "baseURL: https://runbooks.example/\ntitle: Runbooks\nlanguageCode: en\n\
    disableKinds: [taxonomy, term]\noutputs: { home: [html, rss, json] }\n\
    markup: { highlight: { noClasses: false }, goldmark: { renderer: { unsafe: true } } }\n";

/// Writes the site; returns how many pages it has.
pub fn write(catalogue: &Catalogue, to: &Path) -> Result<usize> {
    let put = |path: &str, text: &str| -> Result<()> {
        let path = to.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        Ok(fs::write(path, text)?)
    };
    put("hugo.yaml", CONFIGURATION)?;
    for kind in ["single", "list"] {
        put(&format!("layouts/_default/{kind}.html"), LAYOUT)?;
    }
    put("layouts/index.html", LAYOUT)?;
    put("layouts/index.json", INDEX)?;
    let mut pages = 0;
    for page in &catalogue.pages {
        let name = if page.name == "index" { "_index" } else { &page.name };
        put(&format!("content/{name}.md"), &page.source.text)?;
        pages += 1;
    }
    for (component, alert) in catalogue.alerts() {
        let runbook = alert.runbook.as_ref().map_or("", |source| &source.text);
        let mut text = format!("---\ntitle: {}\n---\n{runbook}\n## Rule\n\n```yaml\n", alert.name);
        text += &alert.source.text;
        text += "```\n";
        for sql in &alert.sql {
            text += &format!("\n### {}\n\n```sql\n{}```\n", sql.file_name(), sql.text);
        }
        put(&format!("content/runbooks/{}/{}.md", component.name, alert.name), &text)?;
        pages += 1;
    }
    Ok(pages)
}
