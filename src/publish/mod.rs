//! The real-time publisher: every accepted point and histogram, and every stored annotation, as a line of JSON, to one
//! receiver over TCP or HTTP.
//!
//! | `tsd.rtpublisher.address` | what is sent |
//! | --- | --- |
//! | `tcp://host:port` | lines, one connection for all of them |
//! | `http://host:port/path` | POST requests of many lines, `Content-Type: application/x-ndjson`; any 2xx is a yes |
//!
//! A line is `{"timestamp":1400000000000,"value":1.5,"metric":"sys.cpu","tags":{"host":"web01"},"tsuid":"000001000001000001"}`;
//! the time is in milliseconds. An annotation's is `{"type":"annotation",` and then what `/api/annotation` answers for it;
//! that of a deleted one is not sent. A histogram's is `{"type":"histogram",` and the members of `POST /api/histogram`, the
//! time in milliseconds. Points are published after they were taken; after a kill, some of the last second
//! once more. A receiver that is slow or away never holds up points: what does not fit into the buffer is dropped and counted.

mod address;
mod lines;
mod sender;

pub use address::{Address, AddressError};

use crate::codec::{Decoders, Note, histogram_time};
use crate::point::{Number, PointTime};
use crate::uid::Uids;
use crate::write::{Arrivals, Arrived};
use lines::Lines;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes that a waiting point takes, about, beside its series.
const POINT_BYTES: usize = 64;
/// Most lines in one round.
const ROUND_LINES: usize = 5_000;
/// Longest time that a stop waits for what is left.
const STOP_MAX: Duration = Duration::from_secs(2);

/// What is on its way out.
enum Waiting {
    Point {
        tsuid: Box<[u8]>,
        time: PointTime,
        value: Number,
    },
    /// The cell's value.
    Histogram {
        tsuid: Box<[u8]>,
        ms: i64,
        cell: Box<[u8]>,
    },
    /// The whole line.
    Note(Box<[u8]>),
}

impl Waiting {
    /// Bytes of the buffer that it takes.
    fn bytes(&self) -> usize {
        match self {
            Waiting::Point { .. } => POINT_BYTES,
            Waiting::Histogram { cell: bytes, .. } | Waiting::Note(bytes) => POINT_BYTES + bytes.len(),
        }
    }
}

#[derive(Default)]
struct Queue {
    all: VecDeque<Waiting>,
    /// Of all of them.
    bytes: usize,
    stop: bool,
}

/// What became of points and annotations.
#[derive(Debug, Default)]
struct Counters {
    published: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Bytes that may wait.
    bytes_max: usize,
    counters: Counters,
}

/// Publishes what the way in and the notes tell it. Dropping it ends its thread.
pub struct Publisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Starts the thread. `decoders`: of histograms; `buffer_bytes`: how much may wait for the receiver.
    ///
    /// # Errors
    /// Only if the system gives no thread: a receiver that is away is met when there is something to say.
    pub fn start(address: Address, uids: Arc<Uids>, decoders: Decoders, buffer_bytes: usize) -> std::io::Result<Publisher> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            bytes_max: buffer_bytes.max(POINT_BYTES),
            counters: Counters::default(),
        });
        let owner = shared.clone();
        let thread = std::thread::Builder::new().name("publish".into()).spawn(move || owner.run(address, &uids, decoders))?;
        Ok(Publisher { shared, thread: Some(thread) })
    }

    /// Counters by name.
    pub fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        let counters = &self.shared.counters;
        emit("published", counters.published.load(Relaxed));
        emit("dropped", counters.dropped.load(Relaxed));
        emit("failures", counters.failures.load(Relaxed));
        emit("waiting", self.shared.queue.lock().all.len() as u64);
    }
}

impl Publisher {
    /// Publishes a note that was stored.
    pub fn note(&self, note: &Note) {
        let mut line = Vec::new();
        lines::write_note(note, &mut line);
        self.shared.take(std::iter::once(Waiting::Note(line.into())));
    }
}

impl Arrivals for Publisher {
    fn arrived(&self, arrived: &Arrived<'_>) {
        let points = arrived.points().map(|(time, value)| Waiting::Point { tsuid: arrived.tsuid.into(), time, value });
        let histogram = arrived.cell().and_then(|(base, qualifier, cell)| {
            let ms = histogram_time(qualifier, base)?;
            Some(Waiting::Histogram { tsuid: arrived.tsuid.into(), ms, cell: cell.into() })
        });
        self.shared.take(points.chain(histogram));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.queue.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the publisher ended in a panic");
        }
    }
}

impl Shared {
    /// Takes what fits into the buffer.
    fn take(&self, news: impl Iterator<Item = Waiting>) {
        let mut queue = self.queue.lock();
        for one in news {
            let bytes = queue.bytes + one.bytes();
            if bytes > self.bytes_max {
                self.counters.dropped.fetch_add(1, Relaxed);
            } else {
                queue.bytes = bytes;
                queue.all.push_back(one);
            }
        }
        drop(queue);
        self.changed.notify_one();
    }

    fn run(&self, address: Address, uids: &Uids, decoders: Decoders) {
        let mut lines = Lines::new(uids, decoders);
        let mut sender = match sender::Sender::new(address) {
            Ok(sender) => sender,
            Err(e) => return tracing::error!("nothing is published: {e}"),
        };
        let mut failing = false;
        while let Some((news, stopping)) = self.next() {
            let text = lines.write(&news);
            let deadline = if stopping { STOP_MAX } else { sender::DEADLINE };
            match sender.send(text, deadline) {
                Ok(()) => {
                    self.counters.published.fetch_add(news.len() as u64, Relaxed);
                    failing = false;
                }
                Err(e) => {
                    self.counters.dropped.fetch_add(news.len() as u64, Relaxed);
                    self.counters.failures.fetch_add(1, Relaxed);
                    if !failing {
                        tracing::warn!("{} lines were not published to {}: {e}", news.len(), sender.address());
                    }
                    failing = true;
                    if stopping {
                        return;
                    }
                    self.pause();
                }
            }
        }
    }

    /// Waits for news; `None` when told to stop and nothing is left.
    fn next(&self) -> Option<(Vec<Waiting>, bool)> {
        let mut queue = self.queue.lock();
        while queue.all.is_empty() {
            if queue.stop {
                return None;
            }
            self.changed.wait(&mut queue);
        }
        let count = queue.all.len().min(ROUND_LINES);
        let round: Vec<Waiting> = queue.all.drain(..count).collect();
        queue.bytes -= round.iter().map(Waiting::bytes).sum::<usize>();
        Some((round, queue.stop))
    }

    /// Between two attempts at a receiver that does not answer. A stop ends it.
    fn pause(&self) {
        let until = Instant::now() + sender::PAUSE;
        let mut queue = self.queue.lock();
        while !queue.stop && !self.changed.wait_until(&mut queue, until).timed_out() {}
    }
}

#[cfg(test)]
mod tests;
