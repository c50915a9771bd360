//! Who is told what comes in: the hooks of `write` and `uid`, tied to meta data, trees and filters by the settings.

use super::whitelist::Whitelist;
use super::{OpenError, decode_options, layout, positive};
use crate::catalog::names::Fresh;
use crate::catalog::{Catalog, CatalogOptions, Recent};
use crate::codec::Note;
use crate::config::Settings;
use crate::meta::annotation::NewNote;
use crate::meta::{Listeners, LiveMeta, LiveUidMeta, MetaError, MetaTables, NewSeries, Tracking};
use crate::publish::Publisher;
use crate::store::{Store, StoreError};
use crate::tree::{Forest, Trees};
use crate::uid::{Uids, Watch};
use crate::write::{Arrivals, Arrived, WriteError, Writer};
use std::sync::Arc;

/// Meta data as points come in, told by the writer.
struct MetaArrivals(Arc<LiveMeta>);

impl Arrivals for MetaArrivals {
    fn arrived(&self, points: &Arrived<'_>) {
        self.0.came(points.tsuid, points.count());
    }

    fn is_pressing(&self) -> bool {
        self.0.is_pressing()
    }

    fn cut(&self) {
        self.0.cut();
    }

    fn settle(&self) -> Result<(), WriteError> {
        self.0.settle().map_err(|error| match error {
            MetaError::Store(StoreError::Unavailable(why)) => WriteError::Overloaded(why),
            other => WriteError::Failed(other.to_string()),
        })
    }
}

/// The filter of new names, if the settings ask for one.
pub fn whitelist(settings: &Settings) -> Result<Option<Arc<Whitelist>>, OpenError> {
    let filter = settings.uidfilter_enable.then(|| Whitelist::new(settings).map(Arc::new));
    filter.transpose().map_err(OpenError::Setting)
}

/// Who is asked before a name gets an id, and told when it has one.
pub fn watches(store: &Arc<dyn Store>, settings: &Settings, whitelist: Option<Arc<Whitelist>>) -> Vec<Arc<dyn Watch>> {
    let mut all: Vec<Arc<dyn Watch>> = whitelist.into_iter().map(|filter| filter as Arc<dyn Watch>).collect();
    if settings.core_meta_enable_realtime_uid {
        all.push(Arc::new(LiveUidMeta::new(store.clone(), &settings.storage_hbase_uid_table)));
    }
    all
}

/// What was written lately, as the writer's cache of series knows it.
struct Written(Arc<Writer>);

impl Recent for Written {
    fn each(&self, see: &mut dyn FnMut(&[u8], Option<i64>)) {
        self.0.recent(see);
    }
}

/// The catalog over open tables. `fresh`: hears of names that `uids` gives ids to.
pub fn open_catalog(store: &Arc<dyn Store>, uids: &Arc<Uids>, fresh: &Arc<Fresh>, writer: &Arc<Writer>, settings: &Settings) -> Catalog {
    let options = CatalogOptions {
        layout: layout(settings),
        data_table: settings.storage_hbase_data_table.clone(),
        meta_table: settings.storage_hbase_meta_table.clone(),
        decode: decode_options(settings),
        random_metrics: settings.core_uid_random_metrics,
    };
    let recent = Arc::new(Written(writer.clone()));
    Catalog::new((store.clone(), writer.overlay()), uids.clone(), (fresh.clone(), recent), options)
}

/// Tables of meta data over an open store.
pub fn open_meta(store: &Arc<dyn Store>, uids: &Arc<Uids>, settings: &Settings) -> Arc<MetaTables> {
    Arc::new(MetaTables::new(store.clone(), uids.clone(), layout(settings), &settings.storage_hbase_meta_table))
}

/// Which cells a series gets as its points come in.
pub fn tracking(settings: &Settings) -> Tracking {
    Tracking::of(
        settings.core_meta_enable_tsuid_tracking,
        settings.core_meta_enable_realtime_ts,
        settings.core_meta_enable_tsuid_incrementing,
    )
}

/// Who is told of series that got their meta data here: trees, if new series go into them.
pub fn new_series(trees: &Trees, settings: &Settings) -> Arc<Listeners> {
    let forest = || Arc::new(Forest::new(trees.clone(), settings.core_tree_record_failures)) as Arc<dyn NewSeries>;
    Arc::new(Listeners(settings.core_tree_enable_processing.then(forest).into_iter().collect()))
}

/// Meta data of series as points come in, if the settings ask for any. `listeners`: told of each new series.
pub fn open_live(meta: &Arc<MetaTables>, settings: &Settings, listeners: &Arc<Listeners>) -> Option<Arc<LiveMeta>> {
    let tracking = tracking(settings);
    let series_max = positive(settings.storage_series_cache_max);
    (tracking != Tracking::Off).then(|| Arc::new(LiveMeta::new(meta.clone(), tracking, listeners.clone(), series_max)))
}

/// What the writer tells of points.
pub fn arrivals(live: Option<&Arc<LiveMeta>>) -> Vec<Arc<dyn Arrivals>> {
    live.map(|live| Arc::new(MetaArrivals(live.clone())) as Arc<dyn Arrivals>).into_iter().collect()
}

/// Notes for the publisher.
struct PublishedNotes(Arc<Publisher>);

impl NewNote for PublishedNotes {
    fn stored(&self, note: &Note) {
        self.0.note(note);
    }
}

/// Who is told of notes that are stored.
pub fn new_notes(publisher: Option<&Arc<Publisher>>) -> Vec<Arc<dyn NewNote>> {
    publisher.map(|publisher| Arc::new(PublishedNotes(publisher.clone())) as Arc<dyn NewNote>).into_iter().collect()
}
