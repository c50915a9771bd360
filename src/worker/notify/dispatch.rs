//! One lane a channel: a bounded queue and a thread, so that a receiver that is slow or away holds up nobody else.

use super::channel::{Channel, Retry};
use super::dead::{DeadLetter, DeadLetters};
use super::template::Templates;
use super::{Notice, SendError, email, file, http};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Notices that may wait for one channel. What does not fit stays with the caller, who has its claim on record.
const WAITING_MAX: usize = 1_000;

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It was given up and is a dead letter now.
    Dead(String),
    /// It could be neither delivered nor put away, or this process stops: it must be submitted again.
    Kept(String),
}

/// Told once what became of a notice, on the lane's thread.
pub type Done = Box<dyn FnOnce(Outcome) + Send>;

/// What a notice can do inside the house: kept out of this room, which knows no tables.
pub trait Inside: Send + Sync {
    /// Writes an annotation on each series of the notice.
    ///
    /// # Errors
    /// Whether to try again.
    fn annotate(&self, notice: &Notice) -> Result<(), SendError>;
    /// Writes a data point about the notice.
    ///
    /// # Errors
    /// Whether to try again.
    fn point(&self, notice: &Notice) -> Result<(), SendError>;
}

/// Why a notice was not even queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No channel has that name.
    #[error("no channel has this name")]
    Unknown,
    /// The receiver has been away for long: submit again later.
    #[error("{WAITING_MAX} notices wait for this channel already")]
    Full,
}

/// What a channel did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Notices that were taken.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Notices that were given up.
    pub dead: u64,
    /// Notices that wait.
    pub waiting: u64,
}

#[derive(Default)]
struct Counters {
    delivered: AtomicU64,
    failed: AtomicU64,
    dead: AtomicU64,
}

struct Task {
    notice: Notice,
    done: Done,
    submitted: Instant,
}

struct Lane {
    queue: Sender<Task>,
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
}

/// Sends notices to channels by their names. Dropping it ends its threads; what waits is told as [`Outcome::Kept`].
pub struct Dispatcher {
    lanes: BTreeMap<String, Lane>,
    /// Dropped to end the pauses of lanes that retry.
    stop: Option<Sender<()>>,
}

impl Dispatcher {
    /// Starts a lane for each channel.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(channels: &BTreeMap<String, Channel>, inside: &Arc<dyn Inside>, dead: &DeadLetters) -> std::io::Result<Dispatcher> {
        let (stop, stopped) = bounded(0);
        let templates = Arc::new(Templates::default());
        let mut lanes = BTreeMap::new();
        for (name, channel) in channels {
            let (queue, tasks) = bounded(WAITING_MAX);
            let counters = Arc::<Counters>::default();
            let runner = Runner {
                name: name.clone(),
                channel: channel.clone(),
                templates: templates.clone(),
                inside: inside.clone(),
                dead: dead.clone(),
                counters: counters.clone(),
                stopped: stopped.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("notify {name}")).spawn(move || runner.run(&tasks))?;
            lanes.insert(name.clone(), Lane { queue, counters, thread });
        }
        Ok(Dispatcher { lanes, stop: Some(stop) })
    }

    /// Queues a notice; `done` is told what became of it.
    ///
    /// # Errors
    /// No such channel, or too many wait: `done` is not called.
    pub fn submit(&self, channel: &str, notice: Notice, done: Done) -> Result<(), Refused> {
        let lane = self.lanes.get(channel).ok_or(Refused::Unknown)?;
        lane.queue.try_send(Task { notice, done, submitted: Instant::now() }).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Refused::Full,
        })
    }

    /// What each channel did so far.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        let of = |lane: &Lane| Counts {
            delivered: lane.counters.delivered.load(Relaxed),
            failed: lane.counters.failed.load(Relaxed),
            dead: lane.counters.dead.load(Relaxed),
            waiting: lane.queue.len() as u64,
        };
        self.lanes.iter().map(|(name, lane)| (name.clone(), of(lane))).collect()
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.stop = None;
        for (_, lane) in std::mem::take(&mut self.lanes) {
            drop(lane.queue);
            // A lane that panicked has nothing more to say.
            let _ = lane.thread.join();
        }
    }
}

struct Runner {
    name: String,
    channel: Channel,
    templates: Arc<Templates>,
    inside: Arc<dyn Inside>,
    dead: DeadLetters,
    counters: Arc<Counters>,
    stopped: Receiver<()>,
}

impl Runner {
    fn run(&self, tasks: &Receiver<Task>) {
        // The pause belongs to the receiver: if it is away for one notice, it is away for the next.
        let mut pause = Duration::ZERO;
        for task in tasks {
            let outcome = self.deliver(&task, &mut pause);
            (task.done)(outcome);
        }
    }

    fn deliver(&self, task: &Task, pause: &mut Duration) -> Outcome {
        let Retry { first_ms, longest_ms, give_up } = self.channel.retry();
        let mut attempts = 0;
        loop {
            // Before the first attempt too: a slow receiver with a full queue would hold up a stop, and a change of channels, for hours.
            if !matches!(self.stopped.recv_timeout(*pause), Err(RecvTimeoutError::Timeout)) {
                return Outcome::Kept("the worker stops".to_owned());
            }
            attempts += 1;
            match send(&self.channel, &task.notice, &self.templates, self.inside.as_ref()) {
                Ok(()) => {
                    *pause = Duration::ZERO;
                    self.counters.delivered.fetch_add(1, Relaxed);
                    return Outcome::Delivered;
                }
                Err(SendError::Never(error)) => return self.give_up(task, attempts, error),
                Err(SendError::Later(error)) => {
                    self.counters.failed.fetch_add(1, Relaxed);
                    if task.submitted.elapsed().as_secs() >= give_up {
                        return self.give_up(task, attempts, error);
                    }
                    tracing::warn!("notice {} to {}, attempt {attempts}: {error}", task.notice.id, self.name);
                    let longer = (pause.as_millis() as u64).saturating_mul(2);
                    *pause = Duration::from_millis(longer.clamp(first_ms, longest_ms.max(first_ms)));
                }
            }
        }
    }

    fn give_up(&self, task: &Task, attempts: u32, error: String) -> Outcome {
        let letter = DeadLetter { channel: self.name.clone(), error: error.clone(), attempts, notice: task.notice.clone() };
        match self.dead.push(&letter) {
            Ok(()) => {
                self.counters.dead.fetch_add(1, Relaxed);
                let file = self.dead.path().display();
                tracing::error!(
                    "notice {} to {} is given up after {attempts} attempts, kept in {file}: {error}",
                    task.notice.id,
                    self.name
                );
                Outcome::Dead(error)
            }
            Err(problem) => {
                let file = self.dead.path().display();
                tracing::error!("notice {} to {}: {error}; and {file} cannot be written: {problem}", task.notice.id, self.name);
                Outcome::Kept(error)
            }
        }
    }
}

/// One attempt.
pub(super) fn send(channel: &Channel, notice: &Notice, templates: &Templates, inside: &dyn Inside) -> Result<(), SendError> {
    match channel {
        Channel::Email(to) => email::send(to, notice, templates),
        Channel::Http(to) => http::send(to, notice, templates),
        Channel::File(to) => file::send(to, notice, templates),
        Channel::Annotation(_) => inside.annotate(notice),
        Channel::Point(_) => inside.point(notice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc};

    /// Takes points; the first one comes while the dispatcher is stopped.
    struct Stopping(Mutex<Option<Sender<()>>>);

    impl Inside for Stopping {
        fn annotate(&self, _: &Notice) -> Result<(), SendError> {
            Ok(())
        }
        fn point(&self, _: &Notice) -> Result<(), SendError> {
            drop(self.0.lock().unwrap().take());
            Ok(())
        }
    }

    #[test]
    fn a_stop_sends_nothing_more_of_what_waits() {
        let (stop, stopped) = bounded(0);
        let (queue, tasks) = bounded(WAITING_MAX);
        let dir = tempfile::tempdir().unwrap();
        let runner = Runner {
            name: "c".to_owned(),
            channel: toml::from_str("type='point'").unwrap(),
            templates: Arc::default(),
            inside: Arc::new(Stopping(Mutex::new(Some(stop)))),
            dead: DeadLetters::at(dir.path().join("dead")),
            counters: Arc::default(),
            stopped,
        };
        let (tell, told) = mpsc::channel();
        for _ in 0..3 {
            let tell = tell.clone();
            let done: Done = Box::new(move |outcome| tell.send(outcome).unwrap());
            queue.send(Task { notice: Notice::test("c", 0), done, submitted: Instant::now() }).unwrap();
        }
        drop((queue, tell));
        runner.run(&tasks);
        let kept = Outcome::Kept("the worker stops".to_owned());
        assert_eq!(told.iter().collect::<Vec<_>>(), [Outcome::Delivered, kept.clone(), kept]);
    }
}
