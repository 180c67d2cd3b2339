//! Mistakes in an expression. They are made in the token stream, so that each is known by its place in the text.

use std::collections::BTreeSet;
use std::ops::Range;

use catalogue::Alert;
use catalogue::duration::PromDuration;
use catalogue::mutant::Operator;
use catalogue::param::Params;

use super::{Change, Mutant, duration};
use crate::promql::Promql;
use crate::promql::ast::token::{
    T_ADD, T_AT, T_AVG, T_BOTTOMK, T_COLON, T_COMMA, T_COUNT, T_DIV, T_DURATION, T_EQLC, T_GTE, T_GTR,
    T_IDENTIFIER, T_LAND, T_LEFT_BRACE, T_LEFT_BRACKET, T_LEFT_PAREN, T_LSS, T_LTE, T_LUNLESS, T_MAX,
    T_METRIC_IDENTIFIER, T_MIN, T_MOD, T_MUL, T_NUMBER, T_OFFSET, T_POW, T_SUB, T_SUM, T_TOPK, TokenId,
    TokenType,
};
use crate::promql::ast::value::ValueType;
use crate::promql::operands::{Binary, binaries};
use crate::promql::tokens::{Token, closing};

/// One change of the filled text.
struct Edit {
    operator: Operator,
    /// The word that the mistake is about.
    word: Range<usize>,
    /// What it becomes, for people.
    to: String,
    /// The bytes that are replaced, and what stands there then.
    cut: (Range<usize>, String),
}

/// The mutants of an alert's expression that some operators make, and with them what does not parse: Prometheus would
/// notice that, not the tests.
pub(super) fn candidates(alert: &Alert, wanted: &dyn Fn(Operator) -> bool) -> Vec<Mutant> {
    let text = &alert.rule.expr;
    let Ok(promql) = Promql::of(&alert.rule) else { return Vec::new() };
    let mut seen = BTreeSet::from([promql.filled.text.clone()]);
    let made = edits(promql).into_iter().filter_map(|edit| {
        let mut mutated = promql.filled.text.clone();
        mutated.replace_range(edit.cut.0, &edit.cut.1);
        let source = promql.filled.source(edit.word);
        // Of operators that make the same text, the first has it, wanted or not.
        let is_new = seen.insert(mutated.clone());
        (is_new && wanted(edit.operator)).then(|| Mutant {
            operator: edit.operator,
            from: text[source.clone()].to_owned(),
            to: edit.to,
            place: text.place_of(source.clone()),
            change: Change::Expr(mutated, source),
        })
    });
    made.collect()
}

fn edits(promql: &Promql) -> Vec<Edit> {
    let text = promql.filled.text.as_str();
    let tokens = promql.tokens.as_slice();
    let mut edits = Vec::new();
    let binaries = binaries(tokens);
    for binary in &binaries {
        edits.extend(of_operator(text, tokens, binary));
    }
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let opens = |id: TokenId| tokens.get(index + 1).is_some_and(|next| next.id == id);
        let opens_list = tokens.get(index + 1).is_some_and(Token::takes_labels);
        if token.takes_labels() && opens(T_LEFT_PAREN) {
            index += 1;
            index += items(tokens, index, Operator::LabelDropped, &mut edits);
        } else if token.id == T_LEFT_BRACE {
            index += items(tokens, index, Operator::MatcherRemoved, &mut edits);
        } else if opens(T_LEFT_PAREN) || (token.is_aggregation() && opens_list) {
            edits.extend(of_function(text, token, has_value(tokens, &binaries, token.range.start)));
        } else if matches!(token.id, T_IDENTIFIER | T_METRIC_IDENTIFIER) {
            let name = format!("{}_renamed", &text[token.range.clone()]);
            edits.push(replaced(Operator::MetricRenamed, token, name));
        } else {
            edits.extend(of_number(text, &tokens[..=index]));
        }
        index += 1;
    }
    edits.sort_by_key(|edit| (edit.word.start, edit.operator));
    edits
}

fn replaced(operator: Operator, token: &Token, to: impl Into<String>) -> Edit {
    let to = to.into();
    Edit { operator, word: token.range.clone(), to: to.clone(), cut: (token.range.clone(), to) }
}

/// Mistakes in a binary operator.
fn of_operator(text: &str, tokens: &[Token], binary: &Binary) -> Vec<Edit> {
    let token = &tokens[binary.operator];
    let replace = |operator, to: &str| replaced(operator, token, to);
    let keep = |operator, left: bool| {
        let side = if left { "left side" } else { "right side" };
        let (left_end, right) = (binary.left.end, binary.right.clone());
        let cut = if left { left_end..right.end } else { binary.left.start..right.start };
        Edit { operator, word: token.range.clone(), to: side.to_owned(), cut: (cut, String::new()) }
    };
    let kind = TokenType::new(token.id);
    if kind.is_comparison_operator() {
        let is_number = |range: &Range<usize>| {
            let side = Promql::parse(&text[range.clone()], &Params::default());
            side.is_ok_and(|side| side.tree.value_type() == ValueType::Scalar)
        };
        let mut edits = vec![keep(Operator::ComparisonRemoved, !is_number(&binary.left))];
        let (flipped, boundary) = match token.id {
            T_GTR => ("<", Some(">=")),
            T_GTE => ("<=", Some(">")),
            T_LSS => (">", Some("<=")),
            T_LTE => (">=", Some("<")),
            T_EQLC => ("!=", None),
            _ => ("==", None),
        };
        edits.push(replace(Operator::ComparatorFlipped, flipped));
        edits.extend(boundary.map(|to| replace(Operator::ComparatorBoundary, to)));
        return edits;
    }
    if kind.is_set_operator() {
        let drops_right = keep(Operator::BranchDropped, true);
        // Without its left side, `unless` would not be a smaller rule but another one.
        let both = &text[token.range.clone()] != "unless";
        return std::iter::once(drops_right)
            .chain(both.then(|| keep(Operator::BranchDropped, false)))
            .collect();
    }
    let swapped = match token.id {
        T_ADD => "-",
        T_SUB => "+",
        T_MUL => "/",
        T_DIV | T_MOD | T_POW => "*",
        _ => return Vec::new(),
    };
    vec![replace(Operator::ArithmeticSwapped, swapped)]
}

/// Whether the value counts of what stands at a byte, not only for which labels there is one: not behind `and` or
/// `unless`, unless something is calculated or compared there.
fn has_value(tokens: &[Token], binaries: &[Binary], at: usize) -> bool {
    // Inner ones come first.
    for binary in binaries {
        let kind = TokenType::new(tokens[binary.operator].id);
        let (left, right) = (binary.left.contains(&at), binary.right.contains(&at));
        match tokens[binary.operator].id {
            _ if !left && !right => {}
            _ if !kind.is_set_operator() => return true,
            T_LAND | T_LUNLESS if right => return false,
            _ => {}
        }
    }
    true
}

/// Mistakes in the name of a function or an aggregation. Where its value does not count, another aggregation is none.
fn of_function(text: &str, token: &Token, has_value: bool) -> Vec<Edit> {
    let swaps: &[&str] = match token.id {
        _ if !has_value => &[],
        T_MAX => &["min", "sum"],
        T_MIN => &["max", "sum"],
        T_SUM => &["max", "count"],
        T_COUNT => &["sum"],
        T_AVG => &["max", "min"],
        T_TOPK => &["bottomk"],
        T_BOTTOMK => &["topk"],
        _ => match &text[token.range.clone()] {
            "max_over_time" => &["min_over_time"],
            "min_over_time" | "sum_over_time" => &["max_over_time"],
            "avg_over_time" | "last_over_time" => &["max_over_time", "min_over_time"],
            _ => &[],
        },
    };
    let mut edits: Vec<_> =
        swaps.iter().map(|to| replaced(Operator::AggregationSwapped, token, *to)).collect();
    edits.extend(match &text[token.range.clone()] {
        "absent" => Some(replaced(Operator::AbsentRemoved, token, "")),
        "absent_over_time" => Some(replaced(Operator::AbsentRemoved, token, "last_over_time")),
        _ => None,
    });
    edits
}

/// Drops each item of the list that opens at `open`; returns how many tokens the list has behind that one.
fn items(tokens: &[Token], open: usize, operator: Operator, edits: &mut Vec<Edit>) -> usize {
    let Some(close) = closing(tokens, open) else { return 0 };
    let items: Vec<_> = tokens[open + 1..close]
        .split(|token| token.id == T_COMMA)
        .filter_map(|item| Some(item.first()?.range.start..item.last()?.range.end))
        .collect();
    for (index, item) in items.iter().enumerate() {
        let cut = match (index.checked_sub(1).map(|before| &items[before]), items.get(index + 1)) {
            (_, Some(next)) => item.start..next.start,
            (Some(before), None) => before.end..item.end,
            (None, None) => item.start..tokens[close].range.start,
        };
        edits.push(Edit { operator, word: item.clone(), to: String::new(), cut: (cut, String::new()) });
    }
    close - open
}

/// Mistakes in a number or a duration, the last of some tokens.
fn of_number(text: &str, tokens: &[Token]) -> Vec<Edit> {
    let Some((token, before)) = tokens.split_last() else { return Vec::new() };
    let signed = before.last().is_some_and(|sign| matches!(sign.id, T_ADD | T_SUB));
    let ids: Vec<_> = before.iter().rev().map(|token| token.id).collect();
    let behind = |id: TokenId| ids.first() == Some(&id) || (signed && ids.get(1) == Some(&id));
    let word = &text[token.range.clone()];
    if token.id == T_NUMBER {
        // A moment, or a length that is written in seconds.
        let is_time = [T_AT, T_OFFSET, T_LEFT_BRACKET, T_COLON].into_iter().any(behind);
        let number = word.parse::<f64>().ok().filter(|number| number.is_finite() && !is_time);
        let changed = number.into_iter().flat_map(|number| [number * 0.9, number * 1.1]);
        // Without the noise of doubles.
        let changed = changed.map(|number| (number * 1e9).round() / 1e9);
        return changed
            .map(|number| replaced(Operator::ThresholdChanged, token, number.to_string()))
            .collect();
    }
    if token.id != T_DURATION {
        return Vec::new();
    }
    let Ok(length) = PromDuration::new(word) else { return Vec::new() };
    let lengths = [length.milliseconds() / 2, length.milliseconds() * 2].map(duration);
    if behind(T_LEFT_BRACKET) {
        return lengths.into_iter().map(|to| replaced(Operator::RangeChanged, token, to)).collect();
    }
    let Some(keyword) = before.iter().rev().take(2).find(|token| token.id == T_OFFSET) else {
        return Vec::new();
    };
    let mut edits: Vec<_> =
        lengths.into_iter().map(|to| replaced(Operator::OffsetChanged, token, to)).collect();
    let cut = (keyword.range.start..token.range.end, String::new());
    edits.push(Edit { operator: Operator::OffsetChanged, word: token.range.clone(), to: String::new(), cut });
    edits
}
