//! What meta data tells the rules of a series.

use super::builder::{Named, Series};
use crate::codec::to_hex;
use crate::meta::{MetaError, MetaTables, TsMeta, UidMeta};
use crate::uid::UidKind;
use quick_cache::sync::Cache;

/// Ids that a run over many series remembers.
const IDS_MAX: usize = 100_000;

impl From<&UidMeta> for Named {
    fn from(meta: &UidMeta) -> Named {
        Named { name: meta.name.clone(), custom: meta.custom.iter().flatten().cloned().collect() }
    }
}

impl From<&TsMeta> for Series {
    /// The meta data must come with that of its ids.
    fn from(meta: &TsMeta) -> Series {
        let (pairs, _) = meta.tags.as_chunks::<2>();
        Series {
            tsuid: to_hex(&meta.tsuid),
            metric: meta.metric.as_ref().map(Named::from).unwrap_or_default(),
            tags: pairs.iter().map(|[name, value]| (name.into(), value.into())).collect(),
        }
    }
}

/// Series by their TSUIDs, for a run over many: ids that come again are read once.
pub struct SeriesReader<'m> {
    tables: &'m MetaTables,
    known: Cache<(UidKind, Box<[u8]>), Named>,
}

impl<'m> SeriesReader<'m> {
    /// Over the tables of meta data.
    pub fn new(tables: &'m MetaTables) -> SeriesReader<'m> {
        SeriesReader { tables, known: Cache::new(IDS_MAX) }
    }

    /// A series with the names and custom fields of its ids. Whether it has meta data of its own is not looked at.
    pub fn series(&self, tsuid: &[u8]) -> Result<Series, MetaError> {
        let ids = self.tables.split(tsuid)?;
        let tag = |(name, value)| Ok::<_, MetaError>((self.named(UidKind::Tagk, name)?, self.named(UidKind::Tagv, value)?));
        Ok(Series {
            tsuid: to_hex(tsuid),
            metric: self.named(UidKind::Metric, ids.metric)?,
            tags: ids.tags.into_iter().map(tag).collect::<Result<_, _>>()?,
        })
    }

    fn named(&self, kind: UidKind, id: &[u8]) -> Result<Named, MetaError> {
        let key = (kind, Box::from(id));
        if let Some(named) = self.known.get(&key) {
            return Ok(named);
        }
        let named = Named::from(&self.tables.uid_meta(kind, id)?);
        self.known.insert(key, named.clone());
        Ok(named)
    }
}
