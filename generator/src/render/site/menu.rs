//! The menu of a page: only what must be shown there, so that it does not grow with the site.
//!
//! There is one tree of everything. A page shows of it what is open there, and items that many pages show are made once.

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

struct Item<'a> {
    /// What tells it from all others.
    number: usize,
    html: String,
    href: Option<String>,
    severity: Option<&'static str>,
    children: Vec<Item<'a>>,
    open: Open<'a>,
}

/// On which pages the children of an item are shown.
enum Open<'a> {
    Always,
    /// On those of a component.
    Component(&'a str),
    /// On those of a group of a component; of many children those around the current one.
    Group(&'a str, &'a str),
}

/// Makes items.
#[derive(Default)]
struct Items<'a> {
    /// How many there are.
    count: usize,
    /// The place of each alert in its group, by component and name.
    places: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Items<'a> {
    fn item(&mut self, html: String, href: Option<String>) -> Item<'a> {
        self.count += 1;
        Item { number: self.count, html, href, severity: None, children: Vec::new(), open: Open::Always }
    }

    fn runbooks(&mut self, component: &'a Component) -> Item<'a> {
        let groups = home::groups(component).into_iter().map(|(name, title, alerts)| {
            self.places.extend(alerts.iter().map(|alert| (&*component.name, &*alert.name)).zip(0..));
            let children = alerts.into_iter().map(|alert| self.runbook(component, alert)).collect();
            let group = self.item(escape(title), Some(paths::group(component, name)));
            Item { children, open: Open::Group(&component.name, name), ..group }
        });
        let children = groups.collect();
        let item = self.item(escape(&component.about.title), Some(paths::component(component)));
        Item { children, open: Open::Component(&component.name), ..item }
    }

    fn runbook(&mut self, component: &Component, alert: &Alert) -> Item<'a> {
        let severity = Some(alert.rule.severity.name());
        Item { severity, ..self.item(breakable(&alert.name), Some(paths::runbook(component, alert))) }
    }
}

/// The menu of all pages.
pub(super) struct Menu<'a> {
    theme: &'a Theme,
    items: Vec<Item<'a>>,
    /// The place of each alert in its group, by component and name.
    places: HashMap<(&'a str, &'a str), usize>,
    /// Items as they stand where they are neither current nor open, by the root of the page.
    closed: Memo<String, Arc<Closed>>,
}

/// By number.
type Closed = Memo<usize, Arc<str>>;

impl<'a> Menu<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, theme: &'a Theme, drafts: &[Draft]) -> Self {
        let mut make = Items::default();
        let mut items: Vec<Item> = Vec::new();
        for page in pages::in_order(catalogue) {
            let item = make.item(escape(&page.title), Some(paths::page(page)));
            let Some(section) = pages::section(page) else {
                items.push(item);
                continue;
            };
            let title = escape(&pages::title_of(section));
            match items.iter_mut().find(|item| item.html == title) {
                Some(parent) => parent.children.push(item),
                None => items.push(Item { children: vec![item], ..make.item(title, None) }),
            }
        }
        let children = catalogue.components.iter().map(|component| make.runbooks(component)).collect();
        let runbooks = make.item("Runbooks".to_owned(), Some(paths::ALERTS.to_owned()));
        // What a page at night leads to comes first, right after the start page.
        items.insert(items.len().min(1), Item { children, ..runbooks });
        let reference = drafts.iter().filter(|draft| draft.path.starts_with("reference/") && draft.in_order);
        let children = reference.map(|draft| make.item(escape(&draft.title), Some(draft.path.clone())));
        let children = children.collect();
        items.push(Item { children, ..make.item("Reference".to_owned(), None) });
        Self { theme, items, places: make.places, closed: Memo::default() }
    }

    /// The menu of a page, whose links start at this root.
    pub(super) fn of_page(&self, draft: &Draft, root: &str, site: &Value) -> Result<String, String> {
        let closed = self.closed.get(root.to_owned(), || Ok(Arc::default()))?;
        let items = self.list(&self.items, draft, root, &closed)?;
        let context = json!({ "site": site, "root": root, "items": items });
        self.theme.part("menu", context)
    }

    fn list(&self, items: &[Item], draft: &Draft, root: &str, closed: &Closed) -> Result<String, String> {
        let mut html = String::new();
        for item in items {
            let children = self.shown(item, draft);
            let is_current = item.href.as_ref() == Some(&draft.path);
            if is_current || !children.is_empty() {
                let children = self.list(children, draft, root, closed)?;
                html.push_str(&self.made(item, is_current, &children, root)?);
            } else {
                let make = || Ok(self.made(item, false, "", root)?.into());
                html.push_str(&closed.get(item.number, make)?);
            }
        }
        html.truncate(html.trim_end().len());
        Ok(html)
    }

    /// The children of an item that a page shows.
    fn shown<'i>(&self, item: &'i Item<'a>, draft: &Draft) -> &'i [Item<'a>] {
        let place = draft.place.as_ref().map(|(component, group)| (&**component, group.as_deref()));
        match item.open {
            Open::Always => &item.children,
            Open::Component(component) if place.is_some_and(|(inside, _)| inside == component) => {
                &item.children
            }
            Open::Group(component, group) if place == Some((component, Some(group))) => {
                let at = self.places.get(&(component, &*draft.title)).copied().unwrap_or(0);
                &item.children[at.saturating_sub(AROUND)..(at + AROUND + 1).min(item.children.len())]
            }
            _ => &[],
        }
    }

    fn made(&self, item: &Item, is_current: bool, children: &str, root: &str) -> Result<String, String> {
        let context = json!({
            "title_html": item.html, "root": root, "current": is_current, "href": item.href,
            "open": !children.is_empty(), "severity": item.severity, "children": children,
        });
        self.theme.render("menu-item", context)
    }
}
