//! The generator, in reading order: `promql` and `template` understand the two languages of a rule.

pub mod promql;
pub mod template;
