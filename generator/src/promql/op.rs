//! What an operator does, and what a side of it is made of.

use promql_parser::parser::token::{T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_NEQ};
use promql_parser::parser::{BinaryExpr, Expr};

use super::walk;

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A comparison that keeps what fits, and its sign.
    Filter(&'static str),
    /// `and`.
    And,
    /// `or`.
    Or,
    /// `unless`.
    Unless,
    /// Arithmetic, or a comparison that gives 0 and 1.
    Other,
}

/// What an operator does.
pub fn kind(binary: &BinaryExpr) -> Kind {
    if binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool) {
        return Kind::Other;
    }
    match binary.op.id() {
        T_LAND => Kind::And,
        T_LOR => Kind::Or,
        T_LUNLESS => Kind::Unless,
        T_EQLC => Kind::Filter("="),
        T_NEQ => Kind::Filter("≠"),
        T_GTR => Kind::Filter(">"),
        T_LSS => Kind::Filter("<"),
        T_GTE => Kind::Filter("≥"),
        T_LTE => Kind::Filter("≤"),
        _ => Kind::Other,
    }
}

/// The names of the series below a node, each once.
pub fn series(expr: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    walk::each(expr, &mut |node, _| {
        let selector = match node {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(matrix) => &matrix.vs,
            _ => return,
        };
        names.extend(selector.name.clone().filter(|name| !names.contains(name)));
    });
    names
}

/// Whether a node only picks from one series: aggregations and functions over time, no calculation.
pub fn is_plain(expr: &Expr) -> bool {
    let mut plain = series(expr).len() == 1;
    walk::each(expr, &mut |node, _| match node {
        Expr::Binary(_) | Expr::Unary(_) => plain = false,
        Expr::Call(call) => {
            plain &= call.func.name.ends_with("_over_time") && call.func.name != "count_over_time";
        }
        Expr::Aggregate(aggregate) => {
            plain &= !["count", "group"].contains(&aggregate.op.to_string().as_str());
        }
        _ => {}
    });
    plain
}
