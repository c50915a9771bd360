//! The bytes of one answer as they arrive: kept from its first to its last, so that keys and values can be named by
//! their place, and never more memory than bytes that came (twice, while the buffer grows).

use super::failure::Failure;
use std::io::{ErrorKind, Read};
use std::ops::Range;

/// Largest answer taken, in bytes. A length beyond it is an error, not an allocation.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is read at once at least, and the buffer of a fresh connection.
const READ_BYTES: usize = 64 * 1024;
/// A buffer larger than this is given back after the answer that needed it.
const KEEP_BYTES: usize = 8 * 1024 * 1024;

/// One answer being read from `R`.
pub(super) struct Inbox<R> {
    source: R,
    buffer: Vec<u8>,
    filled: usize,
    at: usize,
    end: usize,
}

impl<R: Read> Inbox<R> {
    pub(super) fn new(source: R) -> Inbox<R> {
        Inbox { source, buffer: Vec::new(), filled: 0, at: 0, end: ANSWER_BYTES_MAX }
    }

    pub(super) fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// Forgets the last answer and awaits the next, which is `limit` bytes long at most. Of the next some bytes may have come
    /// along already.
    pub(super) fn begin(&mut self, limit: usize) {
        let early = self.filled.saturating_sub(self.at);
        if early > 0 {
            self.buffer.copy_within(self.at..self.filled, 0);
        } else if self.buffer.len() > KEEP_BYTES {
            self.buffer = Vec::new();
        }
        (self.filled, self.at, self.end) = (early, 0, limit.min(ANSWER_BYTES_MAX));
    }

    /// Takes the 4-byte length before a framed answer and holds the answer to it.
    pub(super) fn begin_frame(&mut self) -> Result<(), Failure> {
        self.begin(4);
        let length = u32::from_be_bytes(self.array()?) as usize;
        if i32::try_from(length).is_err() {
            return Err(Failure::Corrupt(format!("a frame of {length} bytes")));
        }
        if length > ANSWER_BYTES_MAX {
            return Err(Failure::TooLarge(format!("a frame of {length} bytes: at most {ANSWER_BYTES_MAX} (ANSWER_BYTES_MAX) are taken")));
        }
        self.begin(length);
        Ok(())
    }

    /// The answer has been read: nothing may be left of it. `more`: others are awaited behind it.
    pub(super) fn finish(&mut self, framed: bool, more: bool) -> Result<(), Failure> {
        let left = match (framed, more) {
            (true, _) => self.end - self.at,
            (false, true) => 0,
            (false, false) => self.filled - self.at,
        };
        if left > 0 {
            return Err(Failure::Corrupt(format!("{left} bytes after the end of an answer")));
        }
        Ok(())
    }

    /// Where the next byte stands.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Takes `count` bytes and tells their place.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) -> Result<Range<usize>, Failure> {
        let start = self.at;
        let Some(end) = start.checked_add(count).filter(|end| *end <= self.end) else {
            return Err(self.beyond(count));
        };
        if end > self.filled {
            self.fill(end)?;
        }
        self.at = end;
        Ok(start..end)
    }

    /// Bytes of this answer by their place.
    #[inline]
    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    /// Bytes of this answer that have arrived and are not taken yet.
    #[inline]
    pub(super) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.at..self.filled.min(self.end)).unwrap_or_default()
    }

    /// Takes `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let range = self.skip(N)?;
        self.slice(&range).try_into().map_err(|_| Failure::Corrupt(String::from("a short read")))
    }

    /// Takes a byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Failure> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn beyond(&self, count: usize) -> Failure {
        let text = format!("{count} bytes announced where at most {} can follow", self.end - self.at);
        if self.end == ANSWER_BYTES_MAX { Failure::TooLarge(text) } else { Failure::Corrupt(text) }
    }

    #[cold]
    fn fill(&mut self, until: usize) -> Result<(), Failure> {
        while self.filled < until {
            if self.filled == self.buffer.len() {
                let larger = (self.buffer.len() * 2).max(READ_BYTES);
                self.buffer.resize(larger, 0);
            }
            // Never beyond this answer: what follows a frame is not ours to read yet.
            let room_end = self.buffer.len().min(self.end);
            let room = self.buffer.get_mut(self.filled..room_end).unwrap_or_default();
            match self.source.read(room) {
                Ok(0) => return Err(Failure::Lost(String::from("the gateway closed the connection"))),
                Ok(count) => self.filled += count,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Failure::Lost(String::from("no answer within the deadline")));
                }
                Err(e) => return Err(Failure::Lost(format!("reading the answer: {e}"))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl<R> Inbox<R> {
    pub(super) fn allocated(&self) -> usize {
        self.buffer.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_the_bytes_that_come_not_with_the_length_named() {
        let mut inbox = Inbox::new(&b"short"[..]);
        assert!(matches!(inbox.skip(50_000_000), Err(Failure::Lost(_))));
        assert!(inbox.allocated() <= READ_BYTES);
        let mut inbox = Inbox::new(&b"short"[..]);
        assert!(matches!(inbox.skip(ANSWER_BYTES_MAX + 1), Err(Failure::TooLarge(_))));
        assert_eq!(inbox.allocated(), 0);
    }

    #[test]
    fn answers_may_come_together() {
        let mut inbox = Inbox::new(&b"abcde"[..]);
        inbox.begin(ANSWER_BYTES_MAX);
        assert_eq!(inbox.array().unwrap(), *b"ab");
        inbox.finish(false, true).unwrap();
        inbox.begin(ANSWER_BYTES_MAX);
        assert_eq!(inbox.array().unwrap(), *b"cd");
        assert!(inbox.finish(false, false).is_err());
        inbox.begin(ANSWER_BYTES_MAX);
        assert_eq!(inbox.byte().unwrap(), b'e');
        inbox.finish(false, false).unwrap();
    }

    #[test]
    fn a_frame_bounds_its_message() {
        let mut inbox = Inbox::new(&b"\0\0\0\x03abcd"[..]);
        inbox.begin_frame().unwrap();
        assert_eq!(inbox.array().unwrap(), *b"ab");
        assert!(inbox.finish(true, false).is_err());
        assert!(matches!(inbox.skip(2), Err(Failure::Corrupt(_))));
        assert_eq!(inbox.byte().unwrap(), b'c');
        inbox.finish(true, true).unwrap();
        let mut inbox = Inbox::new(&b"\xff\xff\xff\xff"[..]);
        assert!(matches!(inbox.begin_frame(), Err(Failure::Corrupt(_))));
        let mut inbox = Inbox::new(&b"\x04\0\0\x01"[..]);
        assert!(matches!(inbox.begin_frame(), Err(Failure::TooLarge(_))));
    }
}
