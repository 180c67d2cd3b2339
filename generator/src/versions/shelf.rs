//! What lies beside the versions: the way to `latest`, the list of versions for people, scripts and machines.

use catalogue::site::Site;
use serde_json::{Value, json};

use super::LATEST;
use super::select::Tagged;
use crate::render::site::theme::Theme;
use crate::tree::Tree;

/// The files at the root.
pub(super) fn files(
    site: &Site,
    theme: &Theme,
    url: &str,
    latest: &Tree,
    versions: &[&Tagged],
) -> Result<Tree, String> {
    let list = list(versions);
    let about = json!({ "title": &*site.title, "language": "en" });
    let mut tree = Tree::default();
    // Style and icon are those of `latest`, which is there in any case.
    let root = format!("{LATEST}/");
    let target = json!({ "title": &*site.title, "href": "index.html", "canonical": format!("{url}/{root}") });
    let context = json!({ "site": about, "root": root, "target": target, "versions": list });
    tree.add("index.html", theme.render("redirect", context.clone())?);
    tree.add("versions.html", theme.render("versions", context)?);
    tree.add("versions.json", format!("{list:#}\n"));
    tree.add("versions.js", format!("window.dmfVersions = {};\n", list.to_string().replace("</", "<\\/")));
    tree.add("robots.txt", format!("User-agent: *\nAllow: /\nSitemap: {url}/{LATEST}/sitemap.xml\n"));
    // Hosts look for it at the root only.
    if let Some(not_found) = latest.get("404.html") {
        tree.add("404.html", not_found);
    }
    Ok(tree)
}

/// `latest` and the versions, newest first.
fn list(versions: &[&Tagged]) -> Value {
    let latest = json!({ "version": LATEST, "path": LATEST, "title": LATEST, "latest": true, "prerelease": false, "old": false, "tag": null, "commit": null, "date": null });
    let others = versions.iter().map(|tagged| {
        let name = tagged.version.to_string();
        json!({
            "version": name, "path": name, "title": name, "latest": false,
            "prerelease": !tagged.version.pre.is_empty(), "old": tagged.is_old,
            "tag": tagged.tag.name, "commit": tagged.tag.commit, "date": tagged.tag.date,
        })
    });
    std::iter::once(latest).chain(others).collect()
}
