//! `search lookup`: the series that have a metric and tags, a line each (recorded cases `cli/search`; OpenTSDB's tool
//! never ends when something matches).

use super::{Call, Failure, USAGE};
use crate::meta::lookup::{LookupError, Places, Wanted, parse_tag};
use crate::store::{Overlay, Store};
use crate::tsd::{self, StoreKind, Tsd};
use crate::uid::Uids;
use std::io::{BufWriter, Write};
use std::sync::atomic::AtomicBool;

/// Series whose names are read together.
const NAMES_AT_ONCE: usize = 10_000;

pub fn run(call: &Call) -> Result<(), Failure> {
    let usage = |complaint: &str| Failure::code(USAGE, format!("{complaint}\n{}", call.command.usage).trim_end_matches('\n'));
    let words = call.words();
    let query = match words.as_slice() {
        [] => return Err(call.misused(USAGE, "Not enough arguments")),
        ["lookup"] => return Err(usage("Not enough arguments")),
        ["lookup", query @ ..] => query,
        [other, ..] => return Err(usage(&format!("Unknown sub command: {other}"))),
    };
    let (metric, tags) = match query {
        [metric, tags @ ..] if !metric.contains('=') => (Some((*metric).to_string()), tags),
        tags => (None, tags),
    };
    let tags = tags.iter().map(|tag| parse_tag(tag)).collect::<Result<_, _>>().map_err(Failure::new)?;
    let wanted = Wanted { metric, tags, limit: None, literal: false };
    let settings = call.settings_of_a_store()?;
    let from_points = call.parsed.has("--use-data-table");
    if from_points {
        tracing::warn!("NOTE: Scanning the full data table may take a long time");
    }
    // On HBase nothing else is opened: the points that a TSD next door still holds are its own. The embedded store is
    // ours alone, so that its journal is read first.
    if tsd::store_kind(&settings) == StoreKind::Embedded {
        let tsd = Tsd::open(settings).map_err(Failure::new)?;
        let result = print(&tsd.settings, tsd.store.as_ref(), &tsd.uids, Some(tsd.writer.overlay().as_ref()), (&wanted, from_points));
        return tsd.writer.shutdown().map_err(Failure::new).and(result);
    }
    let store = tsd::open_store(&settings).map_err(Failure::new)?;
    tsd::check_tables(store.as_ref(), &settings).map_err(Failure::new)?;
    let uids = tsd::open_uids(&store, &settings).map_err(Failure::new)?;
    print(&settings, store.as_ref(), &uids, None, (&wanted, from_points))
}

/// `TSUID metric name=value ...`. A series whose ids have no names is told in the log, and the rest goes on.
fn print(
    settings: &crate::config::Settings,
    store: &dyn Store,
    uids: &Uids,
    overlay: Option<&dyn Overlay>,
    (wanted, from_points): (&Wanted, bool),
) -> Result<(), Failure> {
    let never = AtomicBool::new(false);
    let places = Places {
        store,
        overlay,
        uids,
        layout: tsd::layout(settings),
        data_table: &settings.storage_hbase_data_table,
        meta_table: &settings.storage_hbase_meta_table,
        cancel: &never,
    };
    let series = if from_points { places.in_points(wanted) } else { places.in_meta(wanted) }.map_err(Failure::new)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for some in series.chunks(NAMES_AT_ONCE) {
        places.warm(some).map_err(Failure::new)?;
        for tsuid in some {
            let id = crate::codec::to_hex(tsuid);
            match places.name(tsuid.clone()) {
                Ok(named) => {
                    write!(out, "{id} {}", named.metric)?;
                    named.tags.iter().try_for_each(|(name, value)| write!(out, " {name}={value}"))?;
                    writeln!(out)?;
                }
                Err(LookupError::Uid(e)) => tracing::error!("no name for a part of the series {id}: {e}"),
                Err(e) => return Err(Failure::new(e)),
            }
        }
    }
    Ok(out.flush()?)
}
