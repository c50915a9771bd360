//! `uid metasync` and `uid metapurge`. As in OpenTSDB they print nothing but to the log (recorded in `cli/uid_meta_tree`); on a
//! terminal they show how far they are. Both may be stopped at any time and run again.

use super::Failure;
use super::long::{failed, spinner, threads};
use crate::config::Settings;
use crate::meta::MetaError;
use crate::meta::sync::MetaSync;
use crate::tsd::{self, hooks};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Time between two looks at what the threads have done.
const LOOK: Duration = Duration::from_millis(200);

/// Meta data for every series that has points, and for the ids in it.
pub fn metasync(settings: &Settings) -> Result<(), Failure> {
    let store = super::copy::source(settings.clone())?;
    tsd::check_tables(store.as_ref(), settings).map_err(failed)?;
    let uids = tsd::open_uids(&store, settings).map_err(failed)?;
    let tables = hooks::open_meta(&store, &uids, settings);
    let trees = tsd::open_trees(&store, settings);
    let sync = MetaSync::new(tables, &settings.storage_hbase_data_table, hooks::new_series(&trees, settings));
    let parts = sync.parts().map_err(failed)?;
    let progress = spinner();
    let next = AtomicUsize::new(0);
    let result: Result<(), MetaError> = std::thread::scope(|scope| {
        let work = || {
            while let Some((bucket, metric)) = parts.get(next.fetch_add(1, Relaxed)) {
                if let Err(error) = sync.part(*bucket, metric) {
                    next.fetch_max(parts.len(), Relaxed);
                    return Err(error);
                }
            }
            Ok(())
        };
        let workers: Vec<_> = (0..threads().min(parts.len())).map(|_| scope.spawn(work)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            progress.set_message(sync.counts.line());
            progress.tick();
            workers.iter().find(|worker| !worker.is_finished()).inspect(|_| std::thread::park_timeout(LOOK));
        }
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(MetaError::Contended)))
    });
    progress.finish_and_clear();
    tracing::info!("{}", sync.counts.line());
    result.map_err(failed)?;
    store.sync().map_err(failed)
}

/// No meta data and no counters.
pub fn metapurge(settings: &Settings) -> Result<(), Failure> {
    let store = super::copy::source(settings.clone())?;
    tsd::check_tables(store.as_ref(), settings).map_err(failed)?;
    let uids = tsd::open_uids(&store, settings).map_err(failed)?;
    let progress = spinner();
    let purged = hooks::open_meta(&store, &uids, settings).purge(&mut |purged| {
        progress.set_message(format!("deleted: {} of ids, {} of series", purged.uids, purged.series));
        progress.tick();
    });
    progress.finish_and_clear();
    let purged = purged.map_err(failed)?;
    tracing::info!("deleted {} cells of meta data of ids, {} of series", purged.uids, purged.series);
    Ok(())
}
