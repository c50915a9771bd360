//! Gateways and the threads that own their connections.
//!
//! Every gateway has a few threads with a connection each. Writes and reads wait in two bounded queues that all of them
//! serve; what belongs to one gateway (its scanners) waits in a queue of its own. A gateway is *up*, *suspect* after a
//! failed call until it has answered a probe, or *down* until a later probe succeeds; only threads of an up gateway take
//! work. Whoever waits for a call repeats it ([`super::retry`]); nothing here repeats anything, but a merged write that
//! was refused is tried again part by part, so that the refusal reaches the right waiter.

use super::failure::Failure;
use super::link::Link;
use super::options::HbaseOptions;
use super::weighed::Weighed;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Calls that wait in a queue at most; who comes later waits for room.
pub(super) const QUEUE_CALLS_MAX: usize = 64;
/// Calls of scanners that wait for one gateway at most.
const PINNED_CALLS_MAX: usize = 1024;
/// An idle connection is closed before the gateway does it (after 60 s by default) and opened again when needed.
const IDLE: Duration = Duration::from_secs(45);
/// Pause between two probes of a gateway that is down.
const PROBE_PAUSE: Duration = Duration::from_millis(500);
/// How often a thread looks whether a sibling's probe has succeeded.
const PROBE_LOOK: Duration = Duration::from_millis(20);
/// Cells merged into one call at most. More gain nothing: a gateway's plateau begins at 500.
pub(super) const MERGE_CELLS_MAX: usize = 2_000;
/// Bytes of rows merged into one call at most; a framed gateway takes 2 MB by default.
pub(super) const MERGE_BYTES_MAX: usize = 1024 * 1024;

const SUSPECT: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// Whether a waiting call was begun, or given up by its waiter. Never both.
#[derive(Default)]
pub(super) struct Ticket(AtomicU8);

impl Ticket {
    fn claim(&self) -> bool {
        self.0.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// True if the call will never begin.
    pub(super) fn withdraw(&self) -> bool {
        self.0.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Rows of one table and one time, encoded.
pub(super) struct Chunk {
    pub(super) table: Arc<str>,
    pub(super) time: Option<i64>,
    pub(super) rows: usize,
    pub(super) cells: usize,
    pub(super) bytes: Vec<u8>,
}

/// A chunk that waits to be written. Its place tells the waiter which one an answer is for.
pub(super) struct WriteJob {
    pub(super) chunk: Arc<Chunk>,
    pub(super) ticket: Arc<Ticket>,
    pub(super) until: Instant,
    pub(super) place: usize,
    pub(super) reply: Sender<(usize, Result<(), Failure>)>,
}

/// What a thread does with its connection for a waiter: it answers the waiter itself, and returns what failed, if
/// anything did. It is given a failure where there is no connection.
pub(super) type Run = Box<dyn FnOnce(Result<(&mut Link, Where), Failure>) -> Option<Failure> + Send>;

/// Which gateway a call runs on, and until when.
#[derive(Clone, Copy)]
pub(super) struct Where {
    pub(super) gateway: usize,
    pub(super) until: Instant,
}

/// Any other call.
pub(super) struct CallJob {
    pub(super) ticket: Arc<Ticket>,
    pub(super) until: Instant,
    /// It is tried elsewhere after a failure, so it need not wait for its whole deadline here.
    pub(super) repeats: bool,
    pub(super) run: Run,
}

/// Counters of one store.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) calls: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) repeats: AtomicU64,
    pub(super) reconnects: AtomicU64,
    pub(super) cells_written: AtomicU64,
    pub(super) cells_read: AtomicU64,
    pub(super) rows_read: AtomicU64,
    pub(super) leaps: AtomicU64,
    pub(super) merged_batches: AtomicU64,
    pub(super) scanners_left: AtomicU64,
}

/// Adds to a counter.
pub(super) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

struct Gateway {
    address: (String, u16),
    name: String,
    state: AtomicU8,
    probing: Mutex<()>,
    last_error: Mutex<String>,
}

/// What the threads and their users share.
pub(super) struct Common {
    pub(super) options: HbaseOptions,
    pub(super) counters: Counters,
    pub(super) weighed: Weighed,
    gateways: Vec<Gateway>,
}

impl Common {
    /// `host:port` of a gateway.
    pub(super) fn name(&self, gateway: usize) -> &str {
        self.gateways.get(gateway).map_or("", |g| g.name.as_str())
    }

    pub(super) fn is_up(&self, gateway: usize) -> bool {
        self.gateways.get(gateway).is_some_and(|g| g.state.load(Ordering::Acquire) == UP)
    }

    pub(super) fn is_down(&self, gateway: usize) -> bool {
        self.gateways.get(gateway).is_none_or(|g| g.state.load(Ordering::Acquire) == DOWN)
    }

    /// Number of gateways that take work.
    pub(super) fn up(&self) -> usize {
        (0..self.gateways.len()).filter(|g| self.is_up(*g)).count()
    }

    /// True if every gateway has failed its last probe.
    pub(super) fn all_down(&self) -> bool {
        (0..self.gateways.len()).all(|g| self.is_down(g))
    }

    /// Number of gateways.
    pub(super) fn len(&self) -> usize {
        self.gateways.len()
    }

    /// Each gateway with what it failed with last.
    pub(super) fn troubles(&self) -> String {
        // An error begins with the gateway's name itself, unless it has none yet.
        let each = self.gateways.iter().map(|g| match g.last_error.lock() {
            error if error.starts_with(&g.name) => error.clone(),
            error => format!("{}: {error}", g.name),
        });
        format!("no HBase gateway answers ({})", each.collect::<Vec<_>>().join("; "))
    }
}

/// The threads' queues. Dropping it ends the threads.
pub(super) struct Pool {
    pub(super) common: Arc<Common>,
    pub(super) writes: Sender<WriteJob>,
    pub(super) calls: Sender<CallJob>,
    pub(super) pinned: Vec<Sender<CallJob>>,
    _stop: Sender<()>,
}

impl Pool {
    /// Starts the threads. They connect on their own.
    pub(super) fn start(options: HbaseOptions) -> std::io::Result<Pool> {
        let gateway = |address: &(String, u16)| Gateway {
            name: format!("{}:{}", address.0, address.1),
            address: address.clone(),
            state: AtomicU8::new(SUSPECT),
            probing: Mutex::new(()),
            last_error: Mutex::new(String::from("not tried yet")),
        };
        let gateways = options.gateways.iter().map(gateway).collect();
        let common = Arc::new(Common { options, counters: Counters::default(), weighed: Weighed::default(), gateways });
        let (writes, writes_in) = bounded(QUEUE_CALLS_MAX);
        let (calls, calls_in) = bounded(QUEUE_CALLS_MAX);
        let (stop, stopped) = bounded(0);
        let mut pinned = Vec::new();
        for gateway in 0..common.len() {
            let (to_pinned, pinned_in) = bounded(PINNED_CALLS_MAX);
            pinned.push(to_pinned);
            for _ in 0..common.options.connections {
                let owner = Owner {
                    common: common.clone(),
                    gateway,
                    link: None,
                    carry: None,
                    writes: writes_in.clone(),
                    calls: calls_in.clone(),
                    pinned: pinned_in.clone(),
                    stopped: stopped.clone(),
                };
                std::thread::Builder::new().name(format!("hbase-{gateway}")).spawn(move || owner.run())?;
            }
        }
        Ok(Pool { common, writes, calls, pinned, _stop: stop })
    }
}

enum Job {
    Write(WriteJob),
    Call(CallJob),
    Withdrawn,
    Idle,
    Stop,
}

/// A thread and its connection.
struct Owner {
    common: Arc<Common>,
    gateway: usize,
    link: Option<Link>,
    carry: Option<WriteJob>,
    writes: Receiver<WriteJob>,
    calls: Receiver<CallJob>,
    pinned: Receiver<CallJob>,
    stopped: Receiver<()>,
}

impl Owner {
    fn run(mut self) {
        loop {
            if !self.common.is_up(self.gateway) && !self.probe() {
                return;
            }
            match self.next_job() {
                Job::Stop => return,
                Job::Withdrawn => {}
                Job::Idle => self.link = None,
                Job::Write(job) => self.write(job),
                Job::Call(job) => self.call(job),
            }
        }
    }

    /// Tries until the gateway is up; false when the store is gone.
    fn probe(&mut self) -> bool {
        self.link = None;
        let common = self.common.clone();
        let Some(gateway) = common.gateways.get(self.gateway) else { return false };
        // A carried write was claimed: its waiter can only be told to try elsewhere.
        if let Some(job) = self.carry.take() {
            let _ = job.reply.send((job.place, Err(Failure::Unsent(format!("{} is not reachable", gateway.name)))));
        }
        while gateway.state.load(Ordering::Acquire) != UP {
            let mut pause = PROBE_LOOK;
            if let Some(_guard) = gateway.probing.try_lock() {
                pause = PROBE_PAUSE;
                match Link::connect(&gateway.address, &common.options) {
                    Ok(link) => {
                        self.link = Some(link);
                        if gateway.state.swap(UP, Ordering::AcqRel) == DOWN {
                            tracing::info!(gateway = gateway.name, "HBase gateway answers");
                        }
                        return true;
                    }
                    Err(failure) => self.note_down(gateway, failure),
                }
            }
            if self.stopped.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                return false;
            }
        }
        true
    }

    fn note_down(&self, gateway: &Gateway, failure: Failure) {
        let (Failure::Unsent(text)
        | Failure::Lost(text)
        | Failure::Corrupt(text)
        | Failure::TooLarge(text)
        | Failure::Internal(text)
        | Failure::Declared { text, .. }) = failure;
        if gateway.state.swap(DOWN, Ordering::AcqRel) != DOWN {
            tracing::warn!(gateway = gateway.name, error = text, "HBase gateway does not answer");
        }
        *gateway.last_error.lock() = text;
    }

    fn next_job(&mut self) -> Job {
        if let Some(job) = self.carry.take() {
            return Job::Write(job);
        }
        crossbeam_channel::select! {
            recv(self.writes) -> job => job.map_or(Job::Stop, |job| if job.ticket.claim() { Job::Write(job) } else { Job::Withdrawn }),
            recv(self.calls) -> job => job.map_or(Job::Stop, Job::Call),
            recv(self.pinned) -> job => job.map_or(Job::Stop, Job::Call),
            default(IDLE) => Job::Idle,
        }
    }

    /// A connection that can be used, or why there is none.
    fn ready(&mut self) -> Result<(), Failure> {
        let common = self.common.clone();
        let Some(gateway) = common.gateways.get(self.gateway) else { return Err(Failure::Unsent(String::new())) };
        if !common.is_up(self.gateway) {
            return Err(Failure::Unsent(format!("{} is not reachable", gateway.name)));
        }
        if self.link.as_mut().is_some_and(Link::is_closed) {
            self.link = None;
        }
        if self.link.is_none() {
            count(&common.counters.reconnects, 1);
            match Link::connect(&gateway.address, &common.options) {
                Ok(link) => self.link = Some(link),
                Err(failure) => {
                    self.suspect();
                    return Err(match failure {
                        Failure::Lost(text) => Failure::Unsent(text),
                        other => other,
                    });
                }
            }
        }
        Ok(())
    }

    fn suspect(&mut self) {
        self.link = None;
        if let Some(gateway) = self.common.gateways.get(self.gateway) {
            let _ = gateway.state.compare_exchange(UP, SUSPECT, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Until when one attempt may take: half of what is left if another gateway could then try the other half.
    fn attempt_until(&self, until: Instant, repeats: bool) -> Instant {
        let now = Instant::now();
        let left = until.saturating_duration_since(now);
        if repeats && self.common.up() > 1 { now + left / 2 } else { until }
    }

    fn call(&mut self, job: CallJob) {
        if !job.ticket.claim() {
            return;
        }
        if let Err(failure) = self.ready() {
            (job.run)(Err(failure));
            return;
        }
        let at = Where { gateway: self.gateway, until: self.attempt_until(job.until, job.repeats) };
        let Some(link) = self.link.as_mut() else { return };
        let mut failure = (job.run)(Ok((link, at)));
        // The waiter has its answer.
        let in_step = failure.as_ref().is_none_or(Failure::in_step) && !link.is_awaiting();
        let left = if in_step {
            let (left, worse) = link.close_rest(self.common.options.deadline);
            failure = worse.or(failure);
            left
        } else {
            link.leave_rest()
        };
        count(&self.common.counters.scanners_left, left);
        count(&self.common.counters.calls, link.take_sent());
        self.settle(failure.as_ref());
        if !in_step {
            self.link = None;
        }
    }

    /// Drops what is out of step.
    fn settle(&mut self, failure: Option<&Failure>) {
        let Some(failure) = failure else { return };
        count(&self.common.counters.errors, 1);
        if failure.may_pass() {
            self.suspect();
        } else if !failure.in_step() {
            self.link = None;
        }
    }

    /// Writes a chunk and those that wait behind it for the same table and time.
    fn write(&mut self, first: WriteJob) {
        let group = self.gather(first);
        if let Err(failure) = self.ready() {
            return answer(&group, &Err(failure));
        }
        count(&self.common.counters.merged_batches, group.len() - 1);
        let result = self.write_group(&group);
        let refused = matches!(result, Err(Failure::Declared { .. }));
        if !refused || group.len() == 1 {
            return answer(&group, &result);
        }
        for job in group.chunks(1) {
            let result = self.ready().and_then(|()| self.write_group(job));
            answer(job, &result);
        }
    }

    fn gather(&mut self, first: WriteJob) -> Vec<WriteJob> {
        let (mut cells, mut bytes) = (first.chunk.cells, first.chunk.bytes.len());
        let mut group = vec![first];
        while cells < MERGE_CELLS_MAX {
            let Ok(job) = self.writes.try_recv() else { break };
            if !job.ticket.claim() {
                continue;
            }
            let fits = group.first().is_some_and(|first| first.chunk.table == job.chunk.table && first.chunk.time == job.chunk.time);
            cells += job.chunk.cells;
            bytes += job.chunk.bytes.len();
            if !fits || cells > MERGE_CELLS_MAX || bytes > MERGE_BYTES_MAX {
                self.carry = Some(job);
                break;
            }
            group.push(job);
        }
        group
    }

    fn write_group(&mut self, group: &[WriteJob]) -> Result<(), Failure> {
        let (Some(first), Some(until)) = (group.first(), group.iter().map(|job| job.until).min()) else { return Ok(()) };
        let until = self.attempt_until(until, true);
        let Some(link) = self.link.as_mut() else { return Err(Failure::Unsent(String::from("no connection"))) };
        let rows = group.iter().map(|job| job.chunk.rows).sum();
        let encoded = group.iter().map(|job| job.chunk.bytes.as_slice());
        let result = link.mutate(&first.chunk.table, first.chunk.time, rows, encoded, until);
        count(&self.common.counters.calls, link.take_sent());
        match &result {
            Ok(()) => count(&self.common.counters.cells_written, group.iter().map(|job| job.chunk.cells).sum()),
            Err(failure) => self.settle(Some(failure)),
        }
        result
    }
}

fn answer(group: &[WriteJob], result: &Result<(), Failure>) {
    for job in group {
        // A waiter that is gone wants no answer.
        let _ = job.reply.send((job.place, result.clone()));
    }
}
