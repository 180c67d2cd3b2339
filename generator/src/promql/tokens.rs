//! The tokens of an expression and where they stand.

use std::ops::Range;

use lrpar::{Lexeme, Lexer};
use promql_parser::parser::token::{
    T_ADD, T_BY, T_GROUP_LEFT, T_GROUP_RIGHT, T_IDENTIFIER, T_IGNORING, T_LEFT_BRACE, T_LEFT_BRACKET,
    T_LEFT_PAREN, T_ON, T_RIGHT_BRACE, T_RIGHT_BRACKET, T_RIGHT_PAREN, T_SUB, T_WITHOUT, TokenId, TokenType,
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

/// Whether a token is a closing bracket.
pub fn closes(token: &Token) -> bool {
    matches!(token.id, T_RIGHT_PAREN | T_RIGHT_BRACE | T_RIGHT_BRACKET)
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

/// Levels of a syntax tree that nobody writes by hand: what walks it would run out of stack somewhere beyond.
pub const MAX_DEPTH: usize = 600;

/// The token at which a tree would become deeper than that: brackets that are open there, and the operators and signs
/// beside them, each of which may be a level of its own.
pub fn too_deep(tokens: &[Token]) -> Option<&Token> {
    // Operators in each bracket that is open; the first is the expression itself.
    let mut open = vec![0_usize];
    let mut depth = 0_usize;
    tokens.iter().find(|token| {
        if closes(token) {
            depth = depth.saturating_sub(1 + open.pop().unwrap_or_default());
            if open.is_empty() {
                open.push(0);
            }
        } else if matches!(token.id, T_LEFT_PAREN | T_LEFT_BRACE | T_LEFT_BRACKET) {
            open.push(0);
            depth += 1;
        } else if TokenType::new(token.id).is_operator() {
            depth += 1;
            if let Some(count) = open.last_mut() {
                *count += 1;
            }
        }
        depth > MAX_DEPTH
    })
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

/// What is wrong with a text that does not parse, as near as can be told: two operators in a row, an unknown
/// function, or the smallest call that does not parse by itself.
pub fn culprit(
    text: &str,
    tokens: &[Token],
    parses: &dyn Fn(&str) -> bool,
) -> Option<(String, Range<usize>)> {
    let binary = |token: &Token| TokenType::new(token.id).is_operator() && !matches!(token.id, T_ADD | T_SUB);
    if let Some(pair) = tokens.windows(2).find(|pair| binary(&pair[0]) && binary(&pair[1])) {
        let range = pair[1].range.clone();
        return Some((format!("`{}` follows an operator", &text[range.clone()]), range));
    }
    let calls = tokens.windows(2).enumerate().filter(|(_, pair)| pair[1].id == T_LEFT_PAREN);
    let calls = calls.filter(|(_, pair)| pair[0].id == T_IDENTIFIER || pair[0].is_aggregation());
    let calls = calls.filter_map(|(index, pair)| {
        let close = closing(tokens, index + 1)?;
        Some((
            &pair[0],
            pair[0].range.start..tokens[close].range.end,
            tokens[index + 1].range.end..tokens[close].range.start,
        ))
    });
    let mut broken: Vec<_> = calls.filter(|(_, call, _)| !parses(&text[call.clone()])).collect();
    broken.sort_by_key(|(_, call, _)| call.len());
    let (name, call, arguments) = broken.into_iter().next()?;
    let name_text = &text[name.range.clone()];
    // With arguments that parse, it is the name.
    if name.id == T_IDENTIFIER && parses(&text[arguments]) {
        return Some((format!("`{name_text}` is not a function"), name.range.clone()));
    }
    Some((format!("this call of `{name_text}` does not parse"), call))
}
