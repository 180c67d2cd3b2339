//! Where a chart may inject matchers and labels into an expression.
//!
//! Found in the token stream at build time, so that what users add at render time lands inside the right
//! braces and lists; the tests compare the result with the syntax tree.

use promql_parser::parser::token::{
    T_COMMA, T_IDENTIFIER, T_LEFT_BRACE, T_LEFT_PAREN, T_METRIC_IDENTIFIER, T_RIGHT_BRACE,
};

use super::Promql;
use super::tokens::{Token, closing};
use crate::filled::Piece;

/// What may be injected at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `{matchers}`, behind a series name without braces.
    Braces,
    /// `matchers`, inside empty braces or behind a comma.
    Matchers,
    /// `,matchers`, behind other matchers.
    MoreMatchers,
    /// ` by (labels)`, behind an aggregation without a list.
    By,
    /// `labels`, inside an empty list.
    Labels,
    /// `, labels`, behind other labels.
    MoreLabels,
}

/// A place in the filled text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Byte offset at which to insert.
    pub at: usize,
    /// What to insert.
    pub slot: Slot,
}

/// A piece of an expression as a template needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text of the author.
    Text(&'a str),
    /// The use of a parameter.
    Param(&'a str),
    /// A place for injection.
    Slot(Slot),
}

impl Promql {
    /// The places for injection, in the order of the text.
    pub fn sites(&self) -> Vec<Site> {
        let tokens = &self.tokens;
        let mut sites = Vec::new();
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            let next = tokens.get(index + 1).map(|token| token.id);
            let opens_list = next == Some(T_LEFT_PAREN);
            if token.takes_labels() && opens_list {
                let Some(close) = closing(tokens, index + 1) else { break };
                if token.keeps_labels() {
                    sites.push(end_of_list(tokens, close, [Slot::Labels, Slot::MoreLabels]));
                }
                index = close;
            } else if token.is_aggregation() && opens_list {
                let behind = closing(tokens, index + 1).and_then(|close| tokens.get(close + 1));
                if !behind.is_some_and(Token::takes_labels) {
                    sites.push(Site { at: token.range.end, slot: Slot::By });
                }
            } else if token.id == T_LEFT_BRACE {
                let Some(close) = closing(tokens, index) else { break };
                sites.push(end_of_list(tokens, close, [Slot::Matchers, Slot::MoreMatchers]));
                index = close;
            } else if matches!(token.id, T_IDENTIFIER | T_METRIC_IDENTIFIER)
                && !opens_list
                && next != Some(T_LEFT_BRACE)
            {
                sites.push(Site { at: token.range.end, slot: Slot::Braces });
            }
            index += 1;
        }
        sites.sort_by_key(|site| site.at);
        sites
    }

    /// The expression cut into text, parameters and places for injection.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let mut done = 0;
        for site in self.sites() {
            parts.extend(self.filled.pieces(done..site.at).map(Part::from));
            parts.push(Part::Slot(site.slot));
            done = site.at;
        }
        parts.extend(self.filled.pieces(done..self.filled.text.len()).map(Part::from));
        parts
    }

    /// The expression with matchers and labels injected: what a chart renders for these values.
    pub fn inject(&self, matchers: &str, labels: &str) -> String {
        let parts = self.parts();
        let text = parts.iter().map(|part| match part {
            Part::Text(text) => (*text).to_owned(),
            Part::Param(name) => format!("${{{name}}}"),
            Part::Slot(slot) => slot.fill(matchers, labels),
        });
        text.collect()
    }
}

impl<'a> From<Piece<'a>> for Part<'a> {
    fn from(piece: Piece<'a>) -> Self {
        match piece {
            Piece::Text(text) => Self::Text(text),
            Piece::Param(name) => Self::Param(name),
        }
    }
}

impl Slot {
    /// What stands at the place; nothing when there is nothing to inject.
    pub fn fill(self, matchers: &str, labels: &str) -> String {
        match self {
            Self::Braces | Self::Matchers | Self::MoreMatchers if matchers.is_empty() => String::new(),
            Self::By | Self::Labels | Self::MoreLabels if labels.is_empty() => String::new(),
            Self::Braces => format!("{{{matchers}}}"),
            Self::Matchers => matchers.to_owned(),
            Self::MoreMatchers => format!(",{matchers}"),
            Self::By => format!(" by ({labels})"),
            Self::Labels => labels.to_owned(),
            Self::MoreLabels => format!(", {labels}"),
        }
    }
}

/// The place before the closing bracket of a list; a trailing comma counts as a separator.
fn end_of_list(tokens: &[Token], close: usize, [first, more]: [Slot; 2]) -> Site {
    let last = &tokens[close - 1];
    let separated = matches!(last.id, T_LEFT_PAREN | T_LEFT_BRACE | T_COMMA);
    let at = if tokens[close].id == T_RIGHT_BRACE { tokens[close].range.start } else { last.range.end };
    Site { at, slot: if separated { first } else { more } }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use catalogue::param::Params;
    use promql_parser::parser::{Expr, LabelModifier};
    use proptest::prelude::*;

    use super::super::walk;
    use super::*;

    fn inject(text: &str) -> String {
        Promql::parse(text, &Params::default()).unwrap().inject("c=\"x\"", "l")
    }

    #[test]
    fn every_selector_and_every_list_is_found() {
        assert_eq!(inject("up == 0"), "up{c=\"x\"} == 0");
        assert_eq!(inject("up{} == 0"), "up{c=\"x\"} == 0");
        assert_eq!(inject("up{a=\"b\",}[5m]"), "up{a=\"b\",c=\"x\"}[5m]");
        assert_eq!(inject("{__name__=\"up\"}"), "{__name__=\"up\",c=\"x\"}");
        assert_eq!(inject("sum(up)"), "sum by (l)(up{c=\"x\"})");
        assert_eq!(inject("sum(up) by (a)"), "sum(up{c=\"x\"}) by (a, l)");
        assert_eq!(inject("sum by () (up)"), "sum by (l) (up{c=\"x\"})");
        assert_eq!(inject("sum without (a) (up)"), "sum without (a) (up{c=\"x\"})");
        assert_eq!(inject("a and on () b"), "a{c=\"x\"} and on (l) b{c=\"x\"}");
        assert_eq!(
            inject("a * on (i) group_left (sum) max by (i, sum) (b)"),
            "a{c=\"x\"} * on (i, l) group_left (sum) max by (i, sum, l) (b{c=\"x\"})"
        );
        assert_eq!(inject("topk(5, rate(a[5m]))"), "topk by (l)(5, rate(a{c=\"x\"}[5m]))");
        assert_eq!(inject("absent(up{job=\"é\"})"), "absent(up{job=\"é\",c=\"x\"})");
        assert_eq!(
            inject("max_over_time(a[1h:5m] offset 1d) > 1 # sum(a)"),
            "max_over_time(a{c=\"x\"}[1h:5m] offset 1d) > 1 # sum(a)"
        );
        assert_eq!(inject("time() - a > vector(1)"), "time() - a{c=\"x\"} > vector(1)");
    }

    /// Expressions as people write them, built from a grammar.
    pub(in crate::promql) fn expression() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["up", "pg_x", "a:b", "sum_total", "by_x", "on_x", "count"]);
        let name = name.prop_filter("aggregations are no series names here", |name| *name != "count");
        let braces =
            prop::sample::select(vec!["", "{}", "{a=\"1\"}", "{a=~\"x|é\",b!=\"}{\"}", "{ a=\"1\" , }"]);
        let range = prop::sample::select(vec!["", " offset 5m"]);
        let leaf = (name, braces, range).prop_map(|(name, braces, range)| format!("{name}{braces}{range}"));
        leaf.prop_recursive(5, 40, 3, |inner| {
            let list =
                prop::sample::select(vec!["", " by (a)", " by ()", " without (a, b)", " by (sum, on)"]);
            let op = prop::sample::select(vec!["sum", "max", "count", "min", "avg"]);
            let binary = prop::sample::select(vec![
                "+",
                "> on (a)",
                "and on ()",
                "or",
                "unless on (a, b)",
                "/ ignoring (a)",
                "* on (a) group_left (b)",
                ">= bool on (a) group_right ()",
            ]);
            prop_oneof![
                (op.clone(), list.clone(), inner.clone())
                    .prop_map(|(op, list, x)| format!("{op}{list} ({x})")),
                (op, list, inner.clone()).prop_map(|(op, list, x)| format!("{op}({x}){list}")),
                (inner.clone(), binary, inner.clone()).prop_map(|(x, op, y)| format!("({x}) {op} ({y})")),
                inner.clone().prop_map(|x| format!("abs({x}) # by (c)\n")),
                inner.clone().prop_map(|x| format!("max_over_time(({x})[1h:5m])")),
                inner.prop_map(|x| format!("absent({x})")),
            ]
        })
    }

    /// Selectors without the injected matcher, and lists that survive without the injected label.
    fn missed(text: &str) -> Vec<String> {
        let promql =
            Promql::parse(text, &Params::default()).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let mut missed = Vec::new();
        for selector in promql.selectors() {
            let count = selector.matchers.matchers.iter().filter(|matcher| matcher.name == "c").count();
            if count != 1 {
                missed.push(selector.to_string());
            }
        }
        let mut expect = |modifier: Option<&LabelModifier>, bare: bool, node: &Expr| {
            let ok = match modifier {
                Some(LabelModifier::Include(labels)) => {
                    labels.labels.iter().collect::<BTreeSet<_>>().contains(&"l".to_owned())
                }
                Some(LabelModifier::Exclude(labels)) => !labels.labels.contains(&"l".to_owned()),
                None => bare,
            };
            if !ok {
                missed.push(node.to_string());
            }
        };
        walk::each(&promql.tree, &mut |node, _| match node {
            Expr::Aggregate(aggregate) => expect(aggregate.modifier.as_ref(), false, node),
            Expr::Binary(binary) => {
                expect(binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()), true, node);
            }
            _ => {}
        });
        missed
    }

    proptest! {
        #[test]
        fn what_is_rewritten_parses_and_misses_nothing(text in expression()) {
            let promql = Promql::parse(&text, &Params::default()).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
            prop_assert_eq!(promql.inject("", ""), text.clone());
            prop_assert_eq!(missed(&promql.inject("c=\"x\"", "l")), Vec::<String>::new());
        }

        #[test]
        fn no_text_makes_the_rewriter_panic(text in "[a-z{}()\\[\\]=\"#,:.0-9> é\n]{0,40}") {
            if let Ok(promql) = Promql::parse(&text, &Params::default()) {
                promql.inject("c=\"x\"", "l");
            }
        }
    }
}
