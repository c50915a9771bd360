//! The embedded store: the shared suite, its folder, kills and damage.

#![cfg(test)]

#[path = "../src/store/suite.rs"]
mod suite;

use tsdb::store::embedded::{EmbeddedOptions, EmbeddedStore};
use tsdb::store::{FamilySpec, Store, TableSpec};

fn spec(name: &str, families: &[&'static str]) -> TableSpec {
    let family = |name: &&'static str| FamilySpec { name, compression: "NONE".into(), bloom: "ROW".into(), versions: 1, ttl: None };
    TableSpec { name: name.into(), families: families.iter().map(family).collect() }
}

fn open(path: &std::path::Path) -> EmbeddedStore {
    let store = EmbeddedStore::open(path, EmbeddedOptions::default()).unwrap();
    store.create_table(&spec("tsdb", &["t"]), &[]).unwrap();
    store.create_table(&spec("tsdb-uid", &["id", "name"]), &[]).unwrap();
    store
}

/// The whole suite, three times: batches as they come, all of them straight into table files, none of them.
#[test]
fn suite() {
    for direct_bytes in [EmbeddedOptions::default().direct_bytes, 0, usize::MAX] {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), EmbeddedOptions { direct_bytes, ..Default::default() }).unwrap();
        store.create_table(&spec("tsdb", &["t"]), &[]).unwrap();
        store.create_table(&spec("tsdb-uid", &["id", "name"]), &[]).unwrap();
        for (name, case) in suite::CASES {
            println!("{name}, direct from {direct_bytes} bytes");
            case(&suite::Place { store: &store, data: "tsdb".into(), names: "tsdb-uid".into() });
        }
    }
}
