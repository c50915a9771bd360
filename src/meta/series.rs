//! Which series of a metric have meta data: `/api/uid/tsmeta?m=`.

use super::error::MetaError;
use super::ids::IdMetas;
use super::tables::{MetaTables, ts_columns};
use super::ts_meta::TsMeta;
use crate::store::{Prefilter, RowBatch, Scan, TagBytes};
use crate::uid::UidKind;

/// Series in one answer.
const SERIES_MAX: usize = 100_000;

impl MetaTables {
    /// The TSUID of a metric and tags by name; all must be known.
    pub fn tsuid(&self, metric: &str, tags: &[(String, String)]) -> Result<Vec<u8>, MetaError> {
        // OpenTSDB looks for the tags first.
        let pairs = self.tag_ids(tags)?;
        let metric = self.uids.id(UidKind::Metric, metric)?;
        Ok(metric.as_bytes().iter().copied().chain(pairs.concat()).collect())
    }

    /// Ids of tags by name, each pair joined, in their order in a TSUID.
    fn tag_ids(&self, tags: &[(String, String)]) -> Result<Vec<Vec<u8>>, MetaError> {
        let mut pairs = Vec::new();
        for (name, value) in tags {
            let (name, value) = (self.uids.id(UidKind::Tagk, name)?, self.uids.id(UidKind::Tagv, value)?);
            pairs.push([name.as_bytes(), value.as_bytes()].concat());
        }
        pairs.sort();
        Ok(pairs)
    }

    /// Meta data of every series of a metric that has these tags, other tags or not, in order of TSUID. What cannot be
    /// read is logged and left out.
    pub fn ts_metas(&self, metric: &str, tags: &[(String, String)]) -> Result<Vec<TsMeta>, MetaError> {
        let metric = self.uids.id(UidKind::Metric, metric)?;
        let pairs = self.tag_ids(tags).map_err(|error| match error {
            // The words of its client library, in which the name is lost.
            MetaError::Unknown(_) => MetaError::Illegal("At least one of the Deferreds failed, first exception:".to_owned()),
            other => other,
        })?;
        let scan =
            Scan { columns: ts_columns(), prefilter: self.prefilter(&pairs), ..Scan::range(metric.as_bytes(), after(metric.as_bytes())) };
        let mut scanner = self.store.scan(&self.table, scan)?;
        let (mut batch, mut found) = (RowBatch::default(), Vec::new());
        while scanner.next(&mut batch)? {
            for row in batch.rows().filter(|row| self.has_tags(row.key(), &pairs)) {
                match self.read_ts_meta(&row) {
                    Ok(meta) => found.extend(meta),
                    Err(error) => tracing::error!("{error}"),
                }
            }
            if found.len() > SERIES_MAX {
                return Err(MetaError::Illegal(format!("more than {SERIES_MAX} series (SERIES_MAX): give more tags")));
            }
        }
        let ids = IdMetas::read(self, &found)?;
        let mut loaded = Vec::with_capacity(found.len());
        for meta in found {
            match ids.add_to(self, meta) {
                Err(error @ MetaError::Unreadable { .. }) => tracing::error!("{error}"),
                other => loaded.push(other?),
            }
        }
        Ok(loaded)
    }

    fn prefilter(&self, pairs: &[Vec<u8>]) -> Option<Prefilter> {
        let (name, value) = (usize::from(self.layout.tagk_width), usize::from(self.layout.tagv_width));
        let tag = |pair: &Vec<u8>| {
            let (key, value) = pair.split_at_checked(name)?;
            Some(TagBytes { key: key.to_vec(), values: vec![value.to_vec()] })
        };
        let tags: Vec<TagBytes> = pairs.iter().filter_map(tag).collect();
        let skip = usize::from(self.layout.metric_width);
        (!tags.is_empty()).then_some(Prefilter { skip, tagk_width: name, tagv_width: value, tags })
    }

    fn has_tags(&self, tsuid: &[u8], pairs: &[Vec<u8>]) -> bool {
        let tags = tsuid.get(usize::from(self.layout.metric_width)..).unwrap_or_default();
        let mut there = tags.chunks_exact(self.layout.pair_width().max(1));
        pairs.iter().all(|pair| there.any(|tag| tag == pair.as_slice()))
    }
}

/// The first row behind those that begin with an id; empty: there is none.
pub(super) fn after(id: &[u8]) -> Vec<u8> {
    let mut stop = id.to_vec();
    while let Some(last) = stop.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            break;
        }
        stop.pop();
    }
    stop
}
