//! `copy`: all tables that are there, raw, from the store of the configuration to another one, between the two engines or within one.
//!
//! Tables keep their names. Copying twice does no harm, and a copy that broke off says where to go on.

use super::{Call, Failure, USAGE, long};
use crate::codec::{from_hex, to_hex};
use crate::config::{self, Settings};
use crate::store::Store;
use crate::store::copy::{CopyReport, copy_rows};
use crate::tsd::{self, OpenError, Schema, StoreKind, Tsd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long points that wait in the journal of an embedded source may take into its store.
const FLUSH_DEADLINE: Duration = Duration::from_secs(600);

pub fn run(call: &Call) -> Result<(), Failure> {
    if let [word, ..] = call.words().as_slice() {
        return Err(call.misused(USAGE, &format!("Unexpected argument: {word}")));
    }
    let from = call.settings_of_a_store()?;
    let to = target(call, &from)?;
    let begin = call.parsed.value("--from-row").map(|text| from_hex(text).ok_or(text));
    let begin = begin
        .transpose()
        .map_err(|text| Failure::code(USAGE, format!("--from-row = {text:?} is not valid; allowed: hexadecimal digits")))?;
    let (source, target) = (source(from.clone())?, tsd::open_store(&to).map_err(Failure::new)?);
    tsd::check_tables(target.as_ref(), &to).map_err(Failure::new)?;
    let tables = common_tables(&from, source.as_ref(), target.as_ref())?;
    let first = call.parsed.value("--from-table").unwrap_or_default();
    let skipped = tables.iter().take_while(|table| !first.is_empty() && *table != first).count();
    if skipped == tables.len() {
        return Err(Failure::code(USAGE, format!("--from-table = {first:?} is not valid; allowed: {}", tables.join(", "))));
    }
    let mut begin = begin.unwrap_or_default();
    for table in tables.iter().skip(skipped) {
        copy(source.as_ref(), target.as_ref(), table, std::mem::take(&mut begin))?;
    }
    Ok(())
}

/// One table, with progress on a terminal and a line at the end.
fn copy(source: &dyn Store, target: &dyn Store, table: &str, begin: Vec<u8>) -> Result<(), Failure> {
    let progress = long::spinner();
    let mut report = CopyReport { next_row: begin, ..CopyReport::default() };
    let started = Instant::now();
    let result = copy_rows(source, target, table, &[], &mut report, &mut |report| {
        progress.set_message(line(table, report, started));
        progress.tick();
    });
    progress.finish_and_clear();
    match result {
        Ok(()) => super::extra::print(&format!("{}\n", line(table, &report, started))),
        Err(error) => Err(Failure::new(format!(
            "{table}: {error}\nTo go on there, repeat the command with --from-table={table} --from-row={}",
            to_hex(&report.next_row)
        ))),
    }
}

fn line(table: &str, report: &CopyReport, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64();
    let rate = report.cells as f64 / seconds.max(1e-9);
    format!("{table}: {} rows, {} cells, {} bytes in {seconds:.1} s ({rate:.0} cells/s)", report.rows, report.cells, report.bytes)
}

/// The store of the settings, for tools that work on its tables. What waits in the journal of an embedded one is stored first.
pub(super) fn source(settings: Settings) -> Result<Arc<dyn Store>, Failure> {
    if tsd::store_kind(&settings) == StoreKind::Hbase {
        return tsd::open_store(&settings).map_err(Failure::new);
    }
    let tsd = Tsd::open(settings).map_err(Failure::new)?;
    tsd.writer.flush(FLUSH_DEADLINE).and(tsd.writer.shutdown()).map_err(Failure::new)?;
    Ok(tsd.store)
}

/// The tables of the source, all of which the target must have: names before points, so that a reader of a copy that is
/// under way can name what it sees.
fn common_tables(settings: &Settings, source: &dyn Store, target: &dyn Store) -> Result<Vec<String>, Failure> {
    let (there, beyond) = (source.tables().map_err(Failure::new)?, target.tables().map_err(Failure::new)?);
    let any = Schema { compression: "NONE".into(), bloom: "ROW".into(), ttl: None };
    let tables: Vec<String> = tsd::tables(settings, &any)
        .map_err(Failure::new)?
        .into_iter()
        .map(|table| table.name)
        .filter(|name| there.contains(name))
        .collect();
    let missing: Vec<String> = tables.iter().filter(|name| !beyond.contains(name)).cloned().collect();
    if !missing.is_empty() {
        return Err(Failure::new(OpenError::MissingTables { store: target.describe(), missing }));
    }
    Ok(tables)
}

/// The settings of the other store: a file of its own, or those of the source with another place.
fn target(call: &Call, from: &Settings) -> Result<Settings, Failure> {
    let (config, embedded, hbase) = (call.parsed.value("--to-config"), call.parsed.value("--to-embedded"), call.parsed.value("--to-hbase"));
    let elsewhere = |engine: &str| Settings { storage_engine: engine.into(), ..from.clone() };
    match (config, embedded, hbase) {
        (Some(path), None, None) => {
            let to = config::load(Some(Path::new(path)), &[]).map_err(Failure::new)?;
            Ok(Settings {
                storage_hbase_data_table: from.storage_hbase_data_table.clone(),
                storage_hbase_uid_table: from.storage_hbase_uid_table.clone(),
                storage_hbase_tree_table: from.storage_hbase_tree_table.clone(),
                storage_hbase_meta_table: from.storage_hbase_meta_table.clone(),
                storage_worker_table: tsd::worker_table(from),
                ..to
            })
        }
        (None, Some(path), None) => Ok(Settings { storage_embedded_path: path.into(), ..elsewhere("embedded") }),
        (None, None, Some(gateways)) => Ok(Settings { storage_hbase_thrift: gateways.into(), ..elsewhere("hbase") }),
        _ => Err(call.misused(USAGE, "Where to? One of --to-embedded, --to-hbase, --to-config")),
    }
}
