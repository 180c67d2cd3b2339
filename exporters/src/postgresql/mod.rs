//! The PostgreSQL exporter.
//!
//! In reading order: [`cli`] and [`config`] say what is wanted, [`service`] answers the web server, [`target`] plans
//! the scrape of one server, [`visit`] makes the round through its databases, [`slot`] holds a connection,
//! [`session`] runs a query on it, [`rows`] turns the result into samples, [`outcome`] and [`report`] say how it went.

pub mod cli;
pub mod collector;
pub mod config;
pub mod dsn;
pub mod grants;
pub mod needs;
pub mod outcome;
pub mod report;
pub mod rows;
pub mod select;
pub mod service;
pub mod session;
pub mod slot;
pub mod target;
pub mod tls;
pub mod visit;
