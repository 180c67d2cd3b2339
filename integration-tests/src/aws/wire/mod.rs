//! HTTP and the protocols of AWS on one side, calls and values on the other.
//!
//! In reading order: a request becomes a [`Call`] (`service`, `credentials`, `form`), an operation answers with a
//! [`Value`] (cut into pages by `page`) or a [`Refusal`], and `reply` writes it as XML, JSON or CBOR.

mod call;
mod cbor;
mod credentials;
mod form;
mod page;
mod refusal;
mod reply;
mod service;
mod value;
mod xml;

pub(crate) use self::call::{Call, Protocol};
pub(crate) use self::credentials::Scope;
pub(crate) use self::form::{Filter, Form, same_name};
pub(crate) use self::page::{Page, slice};
pub(crate) use self::refusal::Refusal;
pub(crate) use self::reply::{Reply, reply, wrong};
pub(crate) use self::service::Service;
pub(crate) use self::value::{Fields, Value, list};
