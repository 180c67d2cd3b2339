//! Puts the theme around the drafts.

use std::path::PathBuf;
use std::sync::Arc;

use catalogue::Catalogue;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::draft::{Draft, toc};
use super::memo::Memo;
use super::menu::Menu;
use super::runbook::Runbooks;
use super::theme::Theme;
use super::{Material, Shelf, paths};
use crate::sql;
use crate::tree::Sink;

/// Alerts up to which everything fits on one page.
const PRINTED: usize = 300;

fn printable(catalogue: &Catalogue) -> bool {
    catalogue.alerts().count() <= PRINTED
}

fn site(catalogue: &Catalogue, material: &Material) -> Value {
    json!({
        "title": &*catalogue.site.title,
        "description": &*catalogue.site.description,
        "url": material.url,
        "repository": &*catalogue.site.repository,
        "language": "en",
        "version": material.version,
        "versions": material.shelf.is_some(),
        "search": true,
        "icon": "static/icon.svg",
        "links": {
            "alerts": paths::ALERTS,
            "metrics": paths::METRICS,
            "proof": paths::PROOF,
            "print": printable(catalogue).then_some(paths::PRINT),
            "feed": paths::FEED,
        },
    })
}

/// Old names, short links, and the section of all runbooks: where from, where to, title.
fn redirects(catalogue: &Catalogue) -> Vec<(String, String, String)> {
    let mut redirects =
        vec![("runbooks/index.html".to_owned(), paths::ALERTS.to_owned(), "All alerts".to_owned())];
    for (component, alert) in catalogue.alerts() {
        let to = paths::runbook(component, alert);
        let title = alert.name.to_string();
        redirects.push((format!("a/{}/index.html", alert.name), to.clone(), title.clone()));
        for (alias, _) in &alert.rule.aliases {
            redirects.push((
                format!("runbooks/{}/{alias}/index.html", component.name),
                to.clone(),
                title.clone(),
            ));
            redirects.push((format!("a/{alias}/index.html"), to.clone(), title.clone()));
        }
    }
    redirects.sort();
    redirects.dedup_by(|a, b| a.0 == b.0);
    redirects
}

/// The text of a page: what stands before its first heading, and the rest.
#[derive(Clone, Copy, Default)]
struct Text<'a> {
    intro: &'a str,
    rest: &'a str,
}

/// What is the same on all pages with the same way to the root.
struct Frame {
    header: String,
    footer: String,
}

/// Makes files of drafts.
pub(super) struct Publisher<'a> {
    catalogue: &'a Catalogue,
    theme: &'a Theme,
    runbooks: &'a Runbooks<'a>,
    menu: Menu<'a>,
    site: Value,
    /// By the way to the root.
    frames: Memo<String, Arc<Frame>>,
}

impl<'a> Publisher<'a> {
    pub(super) fn of(
        catalogue: &'a Catalogue,
        theme: &'a Theme,
        runbooks: &'a Runbooks<'a>,
        drafts: &[Draft],
    ) -> Self {
        let menu = Menu::of(catalogue, theme, drafts);
        let site = site(catalogue, runbooks.material);
        Self { catalogue, theme, runbooks, menu, site, frames: Memo::default() }
    }

    /// Makes the pages, or those that are wanted, each with its Markdown beside it. Returns what is needed of them
    /// further.
    pub(super) fn pages(&self, drafts: Vec<Draft>, out: &dyn Sink) -> Result<Vec<Draft>, String> {
        let in_order = drafts.iter().filter(|draft| draft.in_order);
        let order: Vec<_> = in_order.map(|draft| (draft.title.clone(), draft.path.clone())).collect();
        let mut numbers = 0_usize..;
        let places = drafts.iter().map(|draft| draft.in_order.then(|| numbers.next()).flatten());
        let places: Vec<_> = places.collect();
        let is_printed = printable(self.catalogue);
        let pages = drafts.into_par_iter().zip(places).filter(|(draft, _)| self.is_wanted(draft));
        let made = pages.map(|(draft, place)| {
            let mut draft = draft.runbook.map(|number| self.runbooks.draft(number)).unwrap_or(draft);
            let near = |step: isize| order.get(place?.checked_add_signed(step)?);
            let html = self.page(&mut draft, near(-1), near(1))?;
            out.add(PathBuf::from(&draft.path), html.into())?;
            if let Some(twin) = &mut draft.twin {
                let path = draft.path.replace("index.html", "index.md");
                out.add(path.into(), std::mem::take(twin).into())?;
            }
            Ok(draft.made(is_printed))
        });
        made.collect()
    }

    fn is_wanted(&self, draft: &Draft) -> bool {
        let material = self.runbooks.material;
        let folder = draft.file.as_deref().and_then(std::path::Path::parent);
        material.only.is_none() || folder.is_some_and(|folder| material.wants(folder))
    }

    /// Makes what stands beside the pages: SQL files, redirects, everything on one page, and the page for what is not
    /// there.
    pub(super) fn rest(&self, drafts: &[Draft], out: &dyn Sink) -> Result<(), String> {
        let files: Vec<_> = sql::files(self.catalogue).collect();
        files.into_par_iter().try_for_each(|source| {
            let path = self.runbooks.bodies.paths.of_file(&source.path);
            path.map_or(Ok(()), |path| out.add(path.into(), source.text.clone().into()))
        })?;
        if printable(self.catalogue) {
            out.add(paths::PRINT.into(), self.print(drafts)?.into())?;
        }
        out.add("404.html".into(), self.not_found()?.into())?;
        redirects(self.catalogue).into_par_iter().try_for_each(|(from, to, title)| {
            let html = self.redirect(&from, &to, &title)?;
            out.add(from.into(), html.into()).map_err(String::from)
        })
    }

    /// The page, between two others of which title and path are known. What only its template knows is used up.
    fn page(
        &self,
        draft: &mut Draft,
        previous: Option<&(String, String)>,
        next: Option<&(String, String)>,
    ) -> Result<String, String> {
        let near = |near: Option<&(String, String)>| {
            near.map(|(title, path)| json!({ "title": title, "href": path }))
        };
        let more = std::mem::take(&mut draft.more);
        let changed = draft.file.as_ref().and_then(|file| self.runbooks.material.history.get(file)).map(|change| {
            let short = change.commit.get(..7).unwrap_or(&change.commit);
            let repository = self.site["repository"].as_str().unwrap_or_default();
            json!({ "date": change.date, "commit": short, "href": format!("{repository}/commit/{}", change.commit) })
        });
        let mut above: Vec<_> =
            draft.above.iter().map(|(title, href)| json!({ "title": title, "href": href })).collect();
        above.push(json!({ "title": draft.title, "href": null }));
        // What stands before the first heading is what a reader in a hurry needs.
        let (intro, rest) = draft.body.split_at(draft.body.find("<h2").unwrap_or(draft.body.len()));
        let is_current = self.runbooks.material.shelf.is_none_or(|shelf| shelf.latest.is_none());
        let page = json!({
            "kind": draft.kind,
            "title": draft.title,
            "description": draft.description,
            "canonical": self.canonical(&draft.path),
            "latest": self.latest(&draft.path),
            "breadcrumbs": if draft.above.is_empty() { Vec::new() } else { above },
            "previous": near(previous),
            "next": near(next),
            "edit": draft.file.as_ref().filter(|_| is_current).map(|file| self.runbooks.bodies.in_repository("edit", file)),
            "changed": changed,
            "twin": draft.twin.as_ref().map(|_| "index.md"),
            "noindex": false,
        });
        let text = Text { intro, rest };
        self.render(draft, &paths::root(&draft.path), page, text, more)
    }

    /// The address that search engines are to keep: that of the same page in `latest`, where it exists.
    fn canonical(&self, path: &str) -> String {
        match self.runbooks.material.shelf {
            Some(Shelf { url, latest: Some(latest), .. }) if latest.get(path).is_some() => {
                paths::canonical(&format!("{url}/latest"), path)
            }
            _ => paths::canonical(self.runbooks.material.url, path),
        }
    }

    /// Where an old version leads, from its root: to the same page in `latest`, or to its start.
    fn latest(&self, path: &str) -> Option<String> {
        let Shelf { latest, .. } = self.runbooks.material.shelf.filter(|shelf| shelf.is_old)?;
        let path = if latest?.get(path).is_some() { path } else { "index.html" };
        Some(format!("../latest/{path}"))
    }

    fn render(
        &self,
        draft: &Draft,
        root: &str,
        page: Value,
        text: Text,
        more: Map<String, Value>,
    ) -> Result<String, String> {
        // A partial copies all that it is told, so what is large, or the same on many pages, is a text before.
        let has_toc = !draft.toc.is_empty() && draft.kind != "home";
        let toc = has_toc.then(|| self.theme.part("toc-items", json!({ "items": toc(&draft.toc) })));
        let frame = self.frames.get(root.to_owned(), || {
            let context = json!({ "site": self.site, "root": root });
            let header = self.theme.part("header", context.clone())?;
            Ok(Arc::new(Frame { header, footer: self.theme.part("footer", context)? }))
        })?;
        let mut context = more;
        context.insert("menu".to_owned(), self.menu.of_page(draft, root, &self.site)?.into());
        context.insert("header".to_owned(), frame.header.as_str().into());
        context.insert("footer".to_owned(), frame.footer.as_str().into());
        context.insert("toc".to_owned(), toc.transpose()?.into());
        context.insert("intro".to_owned(), text.intro.into());
        context.insert("body".to_owned(), text.rest.into());
        context.insert("page".to_owned(), page);
        context.insert("site".to_owned(), self.site.clone());
        context.insert("root".to_owned(), root.into());
        self.theme.page(draft.template, context)
    }

    /// A page that is made for one purpose and no part of the content.
    fn special(
        &self,
        template: &'static str,
        kind: &'static str,
        title: &str,
        path: &str,
        root: &str,
        more: Map<String, Value>,
    ) -> Result<String, String> {
        let draft = Draft { template, ..Draft::new(path, title, title) };
        let page = json!({
            "kind": kind, "title": title, "description": self.site["description"],
            "canonical": self.canonical(path), "latest": self.latest(path),
            "breadcrumbs": [], "previous": null, "next": null, "edit": null, "changed": null, "twin": null, "noindex": true,
        });
        self.render(&draft, root, page, Text::default(), more)
    }

    /// It is served at any depth, so its links start at the root of the host.
    fn not_found(&self) -> Result<String, String> {
        let after_scheme = self.runbooks.material.url.split_once("://").map_or("", |(_, rest)| rest);
        let path = after_scheme.split_once('/').map_or("", |(_, path)| path.trim_matches('/'));
        let root = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
        self.special("not-found", "not-found", "Not found", "404.html", &root, Map::new())
    }

    fn print(&self, drafts: &[Draft]) -> Result<String, String> {
        let shown =
            drafts.iter().filter(|draft| draft.in_order && !draft.body.is_empty() && draft.twin.is_some());
        let pages: Vec<_> = shown
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|draft| {
                let id = draft.path.trim_end_matches("/index.html").replace(['/', '.'], "-");
                json!({ "title": draft.title, "id": id, "body": printed(&draft.body, &id, &draft.path) })
            })
            .collect();
        let mut more = Map::new();
        more.insert("pages".to_owned(), pages.into());
        self.special(
            "print",
            "print",
            "Everything on one page",
            paths::PRINT,
            &paths::root(paths::PRINT),
            more,
        )
    }

    fn redirect(&self, from: &str, to: &str, title: &str) -> Result<String, String> {
        let target = json!({ "title": title, "href": to, "canonical": self.canonical(to) });
        let context = json!({ "site": self.site, "root": paths::root(from), "target": target });
        self.theme.render("redirect", context)
    }
}

/// A body among others: anchors get a prefix, links the way from the new place, headings go down by one.
fn printed(body: &str, id: &str, from: &str) -> String {
    let mut out = String::with_capacity(body.len() + body.len() / 8);
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        out.push_str(text);
        let end = tag.find('>').map_or(tag.len(), |end| end + 1);
        let (tag, after) = tag.split_at(end);
        let mut tag = lowered(tag).unwrap_or_else(|| tag.to_owned());
        for attribute in ["id=\"", "aria-labelledby=\"", "href=\"#"] {
            // Icons are one for all pages.
            if tag.contains(attribute) && !tag.starts_with("<use") {
                tag = tag.replace(&format!(" {attribute}"), &format!(" {attribute}{id}-"));
            }
        }
        // The names of a picture: its title and its description.
        if let Some(at) = tag.find(" aria-labelledby=\"") {
            let (before, names) = tag.split_at(at + 18);
            let (names, after) = names.split_at(names.find('"').unwrap_or(names.len()));
            tag = format!("{before}{}{after}", names.replace(' ', &format!(" {id}-")));
        }
        if let Some(at) = tag.find("href=\"").filter(|_| tag.starts_with("<a ")) {
            let link = &tag[at + 6..];
            if !link.starts_with('#') && !link.contains("://") && !link.starts_with("mailto:") {
                let mut folder: Vec<&str> = from.split('/').collect();
                folder.pop();
                let mut link = link;
                while let Some(rest) = link.strip_prefix("../") {
                    folder.pop();
                    link = rest;
                }
                let folder: String = folder.iter().map(|part| format!("{part}/")).collect();
                tag = format!("{}href=\"../{folder}{link}", &tag[..at]);
            }
        }
        out.push_str(&tag);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The tag of a heading, one level down.
fn lowered(tag: &str) -> Option<String> {
    let start = ["<h", "</h"].into_iter().find(|start| tag.starts_with(start))?;
    let level = tag[start.len()..].chars().next()?.to_digit(10).filter(|level| (2..=5).contains(level))?;
    Some(format!("{start}{}{}", level + 1, &tag[start.len() + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_body_keeps_its_links() {
        let body = "<h2 id=\"a\">A</h2><a href=\"#a\">x</a><a href=\"../b/index.html#c\">y</a><a href=\"x.sql\">z</a><use href=\"#i-w\"/><svg aria-labelledby=\"t d\">";
        assert_eq!(
            printed(body, "p-q", "p/q/index.html"),
            "<h3 id=\"p-q-a\">A</h3><a href=\"#p-q-a\">x</a><a href=\"../p/b/index.html#c\">y</a><a href=\"../p/q/x.sql\">z</a><use href=\"#i-w\"/><svg aria-labelledby=\"p-q-t p-q-d\">"
        );
    }
}
