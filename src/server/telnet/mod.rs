//! The line protocol: a connection's loop of reading, taking lines, waiting for the disk, answering.
//!
//! All complete lines of a read go into one batch and one commit. A reply to any command comes after every earlier
//! point of the connection is on disk. A client that does not read its replies is not read from.

pub mod command;
mod histogram;
pub mod session;
#[cfg(test)]
mod tests;

use super::http::{stats, version};
use super::limits::{OVERLOAD_PAUSE, OVERLOAD_WAIT_MAX, WRITE_TIMEOUT};
use super::{Shared, Stop, on_disk};
use crate::point::{Point, Rules};
use crate::write::{Batch, HistogramPoint, RolledUp, RollupError, Ticket, WriteError};
use command::{Command, Commands};
use session::{EachPoint, Next, Session, Sink};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::{sleep, timeout};

/// The buffer of a connection that says little.
const BUFFER_BYTES: usize = 4 * 1024;
/// The buffer of one that says much: it grows to this when reads fill it.
const BUFFER_BYTES_MAX: usize = 256 * 1024;

impl Sink for Batch {
    #[inline]
    fn known(&mut self, point: &Point<'_>) -> Option<Result<(), WriteError>> {
        self.add_known(point)
    }

    fn foresee(&mut self, points: &mut EachPoint<'_>) {
        blocking(|| {
            let mut names = self.new_names();
            points(&mut |point| names.note(point));
            names.assign();
        });
    }

    /// Names may have to be asked for: the other connections of this thread go on elsewhere meanwhile.
    fn unknown(&mut self, point: &Point<'_>) -> Result<(), WriteError> {
        blocking(|| self.add(point))
    }

    fn rollup(&mut self, point: &RolledUp<'_>, rules: &Rules) -> Result<(), RollupError> {
        blocking(|| self.add_rollup(point, rules)).map_err(|refused| refused.why)
    }

    fn histogram(&mut self, point: &HistogramPoint<'_>, rules: &Rules) -> Result<(), WriteError> {
        blocking(|| self.add_histogram(point, rules))
    }
}

/// Runs what may wait for a disk or a store.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|h| h.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Serves one connection until it ends or a stop is asked for.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, mut stop: Stop) {
    let settings = &shared.tsd.settings;
    let session = Session::new(Commands::new(settings), shared.rules.clone(), settings.rpc_telnet_return_errors, &shared.limits);
    let session = session.with_histograms(shared.tsd.histograms);
    let batch = shared.tsd.writer.batch();
    let mut connection = Connection { shared, stream, peer, session, batch, pending: None, overloaded: None };
    if let Err(e) = connection.run(&mut stop).await {
        tracing::debug!(%peer, "telnet connection ended: {e}");
    }
    // Whatever ended it: lines that came whole are taken, and who waits for the end of the stream waits for the disk too.
    connection.settle().await;
    connection.session.count(&connection.shared.tsd.stats);
    let _ = connection.send().await;
}

struct Connection {
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    session: Session,
    batch: Batch,
    /// The last commit that is not known to be on disk.
    pending: Option<Ticket>,
    /// Since when nothing could be taken.
    overloaded: Option<Instant>,
}

/// Whether a connection goes on.
#[derive(Debug, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

impl Connection {
    async fn run(&mut self, stop: &mut Stop) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut filled = 0;
        loop {
            let room = buffer.get_mut(filled..).unwrap_or_default();
            let read = tokio::select! {
                read = timeout(self.shared.limits.telnet_idle, self.stream.read(room)) => read,
                () = stop.asked() => return Ok(()),
            };
            match read {
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(n)) => filled += n,
                Ok(Err(e)) => return Err(e),
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "idle for too long")),
            }
            let full = filled == buffer.len();
            let (done, flow) = self.take(buffer.get(..filled).unwrap_or_default()).await?;
            if flow == Flow::End {
                return Ok(());
            }
            buffer.copy_within(done..filled, 0);
            filled -= done;
            if full && buffer.len() < BUFFER_BYTES_MAX {
                buffer.resize(BUFFER_BYTES_MAX.min(buffer.len() * 8), 0);
            }
        }
    }

    /// Takes the complete lines of `input` and does what they ask for.
    async fn take(&mut self, input: &[u8]) -> io::Result<(usize, Flow)> {
        let mut done = 0;
        loop {
            let (n, next) = self.session.run(input.get(done..).unwrap_or_default(), &mut self.batch);
            done += n;
            if n > 0 {
                // There is room again: the next wait is one of its own.
                self.overloaded = None;
            }
            match next {
                Next::More => {
                    self.session.count(&self.shared.tsd.stats);
                    self.commit().await;
                    self.send().await?;
                    return Ok((done, Flow::On));
                }
                Next::Flush => self.send().await?,
                Next::Do(command) => {
                    if !self.settle().await || self.answer(command).await == Flow::End {
                        return Ok((done, Flow::End));
                    }
                }
                Next::Overloaded(limit) => self.wait_for_room(&limit).await,
                Next::TooLong => return Ok((done, Flow::End)),
            }
        }
    }

    /// The socket is left alone for a while; after that its points are refused until there is room.
    async fn wait_for_room(&mut self, limit: &str) {
        let since = *self.overloaded.get_or_insert_with(|| {
            tracing::warn!(peer = %self.peer, "telnet input waits: {limit}");
            Instant::now()
        });
        self.commit().await;
        if since.elapsed() < OVERLOAD_WAIT_MAX {
            sleep(OVERLOAD_PAUSE).await;
        } else {
            self.session.refuse_overload();
            self.overloaded = None;
        }
    }

    /// Hands the batch over, waiting a while if nothing more can be taken.
    async fn commit(&mut self) {
        let points = self.batch.len();
        if points == 0 {
            return;
        }
        let since = Instant::now();
        loop {
            match blocking(|| self.batch.commit()) {
                Ok(ticket) => {
                    self.pending = Some(ticket);
                    return;
                }
                // A batch that was emptied was refused for good; one that was not can be handed over again.
                Err(WriteError::Overloaded(_)) if self.batch.len() == points && since.elapsed() < OVERLOAD_WAIT_MAX => {
                    sleep(OVERLOAD_PAUSE).await;
                }
                Err(e) => {
                    self.session.batch_failed(points, &e);
                    self.batch = self.shared.tsd.writer.batch();
                    return;
                }
            }
        }
    }

    /// Commits and waits for the disk. False if what was sent may not be on it: the client has been told so, and the
    /// connection must end, so that no later reply is taken for a promise.
    async fn settle(&mut self) -> bool {
        self.commit().await;
        let Some(ticket) = self.pending.take() else { return true };
        match on_disk(&self.shared.tsd.writer, ticket).await {
            Ok(()) => true,
            Err(e) => {
                tracing::error!(peer = %self.peer, "telnet points may not be on disk: {e}");
                self.session.reply(&format!("put: HBase error: {e}\n"));
                false
            }
        }
    }

    async fn answer(&mut self, command: Command) -> Flow {
        match command {
            Command::Help => {
                let help = self.session.help();
                self.session.reply(&help);
            }
            Command::DropCaches => {
                self.shared.tsd.drop_caches();
                self.session.reply("Caches dropped.\n");
            }
            Command::Version => self.session.reply(&version::text()),
            Command::Stats => self.session.reply(&stats::text(&self.shared.tsd)),
            Command::Exit => return Flow::End,
            Command::Die if !self.peer.ip().to_canonical().is_loopback() => {
                self.session.reply("diediedie: taken from this machine only\n");
            }
            Command::Die => {
                tracing::warn!(peer = %self.peer, "shutdown requested");
                self.session.reply("Cleaning up and exiting now.\n");
                self.shared.ask_stop();
                return Flow::End;
            }
        }
        Flow::On
    }

    /// Sends the replies. Until the client has taken them nothing more is read from it.
    async fn send(&mut self) -> io::Result<()> {
        if self.session.replies.is_empty() {
            return Ok(());
        }
        let sent = timeout(WRITE_TIMEOUT, self.stream.write_all(&self.session.replies)).await;
        self.session.replies.clear();
        sent.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its replies")))
    }
}
