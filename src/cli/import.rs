//! `import`: files of lines `metric time value tag=value ...` into the tables, in packed cells, at the speed of the store.
//!
//! As OpenTSDB's tool it stops at the first bad line unless `--skip-errors`; it then says with which line to go on. Other
//! than there, points may come in any order, and a float keeps all its digits (there it is cut to 4 bytes).

use super::{Call, Failure, USAGE};
use crate::config::Settings;
use crate::point::{self, Point, PointError, Rules, TagBuf, Value};
use crate::tsd::{self, StoreKind};
use crate::write::{Batch, Cells, Ticket, WriteError, WriteOptions, Writer};
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Points handed over together.
const BATCH_POINTS: usize = 50_000;
/// Longest line, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Lines, and bytes, that are read ahead: the new names among them get their ids together.
const BLOCK_LINES: usize = 50_000;
const BLOCK_BYTES: usize = 8 << 20;
/// Bad lines that are told one by one; the rest is counted.
const ERRORS_TOLD_MAX: u64 = 100;
/// How long points of a row wait for others: history comes in runs, and full rows are cheap.
const FLUSH_INTERVAL_MS: u64 = 60_000;
/// How long the store may take no points before the import gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause before points are offered again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the last flush may take.
const FLUSH_DEADLINE: Duration = Duration::from_secs(600);

pub fn run(call: &Call) -> Result<(), Failure> {
    if call.parsed.words.is_empty() {
        return Err(Failure::code(USAGE, call.usage().trim_end_matches('\n')));
    }
    let from_line = match call.parsed.value("--from-line").map(|text| (text, text.parse::<u64>())) {
        None => 1,
        Some((_, Ok(line))) if line > 0 => line,
        Some((text, _)) => return Err(Failure::code(USAGE, format!("--from-line = {text:?} is not valid; allowed: a line number from 1"))),
    };
    let settings = call.settings()?;
    // A slip in the name of the first file opens no store, and makes none.
    if let Some(path) = call.parsed.words.first().filter(|path| *path != "-") {
        std::fs::metadata(path).map_err(|error| Failure::new(format!("{path}: {error}")))?;
    }
    let writer = open_writer(&settings)?;
    let rules = tsd::rules(&settings);
    let mut import = Import::new(&writer, rules, call.parsed.has("--skip-errors"));
    let result = import.files(&call.parsed.words, from_line);
    let flushed = writer.flush(FLUSH_DEADLINE).and(writer.shutdown()).map_err(Failure::new);
    result.and(flushed)?;
    import.total();
    Ok(())
}

/// The way in, with packed cells unless the settings say how. On HBase it has a journal of its own, as a TSD of the same
/// folder may be running.
fn open_writer(settings: &Settings) -> Result<Arc<Writer>, Failure> {
    let store = tsd::open_store(settings).map_err(Failure::new)?;
    tsd::check_tables(store.as_ref(), settings).map_err(Failure::new)?;
    let uids = tsd::open_uids(&store, settings).map_err(Failure::new)?;
    let mut options: WriteOptions = tsd::write_options(settings, store.as_ref());
    if settings.storage_cells.is_empty() && !settings.storage_use_otsdb_timestamp {
        options.cells = Cells::Packed;
    }
    options.flush_interval = options.flush_interval.max(FLUSH_INTERVAL_MS);
    if tsd::store_kind(settings) == StoreKind::Hbase {
        options.journal.path.as_mut_os_string().push("-import");
    }
    tsd::open_writer(&store, &uids, settings, options).map_err(Failure::new)
}

/// Where an import is.
struct Import<'a> {
    writer: &'a Arc<Writer>,
    batch: Batch,
    rules: Rules,
    skip_errors: bool,
    /// Points taken so far, of all files.
    points: u64,
    errors: u64,
    /// The new names of this block have their ids.
    is_foreseen: bool,
    /// The batch handed over last, and the line after it.
    pending: Option<(Ticket, u64)>,
    /// The first line of the file that is not known to be on disk.
    safe_line: u64,
    started: Instant,
    progress: ProgressBar,
}

impl<'a> Import<'a> {
    fn new(writer: &'a Arc<Writer>, rules: Rules, skip_errors: bool) -> Import<'a> {
        Import {
            writer,
            batch: writer.batch(),
            rules,
            skip_errors,
            points: 0,
            errors: 0,
            is_foreseen: false,
            pending: None,
            safe_line: 1,
            started: Instant::now(),
            progress: ProgressBar::hidden(),
        }
    }

    fn files(&mut self, paths: &[String], from_line: u64) -> Result<(), Failure> {
        let mut from_line = from_line;
        for (at, path) in paths.iter().enumerate() {
            self.safe_line = from_line;
            let result = self.file(path, from_line);
            self.progress.finish_and_clear();
            if let Err(mut failure) = result {
                let rest = paths.get(at..).unwrap_or_default().join(" ");
                failure.text.push_str(&format!(
                    "\nEverything before {path}:{} is stored. To go on there, repeat the command with --from-line={} and from that file on: {rest}",
                    self.safe_line, self.safe_line
                ));
                return Err(failure);
            }
            from_line = 1;
        }
        Ok(())
    }

    fn file(&mut self, path: &str, from_line: u64) -> Result<(), Failure> {
        let (points, started) = (self.points, Instant::now());
        let mut reader = self.open(path)?;
        let mut block = Vec::new();
        let mut number = 0;
        loop {
            let more = read_block(&mut reader, &mut block).map_err(|(line, why)| self.stopped(path, number + line, &why));
            self.is_foreseen = false;
            let mut rest = block.as_slice();
            while !rest.is_empty() {
                number += 1;
                let (line, behind) = split_line(rest);
                if number >= from_line {
                    self.line(path, number, line, behind)?;
                }
                if self.batch.len() >= BATCH_POINTS {
                    self.hand_over(number + 1).map_err(|error| self.stopped(path, number, &error.to_string()))?;
                }
                rest = behind;
            }
            if !more? {
                break;
            }
        }
        self.hand_over(number + 1).and_then(|()| self.settle()).map_err(|error| self.stopped(path, number, &error.to_string()))?;
        let points = self.points - points;
        self.say(&format!("Processed {path} in {} ms, {points} data points{}", started.elapsed().as_millis(), rate(points, started)));
        Ok(())
    }

    /// One line. A bad one is told, and ends the import unless errors are skipped. `behind`: the lines after it.
    fn line(&mut self, path: &str, number: u64, line: &[u8], behind: &[u8]) -> Result<(), Failure> {
        let mut scratch = String::new();
        let text = str::from_utf8(line).unwrap_or_else(|_| point::line_text(line, &mut scratch));
        let mut tags = TagBuf::new();
        let refused = match read(text, &mut tags, &self.rules) {
            Err(error) => error.to_string(),
            Ok(point) => match self.batch.add_known(&point).unwrap_or_else(|| self.add(&point, behind)) {
                Ok(()) => {
                    self.points += 1;
                    return Ok(());
                }
                Err(error @ (WriteError::Uid(crate::uid::UidError::Store(_)) | WriteError::Overloaded(_) | WriteError::Failed(_))) => {
                    return Err(self.stopped(path, number, &error.to_string()));
                }
                Err(error) => error.to_string(),
            },
        };
        self.errors += 1;
        if !self.skip_errors {
            self.hand_over(number).and_then(|()| self.settle()).map_err(|error| self.stopped(path, number, &error.to_string()))?;
            return Err(self.stopped(path, number, &format!("{refused}: line=[{text}]")));
        }
        if self.errors <= ERRORS_TOLD_MAX {
            self.say(&format!("{path}:{number}: {refused}: line=[{text}] ... Continuing"));
        }
        Ok(())
    }

    /// A point of a series that is not known. The first of a block has the names of the others assigned with its own.
    fn add(&mut self, point: &Point<'_>, behind: &[u8]) -> Result<(), WriteError> {
        if !self.is_foreseen {
            self.is_foreseen = true;
            let mut names = self.writer.new_names();
            names.note(point);
            let mut rest = behind;
            while !rest.is_empty() {
                let (line, behind) = split_line(rest);
                rest = behind;
                let mut tags = TagBuf::new();
                match str::from_utf8(line).map(|text| read(text, &mut tags, &self.rules)) {
                    Ok(Ok(point)) => names.note(&point),
                    _ if self.skip_errors => {}
                    _ => break, // the import ends here: nothing behind it may leave a trace
                }
            }
            names.assign();
        }
        self.batch.add(point)
    }

    fn stopped(&self, path: &str, number: u64, why: &str) -> Failure {
        Failure::new(format!("{path}:{number}: {why}"))
    }

    /// Commits the batch; waits for the one before it, so that one is always under way. `next`: the line after it.
    fn hand_over(&mut self, next: u64) -> Result<(), WriteError> {
        let since = Instant::now();
        let ticket = loop {
            match self.batch.commit() {
                Err(WriteError::Overloaded(_)) if since.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                done => break done?,
            }
        };
        self.settle()?;
        self.pending = Some((ticket, next));
        self.progress.set_message(format!("{} points", self.points));
        Ok(())
    }

    /// Waits until what was handed over is on disk.
    fn settle(&mut self) -> Result<(), WriteError> {
        if let Some((ticket, next)) = self.pending.take() {
            self.writer.wait(ticket)?;
            self.safe_line = next;
        }
        Ok(())
    }

    /// Opens a file, standard input for `-`; what is compressed is told by its first two bytes.
    fn open(&mut self, path: &str) -> Result<Box<dyn BufRead>, Failure> {
        let style = |text: &str| ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar());
        let raw: Box<dyn Read> = if path == "-" {
            self.progress = ProgressBar::new_spinner().with_style(style("{spinner} {bytes} {bytes_per_sec} {msg}"));
            Box::new(self.progress.wrap_read(std::io::stdin()))
        } else {
            let file = File::open(path).map_err(|error| Failure::new(format!("{path}: {error}")))?;
            let length = file.metadata().map(|data| data.len()).unwrap_or(0);
            self.progress = ProgressBar::new(length).with_style(style("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta} {msg}"));
            Box::new(self.progress.wrap_read(file))
        };
        let mut raw = BufReader::with_capacity(1 << 16, raw);
        let start = raw.fill_buf().map_err(|error| Failure::new(format!("{path}: {error}")))?;
        if start.starts_with(&[0x1f, 0x8b]) {
            return Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw))));
        }
        Ok(Box::new(raw))
    }

    fn total(&self) {
        self.say(&format!(
            "Total: imported {} data points in {:.3}s{}",
            self.points,
            self.started.elapsed().as_secs_f64(),
            rate(self.points, self.started)
        ));
        if self.errors > 0 {
            self.say(&format!("{} lines were refused", self.errors));
        }
    }

    /// A line on standard error, above the progress bar.
    fn say(&self, text: &str) {
        self.progress.suspend(|| {
            use std::io::Write;
            // Nobody can be told if standard error is closed.
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }
}

fn rate(points: u64, started: Instant) -> String {
    format!(" ({:.1} points/s)", points as f64 / started.elapsed().as_secs_f64().max(1e-9))
}

/// The first line, and what stands behind its end: a line feed, a carriage return, or both, as Java reads lines.
fn split_line(block: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr2(b'\n', b'\r', block).unwrap_or(block.len());
    let (line, rest) = block.split_at_checked(end).unwrap_or((block, &[]));
    let rest = rest.strip_prefix(b"\r\n").or(rest.get(1..)).unwrap_or_default();
    (line, rest)
}

/// Reads lines into `block` until it is full; false at the end of the file. An error names its line in the block.
fn read_block(reader: &mut dyn BufRead, block: &mut Vec<u8>) -> Result<bool, (u64, String)> {
    block.clear();
    for line in 1..=BLOCK_LINES as u64 {
        let before = block.len();
        let read = reader.take(LINE_BYTES_MAX + 1).read_until(b'\n', block).map_err(|error| {
            block.truncate(before);
            (line, error.to_string())
        })?;
        if read as u64 > LINE_BYTES_MAX {
            block.truncate(before);
            return Err((line, "the line is longer than 1 MiB (LINE_BYTES_MAX)".into()));
        }
        if read == 0 {
            return Ok(false);
        }
        if block.len() >= BLOCK_BYTES {
            break;
        }
    }
    Ok(true)
}

/// A line as a point. Floats are read as over telnet: 4 bytes only if nothing is lost.
fn read<'t, 'a: 't>(text: &'a str, tags: &'t mut TagBuf<'a>, rules: &Rules) -> Result<Point<'t>, PointError> {
    let mut point = point::import_line(text, tags, rules)?;
    if let (Value::Single(_), Some(word)) = (point.value, text.split(' ').nth(2)) {
        point.value = Value::parse_telnet(word)?;
    }
    Ok(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_java_reads_them() {
        let check = |block: &str, want: &[&str]| {
            let (mut rest, mut got) = (block.as_bytes(), Vec::new());
            while !rest.is_empty() {
                let (line, behind) = split_line(rest);
                got.push(str::from_utf8(line).unwrap());
                rest = behind;
            }
            assert_eq!(got, want, "{block:?}");
        };
        check("a\nb", &["a", "b"]);
        check("a\r\nb\r\n", &["a", "b"]);
        check("a\rb\r", &["a", "b"]);
        check("a\n\nb\n\r\r\n", &["a", "", "b", "", ""]);
    }

    #[test]
    fn floats_keep_their_digits() {
        let check = |value: &str, want: Value| {
            let line = format!("m 1400000000 {value} host=a");
            let mut tags = TagBuf::new();
            assert_eq!(read(&line, &mut tags, &Rules::default()).unwrap().value, want, "{value}");
        };
        check("1", Value::Int(1));
        check("2.5", Value::Single(2.5));
        check("0.1", Value::Double(0.1));
        check("0.10000000149011612", Value::Single(0.1));
    }
}
