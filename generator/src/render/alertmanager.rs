//! The inhibition rules of all components as a file for Alertmanager.

use catalogue::Catalogue;

use crate::inhibition;
use crate::tree::{Sink, WriteError};

/// Where the file is on the site.
pub const PATH: &str = "downloads/alertmanager-inhibit-rules.yaml";

/// Makes the file.
///
/// # Errors
/// It cannot be put where it belongs.
pub fn render(catalogue: &Catalogue, out: &dyn Sink) -> Result<(), WriteError> {
    let mut text = String::from(
        "# Made from content/ by dmf build. While an alert fires, a weaker one about the same thing is not sent.\n\
         # Put the rules under inhibit_rules of Alertmanager's configuration.\ninhibit_rules:\n",
    );
    let rules = catalogue.components.iter().flat_map(inhibition::of);
    text.extend(rules.map(|rule| format!("  - {}\n", rule.rule())));
    out.add(PATH.into(), text.into())
}
