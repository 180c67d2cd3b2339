//! Visits every node of an expression together with the nodes above it.

use promql_parser::parser::Expr;

/// Calls `visit` for each node, parents first, in the order of the text; the second argument holds the nodes
/// above it, the nearest last.
pub fn each<'a>(root: &'a Expr, visit: &mut impl FnMut(&'a Expr, &[&'a Expr])) {
    fn step<'a>(node: &'a Expr, above: &mut Vec<&'a Expr>, visit: &mut impl FnMut(&'a Expr, &[&'a Expr])) {
        visit(node, above);
        above.push(node);
        for child in children(node) {
            step(child, above, visit);
        }
        above.pop();
    }
    step(root, &mut Vec::new(), visit);
}

/// The nodes directly below a node, in the order of the text.
pub fn children(node: &Expr) -> Vec<&Expr> {
    match node {
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter().chain([&aggregate.expr]).map(AsRef::as_ref).collect()
        }
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Binary(binary) => vec![&binary.lhs, &binary.rhs],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}
