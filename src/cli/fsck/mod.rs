//! `fsck`: looks at every row of the table of points, or at those of queries, and repairs what the options say.
//!
//! Reading order: `row.rs` (what is wrong with a row), `repair.rs` (how it is put right), `share.rs` (how threads share
//! the table), `count.rs` (what is counted and printed). Findings and counters go to standard error, as OpenTSDB's go to
//! its log. Exit code 0 without errors, 1 with some, also when all of them were repaired (recorded in `cli/fsck`).

mod count;
mod repair;
mod row;
mod share;

use super::{Call, Failure};
use crate::codec::{Cell, Layout, RowKey, to_hex};
use crate::config::Settings;
use crate::query::engine::Engine;
use crate::query::engine::raw::{KnownSeries, RawRows};
use crate::query::request::command;
use crate::store::{Columns, RowBatch, RowView, Scan, Store};
use crate::tsd;
use crate::uid::{UidError, UidKind, Uids};
use count::Counts;
use indicatif::ProgressBar;
use parking_lot::Mutex;
use repair::Table;
use rustc_hash::FxHashSet;
use share::Shares;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Series that a thread remembers as named, at most.
const SERIES_MAX: usize = 200_000;
/// Threads for each core, at most.
const THREADS_A_CORE_MAX: usize = 4;
/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// What is to be repaired, and how.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Options {
    pub fix: bool,
    pub compact: bool,
    pub resolve_duplicates: bool,
    pub last_write_wins: bool,
    pub delete_orphans: bool,
    pub delete_unknown: bool,
    pub delete_bad_values: bool,
    pub delete_bad_rows: bool,
    pub delete_bad_compacts: bool,
    /// `tsd.storage.repair_appends`
    pub repair_appends: bool,
    pub threads: usize,
}

impl Options {
    fn read(call: &Call, settings: &Settings) -> Result<Options, Failure> {
        let all = call.parsed.has("--fix-all");
        let has = |flag: &str| call.parsed.has(flag) || all;
        Ok(Options {
            fix: has("--fix"),
            compact: has("--compact"),
            resolve_duplicates: has("--resolve-duplicates"),
            last_write_wins: call.parsed.has("--last-write-wins") || settings.storage_fix_duplicates,
            delete_orphans: has("--delete-orphans"),
            delete_unknown: has("--delete-unknown-columns"),
            delete_bad_values: has("--delete-bad-values"),
            delete_bad_rows: has("--delete-bad-rows"),
            delete_bad_compacts: has("--delete-bad-compacts"),
            repair_appends: settings.storage_repair_appends,
            threads: threads(call.parsed.value("--threads"))?,
        })
    }
}

fn threads(text: Option<&str>) -> Result<usize, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let Some(text) = text else { return Ok(cores * 2) };
    match text.parse::<usize>() {
        Ok(0) => Err(Failure::new("Must have at least one thread")),
        Ok(threads) if threads > cores * THREADS_A_CORE_MAX => Err(Failure::new("Not allowed to run more than 4 threads per core")),
        Ok(threads) => Ok(threads),
        Err(_) => Err(Failure::new(format!("--threads = {text:?} is not valid; allowed: a whole number"))),
    }
}

pub fn run(call: &Call) -> Result<(), Failure> {
    if call.parsed.has("--help") {
        return Err(call.misused(0, ""));
    }
    if call.parsed.words.len() < 2 && !call.parsed.has("--full-scan") {
        return Err(call.misused(1, "Must supply a query or use the '--full-scan' flag"));
    }
    let settings = call.settings_of_a_store()?;
    let options = Options::read(call, &settings)?;
    let begun = Instant::now();
    let store = super::copy::source(settings.clone())?;
    tsd::check_tables(store.as_ref(), &settings).map_err(Failure::new)?;
    let uids = tsd::open_uids(&store, &settings).map_err(Failure::new)?;
    let job = Job { store: &store, uids: &uids, settings: &settings, options: &options, total: Mutex::default(), shown: Shown::new() };
    if call.parsed.words.is_empty() {
        job.shown.line(&format!("INFO Scanning the whole table with {} threads", options.threads));
        let whole = Scan { columns: Columns::Family(repair::FAMILY), batch_rows: share::BATCH_ROWS, ..Scan::range(Vec::new(), Vec::new()) };
        job.scan(vec![whole], None)?;
    } else {
        let command = command::parse(&call.parsed.words, &tsd::clock(&settings).map_err(Failure::new)?).map_err(Failure::new)?;
        let engine: Engine = tsd::open_engine(&store, None, &uids, &settings).map_err(Failure::new)?;
        for sub in &command.query.subs {
            let rows = engine.raw_rows(&command.query, sub).map_err(Failure::new)?;
            job.scan(rows.scans.clone(), Some(&rows))?;
        }
    }
    if options.fix {
        store.sync().map_err(Failure::new)?;
    }
    let total = *job.total.lock();
    job.shown.end();
    job.shown.line(&total.report());
    job.shown.line(&format!("INFO Completed fsck in [{}] seconds", begun.elapsed().as_secs()));
    if total.errors() == 0 { Ok(()) } else { Err(Failure::new("")) }
}

/// What is seen of a run: lines on standard error, and on a terminal how far it is.
struct Shown {
    bar: ProgressBar,
    last: Mutex<Instant>,
}

impl Shown {
    fn new() -> Shown {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Shown { bar, last: Mutex::new(Instant::now()) }
    }

    fn line(&self, text: &str) {
        // Nobody can be told if standard error is closed.
        self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{text}")));
    }

    fn progress(&self, total: &Counts) {
        let text = format!("Processed {} rows, {} valid datapoints, {} errors", total.rows, total.valid, total.errors());
        if !self.bar.is_hidden() {
            self.bar.set_message(text);
            self.bar.tick();
            return;
        }
        let mut last = self.last.lock();
        if last.elapsed() >= PROGRESS {
            *last = Instant::now();
            self.line(&format!("INFO {text}"));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

struct Job<'a> {
    store: &'a Arc<dyn Store>,
    uids: &'a Uids,
    settings: &'a Settings,
    options: &'a Options,
    total: Mutex<Counts>,
    shown: Shown,
}

impl Job<'_> {
    fn scan(&self, scans: Vec<Scan>, query: Option<&RawRows<'_>>) -> Result<(), Failure> {
        let table = &self.settings.storage_hbase_data_table;
        let shares = Shares::new(self.store.as_ref(), table, scans, self.options.threads).map_err(Failure::new)?;
        let failure: Mutex<Option<Failure>> = Mutex::default();
        let work = |thread: usize| {
            if let Err(error) = Worker::new(self, query).run(&shares, thread) {
                failure.lock().get_or_insert(error);
                shares.stop();
            }
        };
        std::thread::scope(|scope| {
            for thread in 1..self.options.threads {
                scope.spawn(move || work(thread));
            }
            work(0);
        });
        failure.into_inner().map_or(Ok(()), Err)
    }
}

struct Worker<'a> {
    job: &'a Job<'a>,
    query: Option<&'a RawRows<'a>>,
    table: Table<'a>,
    layout: Layout,
    /// Series whose names are all known.
    named: FxHashSet<Box<[u8]>>,
    wanted: KnownSeries,
    tsuid: Vec<u8>,
    counts: Counts,
}

impl<'a> Worker<'a> {
    fn new(job: &'a Job<'a>, query: Option<&'a RawRows<'a>>) -> Worker<'a> {
        let table = Table { store: job.store.as_ref(), name: &job.settings.storage_hbase_data_table };
        let layout = tsd::layout(job.settings);
        let (named, wanted) = Default::default();
        Worker { job, query, table, layout, named, wanted, tsuid: Vec::new(), counts: Counts::default() }
    }

    fn run(&mut self, shares: &Shares, thread: usize) -> Result<(), Failure> {
        let mut batch = RowBatch::default();
        while let Some(scan) = shares.take(thread) {
            let mut scanner = self.job.store.scan(self.table.name, scan).map_err(Failure::new)?;
            while scanner.next(&mut batch).map_err(Failure::new)? {
                let last = batch.row(batch.len().saturating_sub(1)).map(|row| row.key().to_vec()).unwrap_or_default();
                let stop = shares.came(thread, &last);
                for row in batch.rows().take_while(|row| stop.is_empty() || row.key() < stop.as_slice()) {
                    self.row(row)?;
                }
                let mut total = self.job.total.lock();
                total.add(&std::mem::take(&mut self.counts));
                self.job.shown.progress(&total);
                if !stop.is_empty() && last >= stop {
                    break;
                }
            }
            shares.done(thread);
        }
        Ok(())
    }

    fn row(&mut self, row: RowView<'_>) -> Result<(), Failure> {
        let key = row.key();
        if let Some(query) = self.query
            && !query.wants(key, &mut self.wanted).map_err(Failure::new)?
        {
            return Ok(());
        }
        let parsed = match RowKey::parse(&self.layout, key) {
            Ok(parsed) if parsed.tag_bytes().is_empty() && parsed.metric().iter().all(|b| *b == 0) => {
                // Global annotations have a metric of zeros and no tags. (OpenTSDB's tool takes them for orphans.)
                self.counts.cells += row.cells().len() as u64;
                self.counts.annotations += row.cells().filter(|c| c.qualifier.first() == Some(&1)).count() as u64;
                return Ok(());
            }
            // One without tags is read by queries, as the series of the metric alone: its points are sound.
            Ok(parsed) => parsed,
            Err(_) => {
                self.note(&format!("ERROR Invalid row key.\n\tKey: {}", to_hex(key)));
                self.counts.bad_keys += 1;
                let fix = self.job.options.fix && self.job.options.delete_bad_rows;
                self.counts.bad_keys_fixed += u64::from(fix);
                return if fix { self.delete_row(row) } else { Ok(()) };
            }
        };
        if let Some(why) = self.nameless(&parsed)? {
            self.note(&format!("ERROR Unable to resolve the names of the row key.\n\tKey: {}\n\t{why}", to_hex(key)));
            self.counts.orphans += 1;
            let fix = self.job.options.fix && self.job.options.delete_orphans;
            self.counts.orphans_fixed += u64::from(fix);
            return if fix { self.delete_row(row) } else { Ok(()) };
        }
        let cells: Vec<Cell<'_>> = row.cells().map(|c| Cell { qualifier: c.qualifier, value: c.value, time: c.time }).collect();
        let mut checked = row::check_row(key, parsed.base_time(), &cells, self.job.options);
        self.table.repair(key, parsed.base_time(), &cells, &mut checked, self.job.options).map_err(Failure::new)?;
        self.counts.add(&checked.found);
        checked.notes.iter().for_each(|note| self.note(note));
        Ok(())
    }

    fn note(&self, text: &str) {
        self.job.shown.line(text);
    }

    fn delete_row(&self, row: RowView<'_>) -> Result<(), Failure> {
        let deletes: Vec<(Vec<u8>, i64)> = row.cells().map(|c| (c.qualifier.to_vec(), c.time)).collect();
        self.table.delete(row.key(), &deletes).map_err(Failure::new)
    }

    /// Why the row's series cannot be named, if it cannot.
    fn nameless(&mut self, key: &RowKey<'_>) -> Result<Option<String>, Failure> {
        self.tsuid.clear();
        key.write_tsuid(&mut self.tsuid);
        if self.named.contains(self.tsuid.as_slice()) {
            return Ok(None);
        }
        let mut ids = vec![(UidKind::Metric, key.metric())];
        ids.extend(key.tags().flat_map(|(tagk, tagv)| [(UidKind::Tagk, tagk), (UidKind::Tagv, tagv)]));
        for (kind, id) in ids {
            match self.job.uids.name(kind, id) {
                Ok(_) => {}
                Err(UidError::Store(error)) => return Err(Failure::new(error)),
                Err(error) => return Ok(Some(error.to_string())),
            }
        }
        if self.named.len() >= SERIES_MAX {
            self.named.clear();
        }
        self.named.insert(self.tsuid.as_slice().into());
        Ok(None)
    }
}
