//! What the whole-program tests share.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

pub mod alike;
pub mod damage;
pub mod http;
pub mod json;
pub mod kit;
pub mod mutate;
pub mod random;
pub mod real;
pub mod recorded;
pub mod scenario;
pub mod server;
pub mod tables;
pub mod tls;
pub mod trio;
