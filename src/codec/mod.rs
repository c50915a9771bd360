//! Points to bytes and back, exactly as OpenTSDB 2.4 stores them. Pure functions, no I/O.

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
