//! What a worker works with, opened by what the settings say.

use super::house::{House, Remote, Tables};
use super::options::Options;
use super::run::Worker;
use crate::config::Settings;
use crate::desk::{Desk, FAMILY};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::{Store, TableSpec};
use crate::tsd::{OpenError, StoreKind, Tsd, store_kind, worker_table};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Workers of one folder: each has a journal of its own.
const JOURNALS_MAX: usize = 16;
/// Table of states beside a TSD that is reached over HTTP.
const STATES: &str = "states";

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The tables cannot be opened.
    #[error("{0}{hint}", hint = hint(*.1))]
    Open(OpenError, StoreKind),
    /// The folder of states cannot be opened.
    #[error("{path}: {error} (tsd.worker.path)")]
    States {
        /// The folder.
        path: String,
        /// Why.
        error: String,
    },
}

fn hint(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::Embedded => {
            "; the embedded store belongs to one process: run the worker in it (tsdb tsd --worker), or over HTTP (tsdb worker --tsd http://host:port)"
        }
        StoreKind::Hbase => "",
    }
}

/// A place to work: series, and the TSD behind them if it is in this process.
pub struct Opened {
    /// Series.
    pub house: Arc<dyn House>,
    /// Alerts.
    pub desk: Desk,
    /// To be shut down at the end.
    pub tsd: Option<Arc<Tsd>>,
}

/// Over HTTP if an address is set, else the tables themselves.
///
/// # Errors
/// They cannot be opened.
pub fn open(settings: &Settings) -> Result<Opened, StartError> {
    if settings.worker_url.is_empty() {
        let tsd = Arc::new(open_tables(settings)?);
        let (house, desk) = (Arc::new(Tables::new(tsd.clone())), desk_of(&tsd));
        return Ok(Opened { house, desk, tsd: Some(tsd) });
    }
    let path = Path::new(&settings.worker_path).join(STATES);
    let failed = |error: &dyn std::fmt::Display| StartError::States { path: path.display().to_string(), error: error.to_string() };
    let store = EmbeddedStore::open(&path, EmbeddedOptions::default()).map_err(|e| failed(&e))?;
    if !store.tables().map_err(|e| failed(&e))?.iter().any(|table| table == STATES) {
        store.create_table(&TableSpec::plain(STATES, &[FAMILY]), &[]).map_err(|e| failed(&e))?;
    }
    Ok(Opened { house: Arc::new(Remote::new(&settings.worker_url)), desk: Desk::new(Arc::new(store), STATES), tsd: None })
}

/// The desk of an open TSD.
pub fn desk_of(tsd: &Tsd) -> Desk {
    Desk::new(tsd.store.clone(), &worker_table(&tsd.settings))
}

/// The tables in this process. A worker takes no points but its own, and leaves compaction to the TSDs.
fn open_tables(settings: &Settings) -> Result<Tsd, StartError> {
    let kind = store_kind(settings);
    if kind == StoreKind::Embedded {
        return Tsd::open(settings.clone()).map_err(|error| StartError::Open(error, kind));
    }
    let mut number = 1;
    loop {
        let journal = Path::new(&settings.worker_path).join(format!("journal-{number}"));
        let own = Settings { storage_journal_path: journal.display().to_string(), mode: "ro".into(), ..settings.clone() };
        match Tsd::open(own) {
            // Another worker of the same folder has it.
            Err(OpenError::Write(error)) if number < JOURNALS_MAX => {
                tracing::debug!("{}: {error}", journal.display());
                number += 1;
            }
            opened => return opened.map_err(|error| StartError::Open(error, kind)),
        }
    }
}

/// A worker over what was opened.
pub fn worker(house: Arc<dyn House>, desk: Desk, settings: &Settings, stop: Arc<AtomicBool>) -> Worker {
    Worker { house, desk, options: Options::of(settings), host: host(), stop }
}

/// A worker inside a TSD.
pub fn embedded(tsd: &Arc<Tsd>, stop: Arc<AtomicBool>) -> Worker {
    let house = Arc::new(Tables::new(tsd.clone()));
    Worker { house, desk: desk_of(tsd), options: Options::of(&tsd.settings), host: host(), stop }
}

/// This machine's name.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
