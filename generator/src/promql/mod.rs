//! PromQL: what an expression reads, which labels its result carries, and where a chart may inject more.
//!
//! The only module that knows the PromQL parser. Its tree has no positions, so [`tokens`] keeps the byte range
//! of each token, and [`crate::filled`] leads from there back to the text that the author wrote.

pub mod evaluate;
pub mod flow;
pub mod notation;
pub mod op;
pub mod operands;
pub mod presence;
pub mod sites;
pub mod tokens;
pub mod walk;

use std::collections::BTreeSet;
use std::ops::Range;

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, VectorSelector};

use self::tokens::Token;
use crate::filled::Filled;
use catalogue::alert::Rule;
use catalogue::param::Params;

pub use promql_parser::parser as ast;

/// A parsed expression with the way back to its text.
#[derive(Debug)]
pub struct Promql {
    /// The syntax tree.
    pub tree: Expr,
    /// The tokens in the order of the text.
    pub tokens: Vec<Token>,
    /// The text with the parameters filled in.
    pub filled: Filled,
}

/// Why a text is not PromQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The fact.
    pub message: String,
    /// Bytes of the author's text, as near as it can be told.
    pub range: Range<usize>,
}

impl Promql {
    /// The expression of a rule, parsed once however many ask.
    pub fn of(rule: &Rule) -> Result<&Self, &SyntaxError> {
        rule.parsed.get(|| Self::parse(&rule.expr, &rule.params)).as_ref()
    }

    /// Parses an expression; `${param}` stands for its default.
    pub fn parse(text: &str, params: &Params) -> Result<Self, SyntaxError> {
        let filled = Filled::new(text, |name| params.get(name).map(|param| param.value.to_string()));
        let tokens = tokens::scan(&filled.text);
        let tokens = tokens.map_err(|message| SyntaxError { message, range: 0..text.len() })?;
        if let Some(token) = tokens::too_deep(&tokens) {
            let message = format!("the expression is nested more than {} deep", tokens::MAX_DEPTH);
            return Err(SyntaxError { message, range: filled.source(token.range.clone()) });
        }
        let tree = promql_parser::parser::parse(&filled.text).map_err(|message| {
            let message = message.lines().next().unwrap_or_default().to_lowercase();
            let (message, range) =
                tokens::culprit(&filled.text, &tokens, &|text| promql_parser::parser::parse(text).is_ok())
                    .unwrap_or((message, 0..filled.text.len()));
            SyntaxError { message, range: filled.source(range) }
        })?;
        let promql = Self { tree, tokens, filled };
        promql.refuse_extensions()?;
        Ok(promql)
    }

    /// What the parser accepts and Prometheus without feature flags does not.
    fn refuse_extensions(&self) -> Result<(), SyntaxError> {
        let mut refused = None;
        walk::each(&self.tree, &mut |node, _| match node {
            Expr::VectorSelector(selector) if !selector.matchers.or_matchers.is_empty() => {
                refused.get_or_insert(("or", "`or` between matchers is not PromQL".to_owned()));
            }
            Expr::Call(call) if call.func.experimental => {
                let message = format!("`{}` needs a feature flag of Prometheus", call.func.name);
                refused.get_or_insert((call.func.name, message));
            }
            _ => {}
        });
        match refused {
            None => Ok(()),
            Some((word, message)) => Err(SyntaxError { message, range: self.find(word) }),
        }
    }

    /// The vector selectors in the order of the text.
    pub fn selectors(&self) -> Vec<&VectorSelector> {
        let mut selectors = Vec::new();
        walk::each(&self.tree, &mut |node, _| match node {
            Expr::VectorSelector(selector) => selectors.push(selector),
            Expr::MatrixSelector(matrix) => selectors.push(&matrix.vs),
            _ => {}
        });
        selectors
    }

    /// The values of a label that the selectors of a series ask for with `=`.
    pub fn asked_for(&self, series: &str, label: &str) -> BTreeSet<String> {
        let selectors = self.selectors().into_iter();
        let of_series = selectors.filter(|selector| selector.name.as_deref() == Some(series));
        let matchers = of_series.flat_map(|selector| &selector.matchers.matchers);
        let equal = matchers.filter(|matcher| matcher.name == label && matches!(matcher.op, MatchOp::Equal));
        equal.map(|matcher| matcher.value.clone()).collect()
    }

    /// Where a name stands in the author's text: its first token, or else the whole expression.
    pub fn find(&self, word: &str) -> Range<usize> {
        let found = self.tokens.iter().find(|token| self.filled.text.get(token.range.clone()) == Some(word));
        found.map_or(0..self.filled.source_len(), |token| self.filled.source(token.range.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (String, &str) {
        let error = Promql::parse(text, &Params::default()).unwrap_err();
        (error.message, &text[error.range])
    }

    #[test]
    fn errors_point_at_the_text() {
        assert_eq!(error("sum(up"), ("unclosed left parenthesis".to_owned(), "sum(up"));
        assert_eq!(error("up{a=\"1\" or b=\"2\"} > 0").0, "`or` between matchers is not PromQL");
        assert_eq!(error("1 + sort_by_label(up, \"a\")").1, "sort_by_label");
        assert_eq!(
            error("max(icnrease(up[5m])) > 1"),
            ("`icnrease` is not a function".to_owned(), "icnrease")
        );
        assert_eq!(error("up > > 1"), ("`>` follows an operator".to_owned(), ">"));
        assert_eq!(error("1 + max(up +)").1, "max(up +)");
        assert!(Promql::parse("up >", &Params::default()).is_err());
        assert!(Promql::parse("", &Params::default()).is_err());
    }

    #[test]
    fn a_deeply_nested_expression_is_no_trouble() {
        let text = format!("{}up{} == 0", "(".repeat(500), ")".repeat(500));
        assert_eq!(Promql::parse(&text, &Params::default()).unwrap().selectors().len(), 1);
    }
}
