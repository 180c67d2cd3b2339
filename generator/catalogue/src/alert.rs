//! An alert: one folder with the rule, its tests, its runbook and its SQL.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::cases::Case;
use crate::decode::Fields;
use crate::memo::Memo;
use crate::mutant::Mark;
use crate::name::{AlertName, Key};
use crate::param::Params;
use crate::problem::Problems;
use crate::scenario::Scenario;
use crate::severity::Severity;
use crate::source::Source;
use crate::text::Text;
use crate::yaml::Node;

/// An alert and everything that belongs to it.
#[derive(Debug, Clone)]
pub struct Alert {
    /// The name: that of the folder.
    pub name: AlertName,
    /// The folder, as it is shown to people.
    pub folder: PathBuf,
    /// alert.yaml.
    pub source: Arc<Source>,
    /// The rule.
    pub rule: Rule,
    /// The cases of tests.yaml; empty when the file is missing or broken.
    pub cases: Vec<Case>,
    /// tests.yaml, for messages.
    pub tests: Option<Arc<Source>>,
    /// scenario.yaml, when it is there and whole.
    pub scenario: Option<Scenario>,
    /// runbook.md.
    pub runbook: Option<Arc<Source>>,
    /// The SQL files of the folder, by name.
    pub sql: Vec<Arc<Source>>,
}

impl Alert {
    /// The text of alert.yaml without what is said about its tests only: the key `mutants`.
    pub fn definition(&self) -> String {
        let text = &self.source.text;
        match &self.rule.mutants_range {
            None => text.clone(),
            Some(range) => format!("{}{}", &text[..range.start], text[range.end..].trim_start()),
        }
    }
}

/// The content of alert.yaml.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Short noun phrase.
    pub title: Text,
    /// One of the component's groups.
    pub group: Text,
    /// How urgent it is.
    pub severity: Severity,
    /// How long the condition must hold, in the notation of Prometheus; may be a parameter.
    pub hold: Text,
    /// How long it goes on firing after the condition ended.
    pub keep_firing_for: Option<Text>,
    /// What users may move.
    pub params: Params,
    /// The condition in PromQL with `${param}`.
    pub expr: Text,
    /// One static sentence.
    pub summary: Text,
    /// The text for one alert, a Go template.
    pub description: Text,
    /// Static labels besides the severity.
    pub labels: IndexMap<String, Text>,
    /// Comments for pint, without the `# pint ` in front.
    pub pint_comments: Vec<Text>,
    /// Earlier names, for redirects.
    pub aliases: Vec<(AlertName, Text)>,
    /// Alerts that say the same louder, for inhibition.
    pub suppressed_by: Vec<Text>,
    /// Checks that are silenced here, with the reason.
    pub allow: IndexMap<String, Text>,
    /// Mutants that nothing can tell from the rule.
    pub mutants: Vec<Mark>,
    /// The bytes of alert.yaml that say so.
    mutants_range: Option<Range<usize>>,
    /// What its expression means, for those who parse it.
    pub parsed: Memo,
}

impl Rule {
    /// Reads alert.yaml.
    pub fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::of(node, problems)?;
        let title = fields.text("title");
        let group = fields.text("group");
        let _ = fields.parse(group.clone(), Key::new);
        let severity = fields.text("severity");
        let severity = fields.parse(severity, Severity::new);
        let hold = fields.text("for");
        let keep_firing_for = fields.optional_text("keep_firing_for");
        let params = fields.optional("params");
        let params = Params::read(params, fields.problems());
        let expr = fields.text("expr");
        let summary = fields.text("summary");
        let description = fields.text("description");
        let labels = fields.text_map("labels");
        let pint_comments = fields.texts("pint_comments");
        let aliases = fields.texts("aliases");
        let aliases = aliases
            .into_iter()
            .filter_map(|text| Some((fields.parse(Some(text.clone()), AlertName::new)?, text)))
            .collect();
        let suppressed_by = fields.texts("suppressed_by");
        let allow = fields.text_map("allow");
        let mutants_range = fields.range("mutants");
        let mutants = fields.optional("mutants");
        let mutants = mutants.map_or_else(Vec::new, |node| Mark::read(node, fields.problems()));
        fields.finish();
        Some(Self {
            title: title?,
            group: group?,
            // A wrong severity is reported; the other checks go on with the middle one.
            severity: severity.unwrap_or(Severity::Warning),
            hold: hold?,
            keep_firing_for,
            params,
            expr: expr?,
            summary: summary?,
            description: description?,
            labels,
            pint_comments,
            aliases,
            suppressed_by,
            allow,
            mutants,
            mutants_range,
            parsed: Memo::default(),
        })
    }
}
