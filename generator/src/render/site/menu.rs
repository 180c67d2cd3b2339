//! The menu of a page: only what must be shown there, so that it does not grow with the site.

use std::collections::HashMap;
use std::sync::Arc;

use catalogue::{Alert, Catalogue, Component};
use serde_json::{Value, json};

use super::draft::Draft;
use super::memo::Memo;
use super::theme::Theme;
use super::{breakable, home, pages, paths};
use crate::markdown::html::escape;

/// Neighbours of the current alert that a large group shows on each side.
const AROUND: usize = 15;

struct Item {
    title: String,
    html: String,
    href: Option<String>,
    severity: Option<&'static str>,
    children: Vec<Item>,
}

impl Item {
    fn new(title: &str, href: Option<String>) -> Self {
        let title = title.to_owned();
        Self { html: escape(&title), title, href, severity: None, children: Vec::new() }
    }
}

/// What is the same on every page.
pub(super) struct Menu<'a> {
    catalogue: &'a Catalogue,
    theme: &'a Theme,
    /// Items without children as they stand on pages other than their own, by the root of those pages and the path.
    leaves: Memo<(String, String), Arc<str>>,
    /// Component, group and their alerts.
    groups: HashMap<&'a str, Vec<home::Group<'a>>>,
    reference: Vec<(String, String)>,
}

impl<'a> Menu<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, theme: &'a Theme, drafts: &[Draft]) -> Self {
        let reference = drafts.iter().filter(|draft| draft.path.starts_with("reference/") && draft.in_order);
        Self {
            catalogue,
            theme,
            leaves: Memo::default(),
            groups: catalogue
                .components
                .iter()
                .map(|component| (&*component.name, home::groups(component)))
                .collect(),
            reference: reference.map(|draft| (draft.title.clone(), draft.path.clone())).collect(),
        }
    }

    /// The menu of a page, whose links start at this root.
    pub(super) fn of_page(&self, draft: &Draft, root: &str, site: &Value) -> Result<String, String> {
        let mut items = Vec::new();
        for page in pages::in_order(self.catalogue) {
            let item = Item::new(&page.title, Some(paths::page(page)));
            match pages::section(page) {
                Some(section) => {
                    let title = pages::title_of(section);
                    match items.iter_mut().find(|item: &&mut Item| item.title == title) {
                        Some(parent) => parent.children.push(item),
                        None => items.push(Item { children: vec![item], ..Item::new(&title, None) }),
                    }
                }
                None => items.push(item),
            }
        }
        let mut runbooks = Item::new("Runbooks", Some(paths::ALERTS.to_owned()));
        runbooks.children =
            self.catalogue.components.iter().map(|component| self.component(component, draft)).collect();
        let mut reference = Item::new("Reference", None);
        reference.children =
            self.reference.iter().map(|(title, path)| Item::new(title, Some(path.clone()))).collect();
        // What a page at night leads to comes first, right after the start page.
        items.insert(items.len().min(1), runbooks);
        items.push(reference);
        let items = self.list(items, root, &draft.path)?;
        let menu = self.theme.render("menu", json!({ "site": site, "root": root, "items": items }))?;
        Ok(menu.trim_end().to_owned())
    }

    fn list(&self, items: Vec<Item>, root: &str, current: &str) -> Result<String, String> {
        let mut html = String::new();
        for item in items {
            html.push_str(&self.item(item, root, current)?);
        }
        html.truncate(html.trim_end().len());
        Ok(html)
    }

    fn item(&self, item: Item, root: &str, current: &str) -> Result<Arc<str>, String> {
        let is_current = item.href.as_deref() == Some(current);
        match &item.href {
            Some(href) if item.children.is_empty() && !is_current => {
                let key = (root.to_owned(), href.clone());
                self.leaves.get(key, || self.made(item, root, current))
            }
            _ => self.made(item, root, current),
        }
    }

    fn made(&self, item: Item, root: &str, current: &str) -> Result<Arc<str>, String> {
        let context = json!({
            "title_html": item.html, "root": root, "current": item.href.as_deref() == Some(current),
            "href": item.href, "open": !item.children.is_empty(), "severity": item.severity,
            "children": self.list(item.children, root, current)?,
        });
        Ok(self.theme.render("menu-item", context)?.into())
    }

    fn component(&self, component: &'a Component, draft: &Draft) -> Item {
        let mut item = Item::new(&component.about.title, Some(paths::component(component)));
        let Some((_, inside)) = draft.place.as_ref().filter(|(name, _)| **name == *component.name) else {
            return item;
        };
        for (name, title, alerts) in self.groups.get(&*component.name).into_iter().flatten() {
            let mut group = Item::new(title, Some(paths::group(component, name)));
            if inside.as_deref() == Some(*name) {
                let at = alerts.iter().position(|alert| *alert.name == *draft.title).unwrap_or(0);
                let shown = at.saturating_sub(AROUND)..(at + AROUND + 1).min(alerts.len());
                group.children = alerts[shown].iter().map(|alert| leaf(component, alert)).collect();
            }
            item.children.push(group);
        }
        item
    }
}

fn leaf(component: &Component, alert: &Alert) -> Item {
    Item {
        html: breakable(&alert.name),
        severity: Some(alert.rule.severity.name()),
        ..Item::new(&alert.name, Some(paths::runbook(component, alert)))
    }
}
