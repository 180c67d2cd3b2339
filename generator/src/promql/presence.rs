//! How long a metric counts in an expression, and what follows from its absence.

use std::collections::BTreeSet;

use promql_parser::parser::token::{T_LAND, T_LOR, T_LUNLESS};
use promql_parser::parser::{Expr, VectorSelector};

use super::{Promql, walk};

/// How an expression reads a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Its value now: `x`.
    Now,
    /// Its last value, if that is not older than so many milliseconds: `last_over_time(x[5m])`.
    Last(u64),
    /// In any other way, or in several ways.
    Otherwise,
}

impl Promql {
    /// How a metric is read; nothing when it is not.
    pub fn reading(&self, metric: &str) -> Option<Reading> {
        let mut found: Option<Reading> = None;
        walk::each(&self.tree, &mut |node, above| {
            let call = above.last().and_then(|above| match above {
                Expr::Call(call) => Some(call.func.name),
                _ => None,
            });
            let subquery = above.iter().any(|node| matches!(node, Expr::Subquery(_)));
            let (selector, reading) = match node {
                Expr::VectorSelector(selector) if !is_filled_up(selector, above) => (selector, Reading::Now),
                Expr::MatrixSelector(matrix) if call == Some("last_over_time") => {
                    let length = u64::try_from(matrix.range.as_millis()).unwrap_or(u64::MAX);
                    (&matrix.vs, Reading::Last(length))
                }
                Expr::MatrixSelector(matrix) => (&matrix.vs, Reading::Otherwise),
                _ => return,
            };
            if selector.name.as_deref() == Some(metric) {
                let plain = selector.offset.is_none() && selector.at.is_none() && !subquery;
                let reading = if plain { reading } else { Reading::Otherwise };
                let same = found.is_none_or(|found| found == reading);
                found = Some(if same { reading } else { Reading::Otherwise });
            }
        });
        found
    }

    /// Whether the result depends on the time.
    pub fn reads_time(&self) -> bool {
        let mut reads = false;
        walk::each(&self.tree, &mut |node, _| {
            reads |= matches!(node, Expr::Call(call) if call.args.args.is_empty() || call.func.name == "timestamp");
        });
        reads
    }

    /// Whether the expression certainly gives nothing when it reads only these metrics.
    pub fn is_empty_with(&self, metrics: &BTreeSet<&str>) -> bool {
        let there =
            |selector: &VectorSelector| selector.name.as_deref().is_none_or(|name| metrics.contains(name));
        is_empty(&self.tree, &there)
    }

    /// Whether a metric only takes alerts away: without it, all that fires with it fires, too.
    pub fn only_silences(&self, metric: &str) -> bool {
        let mut only = true;
        walk::each(&self.tree, &mut |node, above| {
            let selector = match node {
                Expr::VectorSelector(selector) => selector,
                Expr::MatrixSelector(matrix) => &matrix.vs,
                _ => return,
            };
            only &= selector.name.as_deref() != Some(metric) || silences(node, above);
        });
        only
    }
}

/// Whether the last value stands in where there is none now: `x or last_over_time(x[5m]) unless …`.
fn is_filled_up(selector: &VectorSelector, above: &[&Expr]) -> bool {
    let Some(Expr::Binary(binary)) = above.last() else { return false };
    let mut last = false;
    walk::each(&binary.rhs, &mut |node, above| {
        let call = |node: &&Expr| matches!(node, Expr::Call(call) if call.func.name == "last_over_time");
        let Expr::MatrixSelector(matrix) = node else { return };
        last |= above.last().is_some_and(call) && matrix.vs.name == selector.name;
    });
    let left = matches!(binary.lhs.as_ref(), Expr::VectorSelector(left) if std::ptr::eq(left, selector));
    binary.op.id() == T_LOR && left && last
}

/// Whether a node stands on the right side of one `unless`, with nothing but set operators above.
fn silences(node: &Expr, above: &[&Expr]) -> bool {
    let mut path: Vec<_> = above.to_vec();
    path.push(node);
    for pair in path.windows(2) {
        match pair[0] {
            Expr::Paren(_) => {}
            Expr::Binary(binary) => match binary.op.id() {
                T_LUNLESS if std::ptr::eq(binary.rhs.as_ref(), pair[1]) => return positive(pair[1]),
                T_LUNLESS | T_LAND | T_LOR => {}
                _ => return false,
            },
            _ => return false,
        }
    }
    false
}

/// Whether less data gives less: no `absent` and no further `unless`.
fn positive(node: &Expr) -> bool {
    let mut positive = true;
    walk::each(node, &mut |node, _| match node {
        Expr::Call(call) => positive &= !call.func.name.starts_with("absent"),
        Expr::Binary(binary) => positive &= binary.op.id() != T_LUNLESS,
        _ => {}
    });
    positive
}

fn is_empty(node: &Expr, there: &dyn Fn(&VectorSelector) -> bool) -> bool {
    match node {
        Expr::VectorSelector(selector) => !there(selector),
        Expr::MatrixSelector(matrix) => !there(&matrix.vs),
        Expr::Paren(paren) => is_empty(&paren.expr, there),
        Expr::Unary(unary) => is_empty(&unary.expr, there),
        Expr::Subquery(subquery) => is_empty(&subquery.expr, there),
        Expr::Aggregate(aggregate) => is_empty(&aggregate.expr, there),
        Expr::Call(call) => match call.func.name {
            "absent" | "absent_over_time" | "vector" | "scalar" | "time" => false,
            _ => call.args.args.iter().any(|argument| is_empty(argument, there)),
        },
        Expr::Binary(binary) => {
            let (left, right) = (is_empty(&binary.lhs, there), is_empty(&binary.rhs, there));
            match binary.op.id() {
                T_LOR => left && right,
                T_LUNLESS => left,
                _ => left || right,
            }
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use catalogue::param::Params;

    use super::*;

    fn parse(text: &str) -> Promql {
        Promql::parse(text, &Params::default()).unwrap()
    }

    #[test]
    fn the_way_a_metric_is_read_is_known() {
        let reading = |text: &str| parse(text).reading("x");
        assert_eq!(reading("max by (a) (last_over_time(x[5m])) > x2"), Some(Reading::Last(300_000)));
        assert_eq!(reading("last_over_time(x[5m]) / last_over_time(x[5m])"), Some(Reading::Last(300_000)));
        assert_eq!(reading("x > 1"), Some(Reading::Now));
        assert_eq!(reading("max(x or last_over_time(x[5m]) unless y) > 1"), Some(Reading::Last(300_000)));
        assert_eq!(reading("y > 1"), None);
        for text in [
            "last_over_time(x[5m]) / last_over_time(x[6m])",
            "last_over_time(x[5m] offset 1m)",
            "x offset 5m",
            "rate(x[5m]) > 1",
            "x and last_over_time(x[5m])",
            "x * 2 or last_over_time(x[5m])",
            "last_over_time(x[5m]) or x",
            "max_over_time(x[1h:5m])",
        ] {
            assert_eq!(reading(text), Some(Reading::Otherwise), "{text}");
        }
    }

    #[test]
    fn what_is_needed_and_what_silences_is_known() {
        let needs = |text: &str| parse(text).is_empty_with(&BTreeSet::from(["there"]));
        for text in ["x", "there / on (a) x > 1", "x or y", "sum(x) unless there", "abs(-x)", "there and x"] {
            assert!(needs(text), "{text}");
        }
        for text in ["there", "there or x", "there unless x", "absent(x)", "vector(1)", "{a=\"b\"}", "time()"]
        {
            assert!(!needs(text), "{text}");
        }
        let silences = |text: &str| parse(text).only_silences("x");
        for text in ["a unless x", "a unless on (b) (c > x) or d", "(a and b) unless sum(x)"] {
            assert!(silences(text), "{text}");
        }
        for text in
            ["x", "a unless b unless (c unless x)", "sum(a unless x)", "a unless absent(x)", "x unless x"]
        {
            assert!(!silences(text), "{text}");
        }
    }
}
