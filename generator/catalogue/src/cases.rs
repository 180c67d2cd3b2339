//! tests.yaml: series in, alerts out.

use std::ops::Range;

use indexmap::IndexMap;

use crate::decode::{Fields, entries, list, text, text_map};
use crate::duration::PromDuration;
use crate::param::Params;
use crate::problem::{Problem, Problems};
use crate::source::Place;
use crate::text::Text;
use crate::yaml::Node;

/// One case: input series and what fires at one moment. All texts have their parameters filled in.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the case shows.
    pub name: String,
    /// Where the case stands.
    pub place: Place,
    /// Series selectors with promtool's values notation.
    pub series: IndexMap<String, String>,
    /// Where each selector and its values stand in the file, line by line, near misses included.
    places: Vec<Ranges>,
    /// Step of the series and of the evaluations; one minute unless given.
    pub interval: PromDuration,
    /// The moment that is looked at; in a firing case the first at which it fires.
    pub at: PromDuration,
    /// Label sets of the firing alerts, without `alertname`, severity and static labels.
    pub fires: Vec<IndexMap<String, String>>,
    /// Expected annotations of the (single) firing alert.
    pub texts: IndexMap<String, String>,
    /// Variations that must be quiet.
    pub near_misses: Vec<NearMiss>,
    /// Derived cases that make no sense here, with the reason.
    pub skip: IndexMap<String, Text>,
}

/// The bytes of a selector and of its values.
type Ranges = (Range<usize>, Range<usize>);

/// The same case with some series replaced: quiet.
#[derive(Debug, Clone)]
pub struct NearMiss {
    /// What makes it a miss.
    pub name: String,
    /// The replaced series.
    pub series: IndexMap<String, String>,
}

/// One line of input: a selector, its values, and where they stand.
#[derive(Debug)]
pub struct Line<'a> {
    /// The selector, filled in.
    pub selector: &'a str,
    /// Where it stands.
    pub selector_place: Place,
    /// The values, filled in.
    pub values: &'a str,
    /// Where they stand.
    pub values_place: Place,
}

impl Case {
    /// The lines of input, near misses included.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let series = std::iter::once(&self.series).chain(self.near_misses.iter().map(|miss| &miss.series));
        let place = |range: &Range<usize>| Place::new(&self.place.source, range.clone());
        series.flatten().zip(&self.places).map(move |((selector, values), (of_selector, of_values))| Line {
            selector,
            selector_place: place(of_selector),
            values,
            values_place: place(of_values),
        })
    }
}

/// The kinds of cases that the generator derives from a firing case, and the keys that `skip` knows.
pub const DERIVED: [&str; 14] = [
    "onset",
    "neighbour",
    "twin",
    "label",
    "selector",
    "begins",
    "resolves",
    "silence",
    "history",
    "lasts",
    "ends",
    "vanishes",
    "over",
    "replaced",
];

/// Reads tests.yaml.
pub fn read(node: &Node, params: &Params, problems: &mut Problems) -> Vec<Case> {
    list(node, problems).iter().filter_map(|node| read_case(node, params, problems)).collect()
}

fn read_case(node: &Node, params: &Params, problems: &mut Problems) -> Option<Case> {
    let mut fields = Fields::of(node, problems)?;
    let name = fields.text("name");
    let interval = fields.optional_text("interval");
    let interval = match interval {
        Some(text) => fields.parse(Some(text), |text| PromDuration::new(&params.fill(text))),
        None => Some(PromDuration::from_seconds(60)),
    };
    let at = fields.text("at");
    let at = fields.parse(at, |text| PromDuration::new(&params.fill(text)));
    let mut places = Vec::new();
    let series = fields.required("series");
    let series = series.map(|node| read_series(node, params, &mut places, fields.problems()));
    let fires = fields.required("fires").map(|node| {
        let items = list(node, fields.problems());
        items.iter().map(|item| filled(item, params, fields.problems())).collect::<Vec<_>>()
    });
    let texts = fields.optional("texts").map(|node| filled(node, params, fields.problems()));
    let near_misses = fields.optional("near_misses").map(|node| {
        let items = list(node, fields.problems());
        let read = |item| read_near_miss(item, params, &mut places, fields.problems());
        items.iter().filter_map(read).collect::<Vec<_>>()
    });
    let skip = fields.text_map("skip");
    for (key, text) in &skip {
        if !DERIVED.contains(&key.as_str()) {
            let message = format!("no derived case is called `{key}`");
            let help = crate::suggest::did_you_mean(key, DERIVED);
            fields.problems().push(Problem::error("yaml/value", text.place(), message).help(help));
        }
    }
    fields.finish();
    let case = Case {
        name: params.fill(&name?),
        place: node.place(),
        series: series?,
        places,
        interval: interval?,
        at: at?,
        fires: fires?,
        texts: texts.unwrap_or_default(),
        near_misses: near_misses.unwrap_or_default(),
        skip,
    };
    for (selector, miss) in
        case.near_misses.iter().flat_map(|miss| miss.series.keys().map(move |key| (key, miss)))
    {
        if !case.series.contains_key(selector) {
            let message =
                format!("near miss `{}` replaces `{selector}`, which the case does not have", miss.name);
            problems.push(
                Problem::error("yaml/value", node.place(), message).help("repeat the selector literally"),
            );
        }
    }
    Some(case)
}

fn read_near_miss(
    node: &Node,
    params: &Params,
    places: &mut Vec<Ranges>,
    problems: &mut Problems,
) -> Option<NearMiss> {
    let mut fields = Fields::of(node, problems)?;
    let name = fields.text("name");
    let series = fields.required("series");
    let mut own = Vec::new();
    let series = series.map(|node| read_series(node, params, &mut own, fields.problems()));
    fields.finish();
    let miss = NearMiss { name: params.fill(&name?), series: series? };
    places.extend(own);
    Some(miss)
}

/// A `series` mapping with the parameters filled in on both sides, and the places of its lines. Of selectors that are the
/// same then, there is one line.
fn read_series(
    node: &Node,
    params: &Params,
    places: &mut Vec<Ranges>,
    problems: &mut Problems,
) -> IndexMap<String, String> {
    let mut series = IndexMap::new();
    for (selector, node) in entries(node, problems) {
        let Some(values) = text(node, problems) else { continue };
        if series.insert(params.fill(&selector), params.fill(&values)).is_none() {
            places.push((selector.place().range, node.range.clone()));
        }
    }
    series
}

/// A mapping of texts with the parameters filled in on both sides.
fn filled(node: &Node, params: &Params, problems: &mut Problems) -> IndexMap<String, String> {
    if node.kind() == "a mapping" && entries(node, problems).is_empty() {
        return IndexMap::new();
    }
    text_map(node, problems).iter().map(|(key, value)| (params.fill(key), params.fill(value))).collect()
}
