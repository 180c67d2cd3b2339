//! Label flow: which labels can the result of an expression carry?
//!
//! Every operation of PromQL keeps, drops or adds labels by known rules (Prometheus manual, "Operators" and
//! "Functions"). Following them from the selectors up tells what a template may name, and where an
//! expression relies on a label that cannot be there.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::MatchOp;
use promql_parser::parser::token::{
    T_BOTTOMK, T_COUNT_VALUES, T_LAND, T_LIMIT_RATIO, T_LIMITK, T_LOR, T_LUNLESS, T_TOPK,
};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, StringLiteral, VectorMatchCardinality,
    VectorSelector,
};

/// The labels of each known series.
pub type SeriesLabels = BTreeMap<String, BTreeSet<String>>;

/// The labels that a vector can carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Labels that can be there.
    pub names: BTreeSet<String>,
    /// Whether others may be there too, because something unknown is read.
    pub open: bool,
}

impl Labels {
    fn has(&self, name: &str) -> bool {
        self.open || self.names.contains(name)
    }

    fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), open: false }
    }
}

/// Something that cannot work, with the word in the expression that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of mistake it is.
    pub mistake: Mistake,
    /// The label, series or operator it is about.
    pub word: String,
    /// What is wrong.
    pub message: String,
}

/// Kinds of mistakes in the flow of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A label that cannot exist where it is named.
    Impossible,
    /// Two sides whose labels never match.
    Unmatched,
    /// A side that may have several series for one match.
    ManyToMany,
}

/// Result of following the labels through an expression.
#[derive(Debug)]
pub struct Flow {
    /// Labels of the result.
    pub labels: Labels,
    /// What cannot work.
    pub findings: Vec<Finding>,
}

/// Follows the labels through an expression.
pub fn follow(tree: &Expr, series: &SeriesLabels) -> Flow {
    let mut follower = Follower { series, findings: Vec::new() };
    let labels = follower.labels(tree);
    Flow { labels, findings: follower.findings }
}

struct Follower<'a> {
    series: &'a SeriesLabels,
    findings: Vec<Finding>,
}

impl Follower<'_> {
    fn find(&mut self, mistake: Mistake, word: &str, message: String) {
        let finding = Finding { mistake, word: word.to_owned(), message };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn labels(&mut self, node: &Expr) -> Labels {
        match node {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Paren(paren) => self.labels(&paren.expr),
            Expr::Unary(unary) => self.labels(&unary.expr),
            Expr::Subquery(subquery) => self.labels(&subquery.expr),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Labels::default(),
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> Labels {
        let known = selector.name.as_ref().and_then(|name| self.series.get(name));
        let mut labels =
            known.map_or(Labels { open: true, ..Labels::default() }, |names| Labels::of(names.clone()));
        for matcher in &selector.matchers.matchers {
            if matcher.name != "__name__" && !labels.has(&matcher.name) {
                let name = selector.name.as_deref().unwrap_or_default();
                let message = format!("series `{name}` has no label `{}`", matcher.name);
                self.find(Mistake::Impossible, &matcher.name, message);
            }
            // A matcher for the empty value says that the label is absent.
            if matches!(matcher.op, MatchOp::Equal) && matcher.value.is_empty() {
                labels.names.remove(&matcher.name);
            }
        }
        labels
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Labels {
        let inner = self.labels(&aggregate.expr);
        let id = aggregate.op.id();
        // These pick series instead of merging them: all labels stay.
        let picks = matches!(id, T_TOPK | T_BOTTOMK | T_LIMITK | T_LIMIT_RATIO);
        let mut result = match &aggregate.modifier {
            Some(LabelModifier::Include(list)) => {
                for name in list.labels.iter().filter(|name| !inner.has(name)) {
                    let message = format!("label `{name}` cannot exist where the aggregation groups by it");
                    self.find(Mistake::Impossible, name, message);
                }
                Labels::of(list.labels.iter().filter(|name| inner.has(name)).cloned())
            }
            Some(LabelModifier::Exclude(list)) => {
                let mut labels = inner.clone();
                labels.names.retain(|name| !list.labels.contains(name));
                labels
            }
            None => Labels::default(),
        };
        if picks {
            result = inner;
        }
        if id == T_COUNT_VALUES
            && let Some(Expr::StringLiteral(StringLiteral { val })) = aggregate.param.as_deref()
        {
            result.names.insert(val.clone());
        }
        result
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Labels {
        let left = self.labels(&binary.lhs);
        let right = self.labels(&binary.rhs);
        if binary.lhs.value_type() == ValueType::Scalar {
            return right;
        }
        if binary.rhs.value_type() == ValueType::Scalar {
            return left;
        }
        let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
        let card =
            binary.modifier.as_ref().map_or(&VectorMatchCardinality::OneToOne, |modifier| &modifier.card);
        let id = binary.op.id();
        let operator = binary.op.to_string();
        if id == T_LOR {
            return Labels { names: &left.names | &right.names, open: left.open || right.open };
        }
        self.matching(&operator, matching, &left, &right);
        if matches!(id, T_LAND | T_LUNLESS) {
            return left;
        }
        self.cardinality(&operator, matching, card, &left, &right);
        let one_to_one = |left: Labels| match matching {
            Some(LabelModifier::Include(list)) => Labels::of(list.labels.iter().cloned()),
            Some(LabelModifier::Exclude(list)) => {
                let mut labels = left;
                labels.names.retain(|name| !list.labels.contains(name));
                labels
            }
            None => left,
        };
        match card {
            VectorMatchCardinality::ManyToOne(extra) => self.with_extra(left, &right, &extra.labels),
            VectorMatchCardinality::OneToMany(extra) => self.with_extra(right, &left, &extra.labels),
            _ => one_to_one(left),
        }
    }

    fn with_extra(&mut self, many: Labels, one: &Labels, extra: &[String]) -> Labels {
        let mut result = many;
        for name in extra {
            if !one.has(name) {
                let message = format!("label `{name}` cannot exist on the side that it is copied from");
                self.find(Mistake::Impossible, name, message);
            }
            result.names.insert(name.clone());
        }
        result
    }

    /// The labels that are matched on must be able to exist on both sides.
    fn matching(&mut self, operator: &str, matching: Option<&LabelModifier>, left: &Labels, right: &Labels) {
        if let Some(LabelModifier::Include(list)) = matching {
            for name in &list.labels {
                for (side, labels) in [("left", left), ("right", right)] {
                    if !labels.has(name) {
                        let message =
                            format!("label `{name}` cannot exist on the {side} side of `{operator}`");
                        self.find(Mistake::Impossible, name, message);
                    }
                }
            }
            return;
        }
        let ignored: &[String] = match matching {
            Some(LabelModifier::Exclude(list)) => &list.labels,
            _ => &[],
        };
        if left.open || right.open {
            return;
        }
        let differ: Vec<_> =
            (&left.names ^ &right.names).into_iter().filter(|name| !ignored.contains(name)).collect();
        if !differ.is_empty() {
            let names: Vec<_> = differ.iter().map(|name| format!("`{name}`")).collect();
            let message =
                format!("the sides of `{operator}` differ in {}, so nothing matches", names.join(", "));
            self.find(Mistake::Unmatched, operator, message);
        }
    }

    /// A side that counts once must not carry labels beyond those matched on.
    fn cardinality(
        &mut self,
        operator: &str,
        matching: Option<&LabelModifier>,
        card: &VectorMatchCardinality,
        left: &Labels,
        right: &Labels,
    ) {
        let Some(LabelModifier::Include(list)) = matching else { return };
        let ones: &[(&str, &Labels)] = match card {
            VectorMatchCardinality::OneToOne => &[("left", left), ("right", right)],
            VectorMatchCardinality::ManyToOne(_) => &[("right", right)],
            VectorMatchCardinality::OneToMany(_) => &[("left", left)],
            VectorMatchCardinality::ManyToMany => &[],
        };
        // What `group_left (…)` copies is there on purpose.
        let copied: &[String] = card.labels().map_or(&[], |labels| &labels.labels);
        for (side, labels) in ones {
            let expected = |name: &&String| list.labels.contains(name) || copied.contains(name);
            let beyond: Vec<_> = labels.names.iter().filter(|name| !expected(name)).collect();
            if !beyond.is_empty() {
                let names: Vec<_> = beyond.iter().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "the {side} side of `{operator}` can have several series for one match: it also carries {}",
                    names.join(", ")
                );
                self.find(Mistake::ManyToMany, operator, message);
            }
        }
    }

    fn call(&mut self, call: &Call) -> Labels {
        let arguments: Vec<Labels> = call.args.args.iter().map(|argument| self.labels(argument)).collect();
        let text = |index: usize| match call.args.args.get(index).map(AsRef::as_ref) {
            Some(Expr::StringLiteral(StringLiteral { val })) => Some(val.clone()),
            _ => None,
        };
        let first_vector = call
            .args
            .args
            .iter()
            .zip(&arguments)
            .find(|(argument, _)| matches!(argument.value_type(), ValueType::Vector | ValueType::Matrix));
        let mut labels = first_vector.map_or_else(Labels::default, |(_, labels)| labels.clone());
        match call.func.name {
            "absent" | "absent_over_time" => {
                return match call.args.args.first().map(AsRef::as_ref) {
                    Some(Expr::VectorSelector(selector)) => equality_labels(selector),
                    Some(Expr::MatrixSelector(matrix)) => equality_labels(&matrix.vs),
                    _ => Labels::default(),
                };
            }
            "scalar" | "vector" | "time" => return Labels::default(),
            "histogram_quantile" => {
                labels.names.remove("le");
            }
            "label_replace" | "label_join" => labels.names.extend(text(1)),
            "info" => labels.open = true,
            _ => {}
        }
        labels
    }
}

/// `absent()` carries the labels of which the selector says the value.
fn equality_labels(selector: &VectorSelector) -> Labels {
    let equal = selector.matchers.matchers.iter().filter(|matcher| {
        matches!(matcher.op, MatchOp::Equal) && !matcher.value.is_empty() && matcher.name != "__name__"
    });
    Labels::of(equal.map(|matcher| matcher.name.clone()))
}

#[cfg(test)]
mod tests {
    use catalogue::param::Params;

    use super::super::Promql;
    use super::*;

    fn flow(text: &str) -> (String, Vec<String>) {
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let series = SeriesLabels::from([
            ("up".to_owned(), labels(&["job", "instance"])),
            ("pg".to_owned(), labels(&["job", "instance", "target"])),
            ("slot".to_owned(), labels(&["job", "instance", "target", "name"])),
        ]);
        let promql = Promql::parse(text, &Params::default()).unwrap();
        let flow = follow(&promql.tree, &series);
        let names: Vec<_> = flow.labels.names.into_iter().collect();
        let open = if flow.labels.open { "+" } else { "" };
        (names.join(",") + open, flow.findings.into_iter().map(|finding| finding.message).collect())
    }

    fn clean(text: &str) -> String {
        let (labels, findings) = flow(text);
        assert_eq!(findings, Vec::<String>::new(), "{text}");
        labels
    }

    #[test]
    fn labels_are_kept_dropped_and_added() {
        assert_eq!(clean("pg > 1"), "instance,job,target");
        assert_eq!(clean("sum(pg)"), "");
        assert_eq!(clean("max by (target) (pg) / max by (target) (pg) > 1"), "target");
        assert_eq!(clean("max without (instance) (slot)"), "job,name,target");
        assert_eq!(clean("topk by (job) (1, slot)"), "instance,job,name,target");
        assert_eq!(
            clean("pg * on (instance) group_left (job) max by (instance, job) (up)"),
            "instance,job,target"
        );
        assert_eq!(clean("slot and on (target) pg"), "instance,job,name,target");
        assert_eq!(clean("pg unless pg"), "instance,job,target");
        assert_eq!(clean("max by (target) (pg) or sum by (job) (up)"), "job,target");
        assert_eq!(clean("absent(up{job=\"x\", instance=~\"y\"})"), "job");
        assert_eq!(clean("label_replace(max by (job) (up), \"a\", \"$1\", \"job\", \"(.*)\")"), "a,job");
        assert_eq!(clean("count_values by (job) (\"v\", up)"), "job,v");
        assert_eq!(clean("time() - max by (target) (pg) > 3"), "target");
        assert_eq!(clean("up{instance=\"\"}"), "job");
        assert_eq!(clean("unknown{a=\"b\"}"), "+");
        assert_eq!(clean("predict_linear(min by (target) (pg)[6h:], 3600)"), "target");
    }

    #[test]
    fn what_cannot_exist_is_found() {
        let finds = |text: &str, expected: &str| {
            let (_, findings) = flow(text);
            assert_eq!(findings, [expected], "{text}");
        };
        finds("up{target=\"x\"}", "series `up` has no label `target`");
        finds("max by (target) (up)", "label `target` cannot exist where the aggregation groups by it");
        finds(
            "max by (name) (sum by (target) (slot))",
            "label `name` cannot exist where the aggregation groups by it",
        );
        finds("slot and on (name) pg", "label `name` cannot exist on the right side of `and`");
        finds(
            "max by (target) (pg) / max by (job) (up)",
            "the sides of `/` differ in `job`, `target`, so nothing matches",
        );
        finds("pg unless up", "the sides of `unless` differ in `target`, so nothing matches");
        finds(
            "max by (target) (pg) / on (target) slot",
            "the right side of `/` can have several series for one match: it also carries `instance`, `job`, `name`",
        );
        finds(
            "slot * on (target) group_left () max by (target, job) (pg)",
            "the right side of `*` can have several series for one match: it also carries `job`",
        );
        finds(
            "slot * on (target) group_left (x) max by (target) (pg)",
            "label `x` cannot exist on the side that it is copied from",
        );
    }
}
