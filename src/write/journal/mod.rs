//! The journal: what was accepted and is not yet in the store, in segments on local disk.
//!
//! `append` puts a group into a buffer; one thread (`sync.rs`) writes and syncs whatever has gathered, so one fsync
//! serves every commit that waits. A segment is freed, oldest first, when nobody holds it any more: every waiting row
//! holds the segment of its oldest point. `replay.rs` reads segments back. Nothing here knows rows or the store.

mod disk;
pub mod record;
pub mod replay;
mod sync;

#[cfg(test)]
pub mod fake;

pub use disk::{Disk, DiskFile, Folder};
pub use record::{NamedPoint, NewCell, Stored, What};
pub use replay::{Damage, Report, Sink};

use super::{Ticket, WriteError};
use parking_lot::{Condvar, Mutex};
use record::{GroupWriter, Note};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes in memory that wait for the disk; beyond it commits wait.
const PENDING_BYTES_MAX: usize = 32 << 20;
/// Bytes after which the disk is written without anybody waiting.
const PENDING_BYTES_EAGER: usize = 512 << 10;
/// Largest and smallest size of a segment; between them a sixteenth of the journal.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (4 << 10)..=(64 << 20);
/// Longest wait for a sync before the waiter is told that the disk hangs.
const SYNC_WAIT_MAX: Duration = Duration::from_secs(30);

/// Called once when a ticket is on disk, or will not be.
pub type OnDisk = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// A segment. Holding a clone keeps its file.
#[derive(Debug)]
pub struct Segment {
    /// Counts up for ever; the file's name.
    pub seq: u64,
    /// File name.
    pub name: String,
    bytes: AtomicU64,
    damaged: bool,
    begun: Instant,
}

impl Segment {
    fn new(seq: u64, name: String, bytes: u64, damaged: bool) -> Arc<Segment> {
        Arc::new(Segment { seq, name, bytes: AtomicU64::new(bytes), damaged, begun: Instant::now() })
    }

    /// Bytes of it, those not yet written included.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Name of a segment's file.
pub fn segment_name(seq: u64) -> String {
    format!("{seq:016}.journal")
}

/// The number in a segment's file name.
pub fn segment_seq(name: &str) -> Option<u64> {
    name.strip_suffix(".journal")?.parse().ok()
}

/// A series as the journal sees it: which number it has in which segment.
pub trait Numbered {
    /// Number in a segment, as `Journal` stored it last: (segment, number).
    fn number(&self) -> (u64, u32);
    /// Remembers a number.
    fn set_number(&self, segment: u64, number: u32);
    /// What a segment calls it by at first use.
    fn tsuid(&self) -> Vec<u8>;
}

/// What can go wrong with the disk.
#[derive(Clone, Debug)]
enum Failure {
    /// Writing failed; it is tried again.
    Failing(String),
    /// A sync failed: nobody knows what is on disk. Only a restart helps.
    Poisoned(String),
}

impl Failure {
    fn error(&self) -> WriteError {
        match self {
            Failure::Failing(text) => WriteError::Failed(format!("the journal cannot be written: {text}")),
            Failure::Poisoned(text) => {
                WriteError::Failed(format!("the journal could not be synced and takes nothing more until a restart: {text}"))
            }
        }
    }
}

struct Chunk {
    segment: Arc<Segment>,
    bytes: Vec<u8>,
}

struct State {
    /// The place behind the last points.
    points: (u64, u64),
    /// The last note of what is stored.
    noted: (u64, u64),
    /// Up to where the hooks have done their work; without hooks, the end of all.
    told: (u64, u64),
    segments: VecDeque<Arc<Segment>>,
    next_series: u32,
    chunks: VecDeque<Chunk>,
    spare: Vec<Vec<u8>>,
    pending: usize,
    /// Logical bytes appended, synced, and asked to be synced.
    appended: u64,
    synced: u64,
    demand: u64,
    callbacks: Vec<(u64, OnDisk)>,
    failure: Option<Failure>,
    closed: bool,
}

/// Sizes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all segments.
    pub max_bytes: u64,
    /// How long an append waits for room.
    pub backpressure: Duration,
}

/// The journal. Cheap to share.
pub struct Journal {
    disk: Arc<dyn Disk>,
    identity: String,
    limits: Limits,
    state: Mutex<State>,
    wake: Condvar,
    on_disk: Condvar,
    room: Condvar,
    fsyncs: AtomicU64,
    written: AtomicU64,
}

impl Journal {
    /// A journal that goes on behind segment `last`.
    pub fn new(disk: Arc<dyn Disk>, identity: String, limits: Limits, last: u64) -> Arc<Journal> {
        let seq = last + 1;
        let state = State {
            segments: VecDeque::from([Segment::new(seq, segment_name(seq), 0, false)]),
            points: (0, 0),
            noted: (0, 0),
            told: (u64::MAX, u64::MAX),
            next_series: 0,
            chunks: VecDeque::new(),
            spare: Vec::new(),
            pending: 0,
            appended: 0,
            synced: 0,
            demand: 0,
            callbacks: Vec::new(),
            failure: None,
            closed: false,
        };
        Arc::new(Journal {
            disk,
            identity,
            limits,
            state: Mutex::new(state),
            wake: Condvar::new(),
            on_disk: Condvar::new(),
            room: Condvar::new(),
            fsyncs: AtomicU64::new(0),
            written: AtomicU64::new(0),
        })
    }

    /// Appends a group: `points` gives each point with its series. Never waits: [`Journal::wait_for_room`] comes before,
    /// without any lock that a flush needs. The returned segment must be held as long as the points are only here.
    pub fn append<'p, S: Numbered + 'p>(
        &self,
        accepted: i64,
        points: impl Iterator<Item = (&'p S, crate::point::PointTime, &'p Stored)>,
        cells: impl Iterator<Item = (&'p S, &'p NewCell)>,
        named: &[NamedPoint],
    ) -> Result<(Ticket, Arc<Segment>), WriteError> {
        let mut state = self.state.lock();
        is_open(&state)?;
        let (segment, mut out) = self.open_chunk(&mut state)?;
        let before = out.len();
        let mut next = state.next_series;
        let mut group = GroupWriter::points(&mut out, accepted);
        let mut number_of = |group: &mut GroupWriter<'_>, series: &S| {
            let (seq, mut number) = series.number();
            if seq != segment.seq {
                number = next;
                next = next.wrapping_add(1);
                group.series(number, &series.tsuid());
                series.set_number(segment.seq, number);
            }
            number
        };
        for (series, time, value) in points {
            let number = number_of(&mut group, series);
            group.point(number, time, value);
        }
        for (series, cell) in cells {
            let number = number_of(&mut group, series);
            group.cell(number, cell);
        }
        named.iter().for_each(|point| group.named(point));
        group.end();
        state.next_series = next;
        let ticket = self.close_chunk(&mut state, &segment, out, before);
        state.points = (segment.seq, segment.bytes());
        Ok((ticket, segment))
    }

    /// Takes an old segment (found by [`replay::read`]), to be freed when nobody holds it.
    pub fn adopt(&self, segment: Arc<Segment>) {
        let mut state = self.state.lock();
        let at = state.segments.len().saturating_sub(1);
        state.points = state.points.max((segment.seq, segment.bytes()));
        state.segments.insert(at, segment);
    }

    /// Appends the note that everything before a place is stored, unless no points came since the last note.
    /// Not waited for: losing it costs a longer replay. What the hooks have not done is replayed, so it is not noted.
    pub fn append_done(&self, place: (u64, u64)) {
        let mut state = self.state.lock();
        let place = place.min(state.told);
        if state.noted < state.points.min(place) && self.note(&mut state, Note::Done, place) {
            state.noted = place;
        }
    }

    /// From now on nothing is noted as stored before it is noted as told.
    pub fn expect_told(&self) {
        self.state.lock().told = (0, 0);
    }

    /// Appends the note that the hooks have done their work for everything before a place. Not waited for: losing it
    /// tells points again.
    pub fn append_told(&self, place: (u64, u64)) {
        let mut state = self.state.lock();
        if state.told < state.points.min(place) && self.note(&mut state, Note::Told, place) {
            state.told = place;
        }
    }

    fn note(&self, state: &mut State, note: Note, place: (u64, u64)) -> bool {
        if state.failure.is_some() || state.closed {
            return false;
        }
        let Ok((segment, mut out)) = self.open_chunk(state) else { return false };
        let before = out.len();
        record::note(&mut out, note, place.0, place.1);
        self.close_chunk(state, &segment, out, before);
        true
    }

    /// The place behind the last group, for [`Journal::append_done`].
    pub fn place(&self) -> (u64, u64) {
        self.state.lock().segments.back().map_or((0, 0), |s| (s.seq, s.bytes()))
    }

    /// Blocks while the journal is full. Batches that pass together may exceed the bound by their own size.
    pub fn wait_for_room(&self) -> Result<(), WriteError> {
        let mut state = self.state.lock();
        let mut deadline = None;
        loop {
            is_open(&state)?;
            let full = total(&state) >= self.limits.max_bytes;
            if !full && state.pending < PENDING_BYTES_MAX {
                return Ok(());
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.limits.backpressure);
            if self.room.wait_until(&mut state, deadline).timed_out() {
                return Err(WriteError::Overloaded(if full {
                    format!("the journal is full: tsd.storage.journal.max_bytes = {}", self.limits.max_bytes)
                } else {
                    format!("the journal's disk is too slow: {PENDING_BYTES_MAX} bytes wait for it")
                }));
            }
        }
    }

    /// The buffer that the next group goes to, taken out of the state, and its segment.
    fn open_chunk(&self, state: &mut State) -> Result<(Arc<Segment>, Vec<u8>), WriteError> {
        let Some(mut segment) = state.segments.back().cloned() else {
            return Err(WriteError::Failed("the journal has no segment".to_owned()));
        };
        if segment.bytes() >= (self.limits.max_bytes / 16).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end()) {
            let seq = segment.seq + 1;
            segment = Segment::new(seq, segment_name(seq), 0, false);
            state.segments.push_back(segment.clone());
            state.next_series = 0;
        }
        let mut out = match state.chunks.back_mut() {
            Some(chunk) if chunk.segment.seq == segment.seq => std::mem::take(&mut chunk.bytes),
            _ => {
                state.chunks.push_back(Chunk { segment: segment.clone(), bytes: Vec::new() });
                state.spare.pop().unwrap_or_default()
            }
        };
        if segment.bytes() == 0 {
            out.extend_from_slice(&record::header(&self.identity));
            segment.bytes.store(out.len() as u64, Ordering::Relaxed);
        }
        Ok((segment, out))
    }

    fn close_chunk(&self, state: &mut State, segment: &Segment, out: Vec<u8>, before: usize) -> Ticket {
        let grown = out.len().saturating_sub(before);
        if let Some(chunk) = state.chunks.back_mut() {
            chunk.bytes = out;
        }
        segment.bytes.fetch_add(grown as u64, Ordering::Relaxed);
        let first = state.pending == 0;
        let was_small = state.pending < PENDING_BYTES_EAGER;
        state.pending += grown;
        state.appended += grown as u64;
        if first || was_small && state.pending >= PENDING_BYTES_EAGER {
            self.wake.notify_one();
        }
        Ticket(state.appended)
    }

    /// The ticket of what was appended last, notes included.
    pub fn last(&self) -> Ticket {
        Ticket(self.state.lock().appended)
    }

    /// Blocks until `ticket` is on disk.
    pub fn wait(&self, ticket: Ticket) -> Result<(), WriteError> {
        let mut state = self.state.lock();
        let deadline = Instant::now() + SYNC_WAIT_MAX;
        loop {
            if state.synced >= ticket.0 {
                return Ok(());
            }
            if let Some(failure) = &state.failure {
                return Err(failure.error());
            }
            self.ask(&mut state, ticket);
            if self.on_disk.wait_until(&mut state, deadline).timed_out() {
                return Err(WriteError::Failed(format!("the journal's disk did not answer within {SYNC_WAIT_MAX:?}")));
            }
        }
    }

    /// Calls `on_disk` when `ticket` is on disk, or will not be.
    pub fn notify(&self, ticket: Ticket, on_disk: OnDisk) {
        let mut state = self.state.lock();
        let result = match &state.failure {
            _ if state.synced >= ticket.0 => Ok(()),
            Some(failure) => Err(failure.error()),
            None => {
                state.callbacks.push((ticket.0, on_disk));
                self.ask(&mut state, ticket);
                return;
            }
        };
        drop(state);
        on_disk(result);
    }

    fn ask(&self, state: &mut State, ticket: Ticket) {
        if state.demand < ticket.0 {
            state.demand = ticket.0;
            self.wake.notify_one();
        }
    }

    /// Frees the oldest segments that nobody holds. `sync_store` must make the store durable; it is called only if
    /// there is something to free. Returns how many were freed.
    pub fn free(&self, sync_store: impl FnOnce() -> Result<(), crate::store::StoreError>) -> Result<usize, WriteError> {
        let free: Vec<_> = {
            let state = self.state.lock();
            // Two: the list's and this clone's. The active segment and those not written yet stay.
            let unwritten = state.chunks.front().map_or(u64::MAX, |c| c.segment.seq);
            let active = state.segments.back().map_or(0, |s| s.seq);
            let is_free = |s: &&Arc<Segment>| s.seq < active && s.seq < unwritten && Arc::strong_count(s) == 1;
            state.segments.iter().take_while(is_free).map(|s| (s.seq, s.name.clone(), s.damaged)).collect()
        };
        if free.is_empty() {
            return Ok(0);
        }
        sync_store().map_err(|e| WriteError::Failed(e.to_string()))?;
        let mut freed = 0;
        for (seq, name, damaged) in free {
            let done = if damaged { self.disk.rename(&name, &format!("{name}.damaged")) } else { self.disk.remove(&name) };
            if let Err(error) = done
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(WriteError::Failed(format!("the journal segment {name} cannot be removed: {error}")));
            }
            // One by one, oldest first, on disk too: a segment that came back without those behind it would bring old
            // values over newer ones.
            self.disk.sync_names().map_err(|e| WriteError::Failed(e.to_string()))?;
            self.state.lock().segments.retain(|s| s.seq != seq);
            freed += 1;
        }
        self.room.notify_all();
        Ok(freed)
    }

    /// Segments up to this one should be emptied to make room; `None`: there is room enough.
    pub fn pressure(&self) -> Option<u64> {
        let state = self.state.lock();
        if total(&state) < self.limits.max_bytes / 2 {
            return None;
        }
        let half = state.segments.len() / 2;
        state.segments.get(half.max(1) - 1).map(|s| s.seq)
    }

    /// Ends the current segment, so that it can be freed too. Appends go on in a new one.
    pub fn rotate(&self) {
        let mut state = self.state.lock();
        let Some(last) = state.segments.back() else { return };
        if last.bytes() > 0 {
            let seq = last.seq + 1;
            state.segments.push_back(Segment::new(seq, segment_name(seq), 0, false));
            state.next_series = 0;
        }
    }

    /// Everything appended is on disk, then nothing more is taken.
    pub fn close(&self) -> Result<(), WriteError> {
        let last = Ticket(self.state.lock().appended);
        let result = self.wait(last);
        self.state.lock().closed = true;
        self.wake.notify_all();
        self.room.notify_all();
        result
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        total(&self.state.lock())
    }

    /// Counters by name.
    pub fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        emit("journal.bytes", self.bytes());
        emit("journal.max_bytes", self.limits.max_bytes);
        emit("journal.written", self.written.load(Ordering::Relaxed));
        emit("journal.fsyncs", self.fsyncs.load(Ordering::Relaxed));
        let state = self.state.lock();
        emit("journal.segments", state.segments.len() as u64);
        // Of segments that an earlier process left, since this one took them over.
        let oldest = state.segments.iter().filter(|s| s.bytes() > 0).map(|s| s.begun.elapsed().as_millis() as u64).max();
        emit("journal.age_ms", oldest.unwrap_or(0));
        emit("journal.failing", u64::from(state.failure.is_some()));
    }
}

fn is_open(state: &State) -> Result<(), WriteError> {
    match &state.failure {
        Some(failure) => Err(failure.error()),
        None if state.closed => Err(WriteError::Failed("the journal is closed: this TSD is stopping".to_owned())),
        None => Ok(()),
    }
}

fn total(state: &State) -> u64 {
    state.segments.iter().map(|s| s.bytes()).sum()
}
