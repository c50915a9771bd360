//! The assembled house: settings, store, names, the way in and the way out, for `server` and `cli`.

use crate::config::Settings;
use crate::query::engine::Engine;
use crate::stats::Stats;
use crate::store::Store;
use crate::uid::Uids;
use crate::write::Writer;
use std::sync::Arc;

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
    /// Counters.
    pub stats: Arc<Stats>,
}
