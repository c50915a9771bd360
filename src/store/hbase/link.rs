//! One connection to a gateway: a socket with deadlines. Calls are answered in their order, so several may be sent before
//! the first answer is read.
//!
//! After any failure but a declared exception the connection is out of step, and its owner drops it.

use super::failure::Failure;
use super::inbox::{ANSWER_BYTES_MAX, Inbox};
use super::message::{self, CellPlace};
use super::options::{HbaseOptions, Protocol, Transport};
use super::reader::Reader;
use super::writer::Writer;
use crate::store::{Columns, RowBatch, Scan};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// A connection idle for longer is looked at before it is used: its gateway may have closed it.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// A request buffer larger than this is given back.
const KEEP_BYTES: usize = 8 * 1024 * 1024;

/// How far the socket's own time for a read may be from what is left: to set it is a call of the system, and a gateway
/// sends an answer of megabytes in pieces of a kilobyte.
const TIMER_SLACK: Duration = Duration::from_millis(50);

/// A socket whose every read and write ends at `until`, or [`TIMER_SLACK`] later.
struct Wire {
    stream: TcpStream,
    until: Instant,
    /// What a read may take, as the socket knows it.
    patience: Duration,
}

impl Wire {
    fn left(&self) -> std::io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.left()?;
        if left.abs_diff(self.patience) > TIMER_SLACK {
            self.stream.set_read_timeout(Some(left))?;
            self.patience = left;
        }
        self.stream.read(buffer)
    }
}

/// One connection.
pub(super) struct Link {
    inbox: Inbox<Wire>,
    pub(super) out: Vec<u8>,
    protocol: Protocol,
    framed: bool,
    sequence: u32,
    /// Calls whose answers have not been read: their names and numbers.
    asked: VecDeque<(&'static str, u32)>,
    used: Instant,
    cells: Vec<CellPlace>,
    /// Scanners to close when the waiter has its answer.
    closing: Vec<i32>,
    sent: usize,
}

impl Link {
    /// Connects and makes sure that a gateway answers (a stopped one still accepts connections).
    pub(super) fn connect(gateway: &(String, u16), options: &HbaseOptions) -> Result<Link, Failure> {
        let until = Instant::now() + options.connect_timeout;
        let stream = dial(gateway, options.connect_timeout).map_err(|e| Failure::Unsent(format!("{}:{}: {e}", gateway.0, gateway.1)))?;
        let mut link = Link {
            inbox: Inbox::new(Wire { stream, until, patience: Duration::ZERO }),
            out: Vec::new(),
            protocol: options.protocol,
            framed: options.transport == Transport::Framed,
            sequence: 0,
            asked: VecDeque::new(),
            used: Instant::now(),
            cells: Vec::new(),
            closing: Vec::new(),
            sent: 0,
        };
        link.ping(until)?;
        Ok(link)
    }

    /// Asks for something that costs the gateway nothing. An exception is an answer too.
    fn ping(&mut self, until: Instant) -> Result<(), Failure> {
        let name = "getThriftServerType"; // absent from gateways before 2.1: they answer with an exception
        self.ask(name, |call| call.stop());
        self.send_asked(until)?;
        match self.answer(|reader, field| reader.skip_field(field)) {
            Err(Failure::Internal(_)) => Ok(()),
            other => other,
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// True if the gateway has closed the connection while nobody used it.
    pub(super) fn is_closed(&mut self) -> bool {
        if self.used.elapsed() < LOOK_AFTER {
            return false;
        }
        let stream = &self.inbox.source().stream;
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        // Nothing may be there to read: neither an end nor bytes.
        let quiet = matches!(stream.peek(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
        stream.set_nonblocking(false).is_err() || !quiet
    }

    /// Writes rows that [`message::encode_row`] has encoded, in one call.
    pub(super) fn mutate<'a>(
        &mut self,
        table: &str,
        time: Option<i64>,
        rows: usize,
        encoded: impl Iterator<Item = &'a [u8]>,
        until: Instant,
    ) -> Result<(), Failure> {
        let name = message::mutate_name(time);
        self.ask(name, |call| message::encode_mutate(call, table, time, rows, encoded));
        self.send_asked(until)?;
        self.answer(|reader, field| reader.skip_field(field))
    }

    /// Appends the rows of `keys` that exist to `batch` and returns the number of their cells.
    pub(super) fn get(
        &mut self,
        table: &str,
        keys: &[Vec<u8>],
        columns: &Columns,
        batch: &mut RowBatch,
        until: Instant,
    ) -> Result<usize, Failure> {
        self.ask("getRowsWithColumns", |call| message::encode_get(call, table, keys, columns));
        self.send_asked(until)?;
        self.rows(keys.len(), batch)
    }

    /// Appends the next rows of a scanner to `batch` and returns the number of their cells.
    pub(super) fn next_rows(&mut self, scanner: i32, rows: usize, batch: &mut RowBatch, until: Instant) -> Result<usize, Failure> {
        self.ask_rows(scanner, rows);
        self.send_asked(until)?;
        self.rows(rows, batch)
    }

    /// Prepares the opening of a scanner; its number is [`Link::opened`].
    pub(super) fn ask_open(&mut self, table: &str, scan: &Scan, filter: Option<&str>) {
        self.ask("scannerOpenWithScan", |call| message::encode_open(call, table, scan, filter));
    }

    /// The number of a scanner, which is good on every connection to this gateway and on no other.
    pub(super) fn opened(&mut self) -> Result<i32, Failure> {
        let mut number = None;
        self.answer(|reader, field| {
            number = Some(message::decode_number(reader, field)?);
            Ok(())
        })?;
        number.ok_or_else(|| Failure::Corrupt(String::from("an open scanner without a number")))
    }

    /// Prepares the reading of a scanner; the answer is [`Link::rows`].
    pub(super) fn ask_rows(&mut self, scanner: i32, rows: usize) {
        let asked = i32::try_from(rows).unwrap_or(i32::MAX);
        self.ask("scannerGetList", |call| message::encode_next(call, scanner, asked));
    }

    /// Closes a scanner. A gateway keeps those that nobody closes for ever.
    pub(super) fn close(&mut self, scanner: i32, until: Instant) -> Result<(), Failure> {
        self.ask("scannerClose", |call| message::encode_close(call, scanner));
        self.send_asked(until)?;
        self.answer(|reader, field| reader.skip_field(field))
    }

    /// A scanner that is done with. Its gateway is told when nobody waits for this connection: see [`Link::close_rest`].
    pub(super) fn close_later(&mut self, scanner: i32) {
        self.closing.push(scanner);
    }

    /// Closes the scanners that are done with. Returns how many were left open, and what failed beyond one call.
    pub(super) fn close_rest(&mut self, limit: Duration) -> (usize, Option<Failure>) {
        let mut open = self.closing.len();
        if open == 0 {
            return (0, None);
        }
        for scanner in std::mem::take(&mut self.closing) {
            self.ask("scannerClose", |call| message::encode_close(call, scanner));
        }
        let mut result = self.send_asked(Instant::now() + limit);
        while result.is_ok() && open > 0 {
            // One that its gateway does not know is closed.
            result = match self.answer(|reader, field| reader.skip_field(field)) {
                Err(failure) if !failure.in_step() => Err(failure),
                _ => Ok(()),
            };
            open -= usize::from(result.is_ok());
        }
        (open, result.err())
    }

    /// The connection is out of step: how many scanners stay open.
    pub(super) fn leave_rest(&mut self) -> usize {
        self.closing.drain(..).count()
    }

    /// Calls sent since this was asked last.
    pub(super) fn take_sent(&mut self) -> usize {
        std::mem::take(&mut self.sent)
    }

    /// Appends the rows of an answer, `rows_max` at most, to `batch` and returns the number of their cells.
    pub(super) fn rows(&mut self, rows_max: usize, batch: &mut RowBatch) -> Result<usize, Failure> {
        let (mut cells, mut count) = (std::mem::take(&mut self.cells), 0);
        let result = self.answer(|reader, field| {
            count = message::decode_rows(reader, field, rows_max, batch, &mut cells)?;
            Ok(())
        });
        self.cells = cells;
        result.map(|()| count)
    }

    /// Prepares a call whose arguments `write` writes. Nothing is sent before [`Link::send_asked`].
    fn ask(&mut self, name: &'static str, write: impl FnOnce(Writer<'_>)) {
        if self.asked.is_empty() {
            self.begin();
        } else if self.framed {
            self.out.extend_from_slice(&[0; 4]);
        }
        let start = self.out.len();
        self.sequence = self.sequence.wrapping_add(1) & 0x7fff_ffff;
        write(Writer::call(&mut self.out, self.protocol, name, self.sequence));
        if self.framed {
            let length = (self.out.len() - start) as u32;
            if let Some(head) = start.checked_sub(4).and_then(|head| self.out.get_mut(head..start)) {
                head.copy_from_slice(&length.to_be_bytes());
            }
        }
        self.asked.push_back((name, self.sequence));
    }

    /// Sends the calls that are prepared. Each is to be answered, in their order.
    pub(super) fn send_asked(&mut self, until: Instant) -> Result<(), Failure> {
        self.sent += self.asked.len();
        self.write_out(until)
    }

    /// True while answers are to come: nothing else can be sent then.
    pub(super) fn is_awaiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Room for the next request.
    pub(super) fn begin(&mut self) {
        if self.out.capacity() > KEEP_BYTES {
            self.out = Vec::new();
        }
        self.out.clear();
        if self.framed {
            self.out.extend_from_slice(&[0; 4]);
        }
    }

    /// Sends the one call that stands in `out` and opens the inbox for its answer.
    pub(super) fn send(&mut self, until: Instant) -> Result<(), Failure> {
        if self.framed {
            let length = (self.out.len().saturating_sub(4) as u32).to_be_bytes();
            if let Some(head) = self.out.first_chunk_mut() {
                *head = length;
            }
        }
        self.sent += 1;
        self.write_out(until)?;
        self.begin_answer()
    }

    fn write_out(&mut self, until: Instant) -> Result<(), Failure> {
        let wire = self.inbox.source();
        wire.until = until;
        // Without its last byte no gateway acts on a call: a failed write has done nothing, or only reads before the last.
        write_all(wire, &self.out).map_err(|e| Failure::Unsent(format!("sending a call: {e}")))?;
        self.out.clear();
        self.used = Instant::now();
        Ok(())
    }

    fn begin_answer(&mut self) -> Result<(), Failure> {
        if self.framed {
            return self.inbox.begin_frame();
        }
        self.inbox.begin(ANSWER_BYTES_MAX);
        Ok(())
    }

    /// Reads the answer to the first call that has none yet.
    fn answer(&mut self, take: impl FnMut(&mut Reader<'_, Wire>, super::reader::Field) -> Result<(), Failure>) -> Result<(), Failure> {
        let Some((name, sequence)) = self.asked.pop_front() else { return Err(Failure::Corrupt(String::from("nothing was asked"))) };
        self.begin_answer()?;
        let mut reader = Reader::new(&mut self.inbox, self.protocol);
        let result = message::decode_answer(&mut reader, name, sequence, take);
        if result.as_ref().is_err_and(|failure| !failure.in_step()) {
            return result;
        }
        self.used = Instant::now();
        self.inbox.finish(self.framed, !self.asked.is_empty())?;
        result
    }

    /// Reads a whole answer, checks its lengths, and returns its bytes if there are at most `bytes_max`.
    pub(super) fn raw_answer(&mut self, bytes_max: usize) -> Result<Vec<u8>, Failure> {
        Reader::new(&mut self.inbox, self.protocol).skip_message()?;
        self.inbox.finish(self.framed, false)?;
        self.used = Instant::now();
        let end = self.inbox.position();
        if end > bytes_max {
            return Err(Failure::Corrupt(format!("an answer of {end} bytes: at most {bytes_max} are taken")));
        }
        Ok(self.inbox.slice(&(0..end)).to_vec())
    }
}

fn dial(gateway: &(String, u16), timeout: Duration) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (gateway.0.as_str(), gateway.1).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn write_all(wire: &mut Wire, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        wire.stream.set_write_timeout(Some(wire.left()?))?;
        match wire.stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
