//! Raw tables of either engine, for tests that look behind the server. The embedded folder must not be open elsewhere.

use super::server::{Engine, thrift_address};
use std::path::Path;
use tsdb::store::{Mutation, RowBatch, RowMutation, Scan, Store};

/// One cell as it is stored.
pub struct Cell {
    pub row: Vec<u8>,
    pub family: String,
    pub qualifier: Vec<u8>,
    pub value: Vec<u8>,
    pub time: i64,
}
