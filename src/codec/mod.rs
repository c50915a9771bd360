//! Points to bytes and back, exactly as OpenTSDB 2.4 stores them. Pure functions, no I/O.
//!
//! Reading order: [`row_key`] (which row a point belongs to), [`qualifier`] (when inside its hour, and the value's bytes),
//! [`cell`] (what a column holds, and its points one by one), [`pack`] (many points in one cell), [`merge`] (the columns
//! of a row as OpenTSDB's compaction joins them), [`row`] (a row's cells into columns of times and values), [`rollup`] (the
//! same for tables of rolled-up values), [`annotation`] and [`histogram`] (what stands beside the points).
//!
//! | column qualifier | holds |
//! | --- | --- |
//! | 2 bytes | a point in seconds |
//! | 4 bytes, first half byte `F` | a point in milliseconds |
//! | longer, even | several points: their qualifiers joined; value: their values joined and one byte, 1 if both kinds are in it |
//! | `050000` | appended points: qualifier and value of each, in the order they came |
//! | odd, first byte 1 / 6 | an annotation (JSON) / a histogram; no points |
//!
//! Recorded in `storage/*.json`. No reader here fails on damaged bytes: damage is reported, see [`cell::CellError`].

pub mod annotation;
pub mod cell;
pub mod hex;
pub mod histogram;
pub mod merge;
pub mod pack;
pub mod prune;
pub mod qualifier;
pub mod rollup;
pub mod row;
pub mod row_key;

pub use annotation::{Note, global_row, note_millis, note_place, note_time, push_notes};
pub use cell::{Cell, CellError, CellFault, CellKind, CellPoints, RawPoint, cell_kind};
pub use hex::{from_hex, id_from_hex, java_bytes, to_hex};
pub use histogram::{Decoders, Histogram, HistogramError, Range, histogram_column, histogram_time};
pub use merge::{Merged, merge_cells, repaired_append};
pub use pack::{PackError, PackedCell, append_point, pack};
pub use prune::{Pruned, prune};
pub use qualifier::{Qualifier, Short, base_time, encode_point, encode_value};
pub use rollup::{RollupColumn, RollupConfig, RollupConfigError, RollupInterval, RowSpan};
pub use row::{DecodeOptions, Duplicate, Points, RowReport, decode_row};
pub use row_key::{KeyError, RowKey, SeriesKey, row_from_tsuid, salt_of, scan_key};

/// Seconds that a row of the data table spans.
pub const ROW_SECONDS: u32 = 3_600;

/// Qualifier of the column that appends go to.
pub const APPEND_QUALIFIER: [u8; 3] = [5, 0, 0];

/// Widths that decide every row key of a cluster. Two layouts can live in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of salt before the metric: 0 (off) to 8.
    pub salt_width: u8,
    /// Number of salt buckets; meaningless with `salt_width` 0.
    pub salt_buckets: u32,
    /// Bytes of a metric's UID, 1 to 8.
    pub metric_width: u8,
    /// Bytes of a tag name's UID, 1 to 8.
    pub tagk_width: u8,
    /// Bytes of a tag value's UID, 1 to 8.
    pub tagv_width: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Layout { salt_width: 0, salt_buckets: 20, metric_width: 3, tagk_width: 3, tagv_width: 3 }
    }
}

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
