//! Raw tables of either engine, for tests that look behind the server. The embedded folder must not be open elsewhere.

use super::server::{Engine, thrift_address};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tsdb::store::embedded::{EmbeddedOptions, EmbeddedStore};
use tsdb::store::hbase::{HbaseOptions, HbaseStore};
use tsdb::store::{Mutation, RowBatch, RowMutation, Scan, Store, TableSpec};

/// One cell as it is stored.
pub struct Cell {
    pub row: Vec<u8>,
    pub family: String,
    pub qualifier: Vec<u8>,
    pub value: Vec<u8>,
    pub time: i64,
}

/// The store of a test server in `dir` that has ended, or the test HBase; and a table's real name there.
pub fn open(engine: &Engine, dir: &Path, table: &str) -> (Arc<dyn Store>, String) {
    match engine {
        Engine::Embedded => {
            let store = EmbeddedStore::open(dir.join("tsdb-data"), EmbeddedOptions::default()).expect("open the folder");
            (Arc::new(store), table.to_string())
        }
        Engine::Hbase { prefix } => {
            let gateways = HbaseOptions::parse_gateways(&thrift_address()).expect("a gateway");
            let store = HbaseStore::connect(HbaseOptions::new(gateways)).expect("connect");
            (Arc::new(store), format!("{prefix}{table}"))
        }
    }
}

/// Every cell of a table.
pub fn dump(engine: &Engine, dir: &Path, table: &str) -> Vec<Cell> {
    let (store, table) = open(engine, dir, table);
    let mut scan = store.scan(&table, Scan::range(Vec::new(), Vec::new())).expect("scan");
    let (mut out, mut batch) = (Vec::new(), RowBatch::default());
    while scan.next(&mut batch).expect("next rows") {
        for row in batch.rows() {
            out.extend(row.cells().map(|c| Cell {
                row: row.key().to_vec(),
                family: String::from_utf8_lossy(c.family).into_owned(),
                qualifier: c.qualifier.to_vec(),
                value: c.value.to_vec(),
                time: c.time,
            }));
        }
    }
    out
}

/// A cell to write: row, family, qualifier, value.
pub type NewCell = (Vec<u8>, String, Vec<u8>, Vec<u8>);

/// Writes raw cells, creating the table in the embedded store if it is missing.
pub fn fill(engine: &Engine, dir: &Path, table: &str, cells: Vec<NewCell>) {
    let (store, table) = open(engine, dir, table);
    let families: &[&'static str] = if table.ends_with("uid") { &["id", "name"] } else { &["t"] };
    if store.is_private() {
        store.create_table(&TableSpec::plain(&table, families), &[]).expect("create the table");
    }
    let mut rows: BTreeMap<Vec<u8>, Vec<Mutation>> = BTreeMap::new();
    for (row, family, qualifier, value) in cells {
        let family = families.iter().find(|f| **f == family).copied().expect("a known family");
        rows.entry(row).or_default().push(Mutation::Put { family, qualifier, value });
    }
    let rows: Vec<RowMutation> = rows.into_iter().map(|(row, mutations)| RowMutation { row, mutations, time: None }).collect();
    store.write(&table, &rows).expect("write");
    store.sync().expect("sync");
}
