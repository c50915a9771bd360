//! What decides how points are taken, kept and stored. Plain data: the configuration fills it in.

use super::compaction::CompactionOptions;
use super::hook::Arrivals;
use super::journal::Disk;
use crate::clock;
use crate::codec::Layout;
use std::path::PathBuf;
use std::sync::Arc;

/// Milliseconds since the epoch; tests bring their own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Which kinds of names may be made by a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoCreate {
    /// `tsd.core.auto_create_metrics`
    pub metric: bool,
    /// `tsd.core.auto_create_tagks`
    pub tagk: bool,
    /// `tsd.core.auto_create_tagvs`
    pub tagv: bool,
}

/// How points become cells: `tsd.storage.cells`, or `tsd.storage.enable_appends`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// A column a point, as the Java TSD writes.
    Single,
    /// The points of one row in one flush share a cell (compacted form).
    Packed,
    /// Points are appended to one column a row (`tsd.storage.enable_appends`).
    Append,
}

/// Where the journal lives and how large it may grow.
#[derive(Clone)]
pub struct JournalOptions {
    /// Folder of the segments (`tsd.storage.journal.path`).
    pub path: PathBuf,
    /// Bytes of all segments together (`tsd.storage.journal.max_bytes`).
    pub max_bytes: u64,
    /// Instead of `path`: another file layer (tests cut its power).
    pub disk: Option<Arc<dyn Disk>>,
}

/// Everything [`super::Writer::open`] needs to know.
#[derive(Clone)]
pub struct WriteOptions {
    /// Widths and salt of row keys.
    pub layout: Layout,
    /// The data table (`tsd.storage.hbase.data_table`).
    pub table: String,
    /// Which cluster or folder the journal belongs to; part of each segment's header, so that it must not change
    /// when a gateway is added.
    pub engine: String,
    /// Names that puts may create.
    pub auto_create: AutoCreate,
    /// Most tags of a point (`tsd.storage.max_tags`).
    pub max_tags: usize,
    /// Single or packed cells.
    pub cells: Cells,
    /// Milliseconds that points wait for a flush (`tsd.storage.flush_interval`).
    pub flush_interval: u64,
    /// Cells carry their point's time (`tsd.storage.use_otsdb_timestamp`): single cells only.
    pub use_otsdb_timestamp: bool,
    /// The journal.
    pub journal: JournalOptions,
    /// Bytes of waiting points after which the oldest are stored early (`tsd.storage.head.max_bytes`).
    pub head_bytes: u64,
    /// Series kept in the cache (`tsd.storage.series_cache.max`).
    pub series_max: usize,
    /// How long a full journal or head holds a commit back before it is refused, in milliseconds.
    pub backpressure: u64,
    /// Rollups, if they are configured.
    pub rollups: Option<Arc<super::RollupOptions>>,
    /// Whether there is an aggregation function of that name.
    pub is_function: fn(&str) -> bool,
    /// What becomes of the cells of past hours.
    pub compaction: CompactionOptions,
    /// The time of day.
    pub clock: Clock,
    /// Who is told of points that come in.
    pub arrivals: Vec<Arc<dyn Arrivals>>,
}

/// Bytes of waiting points by default.
pub const HEAD_BYTES_DEFAULT: u64 = 96 << 20;
/// Bytes of journal by default.
pub const JOURNAL_BYTES_DEFAULT: u64 = 1 << 30;
/// Series in the cache by default: about 200 bytes each.
pub const SERIES_MAX_DEFAULT: usize = 1_000_000;
/// How long a commit waits for room by default, in milliseconds.
pub const BACKPRESSURE_DEFAULT: u64 = 5_000;

impl WriteOptions {
    /// OpenTSDB's defaults, with the journal in `journal`. `private` is [`crate::store::Store::is_private`]: it decides
    /// between single cells (a shared HBase) and packed ones (our own store).
    pub fn new(journal: impl Into<PathBuf>, private: bool) -> WriteOptions {
        WriteOptions {
            layout: Layout::default(),
            table: "tsdb".to_owned(),
            engine: if private { "embedded" } else { "hbase" }.to_owned(),
            auto_create: AutoCreate { metric: false, tagk: true, tagv: true },
            max_tags: 8,
            cells: if private { Cells::Packed } else { Cells::Single },
            flush_interval: 1_000,
            use_otsdb_timestamp: false,
            journal: JournalOptions { path: journal.into(), max_bytes: JOURNAL_BYTES_DEFAULT, disk: None },
            head_bytes: HEAD_BYTES_DEFAULT,
            series_max: SERIES_MAX_DEFAULT,
            backpressure: BACKPRESSURE_DEFAULT,
            rollups: None,
            is_function: |_| true,
            compaction: CompactionOptions::default(),
            clock: Arc::new(clock::now_ms),
            arrivals: Vec::new(),
        }
    }

    /// What a journal must agree on before its points may be stored: written into each segment's header.
    pub(super) fn identity(&self) -> String {
        let l = &self.layout;
        format!(
            "engine={} table={} salt={}/{} widths={}/{}/{}",
            self.engine,
            self.table,
            l.salt_width,
            if l.salt_width == 0 { 0 } else { l.salt_buckets },
            l.metric_width,
            l.tagk_width,
            l.tagv_width
        )
    }
}
