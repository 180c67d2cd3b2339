//! Renderers: catalogue in, files out, as a [`crate::tree::Tree`] or, where they are many, one by one to a
//! [`crate::tree::Sink`]. None writes itself, none knows another.

pub mod alertmanager;
pub mod chart;
pub mod queries;
pub mod site;
