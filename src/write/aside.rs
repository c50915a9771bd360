//! Points that the store refuses for good: kept in a bounded file that `tsdb import` reads, with the reason in the log.
//! Loose cells have a file of their own; its lines hold table, row (or series and base time), qualifier and value, in hex.

use super::head::Part;
use super::journal::{NamedPoint, What};
use super::loose::TakenRow;
use super::series::Series;
use crate::codec::{Layout, RowKey, to_hex};
use crate::point::{Number, PointTime, write_number};
use crate::uid::{UidKind, Uids};
use parking_lot::Mutex;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file, beside the journal's segments.
pub const REFUSED_FILE: &str = "refused.import";
/// Name of the file for loose cells.
pub const REFUSED_CELLS_FILE: &str = "refused.cells";
/// Largest size of a file. When it is full, points stay in the journal until somebody looks.
pub const REFUSED_BYTES_MAX: u64 = 64 << 20;

/// The files of what was refused.
pub struct Aside {
    path: PathBuf,
    cells: PathBuf,
    lock: Mutex<()>,
}

impl Aside {
    /// In a folder; the files are made when they are needed.
    pub fn new(folder: &Path) -> Aside {
        Aside { path: folder.join(REFUSED_FILE), cells: folder.join(REFUSED_CELLS_FILE), lock: Mutex::new(()) }
    }

    /// Keeps the points of a row. False: there is no room.
    pub fn row(&self, uids: &Uids, layout: &Layout, series: &Series, base: u32, part: &Part, why: &str) -> bool {
        let key = series.key.row(base);
        let Some(names) = names_of(uids, layout, &key) else {
            tracing::error!("row {} is refused and its names cannot be read: {why}", to_hex(&key));
            return false;
        };
        tracing::error!("{} points of row {} are refused and kept in {}: {why}", part.count(), to_hex(&key), self.path.display());
        let mut text = Vec::new();
        for entry in part.entries() {
            if let Some(number) = entry.qualifier.read(entry.value) {
                line(&mut text, &names, entry.qualifier.time(base), number);
            }
        }
        self.append(&self.path, &text)
    }

    /// Keeps the cells of a row. False: there is no room.
    pub fn loose(&self, taken: &TakenRow, why: &str) -> bool {
        let key = to_hex(&taken.key);
        tracing::error!("{} cells of row {key} are refused and kept in {}: {why}", taken.row.len(), self.cells.display());
        let line = |cell: &super::loose::Loose| format!("{}\t{key}\t{}\t{}\n", taken.table, to_hex(&cell.qualifier), to_hex(&cell.value));
        let text: String = taken.row.iter().map(line).collect();
        self.append(&self.cells, text.as_bytes())
    }

    /// Keeps a point whose names can never have ids. False: there is no room.
    pub fn named(&self, point: &NamedPoint, why: &str) -> bool {
        tracing::error!("a point of {} is refused and kept in {}: {why}", point.metric, self.path.display());
        let names = Names { metric: Arc::from(point.metric.as_str()), tags: point.tags.iter().map(|(k, v)| format!(" {k}={v}")).collect() };
        match &point.what {
            What::Point(time, stored) => {
                let Some(number) = crate::codec::Qualifier::new(*time, stored.flags).read(stored.as_bytes()) else { return true };
                let mut text = Vec::new();
                line(&mut text, &names, *time, number);
                self.append(&self.path, &text)
            }
            What::Cell(cell) => {
                let (qualifier, value) = (to_hex(&cell.qualifier), to_hex(&cell.value));
                let text = format!("{}\t{}{}\t{}\t{qualifier}\t{value}\n", cell.table, names.metric, names.tags, cell.base);
                self.append(&self.cells, text.as_bytes())
            }
        }
    }

    fn append(&self, path: &Path, text: &[u8]) -> bool {
        let _one = self.lock.lock();
        let size = std::fs::metadata(path).map_or(0, |m| m.len());
        if size + text.len() as u64 > REFUSED_BYTES_MAX {
            tracing::error!("{} is full (REFUSED_BYTES_MAX = {REFUSED_BYTES_MAX}): import or remove it", path.display());
            return false;
        }
        let written = OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| {
            file.write_all(text)?;
            file.sync_data()
        });
        if let Err(error) = &written {
            tracing::error!("{} cannot be written: {error}", path.display());
        }
        written.is_ok()
    }
}

struct Names {
    metric: Arc<str>,
    tags: String,
}

fn names_of(uids: &Uids, layout: &Layout, key: &[u8]) -> Option<Names> {
    let key = RowKey::parse(layout, key).ok()?;
    let metric = uids.name(UidKind::Metric, key.metric()).ok()?;
    let mut tags = String::new();
    for (tagk, tagv) in key.tags() {
        tags.push_str(&format!(" {}={}", uids.name(UidKind::Tagk, tagk).ok()?, uids.name(UidKind::Tagv, tagv).ok()?));
    }
    Some(Names { metric, tags })
}

fn line(out: &mut Vec<u8>, names: &Names, time: PointTime, number: Number) {
    let time = match time {
        PointTime::Seconds(s) => i64::from(s),
        PointTime::Millis(ms) => ms,
    };
    out.extend_from_slice(format!("{} {time} ", names.metric).as_bytes());
    write_number(out, number);
    out.extend_from_slice(names.tags.as_bytes());
    out.push(b'\n');
}
