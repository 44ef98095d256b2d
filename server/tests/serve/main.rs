//! The static file server against real connections.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod responses;
mod running;
mod support;
