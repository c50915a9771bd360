//! Waiting for calls, and repeating those that may be repeated, until the deadline.

use super::failure::{Effect, Failure};
use super::link::Link;
use super::pool::{CallJob, Chunk, Pool, Run, Ticket, Where, WriteJob, count};
use crate::store::Result as StoreResult;
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a waiter looks whether anybody can still take its call.
const LOOK: Duration = Duration::from_millis(50);
/// What a running call may take beyond its deadline before its thread is given up.
const GRACE: Duration = Duration::from_secs(1);
/// Pause before a call that was not sent is offered again.
const AGAIN: Duration = Duration::from_millis(5);

/// A call as a closure over a connection.
pub(super) type Task<T> = Box<dyn FnOnce(&mut Link, Where) -> Result<T, Failure> + Send>;

/// Who may take a call.
#[derive(Clone, Copy)]
pub(super) enum Lane {
    /// Any gateway that is up.
    Any,
    /// The gateway that holds the scanner.
    Gateway(usize),
}

impl Pool {
    /// Runs a call; `make` is asked for it once an attempt.
    pub(super) fn call<T: Send + 'static>(
        &self,
        effect: Effect,
        what: &str,
        limit: Duration,
        make: impl FnMut() -> Task<T>,
    ) -> StoreResult<T> {
        self.repeat(effect, limit, make).map_err(|failure| failure.into_error(effect, what, &self.who(), limit))
    }

    /// The same, with the failure as it was.
    pub(super) fn repeat<T: Send + 'static>(
        &self,
        effect: Effect,
        limit: Duration,
        mut make: impl FnMut() -> Task<T>,
    ) -> Result<T, Failure> {
        let until = Instant::now() + limit;
        let mut sent = false;
        loop {
            let failure = match self.attempt(Lane::Any, effect, until, make()) {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            sent |= matches!(failure, Failure::Lost(_));
            let again = failure.may_pass() && (effect != Effect::Once || !sent);
            if !again || !self.pause(until) {
                return Err(self.give_up(failure, sent));
            }
        }
    }

    /// Waits a little before a repeat; false if there is no gateway or no time for one.
    pub(super) fn pause(&self, until: Instant) -> bool {
        if self.common.all_down() || Instant::now() + AGAIN >= until {
            return false;
        }
        count(&self.common.counters.repeats, 1);
        std::thread::sleep(AGAIN);
        true
    }

    /// The worst that is known: a call that may have been carried out stays one when its repeat was not sent.
    pub(super) fn give_up(&self, failure: Failure, sent: bool) -> Failure {
        match failure {
            Failure::Unsent(text) if sent => Failure::Lost(text),
            Failure::Unsent(_) if self.common.all_down() => Failure::Unsent(self.common.troubles()),
            other => other,
        }
    }

    /// For messages.
    pub(super) fn who(&self) -> String {
        format!("HBase through {}", self.common.options)
    }

    /// One attempt.
    pub(super) fn attempt<T: Send + 'static>(&self, lane: Lane, effect: Effect, until: Instant, task: Task<T>) -> Result<T, Failure> {
        let (reply, answer) = bounded(1);
        let ticket = Arc::new(Ticket::default());
        let run: Run = Box::new(move |link| match link {
            Ok((link, at)) => {
                let result = task(link, at);
                let failure = result.as_ref().err().cloned();
                let _ = reply.send(result);
                failure
            }
            Err(failure) => {
                let _ = reply.send(Err(failure));
                None
            }
        });
        let repeats = effect != Effect::Once && matches!(lane, Lane::Any);
        let job = CallJob { ticket: ticket.clone(), until, repeats, run };
        let queue = match lane {
            Lane::Any => Some(&self.calls),
            Lane::Gateway(gateway) => self.pinned.get(gateway),
        };
        let Some(queue) = queue else { return Err(Failure::Unsent(String::from("no such gateway"))) };
        self.offer(queue, job, lane, until)?;
        self.wait(&answer, lane, until, || ticket.withdraw())
    }

    fn hopeless(&self, lane: Lane) -> bool {
        match lane {
            Lane::Any => self.common.all_down(),
            Lane::Gateway(gateway) => self.common.is_down(gateway),
        }
    }

    fn offer<J>(&self, queue: &Sender<J>, mut job: J, lane: Lane, until: Instant) -> Result<(), Failure> {
        loop {
            match queue.send_timeout(job, LOOK) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) => job = back,
                Err(SendTimeoutError::Disconnected(_)) => return Err(Failure::Unsent(String::from("the connection threads have ended"))),
            }
            if self.hopeless(lane) || Instant::now() >= until {
                return Err(Failure::Unsent(String::from("the queue to the HBase gateways (QUEUE_CALLS_MAX) stayed full")));
            }
        }
    }

    fn wait<T>(
        &self,
        answer: &Receiver<Result<T, Failure>>,
        lane: Lane,
        until: Instant,
        withdraw: impl Fn() -> bool,
    ) -> Result<T, Failure> {
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => return Err(Failure::Lost(String::from("the connection's thread has ended"))),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if (now >= until || self.hopeless(lane)) && withdraw() {
                return Err(Failure::Unsent(String::from("no HBase gateway took the call within its deadline")));
            }
            if now >= until + GRACE {
                return Err(Failure::Lost(String::from("no answer within the deadline")));
            }
        }
    }

    /// Writes chunks, all of them at once, each until it succeeds, is refused, or its time is over.
    pub(super) fn write(&self, chunks: &[Arc<Chunk>], what: &str) -> StoreResult<()> {
        let limit = self.common.options.deadline;
        let until = Instant::now() + limit;
        let mut waiting = Waiting::new(chunks, until);
        for place in 0..chunks.len() {
            waiting.submit(self, place);
        }
        let mut worst = None;
        while waiting.open > 0 {
            let Some((place, failure)) = waiting.next_failure(self) else { continue };
            if failure.may_pass() && self.pause(until) {
                waiting.submit(self, place);
                continue;
            }
            worst = worse(worst, self.give_up(failure, waiting.was_sent(place)));
        }
        match worst {
            None => Ok(()),
            Some(failure) => Err(failure.into_error(Effect::Repeatable, what, &self.who(), limit)),
        }
    }
}

/// A refusal says more than an outage, and "perhaps" more than "no".
fn worse(old: Option<Failure>, new: Failure) -> Option<Failure> {
    let rank = |failure: &Failure| match failure {
        Failure::Unsent(_) => 0,
        Failure::Lost(_) => 1,
        _ => 2,
    };
    match old {
        Some(old) if rank(&old) >= rank(&new) => Some(old),
        _ => Some(new),
    }
}

/// The chunks of one write that have not been answered.
struct Waiting<'a> {
    chunks: &'a [Arc<Chunk>],
    tickets: Vec<Option<Arc<Ticket>>>,
    sent: Vec<bool>,
    open: usize,
    until: Instant,
    failed: Vec<(usize, Failure)>,
    reply: Sender<(usize, Result<(), Failure>)>,
    answers: Receiver<(usize, Result<(), Failure>)>,
}

impl<'a> Waiting<'a> {
    fn new(chunks: &'a [Arc<Chunk>], until: Instant) -> Waiting<'a> {
        // A thread never waits for room here: each chunk has one answer under way at most.
        let (reply, answers) = bounded(chunks.len());
        let (tickets, sent) = (vec![None; chunks.len()], vec![false; chunks.len()]);
        Waiting { chunks, tickets, sent, open: 0, until, failed: Vec::new(), reply, answers }
    }

    fn submit(&mut self, pool: &Pool, place: usize) {
        let Some(chunk) = self.chunks.get(place) else { return };
        let ticket = Arc::new(Ticket::default());
        let job = WriteJob { chunk: chunk.clone(), ticket: ticket.clone(), until: self.until, place, reply: self.reply.clone() };
        self.open += 1;
        match pool.offer(&pool.writes, job, Lane::Any, self.until) {
            Ok(()) => self.set_ticket(place, Some(ticket)),
            Err(failure) => self.failed.push((place, failure)),
        }
    }

    fn set_ticket(&mut self, place: usize, ticket: Option<Arc<Ticket>>) {
        if let Some(slot) = self.tickets.get_mut(place) {
            *slot = ticket;
        }
    }

    fn was_sent(&self, place: usize) -> bool {
        self.sent.get(place).is_some_and(|sent| *sent)
    }

    /// Waits for the next answer, and returns it if it is a failure.
    fn next_failure(&mut self, pool: &Pool) -> Option<(usize, Failure)> {
        if self.failed.is_empty() {
            match self.answers.recv_timeout(LOOK) {
                Ok((place, result)) => {
                    self.set_ticket(place, None);
                    match result {
                        Ok(()) => self.open -= 1,
                        Err(failure) => self.failed.push((place, failure)),
                    }
                }
                Err(_) => self.look(pool),
            }
        }
        let (place, failure) = self.failed.pop()?;
        if let (Failure::Lost(_), Some(sent)) = (&failure, self.sent.get_mut(place)) {
            *sent = true;
        }
        self.open -= 1;
        Some((place, failure))
    }

    /// Takes back what nobody will do any more.
    fn look(&mut self, pool: &Pool) {
        let now = Instant::now();
        let over = now >= self.until || pool.common.all_down();
        let lost = now >= self.until + GRACE;
        for (place, slot) in self.tickets.iter_mut().enumerate() {
            let Some(ticket) = slot else { continue };
            if over && ticket.withdraw() {
                self.failed.push((place, Failure::Unsent(String::from("no HBase gateway took the call within its deadline"))));
                *slot = None;
            } else if lost {
                self.failed.push((place, Failure::Lost(String::from("no answer within the deadline"))));
                *slot = None;
            }
        }
    }
}
