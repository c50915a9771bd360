//! Row keys of the data table: salt, metric, base time (4 bytes), then tag name and tag value in pairs, by the bytes of
//! the tag name's UID. A TSUID is the key without salt and time.
//! Recorded in `storage/salt`, `storage/tags`, `storage/uid_width4`.

use super::{Layout, ROW_SECONDS};

/// Bytes of the base time.
const TIME_WIDTH: usize = 4;

impl Layout {
    /// Bytes before the base time.
    pub fn time_at(&self) -> usize {
        usize::from(self.salt_width) + usize::from(self.metric_width)
    }

    /// Bytes before the tags: salt, metric and time.
    pub fn tags_at(&self) -> usize {
        self.time_at() + TIME_WIDTH
    }

    /// Bytes of a tag name and its value.
    pub fn pair_width(&self) -> usize {
        usize::from(self.tagk_width) + usize::from(self.tagv_width)
    }

    /// How many scans cover a metric: the salt buckets, or 1.
    pub fn buckets(&self) -> u32 {
        if self.salt_width == 0 { 1 } else { self.salt_buckets.max(1) }
    }
}

/// Why bytes are no row key of this layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not even salt, metric and time fit.
    #[error("row key {key} is too short: {need} bytes come before the tags")]
    TooShort {
        /// In hex.
        key: String,
        /// Bytes of salt, metric and time.
        need: usize,
    },
    /// The tags are no whole number of pairs.
    #[error("row key {key} does not end with a whole tag pair of {pair} bytes")]
    BrokenTags {
        /// In hex.
        key: String,
        /// Bytes of a pair.
        pair: usize,
    },
}

/// A row key taken apart. Borrows the key.
#[derive(Clone, Copy, Debug)]
pub struct RowKey<'a> {
    key: &'a [u8],
    layout: Layout,
    base: u32,
}

impl<'a> RowKey<'a> {
    /// Takes a key apart. A key without tags is legal: global annotations have one.
    pub fn parse(layout: &Layout, key: &'a [u8]) -> Result<RowKey<'a>, KeyError> {
        let time = key.get(layout.time_at()..).and_then(|rest| rest.first_chunk::<TIME_WIDTH>());
        let (Some(time), Some(tags)) = (time, key.get(layout.tags_at()..)) else {
            return Err(KeyError::TooShort { key: super::to_hex(key), need: layout.tags_at() });
        };
        if tags.len() % layout.pair_width().max(1) != 0 {
            return Err(KeyError::BrokenTags { key: super::to_hex(key), pair: layout.pair_width() });
        }
        Ok(RowKey { key, layout: *layout, base: u32::from_be_bytes(*time) })
    }

    /// The metric's UID.
    pub fn metric(&self) -> &'a [u8] {
        self.key.get(usize::from(self.layout.salt_width)..self.layout.time_at()).unwrap_or_default()
    }

    /// Start of the hour, in seconds.
    pub fn base_time(&self) -> u32 {
        self.base
    }

    /// The tag pairs as they stand: name and value, again and again. With the metric it tells the series.
    pub fn tag_bytes(&self) -> &'a [u8] {
        self.key.get(self.layout.tags_at()..).unwrap_or_default()
    }

    /// The tag pairs.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let name = usize::from(self.layout.tagk_width);
        self.tag_bytes().chunks_exact(self.layout.pair_width().max(1)).map(move |pair| pair.split_at_checked(name).unwrap_or((pair, b"")))
    }

    /// Appends the TSUID: metric and tags.
    pub fn write_tsuid(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.metric());
        out.extend_from_slice(self.tag_bytes());
    }

    /// The TSUID.
    pub fn tsuid(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.key.len());
        self.write_tsuid(&mut out);
        out
    }
}

/// The key of every row of a series but for its time: made once, then the time is patched in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesKey {
    template: Box<[u8]>,
    layout: Layout,
}

impl SeriesKey {
    /// From UIDs of the layout's widths. Tags may come in any order; they are sorted.
    pub fn new<'t>(layout: &Layout, metric: &[u8], tags: impl IntoIterator<Item = (&'t [u8], &'t [u8])>) -> SeriesKey {
        let mut pairs: Vec<(&[u8], &[u8])> = tags.into_iter().collect();
        pairs.sort_unstable();
        let mut tsuid = metric.to_vec();
        for (name, value) in pairs {
            tsuid.extend_from_slice(name);
            tsuid.extend_from_slice(value);
        }
        SeriesKey::from_tsuid(layout, &tsuid)
    }

    /// From a TSUID.
    pub fn from_tsuid(layout: &Layout, tsuid: &[u8]) -> SeriesKey {
        let (metric, tags) = tsuid.split_at_checked(usize::from(layout.metric_width)).unwrap_or((tsuid, b""));
        let mut template = salt_bytes(layout, salt_of(layout, metric, tags)).to_vec();
        template.extend_from_slice(metric);
        template.extend_from_slice(&[0; TIME_WIDTH]);
        template.extend_from_slice(tags);
        SeriesKey { template: template.into(), layout: *layout }
    }

    /// Appends the key of the row that begins at `base`.
    #[inline]
    pub fn write_row(&self, base: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.template);
        let at = start + self.layout.time_at();
        if let Some(time) = out.get_mut(at..at + TIME_WIDTH) {
            time.copy_from_slice(&base.to_be_bytes());
        }
    }

    /// The key of the row that begins at `base`.
    pub fn row(&self, base: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.template.len());
        self.write_row(base, &mut out);
        out
    }

    /// The TSUID.
    pub fn tsuid(&self) -> Vec<u8> {
        RowKey { key: &self.template, layout: self.layout, base: 0 }.tsuid()
    }

    /// Appends the TSUID.
    pub fn write_tsuid(&self, out: &mut Vec<u8>) {
        RowKey { key: &self.template, layout: self.layout, base: 0 }.write_tsuid(out);
    }

    /// Bytes of a row key of this series.
    pub fn row_len(&self) -> usize {
        self.template.len()
    }
}

/// The key of the row of a TSUID that holds the second `seconds`.
pub fn row_from_tsuid(layout: &Layout, tsuid: &[u8], seconds: u32) -> Vec<u8> {
    SeriesKey::from_tsuid(layout, tsuid).row(seconds - seconds % ROW_SECONDS)
}

/// Where a scan of a metric begins or stops in one salt bucket: the key up to and with the time.
pub fn scan_key(layout: &Layout, bucket: u32, metric: &[u8], base: u32) -> Vec<u8> {
    let mut key = salt_bytes(layout, bucket).to_vec();
    key.extend_from_slice(metric);
    key.extend_from_slice(&base.to_be_bytes());
    key
}

/// The salt bucket of a series: Java's hash of metric and tags. 0 for the metric of only zeros (global annotations).
pub fn salt_of(layout: &Layout, metric: &[u8], tags: &[u8]) -> u32 {
    if layout.salt_width == 0 || metric.iter().all(|&b| b == 0) {
        return 0;
    }
    let bytes = metric.iter().chain(tags);
    let hash = bytes.fold(1i32, |hash, &b| hash.wrapping_mul(31).wrapping_add(i32::from(b as i8)));
    // Java keeps the sign of the remainder and then drops it.
    (i64::from(hash) % i64::from(layout.buckets())).unsigned_abs() as u32
}

/// The salt's bytes. Beyond four bytes Java's shift count wraps round and the low bytes come again.
fn salt_bytes(layout: &Layout, bucket: u32) -> super::Short<8> {
    let mut bytes = [0u8; 8];
    for (at, byte) in bytes.iter_mut().rev().enumerate() {
        *byte = bucket.wrapping_shr(at as u32 * 8) as u8;
    }
    super::Short::tail(bytes, usize::from(layout.salt_width))
}

impl super::Short<8> {
    fn to_vec(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}
