//! `content/` as Rust types: what we know about a failure, read once and checked at the edge.
//!
//! In reading order: a [`source::Source`] is one text file; [`yaml`] turns it into a tree that knows where
//! each value stands; [`decode`] reads typed fields from that tree and collects every [`problem::Problem`]
//! instead of stopping at the first; [`load`] walks the folder and builds the [`Catalogue`].
//! This crate is the leaf of the workspace: the exporters read the same metric definitions through it.

pub mod alert;
pub mod api;
pub mod cases;
pub mod cloudwatch;
pub mod component;
pub mod decode;
pub mod duration;
mod folder;
pub mod interpolate;
pub mod load;
pub mod memo;
pub mod metric;
pub mod mutant;
pub mod name;
pub mod need;
pub mod page;
pub mod param;
pub mod problem;
pub mod scenario;
pub mod severity;
pub mod site;
pub mod source;
pub mod step;
pub mod suggest;
pub mod text;
pub mod works_if;
pub mod yaml;

pub use alert::Alert;
pub use component::Component;
pub use load::{Catalogue, load};
pub use problem::{Problem, Problems};
