//! The assembled house: settings, store, names, the way in and the way out, for `server` and `cli`.
//!
//! The parts take options of their own, made of settings in `options`.

pub mod hooks;
pub mod kept;
mod options;
pub mod whitelist;

pub use options::{clock, decode_options, histograms, layout, rollups, rules, uid_options, write_options};

use crate::catalog::Catalog;
use crate::catalog::names::Fresh;
use crate::codec::Decoders;
use crate::config::Settings;
use crate::desk::{self, Desk};
use crate::logbook::Logbook;
use crate::meta::annotation::{AnnotationOptions, Annotations, NewNote};
use crate::meta::{Listeners, LiveMeta, MetaTables};
use crate::plot::Pictures;
use crate::plot::cache::Cache;
use crate::plot::turns::Turns;
use crate::publish::{AddressError, Publisher};
use crate::query::engine::rollup::RollupSettings;
use crate::query::engine::{Engine, EngineOptions};
use crate::query::ledger::Ledger;
use crate::stats::Stats;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::hbase::HbaseStore;
use crate::store::{FamilySpec, Overlay, Store, StoreError, TableSpec};
use crate::tree::Trees;
use crate::uid::{UidError, Uids};
use crate::write::{Arrivals, WriteError, WriteOptions, Writer};
use options::{engine_options, hbase_options, positive, unsigned};
use std::path::Path;
use std::sync::Arc;
use whitelist::Whitelist;

/// Everything a front end needs. Built once by [`crate::cli`]; two with different settings can live in one process.
pub struct Tsd {
    /// Resolved settings.
    pub settings: Arc<Settings>,
    /// The tables.
    pub store: Arc<dyn Store>,
    /// Names.
    pub uids: Arc<Uids>,
    /// The way in.
    pub writer: Arc<Writer>,
    /// The way out.
    pub engine: Arc<Engine>,
    /// Queries that run and that have ended.
    pub queries: Ledger,
    /// Pictures that are drawn or kept.
    pub pictures: Pictures,
    /// Notes beside the points.
    pub annotations: Arc<Annotations>,
    /// Trees and their rules.
    pub trees: Trees,
    /// Screens and what workers share.
    pub desk: Desk,
    /// Who hears of every point, if somebody does.
    pub publisher: Option<Arc<Publisher>>,
    /// Meta data of names and series.
    pub meta: Arc<MetaTables>,
    /// Meta data of series as points come in, if any is written.
    pub live: Option<Arc<LiveMeta>>,
    /// Who is told of series that got their meta data here.
    pub new_series: Arc<Listeners>,
    /// The filter of new names, if there is one.
    pub whitelist: Option<Arc<Whitelist>>,
    /// Names and series for people who look for them.
    pub catalog: Catalog,
    /// What front ends keep.
    pub kept: kept::Kept,
    /// Which histograms are taken and read; `None`: they are not configured.
    pub histograms: Option<Decoders>,
    /// Counters.
    pub stats: Arc<Stats>,
    /// The last lines of the log.
    pub logs: Arc<Logbook>,
}

/// Why a TSD cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store cannot be opened or reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tables are not there.
    #[error(
        "{store} has no table {}: create the tables with `tsdb create-tables`, or name those that exist by tsd.storage.hbase.*_table",
        missing.join(", no table ")
    )]
    MissingTables {
        /// The store, described.
        store: String,
        /// Their names.
        missing: Vec<String>,
    },
    /// Settings that contradict each other or name what is not there.
    #[error("{0}")]
    Setting(String),
    /// `tsd.rollups.config` cannot be used: where it was set, and what is wrong.
    #[error("{place}tsd.rollups.config: {why}")]
    Rollups {
        /// `opentsdb.conf:12: `, or nothing.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Names cannot be read.
    #[error(transparent)]
    Uids(#[from] UidError),
    /// The journal cannot be opened or replayed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The two kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// HBase behind Thrift gateways.
    Hbase,
    /// A folder of this machine.
    Embedded,
}

/// How new tables are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// `NONE`, `GZ`, ...
    pub compression: String,
    /// `ROW`, `ROWCOL` or `NONE`.
    pub bloom: String,
    /// Seconds that points live; `None`: for ever.
    pub ttl: Option<u32>,
}

impl Tsd {
    /// Opens store, names, writer (which replays what its journal holds) and engine. Blocks.
    pub fn open(settings: Settings) -> Result<Tsd, OpenError> {
        let settings = Arc::new(settings);
        let rollups = rollups(&settings)?;
        let histograms = histograms(&settings)?;
        let store = open_store(&settings)?;
        check_tables(store.as_ref(), &settings)?;
        let whitelist = hooks::whitelist(&settings)?;
        let fresh = Arc::new(Fresh::default());
        let mut watches = hooks::watches(&store, &settings, whitelist.clone());
        watches.push(fresh.clone());
        let uids = Arc::new(Uids::new(store.clone(), uid_options(&settings)).watched(watches));
        let meta = hooks::open_meta(&store, &uids, &settings);
        let trees = open_trees(&store, &settings);
        let desk = open_desk(&store, &settings);
        let new_series = hooks::new_series(&trees, &settings);
        let live = hooks::open_live(&meta, &settings, &new_series);
        let publisher = open_publisher(&uids, histograms.unwrap_or_default(), &settings)?;
        let mut options = WriteOptions { rollups: rollups.map(Arc::new), ..write_options(&settings, store.as_ref()) };
        options.arrivals.extend(hooks::arrivals(live.as_ref()));
        options.arrivals.extend(publisher.clone().map(|publisher| publisher as Arc<dyn Arrivals>));
        let writer = open_writer(&store, &uids, &settings, options)?;
        let engine = open_engine(&store, Some(writer.overlay()), &uids, &settings)?;
        let annotations = Arc::new(open_annotations(&store, &settings, hooks::new_notes(publisher.as_ref())));
        let catalog = hooks::open_catalog(&store, &uids, &fresh, &writer, &settings);
        let (engine, stats, logs) = (Arc::new(engine), Arc::default(), Arc::default());
        let queries = Ledger::new(settings.query_allow_simultaneous_duplicates);
        let pictures = open_pictures(&settings);
        Ok(Tsd {
            settings,
            store,
            uids,
            writer,
            engine,
            queries,
            pictures,
            annotations,
            trees,
            desk,
            publisher,
            meta,
            live,
            new_series,
            whitelist,
            catalog,
            kept: kept::Kept::default(),
            histograms,
            stats,
            logs,
        })
    }

    /// Forgets what is known of names and series (`dropcaches`).
    pub fn drop_caches(&self) {
        self.uids.drop_caches();
        self.writer.drop_caches();
        self.catalog.forget();
        self.kept.clear();
        if let Some(live) = &self.live {
            live.drop_caches();
        }
    }
}

/// The store that the settings name: `tsd.storage.engine`, else HBase if a gateway or a quorum is set, else embedded.
pub fn store_kind(settings: &Settings) -> StoreKind {
    match settings.storage_engine.as_str() {
        "hbase" => StoreKind::Hbase,
        "embedded" => StoreKind::Embedded,
        _ if settings.storage_hbase_thrift.is_empty() && settings.storage_hbase_zk_quorum.is_empty() => StoreKind::Embedded,
        _ => StoreKind::Hbase,
    }
}

/// Opens the store alone.
pub fn open_store(settings: &Settings) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match store_kind(settings) {
        StoreKind::Hbase => Arc::new(HbaseStore::connect(hbase_options(settings)?)?),
        StoreKind::Embedded => Arc::new(EmbeddedStore::open(&settings.storage_embedded_path, embedded_options(settings))?),
    })
}

fn embedded_options(settings: &Settings) -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: unsigned(settings.storage_embedded_cache_bytes), ..EmbeddedOptions::default() }
}

/// Names over an open store.
pub fn open_uids(store: &Arc<dyn Store>, settings: &Settings) -> Result<Arc<Uids>, OpenError> {
    Ok(Arc::new(Uids::new(store.clone(), uid_options(settings)).watched(hooks::watches(store, settings, hooks::whitelist(settings)?))))
}

/// The way in, over an open store.
pub fn open_writer(
    store: &Arc<dyn Store>,
    uids: &Arc<Uids>,
    _settings: &Settings,
    options: WriteOptions,
) -> Result<Arc<Writer>, OpenError> {
    Ok(Writer::open(store.clone(), uids.clone(), options)?)
}

/// The way out, over an open store. `overlay`: what waits in this process.
pub fn open_engine(
    store: &Arc<dyn Store>,
    overlay: Option<Arc<dyn Overlay>>,
    uids: &Arc<Uids>,
    settings: &Settings,
) -> Result<Engine, OpenError> {
    let rollups = rollups(settings)?.map(|rollups| RollupSettings {
        config: rollups.config,
        tag_key: rollups.tag_key,
        raw_tag_value: rollups.raw_tag_value,
        split: settings.rollups_split_query_enable,
    });
    let options = EngineOptions { rollups, ..engine_options(settings) };
    Ok(Engine::new(store.clone(), overlay, uids.clone(), options))
}

/// The publisher of points, if the settings ask for one.
fn open_publisher(uids: &Arc<Uids>, decoders: Decoders, settings: &Settings) -> Result<Option<Arc<Publisher>>, OpenError> {
    if !settings.rtpublisher_enable {
        return Ok(None);
    }
    if settings.rtpublisher_address.is_empty() {
        return Err(OpenError::Setting(
            "tsd.rtpublisher.enable is on and tsd.rtpublisher.address is not set: OpenTSDB's plug-ins are not loaded, name the receiver \
             of the points, such as tcp://127.0.0.1:9999"
                .into(),
        ));
    }
    let address = settings.rtpublisher_address.parse().map_err(|e: AddressError| OpenError::Setting(e.to_string()))?;
    let bytes = positive(settings.rtpublisher_buffer_bytes);
    let publisher = Publisher::start(address, uids.clone(), decoders, bytes);
    publisher.map(|publisher| Some(Arc::new(publisher))).map_err(|e| OpenError::Setting(format!("no thread to publish: {e}")))
}

/// The folder of kept pictures, and the line of those that are drawn.
fn open_pictures(settings: &Settings) -> Pictures {
    let folder = Some(settings.http_cachedir.as_str()).filter(|folder| !folder.is_empty());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Pictures { cache: Cache::open(folder.map(Path::new), unsigned(settings.http_cache_bytes_max)), turns: Turns::new(cores) }
}

/// Notes over an open store. `listeners`: told of each that is stored.
fn open_annotations(store: &Arc<dyn Store>, settings: &Settings, listeners: Vec<Arc<dyn NewNote>>) -> Annotations {
    let options = AnnotationOptions {
        layout: layout(settings),
        table: settings.storage_hbase_data_table.clone(),
        use_otsdb_timestamp: settings.storage_use_otsdb_timestamp,
    };
    Annotations::new(store.clone(), options, listeners)
}

/// Trees over an open store.
pub fn open_trees(store: &Arc<dyn Store>, settings: &Settings) -> Trees {
    Trees::new(store.clone(), &settings.storage_hbase_tree_table)
}

/// Records over an open store; their table need not be there.
pub fn open_desk(store: &Arc<dyn Store>, settings: &Settings) -> Desk {
    Desk::new(store.clone(), &worker_table(settings))
}

/// The table of records: the one named, else that of the points with `-worker` behind, so that two installations on one
/// HBase do not share leases because their tables of points alone were given names.
pub fn worker_table(settings: &Settings) -> String {
    match settings.storage_worker_table.as_str() {
        "" => format!("{}-worker", settings.storage_hbase_data_table),
        name => name.to_owned(),
    }
}

/// The tables of the settings, made as `schema` says: names, points, trees, meta data, records, and those
/// of rollups.
pub fn tables(settings: &Settings, schema: &Schema) -> Result<Vec<TableSpec>, OpenError> {
    let family =
        |name, versions, ttl| FamilySpec { name, compression: schema.compression.clone(), bloom: schema.bloom.clone(), versions, ttl };
    let table = |name: &str, families| TableSpec { name: name.to_string(), families };
    let mut all = vec![
        table(&settings.storage_hbase_uid_table, vec![family("id", 1, None), family("name", 1, None)]),
        table(&settings.storage_hbase_data_table, vec![family("t", 1, schema.ttl)]),
        table(&settings.storage_hbase_tree_table, vec![family("t", 1, None)]),
        table(&settings.storage_hbase_meta_table, vec![family("name", 1, None)]),
        table(&worker_table(settings), vec![family(desk::FAMILY, 1, None)]),
    ];
    for name in rollup_tables(settings)? {
        if all.iter().all(|known| known.name != name) {
            all.push(table(&name, vec![family("t", 1, schema.ttl)]));
        }
    }
    Ok(all)
}

fn rollup_tables(settings: &Settings) -> Result<Vec<String>, OpenError> {
    let rollups = rollups(settings)?;
    let intervals = rollups.iter().flat_map(|rollups| rollups.config.intervals());
    Ok(intervals.flat_map(|interval| [interval.table.to_string(), interval.preaggregates.to_string()]).collect())
}

/// That the tables of points and names exist; a store of our own gets what is missing.
pub fn check_tables(store: &dyn Store, settings: &Settings) -> Result<(), OpenError> {
    let there = store.tables()?;
    let schema = Schema { compression: "NONE".into(), bloom: "ROW".into(), ttl: None };
    let missing: Vec<TableSpec> = tables(settings, &schema)?.into_iter().filter(|table| !there.contains(&table.name)).collect();
    if store.is_private() {
        for table in &missing {
            store.create_table(table, &[])?;
        }
        return Ok(());
    }
    let mut needed = rollup_tables(settings)?;
    needed.extend([settings.storage_hbase_data_table.clone(), settings.storage_hbase_uid_table.clone()]);
    let tracking = settings.core_meta_enable_tsuid_tracking || settings.core_meta_enable_tsuid_incrementing;
    if tracking || settings.core_meta_enable_realtime_ts || settings.core_meta_enable_realtime_uid {
        needed.push(settings.storage_hbase_meta_table.clone());
    }
    if settings.core_tree_enable_processing {
        needed.push(settings.storage_hbase_tree_table.clone());
    }
    let missing: Vec<String> = missing.into_iter().map(|table| table.name).filter(|name| needed.contains(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(OpenError::MissingTables { store: store.describe(), missing }) }
}
