//! The generator, in reading order: [`filled`], [`promql`], [`template`], [`sql`], [`markdown`] and [`links`] understand the
//! languages of content; [`check`] judges it; [`render`] makes a [`tree`] of files from it; [`rule_tests`] proves
//! its rules with the real engine; [`new`] writes skeletons; [`report`] prints what is wrong; [`cli`] is what
//! people type.

pub mod check;
pub mod cli;
pub mod filled;
pub mod highlight;
pub mod history;
pub mod links;
pub mod markdown;
pub mod new;
pub mod promql;
pub mod render;
pub mod report;
pub mod rule_tests;
pub mod sql;
pub mod template;
pub mod tools;
pub mod tree;
