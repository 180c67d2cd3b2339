//! The operators of an expression and what stands on their two sides, as places in the text.
//!
//! The parser's tree has no positions. Its rules of precedence are applied to the tokens here, and the tests
//! compare the result with the tree.

use std::ops::Range;

use promql_parser::parser::token::{
    T_ADD, T_AT, T_BOOL, T_BY, T_COMMA, T_LAND, T_LEFT_BRACE, T_LEFT_BRACKET, T_LEFT_PAREN, T_LOR, T_LUNLESS,
    T_OFFSET, T_POW, T_SUB, T_WITHOUT, TokenType,
};

use super::tokens::{Token, closing};

/// A binary operator with its operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Index of the operator among the tokens.
    pub operator: usize,
    /// Bytes of the left operand.
    pub left: Range<usize>,
    /// Bytes of the right operand, without `bool`, `on (…)` and the like.
    pub right: Range<usize>,
}

/// The binary operators, inner ones first.
pub fn binaries(tokens: &[Token]) -> Vec<Binary> {
    let mut reader = Reader { tokens, at: 0, found: Vec::new() };
    // A text that parses is read in one go; in any other, reading goes on behind what has no place.
    while reader.at < tokens.len() {
        reader.expression(0);
        reader.at += 1;
    }
    reader.found
}

/// How tightly an operator binds, from `or` to `^`; nothing for what is no binary operator.
fn precedence(token: &Token) -> Option<u8> {
    let kind = TokenType::new(token.id);
    match token.id {
        T_LOR => Some(1),
        T_LAND | T_LUNLESS => Some(2),
        _ if kind.is_comparison_operator() => Some(3),
        T_ADD | T_SUB => Some(4),
        T_POW => Some(UNARY + 1),
        T_AT => None,
        // `=~` and `!~` are operators too, but stand in braces only, which are skipped.
        _ if kind.is_operator() => Some(5),
        _ => None,
    }
}

/// A sign binds tighter than `*` and looser than `^`.
const UNARY: u8 = 6;

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    found: Vec<Binary>,
}

impl Reader<'_> {
    fn id(&self) -> Option<u16> {
        self.tokens.get(self.at).map(|token| token.id)
    }

    /// Reads operands and the operators between them that bind at least so tightly.
    fn expression(&mut self, least: u8) {
        let start = self.at;
        if matches!(self.id(), Some(T_ADD | T_SUB)) {
            self.at += 1;
            self.expression(UNARY);
        } else {
            self.operand();
        }
        while let Some(binds) = self.tokens.get(self.at).and_then(precedence).filter(|binds| *binds >= least)
        {
            let operator = self.at;
            self.at += 1;
            self.modifiers();
            let right = self.at;
            // Only `^` groups from the right.
            self.expression(if self.tokens[operator].id == T_POW { binds } else { binds + 1 });
            if let (Some(left), Some(right)) = (self.bytes(start..operator), self.bytes(right..self.at)) {
                self.found.push(Binary { operator, left, right });
            }
        }
    }

    /// The bytes of some tokens.
    fn bytes(&self, tokens: Range<usize>) -> Option<Range<usize>> {
        let tokens = self.tokens.get(tokens)?;
        Some(tokens.first()?.range.start..tokens.last()?.range.end)
    }

    /// `bool`, `on (…)`, `group_left (…)` and so on.
    fn modifiers(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            let list = token.takes_labels() && !matches!(token.id, T_BY | T_WITHOUT);
            if token.id != T_BOOL && !list {
                return;
            }
            self.at += 1;
            if list && self.id() == Some(T_LEFT_PAREN) {
                self.skip();
            }
        }
    }

    /// Goes behind the bracket that closes the one here.
    fn skip(&mut self) {
        self.at = closing(self.tokens, self.at).unwrap_or(self.tokens.len() - 1) + 1;
    }

    /// One operand: up to the next binary operator, comma or closing bracket.
    fn operand(&mut self) {
        let mut labels = false;
        while let Some(token) = self.tokens.get(self.at) {
            match token.id {
                T_LEFT_BRACE | T_LEFT_BRACKET => self.skip(),
                T_LEFT_PAREN if labels => self.skip(),
                T_LEFT_PAREN => self.arguments(),
                // What follows is a moment, perhaps with a sign.
                T_OFFSET | T_AT => {
                    self.at += 1;
                    if matches!(self.id(), Some(T_ADD | T_SUB)) {
                        self.at += 1;
                    }
                }
                T_COMMA => return,
                _ if precedence(token).is_some() || super::tokens::closes(token) => return,
                _ => self.at += 1,
            }
            labels = token.takes_labels();
        }
    }

    /// Expressions in parentheses, with commas between them.
    fn arguments(&mut self) {
        let end = closing(self.tokens, self.at).unwrap_or(self.tokens.len());
        self.at += 1;
        while self.at < end {
            self.expression(0);
            self.at += usize::from(self.at < end);
        }
        self.at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use catalogue::param::Params;
    use proptest::prelude::*;

    use super::super::ast::Expr;
    use super::super::sites::tests::expression;
    use super::super::{Promql, walk};
    use super::*;

    fn parse(text: &str) -> Promql {
        Promql::parse(text, &Params::default()).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
    }

    /// The operands as the tokens say and as the tree says, printed alike.
    fn both(text: &str) -> [Vec<String>; 2] {
        let promql = parse(text);
        let operand = |range: &Range<usize>| parse(&promql.filled.text[range.clone()]).tree.to_string();
        let mut found: Vec<_> = binaries(&promql.tokens)
            .iter()
            .map(|binary| format!("{} ⋯ {}", operand(&binary.left), operand(&binary.right)))
            .collect();
        let mut expected = Vec::new();
        walk::each(&promql.tree, &mut |node, _| {
            if let Expr::Binary(binary) = node {
                expected.push(format!("{} ⋯ {}", binary.lhs, binary.rhs));
            }
        });
        found.sort();
        expected.sort();
        [found, expected]
    }

    #[test]
    fn operands_are_those_of_the_tree() {
        for text in [
            "a + b * c ^ d ^ e - f",
            "a or b and c unless d or e",
            "-a ^ 2 * 3 > bool 1 == bool 0",
            "a{x=~\"1 > 2\",y!=\"b or c\"} offset -5m - b @ -3 > -1 # or d",
            "sum by (on, by) (a / on (x) group_left (bool) b) > 1 and on () max(c or d) without (e) < 2",
            "label_replace(a > 1 or b, \"x > 1\", \"$1\", \"y\", \"(.*)\") unless ignoring (z) (c and d) > 1",
            "predict_linear(a[1h:] offset 5m, 60 * 60) < 0",
            "100 * (1 - min by (t) (s) / on (t) group_left () (max by (t) (k) > 0)) > 80 or a atan2 b",
        ] {
            let [found, expected] = both(text);
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_expression_is_read_otherwise_than_by_the_parser(text in expression()) {
            let [found, expected] = both(&text);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-z{}()\\[\\]=\"#,:.0-9>+^ -]{0,40}") {
            if let Ok(tokens) = super::super::tokens::scan(&text) {
                binaries(&tokens);
            }
        }
    }
}
