//! The menu of a page: only what must be shown there, so that it does not grow with the site.

use std::collections::HashMap;

use catalogue::{Alert, Catalogue, Component};
use serde_json::{Value, json};

use super::draft::Draft;
use super::{breakable, home, pages, paths};
use crate::markdown::html::escape;

/// Neighbours of the current alert that a large group shows on each side.
const AROUND: usize = 15;

struct Item {
    title: String,
    html: String,
    href: Option<String>,
    severity: Option<&'static str>,
    open: bool,
    children: Vec<Item>,
}

impl Item {
    fn new(title: &str, href: Option<String>) -> Self {
        let title = title.to_owned();
        Self { html: escape(&title), title, href, severity: None, open: false, children: Vec::new() }
    }

    fn json(self, current: &str) -> Value {
        let is_current = self.href.as_deref() == Some(current);
        let open = self.open || !self.children.is_empty();
        let children: Vec<_> = self.children.into_iter().map(|child| child.json(current)).collect();
        json!({
            "title": self.title, "title_html": self.html, "href": self.href, "current": is_current,
            "open": open, "severity": self.severity, "children": children,
        })
    }
}

/// What is the same on every page.
pub(super) struct Menu<'a> {
    catalogue: &'a Catalogue,
    /// Component, group and their alerts.
    groups: HashMap<&'a str, Vec<home::Group<'a>>>,
    reference: Vec<(String, String)>,
}

impl<'a> Menu<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, drafts: &[Draft]) -> Self {
        let reference = drafts.iter().filter(|draft| draft.path.starts_with("reference/") && draft.in_order);
        Self {
            catalogue,
            groups: catalogue
                .components
                .iter()
                .map(|component| (&*component.name, home::groups(component)))
                .collect(),
            reference: reference.map(|draft| (draft.title.clone(), draft.path.clone())).collect(),
        }
    }

    /// The menu of a page.
    pub(super) fn of_page(&self, draft: &Draft) -> Value {
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
        items.into_iter().map(|item| item.json(&draft.path)).collect()
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
