//! What benchmarks of queries share: an embedded store with its two tables, rows of one packed cell, an engine without
//! limits.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::path::Path;
use std::sync::Arc;
use tsdb::codec::{DecodeOptions, Layout, PackedCell, SeriesKey, pack};
use tsdb::point::{PointTime, Value};
use tsdb::query::engine::{Engine, EngineOptions};
use tsdb::store::embedded::{EmbeddedOptions, EmbeddedStore};
use tsdb::store::{FamilySpec, Mutation, RowMutation, Store, TableSpec};
use tsdb::uid::{UidOptions, Uids};

pub type Failure = Box<dyn std::error::Error>;

/// An embedded store below `dir` with the tables of points and names, empty.
pub fn store(dir: &Path) -> Result<(Arc<dyn Store>, Arc<Uids>), Failure> {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(dir.join("data"), EmbeddedOptions::default())?);
    for (name, families) in [("tsdb", vec!["t"]), ("tsdb-uid", vec!["id", "name"])] {
        let family = |name| FamilySpec { name, compression: "NONE".into(), bloom: "ROW".into(), versions: 1, ttl: None };
        store.create_table(&TableSpec { name: name.into(), families: families.into_iter().map(family).collect() }, &[])?;
    }
    let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
    Ok((store, uids))
}

/// The points of an hour in one cell, as `import` writes them.
pub fn packed_row(key: &SeriesKey, base: u32, points: &[(PointTime, Value)]) -> Result<RowMutation, Failure> {
    let mut cell = PackedCell::default();
    pack(points, &mut cell)?;
    let put = Mutation::Put { family: "t", qualifier: cell.qualifier, value: cell.value };
    Ok(RowMutation { row: key.row(base), mutations: vec![put], time: None })
}

/// An engine of `threads` threads that refuses nothing.
pub fn engine(store: Arc<dyn Store>, uids: Arc<Uids>, threads: usize) -> Engine {
    let options = EngineOptions {
        rollups: None,
        layout: Layout::default(),
        data_table: "tsdb".to_string(),
        histograms: tsdb::codec::Decoders::default(),
        repair_appends: false,
        decode: DecodeOptions::default(),
        skip_unresolved_tagvs: false,
        threads,
        max_points: 0,
        max_bytes: 0,
        timeout_ms: 0,
        memory_bytes: 0,
        overrides: None,
    };
    Engine::new(store, None, uids, options)
}
