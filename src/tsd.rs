//! The assembled house: settings, store, names, the way in and the way out, for `server` and `cli`.
//!
//! The parts take options of their own; here, and nowhere else, settings become those options.

pub mod hooks;
pub mod kept;
pub mod whitelist;

use crate::catalog::Catalog;
use crate::catalog::names::Fresh;
use crate::codec::{DecodeOptions, Decoders, Layout, RollupConfig};
use crate::config::Settings;
use crate::desk::{self, Desk};
use crate::logbook::Logbook;
use crate::meta::annotation::{AnnotationOptions, Annotations, NewNote};
use crate::meta::{Listeners, LiveMeta, MetaTables};
use crate::plot::Pictures;
use crate::plot::cache::Cache;
use crate::plot::turns::Turns;
use crate::point::Rules;
use crate::publish::{AddressError, Publisher};
use crate::query::engine::rollup::RollupSettings;
use crate::query::engine::{Engine, EngineOptions};
use crate::query::ledger::Ledger;
use crate::query::limits::Overrides;
use crate::query::request::date::{self, Clock};
use crate::query::request::names;
use crate::stats::Stats;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::hbase::{HbaseOptions, HbaseStore};
use crate::store::{FamilySpec, Overlay, Store, StoreError, TableSpec};
use crate::tree::Trees;
use crate::uid::{UidError, UidOptions, Uids};
use crate::write::{Arrivals, AutoCreate, Cells, CompactionOptions, JournalOptions, RollupOptions, WriteError, WriteOptions, Writer};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
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

/// The port of a Thrift gateway that nobody named.
const GATEWAY_PORT: u16 = 9090;
/// Least memory of a query when the machine decides.
const QUERY_MEMORY_MIN: u64 = 64 << 20;
/// Journal of the embedded store, in its folder; and that of HBase, where the process runs.
const JOURNAL_FOLDERS: (&str, &str) = ("journal", "tsdb-journal");

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
        let publisher = open_publisher(&uids, &settings)?;
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
        StoreKind::Embedded => Arc::new(EmbeddedStore::open(&settings.storage_embedded_path, EmbeddedOptions::default())?),
    })
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
fn open_publisher(uids: &Arc<Uids>, settings: &Settings) -> Result<Option<Arc<Publisher>>, OpenError> {
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
    let publisher = Publisher::start(address, uids.clone(), bytes).map_err(|e| OpenError::Setting(format!("no thread to publish: {e}")))?;
    Ok(Some(Arc::new(publisher)))
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

/// What the settings say about rollups; `None` while they are off.
pub fn rollups(settings: &Settings) -> Result<Option<RollupOptions>, OpenError> {
    if !settings.rollups_enable {
        return Ok(None);
    }
    let place = settings.given.texts.get("tsd.rollups.config").map(|text| format!("{}: ", text.place)).unwrap_or_default();
    let wrong = |why: String| OpenError::Rollups { place: place.clone(), why };
    let given = settings.rollups_config.trim();
    if given.is_empty() {
        return Err(wrong("tsd.rollups.enable is on, and this is empty".to_owned()));
    }
    let json = if given.ends_with(".json") {
        let path = beside_configuration(settings, Path::new(given));
        std::fs::read_to_string(&path).map_err(|e| wrong(format!("cannot read {}: {e}", path.display())))?
    } else {
        given.to_owned()
    };
    let is_function: fn(&str) -> bool = |name| names::aggregator(name).is_some();
    let config = RollupConfig::parse(&json, is_function).map_err(|e| wrong(e.to_string()))?;
    config.warnings().iter().for_each(|warning| tracing::warn!("tsd.rollups.config: {warning}"));
    Ok(Some(RollupOptions {
        config: Arc::new(config),
        tag_key: settings.rollups_agg_tag_key.clone(),
        raw_tag_value: settings.rollups_raw_agg_tag_value.clone(),
        tag_raw: settings.rollups_tag_raw,
        block_derived: settings.rollups_block_derived,
        is_function,
    }))
}

/// A path as OpenTSDB takes it, from where the process runs; if nothing is there, from the configuration file's folder.
fn beside_configuration(settings: &Settings, path: &Path) -> PathBuf {
    let beside = settings.given.file.as_ref().and_then(|file| file.parent()).map(|folder| folder.join(path));
    match beside {
        Some(beside) if !path.exists() && beside.exists() => beside,
        _ => path.to_path_buf(),
    }
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

/// Widths of row keys.
pub fn layout(settings: &Settings) -> Layout {
    let width = |value: i64, default: u8| u8::try_from(value).unwrap_or(default);
    Layout {
        salt_width: width(settings.storage_salt_width, 0),
        salt_buckets: u32::try_from(settings.storage_salt_buckets).unwrap_or(20),
        metric_width: width(settings.storage_uid_width_metric, 3),
        tagk_width: width(settings.storage_uid_width_tagk, 3),
        tagv_width: width(settings.storage_uid_width_tagv, 3),
    }
}

/// Which names points may have, and how many tags.
pub fn rules(settings: &Settings) -> Rules {
    Rules::new(positive(settings.storage_max_tags), &settings.core_tag_allow_specialchars)
}

/// What dates of requests are read against, now. The error names the key.
pub fn clock(settings: &Settings) -> Result<Clock, String> {
    let zone = match settings.core_timezone.as_str() {
        "" => TimeZone::system(),
        name => date::zone(name).ok_or_else(|| format!("tsd.core.timezone = {name:?} is not a time zone"))?,
    };
    Ok(Clock { now_ms: Timestamp::now().as_millisecond(), zone })
}

/// The gateways: those named, else port 9090 of the quorum's hosts, else of this machine.
fn hbase_options(settings: &Settings) -> Result<HbaseOptions, OpenError> {
    let gateways = if !settings.storage_hbase_thrift.is_empty() {
        HbaseOptions::parse_gateways(&settings.storage_hbase_thrift)?
    } else {
        let quorum = settings.storage_hbase_zk_quorum.as_str();
        let mut hosts = HbaseOptions::parse_gateways(if quorum.is_empty() { "localhost" } else { quorum })?;
        // The ports of a quorum are ZooKeeper's.
        hosts.iter_mut().for_each(|(_, port)| *port = GATEWAY_PORT);
        let tried: Vec<String> = hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        tracing::info!(
            "tsd.storage.hbase.thrift is not set: trying Thrift gateways at {}, from tsd.storage.hbase.zk_quorum",
            tried.join(", ")
        );
        hosts
    };
    let rejected = |error: String| StoreError::Rejected(error);
    Ok(HbaseOptions {
        transport: settings.storage_hbase_thrift_transport.parse().map_err(rejected)?,
        protocol: settings.storage_hbase_thrift_protocol.parse().map_err(rejected)?,
        connections: positive(settings.storage_hbase_thrift_connections),
        connect_timeout: millis(settings.storage_hbase_thrift_connect_timeout),
        deadline: millis(settings.storage_hbase_thrift_deadline),
        ..HbaseOptions::new(gateways)
    })
}

/// Widths, table and caches of names.
pub fn uid_options(settings: &Settings) -> UidOptions {
    let bounds = UidOptions::default();
    let bound = |value: i64, default: usize| if settings.uid_lru_enable { positive(value) } else { default };
    let layout = layout(settings);
    UidOptions {
        table: settings.storage_hbase_uid_table.clone(),
        metric_width: layout.metric_width,
        tagk_width: layout.tagk_width,
        tagv_width: layout.tagv_width,
        random_metrics: settings.core_uid_random_metrics,
        names_max: bound(settings.uid_lru_name_size, bounds.names_max),
        ids_max: bound(settings.uid_lru_id_size, bounds.ids_max),
        ..bounds
    }
}

/// How points are written. Packed cells where the settings or the engine ask for them.
pub fn write_options(settings: &Settings, store: &dyn Store) -> WriteOptions {
    let private = store.is_private();
    let journal = match (settings.storage_journal_path.as_str(), private) {
        ("", true) => PathBuf::from(&settings.storage_embedded_path).join(JOURNAL_FOLDERS.0),
        ("", false) => PathBuf::from(JOURNAL_FOLDERS.1),
        (path, _) => PathBuf::from(path),
    };
    let base = WriteOptions::new(journal, private);
    WriteOptions {
        layout: layout(settings),
        table: settings.storage_hbase_data_table.clone(),
        auto_create: AutoCreate {
            metric: settings.core_auto_create_metrics,
            tagk: settings.core_auto_create_tagks,
            tagv: settings.core_auto_create_tagvs,
        },
        max_tags: positive(settings.storage_max_tags),
        cells: match settings.storage_cells.as_str() {
            _ if settings.storage_enable_appends => Cells::Append,
            "single" => Cells::Single,
            "packed" => Cells::Packed,
            _ => base.cells,
        },
        flush_interval: unsigned(settings.storage_flush_interval),
        use_otsdb_timestamp: settings.storage_use_otsdb_timestamp,
        journal: JournalOptions { max_bytes: unsigned(settings.storage_journal_max_bytes), ..base.journal },
        head_bytes: unsigned(settings.storage_head_max_bytes),
        series_max: positive(settings.storage_series_cache_max),
        backpressure: unsigned(settings.storage_backpressure),
        compaction: compaction_options(settings),
        ..base
    }
}

/// Cells of past hours are joined where a TSD would: never in a read-only one, and appended rows are one cell already.
fn compaction_options(settings: &Settings) -> CompactionOptions {
    CompactionOptions {
        enabled: settings.storage_enable_compaction && !settings.storage_enable_appends && settings.mode != "ro",
        interval: unsigned(settings.storage_compaction_flush_interval),
        min_rows: unsigned(settings.storage_compaction_min_flush_threshold),
        concurrent: unsigned(settings.storage_compaction_max_concurrent_flushes),
        speed: unsigned(settings.storage_compaction_flush_speed),
        quiet: unsigned(settings.storage_compaction_quiet),
        fix_duplicates: settings.storage_fix_duplicates,
        decode: decode_options(settings),
    }
}

/// Which of two points of an instant is read.
pub fn decode_options(settings: &Settings) -> DecodeOptions {
    DecodeOptions { use_otsdb_timestamp: settings.storage_use_otsdb_timestamp, use_max_value: settings.storage_use_max_value }
}

/// The decoders of `tsd.core.histograms.config`: JSON, or the name of a file that holds it. `None`: it is not set.
pub fn histograms(settings: &Settings) -> Result<Option<Decoders>, OpenError> {
    let key = "tsd.core.histograms.config";
    let place = settings.given.texts.get(key).map(|text| format!("{}: ", text.place)).unwrap_or_default();
    let wrong = |why: String| OpenError::Setting(format!("{place}{key}: {why}"));
    let text = match settings.core_histograms_config.trim() {
        "" => return Ok(None),
        file if file.ends_with(".json") => {
            let path = beside_configuration(settings, Path::new(file));
            std::fs::read_to_string(&path).map_err(|e| wrong(format!("cannot read {}: {e}", path.display())))?
        }
        json => json.to_owned(),
    };
    Decoders::parse(&text).map(Some).map_err(wrong)
}

fn engine_options(settings: &Settings) -> EngineOptions {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let or = |value: i64, default: usize| if value > 0 { positive(value) } else { default };
    let concurrent = or(settings.query_concurrent, 2 * cores) as u64;
    EngineOptions {
        layout: layout(settings),
        decode: decode_options(settings),
        // A wrong one has been refused at the start.
        histograms: histograms(settings).ok().flatten().unwrap_or_default(),
        data_table: settings.storage_hbase_data_table.clone(),
        rollups: None,
        repair_appends: settings.storage_repair_appends,
        skip_unresolved_tagvs: settings.query_skip_unresolved_tagvs,
        threads: or(settings.query_threads, cores),
        max_points: unsigned(settings.query_limits_data_points_default),
        max_bytes: unsigned(settings.query_limits_bytes_default),
        overrides: match settings.query_limits_overrides_config.as_str() {
            "" => None,
            path => Some(Arc::new(Overrides::new(path.into(), millis(settings.query_limits_overrides_interval)))),
        },
        timeout_ms: unsigned(settings.query_timeout),
        memory_bytes: match unsigned(settings.query_memory) {
            0 => (machine_memory() / 4 / concurrent.max(1)).max(QUERY_MEMORY_MIN),
            bytes => bytes,
        },
    }
}

/// Bytes of memory of this machine.
fn machine_memory() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    total.map_or(4 << 30, |kilobytes| kilobytes * 1024)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn positive(value: i64) -> usize {
    usize::try_from(value).unwrap_or(0).max(1)
}

fn millis(value: i64) -> Duration {
    Duration::from_millis(unsigned(value))
}
