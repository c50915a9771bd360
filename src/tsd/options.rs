//! Settings become the options of the parts: here, and nowhere else.

use super::OpenError;
use crate::clock;
use crate::codec::{DecodeOptions, Decoders, Layout, RollupConfig};
use crate::config::Settings;
use crate::point::Rules;
use crate::query::engine::EngineOptions;
use crate::query::limits::Overrides;
use crate::query::request::date::{self, Clock};
use crate::query::request::names;
use crate::store::hbase::HbaseOptions;
use crate::store::{Store, StoreError};
use crate::uid::UidOptions;
use crate::write::{AutoCreate, Cells, CompactionOptions, JournalOptions, RollupOptions, WriteOptions};
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The port of a Thrift gateway that nobody named.
const GATEWAY_PORT: u16 = 9090;
/// Least memory of a query when the machine decides.
const QUERY_MEMORY_MIN: u64 = 64 << 20;
/// Journal of the embedded store, in its folder; and that of HBase, where the process runs.
const JOURNAL_FOLDERS: (&str, &str) = ("journal", "tsdb-journal");

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

/// Whether there is an aggregation function of that name.
fn is_function(name: &str) -> bool {
    names::aggregator(name).is_some()
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
    Ok(Clock { now_ms: clock::now_ms(), zone })
}

/// The gateways: those named, else port 9090 of the quorum's hosts, else of this machine.
pub(super) fn hbase_options(settings: &Settings) -> Result<HbaseOptions, OpenError> {
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
        is_function,
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

pub(super) fn engine_options(settings: &Settings) -> EngineOptions {
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

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn positive(value: i64) -> usize {
    usize::try_from(value).unwrap_or(0).max(1)
}

fn millis(value: i64) -> Duration {
    Duration::from_millis(unsigned(value))
}
