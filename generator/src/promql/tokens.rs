//! The tokens of an expression and where they stand.

use std::ops::Range;

use lrpar::{Lexeme, Lexer};
use promql_parser::parser::token::{
    T_BY, T_GROUP_LEFT, T_GROUP_RIGHT, T_IGNORING, T_LEFT_BRACE, T_LEFT_BRACKET, T_LEFT_PAREN, T_ON,
    T_RIGHT_BRACE, T_RIGHT_BRACKET, T_RIGHT_PAREN, T_WITHOUT, TokenId, TokenType,
};

/// A token.
#[derive(Debug, Clone)]
pub struct Token {
    /// What it is.
    pub id: TokenId,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

impl Token {
    /// Whether a list of labels follows: `by`, `without`, `on`, `ignoring`, `group_left`, `group_right`.
    pub fn takes_labels(&self) -> bool {
        matches!(self.id, T_BY | T_WITHOUT | T_ON | T_IGNORING | T_GROUP_LEFT | T_GROUP_RIGHT)
    }

    /// Whether the labels that follow are those that survive.
    pub fn keeps_labels(&self) -> bool {
        matches!(self.id, T_BY | T_ON)
    }

    /// Whether this is the name of an aggregation.
    pub fn is_aggregation(&self) -> bool {
        TokenType::new(self.id).is_aggregator()
    }
}

/// Splits a text into tokens.
pub fn scan(text: &str) -> Result<Vec<Token>, String> {
    let lexer = promql_parser::parser::lexer(text).map_err(|message| message.to_lowercase())?;
    let tokens = lexer.iter().filter_map(Result::ok).map(|lexeme| {
        let span = lexeme.span();
        Token { id: lexeme.tok_id(), range: span.start()..span.end().min(text.len()) }
    });
    Ok(tokens.filter(|token| !token.range.is_empty()).collect())
}

/// Index of the bracket that closes the one at `open`.
pub fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.id {
            T_LEFT_PAREN | T_LEFT_BRACE | T_LEFT_BRACKET => depth += 1,
            T_RIGHT_PAREN | T_RIGHT_BRACE | T_RIGHT_BRACKET => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}
