//! Answers as pictures: what a picture may look like ([`options`]). Knows answers of `query`, nothing of sockets or tables.

pub mod options;

pub use options::{Options, OptionsError};
