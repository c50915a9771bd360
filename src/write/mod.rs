//! The one way in: admit, resolve, journal, head, cells, store.

use crate::point::Point;
use std::sync::Arc;
use std::time::Duration;

/// Why a point or a batch was not taken. Displays as OpenTSDB words it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A name is unknown and may not be created: telnet says `unknown metric`, HTTP `Unknown metric`.
    #[error(transparent)]
    Uid(#[from] crate::uid::UidError),
    /// The point breaks a rule (illegal character, too many tags, ...): OpenTSDB's own words.
    #[error("{0}")]
    Illegal(String),
    /// Nothing more can be taken now; the text names the limit. Answered 503.
    #[error("{0}")]
    Overloaded(String),
    /// The journal or the store failed; what the batch held may not be on disk.
    #[error("{0}")]
    Failed(String),
}

/// The way in. One a process; cheap to share.
pub struct Writer {}

/// A batch of one connection or request: its buffers are reused. Not shared between threads.
pub struct Batch {
    _writer: Arc<Writer>,
}

/// A committed batch's place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

#[allow(unused_variables, clippy::unimplemented, missing_docs)]
impl Writer {
    pub fn batch(self: &Arc<Self>) -> Batch {
        Batch { _writer: self.clone() }
    }
    /// Blocks until everything up to `ticket` is on disk (journal or store).
    pub fn wait(&self, ticket: Ticket) -> Result<(), WriteError> {
        unimplemented!()
    }
    /// The same for the async side: `on_disk` is called once, from another thread, or at once.
    pub fn notify(&self, ticket: Ticket, on_disk: Box<dyn FnOnce(Result<(), WriteError>) + Send>) {
        unimplemented!()
    }
    /// Blocks until what is in the head now is in the *store* (`/api/put?sync`, tests, shutdown).
    pub fn flush(&self, deadline: Duration) -> Result<(), WriteError> {
        unimplemented!()
    }
    /// Flushes, stops the threads, closes the journal.
    pub fn shutdown(&self) -> Result<(), WriteError> {
        unimplemented!()
    }
    /// The rows that wait, for readers.
    pub fn overlay(self: &Arc<Self>) -> Arc<dyn crate::store::Overlay> {
        unimplemented!()
    }
}

#[allow(unused_variables, clippy::unimplemented)]
impl Batch {
    /// Takes one point if its series is known already: no I/O, no allocation. `None`: use [`Batch::add`].
    pub fn add_known(&mut self, point: &Point<'_>) -> Option<Result<(), WriteError>> {
        unimplemented!()
    }
    /// Takes one point, assigning or looking up its names where needed: may block on the store.
    pub fn add(&mut self, point: &Point<'_>) -> Result<(), WriteError> {
        unimplemented!()
    }
    /// Hands the points over: they are in the journal's buffer and in the head (visible to queries here).
    /// They are on disk when [`Writer::wait`] returns. The batch is empty and can be used again.
    pub fn commit(&mut self) -> Result<Ticket, WriteError> {
        unimplemented!()
    }
    /// Points taken and not yet committed.
    pub fn len(&self) -> usize {
        unimplemented!()
    }
    /// True with no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
