//! The generator, in reading order: [`filled`], [`promql`], [`template`], [`sql`], [`psql`], [`markdown`] and [`links`] understand the
//! languages of content; [`life`] evaluates a rule over its test; [`inhibition`] says which alert mutes which; [`check`] judges content; [`render`] makes a [`tree`] of files from it; [`rule_tests`] proves
//! its rules with the real engine, and [`mutate`] proves the tests; [`new`] writes skeletons; [`report`] prints what is wrong;
//! [`package`] makes archives of charts; [`edition`] puts the parts of a site together, [`serve`] shows it while it is written, [`versions`] makes one of each tag;
//! [`cli`] is what people type.

pub mod check;
pub mod cli;
pub mod edition;
pub mod filled;
pub mod highlight;
pub mod history;
pub mod inhibition;
pub mod life;
pub mod links;
pub mod markdown;
pub mod mutate;
pub mod new;
pub mod package;
pub mod progress;
pub mod promql;
pub mod psql;
pub mod render;
pub mod report;
pub mod rule_tests;
pub mod serve;
pub mod sql;
pub mod template;
pub mod tools;
pub mod tree;
pub mod versions;
