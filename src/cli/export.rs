//! `export`: stored points as the lines that `import` reads, straight from the rows, in order of the row keys.
//!
//! Milliseconds are printed where a point has them. An instant that a row holds twice is printed once, with the value
//! that queries give. Annotations and other cells without points are not exported.

use super::{Call, Failure};
use crate::codec::{Cell, DecodeOptions, Layout, Points, ROW_SECONDS, RowKey, decode_row, scan_key, to_hex};
use crate::config::Settings;
use crate::point::write_number;
use crate::query::request::date::parse_date;
use crate::store::{Columns, Prefilter, RowBatch, Scan, Store, TagBytes};
use crate::tsd::{self, StoreKind, Tsd};
use crate::uid::{UidKind, Uids};
use indicatif::ProgressBar;
use std::io::{BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

/// Rows of one batch.
const BATCH_ROWS: usize = 512;
/// How long points that wait in the journal may take into the store before an export.
const FLUSH_DEADLINE: Duration = Duration::from_secs(600);

pub fn run(call: &Call) -> Result<(), Failure> {
    let settings = call.settings_of_a_store()?;
    let clock = tsd::clock(&settings).map_err(Failure::new)?;
    let date = |flag: &str, default: i64| match call.parsed.value(flag) {
        None => Ok(default),
        Some(text) => parse_date(text, None, &clock).map_err(|error| Failure::code(super::USAGE, format!("{flag}: {error}"))),
    };
    let range = (date("--start", 0)?, date("--end", i64::MAX)?);
    let words = call.words();
    if tsd::store_kind(&settings) == StoreKind::Embedded {
        // What waits in the journal goes into the store first: nobody else can do that.
        let tsd = Tsd::open(settings).map_err(Failure::new)?;
        let flushed = tsd.writer.flush(FLUSH_DEADLINE).map_err(Failure::new);
        let result = flushed.and_then(|()| export(&tsd.settings, &tsd.store, &tsd.uids, &words, range));
        return tsd.writer.shutdown().map_err(Failure::new).and(result);
    }
    let store = tsd::open_store(&settings).map_err(Failure::new)?;
    tsd::check_tables(store.as_ref(), &settings).map_err(Failure::new)?;
    let uids = tsd::open_uids(&store, &settings).map_err(Failure::new)?;
    export(&settings, &store, &uids, &words, range)
}

fn export(settings: &Settings, store: &Arc<dyn Store>, uids: &Arc<Uids>, words: &[&str], range: (i64, i64)) -> Result<(), Failure> {
    let layout = tsd::layout(settings);
    let mut export = Export {
        store: store.as_ref(),
        uids,
        table: &settings.storage_hbase_data_table,
        layout,
        decode: tsd::decode_options(settings),
        range,
        out: BufWriter::with_capacity(1 << 16, std::io::stdout().lock()),
        printed: 0,
        damaged: 0,
        progress: if std::io::stdout().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new_spinner() },
    };
    let selections = select(words, uids)?;
    for selection in &selections {
        export.series(selection)?;
    }
    export.out.flush()?;
    export.progress.finish_and_clear();
    if export.damaged > 0 {
        return Err(Failure::new(format!("{} damaged cells were left out (the log tells where)", export.damaged)));
    }
    Ok(())
}

/// A metric and the tags its series must have, as ids. No metric: everything.
#[derive(Debug, Default)]
struct Selection {
    metric: Option<Vec<u8>>,
    /// Ascending by key.
    tags: Vec<(Vec<u8>, Vec<u8>)>,
}

/// `metric tag=value tag=value metric ...`
fn select(words: &[&str], uids: &Uids) -> Result<Vec<Selection>, Failure> {
    let mut selections: Vec<Selection> = Vec::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            let metric = uids.id(UidKind::Metric, word).map_err(Failure::new)?.as_bytes().to_vec();
            selections.push(Selection { metric: Some(metric), tags: Vec::new() });
            continue;
        };
        let key = uids.id(UidKind::Tagk, key).map_err(Failure::new)?.as_bytes().to_vec();
        let value = uids.id(UidKind::Tagv, value).map_err(Failure::new)?.as_bytes().to_vec();
        if selections.is_empty() {
            selections.push(Selection::default());
        }
        if let Some(selection) = selections.last_mut() {
            selection.tags.push((key, value));
            selection.tags.sort();
        }
    }
    if selections.is_empty() {
        selections.push(Selection::default());
    }
    Ok(selections)
}

struct Export<'a, W: Write> {
    store: &'a dyn Store,
    uids: &'a Uids,
    table: &'a str,
    layout: Layout,
    decode: DecodeOptions,
    /// Milliseconds, both included.
    range: (i64, i64),
    out: W,
    printed: u64,
    damaged: u64,
    progress: ProgressBar,
}

impl<W: Write> Export<'_, W> {
    fn series(&mut self, selection: &Selection) -> Result<(), Failure> {
        for scan in self.scans(selection) {
            let mut scanner = self.store.scan(self.table, scan).map_err(Failure::new)?;
            let mut batch = RowBatch::default();
            while scanner.next(&mut batch).map_err(Failure::new)? {
                for row in batch.rows() {
                    let cells = || row.cells().map(|cell| Cell { qualifier: cell.qualifier, value: cell.value, time: cell.time });
                    self.row(row.key(), cells, selection)?;
                }
                self.progress.set_message(format!("{} points", self.printed));
                self.progress.tick();
            }
        }
        Ok(())
    }

    /// The ranges of rows to read: one a salt for a metric, else the whole table.
    fn scans(&self, selection: &Selection) -> Vec<Scan> {
        let tags = selection.tags.iter().map(|(key, value)| TagBytes { key: key.clone(), values: vec![value.clone()] }).collect();
        let prefilter = Prefilter {
            skip: self.layout.tags_at(),
            tagk_width: usize::from(self.layout.tagk_width),
            tagv_width: usize::from(self.layout.tagv_width),
            tags,
        };
        let scan = |start: Vec<u8>, stop: Vec<u8>| Scan {
            columns: Columns::Family("t"),
            batch_rows: BATCH_ROWS,
            prefilter: (!selection.tags.is_empty()).then(|| prefilter.clone()),
            ..Scan::range(start, stop)
        };
        let Some(metric) = &selection.metric else { return vec![scan(Vec::new(), Vec::new())] };
        let seconds = |ms: i64| u32::try_from(ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX);
        let (first, last) = (seconds(self.range.0), seconds(self.range.1));
        let first = first - first % ROW_SECONDS;
        let range = |bucket| {
            let mut stop = scan_key(&self.layout, bucket, metric, last);
            stop.extend_from_slice(&[0xff; 256]); // behind every tag of the last row
            scan(scan_key(&self.layout, bucket, metric, first), stop)
        };
        (0..self.layout.buckets()).map(range).collect()
    }

    fn row<'c, I: Iterator<Item = Cell<'c>>>(&mut self, key: &[u8], cells: impl Fn() -> I, selection: &Selection) -> Result<(), Failure> {
        let parsed = match RowKey::parse(&self.layout, key) {
            Ok(parsed) => parsed,
            Err(error) => return self.damage(&error.to_string()),
        };
        let wanted = selection.tags.iter().all(|(k, v)| parsed.tags().any(|(key, value)| key == k && value == v));
        if !wanted || parsed.tag_bytes().is_empty() || selection.metric.as_ref().is_some_and(|metric| metric != parsed.metric()) {
            return Ok(());
        }
        let mut points = Points::default();
        let report = decode_row(key, parsed.base_time(), cells, &self.decode, &mut points);
        for error in &report.errors {
            self.damage(&error.to_string())?;
        }
        let names = match self.names(&parsed) {
            Ok(names) => names,
            Err(error) => return self.damage(&format!("row {}: {error}", to_hex(key))),
        };
        let mut line = Vec::new();
        for (&time, &value) in points.times.iter().zip(&points.values).filter(|(time, _)| (self.range.0..=self.range.1).contains(*time)) {
            line.clear();
            line.extend_from_slice(names.0.as_bytes());
            line.push(b' ');
            // Whole seconds are written as such, as most points are.
            line.extend_from_slice(if time % 1000 == 0 { time / 1000 } else { time }.to_string().as_bytes());
            line.push(b' ');
            write_number(&mut line, value);
            line.extend_from_slice(names.1.as_bytes());
            line.push(b'\n');
            self.out.write_all(&line)?;
            self.printed += 1;
        }
        Ok(())
    }

    /// The metric, and the tags as they stand in a line.
    fn names(&self, key: &RowKey<'_>) -> Result<(Arc<str>, String), crate::uid::UidError> {
        let metric = self.uids.name(UidKind::Metric, key.metric())?;
        let mut tags = String::new();
        for (name, value) in key.tags() {
            let (name, value) = (self.uids.name(UidKind::Tagk, name)?, self.uids.name(UidKind::Tagv, value)?);
            tags.extend([" ", &name, "=", &value]);
        }
        Ok((metric, tags))
    }

    fn damage(&mut self, what: &str) -> Result<(), Failure> {
        self.damaged += 1;
        tracing::warn!("{what}");
        Ok(())
    }
}
