//! `scan`: rows as they are stored, or as lines for `import`; and deleting them (recorded cases `cli/scan`).
//!
//! Keys, qualifiers and values are printed as Java prints arrays of bytes. A cell that cannot be read is told on standard
//! error and the rest goes on. (OpenTSDB's tool ends there.)

use super::{Call, Failure, USAGE};
use crate::codec::{Cell, CellKind, CellPoints, Qualifier, RawPoint, RowKey, cell_kind, java_bytes, repaired_append, to_hex};

use crate::point::{PointTime, TagBuf, write_number};
use crate::query::engine::raw::{KnownSeries, RawRows};
use crate::query::request::command;
use crate::store::{Mutation, RowBatch, RowMutation, RowView, Store};
use crate::tsd;
use crate::uid::{UidError, UidKind, Uids, from_latin_1};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{BufWriter, Write};

/// Fewest words: start, function, metric.
const WORDS_MIN: usize = 3;
/// Times from here on are milliseconds.
const MILLIS_FROM: i64 = 1 << 32;

pub fn run(call: &Call) -> Result<(), Failure> {
    if call.parsed.words.len() < WORDS_MIN {
        return Err(call.misused(USAGE, "Not enough arguments."));
    }
    let settings = call.settings_of_a_store()?;
    let clock = tsd::clock(&settings).map_err(Failure::new)?;
    let command = command::parse(&call.parsed.words, &clock).map_err(Failure::new)?;
    let store = super::copy::source(settings.clone())?;
    tsd::check_tables(store.as_ref(), &settings).map_err(Failure::new)?;
    let uids = tsd::open_uids(&store, &settings).map_err(Failure::new)?;
    let engine = tsd::open_engine(&store, None, &uids, &settings).map_err(Failure::new)?;
    let delete = call.parsed.has("--delete");
    let mut tool = Tool {
        store: store.as_ref(),
        uids: &uids,
        table: &settings.storage_hbase_data_table,
        layout: tsd::layout(&settings),
        zone: clock.zone.clone(),
        import: delete || call.parsed.has("--import"),
        delete,
        out: BufWriter::with_capacity(1 << 16, std::io::stdout().lock()),
        damaged: 0,
    };
    for sub in &command.query.subs {
        tool.rows(&engine.raw_rows(&command.query, sub).map_err(Failure::new)?)?;
    }
    tool.out.flush()?;
    if delete {
        store.sync().map_err(Failure::new)?;
    }
    match tool.damaged {
        0 => Ok(()),
        damaged => Err(Failure::new(format!("{damaged} cells cannot be read; `tsdb fsck` tells more"))),
    }
}

struct Tool<'a, W: Write> {
    store: &'a dyn Store,
    uids: &'a Uids,
    table: &'a str,
    layout: crate::codec::Layout,
    zone: TimeZone,
    import: bool,
    delete: bool,
    out: W,
    damaged: u64,
}

/// A row's names and time.
struct Head {
    metric: String,
    /// ` host=web01 dc=lga`
    tags: String,
    base: u32,
}

impl<W: Write> Tool<'_, W> {
    fn rows(&mut self, rows: &RawRows<'_>) -> Result<(), Failure> {
        let mut known = KnownSeries::default();
        for scan in &rows.scans {
            let mut scanner = self.store.scan(self.table, scan.clone()).map_err(Failure::new)?;
            let mut batch = RowBatch::default();
            while scanner.next(&mut batch).map_err(Failure::new)? {
                let mut deletes = Vec::new();
                for row in batch.rows() {
                    if !rows.wants(row.key(), &mut known).map_err(Failure::new)? {
                        continue;
                    }
                    self.row(row)?;
                    deletes.extend(row_deletes(row));
                }
                if self.delete && !deletes.is_empty() {
                    // What was printed is kept before its rows go.
                    self.out.flush()?;
                    self.store.write(self.table, &deletes).map_err(Failure::new)?;
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, row: RowView<'_>) -> Result<(), Failure> {
        let key = RowKey::parse(&self.layout, row.key()).map_err(Failure::new)?;
        let metric = self.uids.name(UidKind::Metric, key.metric()).map_err(Failure::new)?.to_string();
        let mut names = Vec::new();
        let mut nameless = None;
        for (tagk, tagv) in key.tags() {
            match self.uids.name(UidKind::Tagk, tagk).and_then(|tagk| Ok((tagk, self.uids.name(UidKind::Tagv, tagv)?))) {
                Ok(pair) => names.push(pair),
                // What is there is shown all the same; a line to import cannot do without.
                Err(error @ UidError::NoSuchId { .. }) if !self.import => nameless = nameless.or(Some(error)),
                Err(error) => return Err(Failure::new(error)),
            }
        }
        let pairs: Vec<(&str, &str)> = names.iter().map(|(k, v)| (&**k, &**v)).collect();
        let tags = TagBuf::hash_order(&pairs).iter().map(|(k, v)| format!(" {k}={v}")).collect();
        let head = Head { metric, tags, base: key.base_time() };
        if !self.import {
            let shown = |error: UidError| format!("net.opentsdb.uid.NoSuchUniqueId: {error}");
            let (base, shown) = (head.base, nameless.map_or_else(|| TagBuf::show(&pairs, true), shown));
            writeln!(self.out, "{} {} {base} ({}) {shown}", java_bytes(row.key()), head.metric, self.date(i64::from(base)))?;
        }
        for cell in row.cells() {
            self.cell(&head, row.key(), &Cell { qualifier: cell.qualifier, value: cell.value, time: cell.time })?;
        }
        Ok(())
    }

    fn cell(&mut self, head: &Head, key: &[u8], cell: &Cell<'_>) -> Result<(), Failure> {
        let kind = cell_kind(cell.qualifier);
        if !matches!(kind, CellKind::Point | CellKind::Packed | CellKind::Append) {
            return if self.import { Ok(()) } else { self.object(head, kind, cell) };
        }
        // Appends are shown in order, as they are read.
        let repaired = if kind == CellKind::Append { repaired_append(cell.value) } else { None };
        let ordered = Cell { value: repaired.as_deref().unwrap_or(cell.value), ..*cell };
        let mut points = match CellPoints::new(&ordered).collect::<Result<Vec<RawPoint<'_>>, _>>() {
            Ok(points) => points,
            // A value of a length that no number has: its bytes can be shown.
            Err(_) if !self.import && kind == CellKind::Point && !cell.value.is_empty() => return self.odd(head, cell),
            Err(fault) => {
                self.damaged += 1;
                tracing::warn!("row {}, column {}: {fault}", to_hex(key), to_hex(cell.qualifier));
                return Ok(());
            }
        };
        points.sort_by_key(|p| p.qualifier.offset_ms());
        if self.import {
            return self.lines(head, &points);
        }
        match (kind, points.as_slice()) {
            (CellKind::Point, [point]) => writeln!(self.out, "  {}", self.raw(head, point))?,
            _ => {
                write!(self.out, "  {}\t{} = {} values:", java_bytes(cell.qualifier), java_bytes(cell.value), points.len())?;
                for point in &points {
                    write!(self.out, "\n    {}", self.raw(head, point))?;
                }
                writeln!(self.out)?;
            }
        }
        Ok(())
    }

    /// A single point whose value is no number.
    fn odd(&mut self, head: &Head, cell: &Cell<'_>) -> Result<(), Failure> {
        let Some((qualifier, _)) = Qualifier::split_first(cell.qualifier) else { return Ok(()) };
        let point = RawPoint { qualifier: qualifier.with_value_len(cell.value.len()), value: cell.value };
        Ok(writeln!(self.out, "  {}", self.raw(head, &point))?)
    }

    /// `qualifier  value  offset  l|f  time  (date)`
    fn raw(&self, head: &Head, point: &RawPoint<'_>) -> String {
        let (time, offset) = (time(head, point.qualifier), point.qualifier.offset_ms());
        let offset = if time >= MILLIS_FROM { offset } else { offset / 1000 };
        let kind = if point.qualifier.is_float() { 'f' } else { 'l' };
        let (qualifier, value) = (java_bytes(point.qualifier.encode().as_bytes()), java_bytes(point.value));
        format!("{qualifier}\t{value}\t{offset}\t{kind}\t{time}\t({})", self.date(time))
    }

    fn lines(&mut self, head: &Head, points: &[RawPoint<'_>]) -> Result<(), Failure> {
        let mut line = Vec::new();
        for point in points {
            let Some(number) = point.qualifier.read(point.value) else { continue };
            line.clear();
            line.extend_from_slice(format!("{} {} ", head.metric, time(head, point.qualifier)).as_bytes());
            write_number(&mut line, number);
            line.extend_from_slice(head.tags.as_bytes());
            line.push(b'\n');
            self.out.write_all(&line)?;
        }
        Ok(())
    }

    /// An annotation with its text, anything else without points by its bytes alone. Time and offset of an annotation are
    /// what OpenTSDB's tool prints: it reads the qualifier as if it were a point's.
    fn object(&mut self, head: &Head, kind: CellKind, cell: &Cell<'_>) -> Result<(), Failure> {
        let value = java_bytes(cell.value);
        if kind != CellKind::Annotation {
            writeln!(self.out, "  {value}\t[Not a data point]")?;
            return Ok(());
        }
        let offset = |bytes: &[u8]| Qualifier::split_first(bytes).map_or(0, |(q, _)| i64::from(q.offset_ms()));
        let time = i64::from(head.base) * 1000 + offset(cell.qualifier);
        let delta = offset(cell.qualifier.get(1..).unwrap_or_default()) / 1000;
        let (qualifier, text) = (java_bytes(cell.qualifier), from_latin_1(cell.value));
        writeln!(self.out, "  {qualifier}\t{value}\t{delta}\t{text}\t{time}\t({})", self.date(time))?;
        Ok(())
    }

    /// As Java's `Date` prints: `Tue May 13 16:53:20 UTC 2014`.
    fn date(&self, time: i64) -> String {
        let seconds = if time >= MILLIS_FROM { time.div_euclid(1000) } else { time };
        let Ok(timestamp) = Timestamp::from_second(seconds) else { return String::new() };
        timestamp.to_zoned(self.zone.clone()).strftime("%a %b %d %H:%M:%S %Z %Y").to_string()
    }
}

/// The number that stands for a point's time in a line.
fn time(head: &Head, qualifier: Qualifier) -> i64 {
    match qualifier.time(head.base) {
        PointTime::Seconds(seconds) => i64::from(seconds),
        PointTime::Millis(millis) => millis,
    }
}

/// Deletes of all cells of a row, each up to the time at which it was read: what is written meanwhile stays.
fn row_deletes(row: RowView<'_>) -> Vec<RowMutation> {
    let one = |cell: crate::store::CellView<'_>| RowMutation {
        row: row.key().to_vec(),
        mutations: vec![Mutation::Delete { family: "t", qualifier: cell.qualifier.to_vec() }],
        time: Some(cell.time),
    };
    row.cells().map(one).collect()
}
