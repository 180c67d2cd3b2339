//! site.yaml: names and places of the product.

use std::sync::Arc;

use crate::decode::{Fields, list};
use crate::problem::Problems;
use crate::source::Source;
use crate::text::Text;
use crate::yaml::Node;

/// The content of site.yaml.
#[derive(Debug)]
pub struct Site {
    /// site.yaml.
    pub source: Arc<Source>,
    /// Name of the product.
    pub title: Text,
    /// One sentence on what it is.
    pub description: Text,
    /// Where the site is published, without a slash at the end.
    pub url: Text,
    /// Where the source is.
    pub repository: Text,
    /// OCI registry of the charts, without the chart name.
    pub charts: Text,
    /// Kubernetes versions that the charts are for.
    pub kube_version: Text,
    /// Icon of the charts.
    pub icon: Text,
    /// Who answers.
    pub maintainers: Vec<Maintainer>,
}

/// Somebody who answers.
#[derive(Debug)]
pub struct Maintainer {
    /// Name of a person or team.
    pub name: Text,
    /// Page of the person or team.
    pub url: Text,
}

impl Site {
    /// Reads site.yaml.
    pub fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let title = fields.text("title");
        let description = fields.text("description");
        let url = fields.text("url");
        let repository = fields.text("repository");
        let charts = fields.text("charts");
        let kube_version = fields.text("kube_version");
        let icon = fields.text("icon");
        let maintainers = fields.required("maintainers").map(|node| {
            let items = list(node, fields.problems());
            items.iter().filter_map(|item| read_maintainer(item, fields.problems())).collect()
        });
        fields.finish();
        Some(Self {
            source: Arc::clone(&node.source),
            title: title?,
            description: description?,
            url: url?,
            repository: repository?,
            charts: charts?,
            kube_version: kube_version?,
            icon: icon?,
            maintainers: maintainers?,
        })
    }
}

fn read_maintainer(node: &Node, problems: &mut Problems) -> Option<Maintainer> {
    let mut fields = Fields::of(node, problems)?;
    let (name, url) = (fields.text("name"), fields.text("url"));
    fields.finish();
    Some(Maintainer { name: name?, url: url? })
}
