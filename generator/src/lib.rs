//! The generator, in reading order: [`promql`], [`template`], [`sql`], [`markdown`] and [`links`] understand the
//! languages of content; [`check`] judges it.

pub mod check;
pub mod links;
pub mod markdown;
pub mod promql;
pub mod sql;
pub mod template;
