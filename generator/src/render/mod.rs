//! Renderers: catalogue in, [`crate::tree::Tree`] out. None writes, none knows another.

pub mod chart;
pub mod queries;
pub mod site;
