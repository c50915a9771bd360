//! Who is calling? Telnet and HTTP share one port; and what watches the clock of an HTTP connection.
//!
//! OpenTSDB's rule: a connection whose first byte is an upper-case ASCII letter speaks HTTP, everything else is telnet.
//! Only that byte decides, however the rest is cut into packets (recorded scenario `first_byte`).

use super::limits::{Limits, WRITE_TIMEOUT};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};

/// The two languages of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// An upper-case letter came first.
    Http,
    /// Anything else.
    Telnet,
}

impl Protocol {
    /// By the first byte.
    pub fn of(first: u8) -> Protocol {
        if first.is_ascii_uppercase() { Protocol::Http } else { Protocol::Telnet }
    }
}

/// Waits for the first byte and leaves it unread. `None`: the client closed the connection or said nothing in time.
pub async fn detect(stream: &TcpStream, within: Duration) -> io::Result<Option<Protocol>> {
    let mut first = [0];
    match timeout(within, stream.peek(&mut first)).await {
        Ok(Ok(0)) | Err(_) => Ok(None),
        Ok(Ok(_)) => Ok(first.first().map(|&byte| Protocol::of(byte))),
        Ok(Err(e)) => Err(e),
    }
}

/// Where an HTTP connection stands: set by its handler, read by the socket below it.
#[derive(Debug, Default)]
pub struct Phase(AtomicU8);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

impl Phase {
    /// The head has come; the body is read and the answer made, however long that takes.
    pub fn busy(&self) {
        self.0.store(BUSY, Ordering::Release);
    }
    /// The answer is made; it is sent, then the next request may come.
    pub fn idle(&self) {
        self.0.store(IDLE, Ordering::Release);
    }
    fn get(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

/// A socket with deadlines: for a request head, for an idle connection, for a client that does not read its answer.
/// The HTTP library's own timer covers the head only, and idle connections with it. A body has its own clock.
pub struct Watched {
    stream: TcpStream,
    phase: Arc<Phase>,
    idle: Duration,
    head: Duration,
    reading: Pin<Box<Sleep>>,
    reading_for: u8,
    writing: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    /// Watches `stream`.
    pub fn new(stream: TcpStream, phase: Arc<Phase>, limits: &Limits) -> Watched {
        let (idle, head) = (limits.http_idle, limits.head_timeout);
        Watched { stream, phase, idle, head, reading: Box::pin(sleep(idle)), reading_for: IDLE, writing: None }
    }

    /// Starts the deadline of a phase anew.
    fn arm(&mut self, phase: u8) {
        let after = if phase == HEAD { self.head } else { self.idle };
        self.reading_for = phase;
        self.reading.as_mut().reset(Instant::now() + after);
    }

    /// Called when there was nothing to read.
    fn reading_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.get();
        if phase == BUSY {
            return Poll::Pending;
        }
        if phase != self.reading_for {
            self.arm(phase);
        }
        self.reading.as_mut().poll(cx).map(|()| Err(late("the client did not send what it had begun, or nothing, in time")))
    }

    /// Keeps the deadline of a write that does not get on.
    fn writing_late<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.writing = None;
            if self.reading_for == IDLE {
                self.arm(IDLE);
            }
            return wrote;
        }
        let deadline = self.writing.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        deadline.as_mut().poll(cx).map(|()| Err(late("the client did not read its answer in time")))
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() {
            return this.reading_late(cx);
        }
        if buf.filled().len() > before && this.phase.get() == IDLE {
            this.phase.0.store(HEAD, Ordering::Release);
            this.arm(HEAD);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.writing_late(cx, wrote)
    }
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.writing_late(cx, wrote)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte() {
        for (byte, want) in [
            (b'G', Protocol::Http),
            (b'H', Protocol::Http), // `HELP` as the first line: first_byte/t03
            (b'A', Protocol::Http),
            (b'Z', Protocol::Http),
            (b'p', Protocol::Telnet),
            (b'\n', Protocol::Telnet),
            (b' ', Protocol::Telnet),
            (b'@', Protocol::Telnet),
            (b'[', Protocol::Telnet),
            (0, Protocol::Telnet),
            (0xff, Protocol::Telnet),
        ] {
            assert_eq!(Protocol::of(byte), want, "{byte:#x}");
        }
    }
}
