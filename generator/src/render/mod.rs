//! Renderers: catalogue in, [`crate::tree::Tree`] out. None writes, none knows another.

pub mod chart;
