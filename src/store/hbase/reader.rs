//! Reading Thrift messages out of an [`Inbox`]. Trusts no length, no type and no nesting.

use super::failure::Failure;
use super::inbox::Inbox;
use super::options::Protocol;
use super::writer::kind;
use std::io::Read;
use std::ops::Range;

/// Deepest nesting followed; the interface's own is 5.
const DEPTH_MAX: usize = 16;

/// The head of a field. A compact boolean carries its value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: u8,
    pub(super) id: i16,
    truth: Option<bool>,
}

/// The head of an answer.
pub(super) struct Message {
    /// 2: an answer, 3: the gateway failed.
    pub(super) kind: u8,
    pub(super) name: Range<usize>,
    pub(super) sequence: u32,
}

/// Reads one answer.
pub(super) struct Reader<'a, R> {
    pub(super) inbox: &'a mut Inbox<R>,
    protocol: Protocol,
}

fn corrupt(text: impl Into<String>) -> Failure {
    Failure::Corrupt(text.into())
}

fn kind_of_compact(compact: u8) -> Result<u8, Failure> {
    Ok(match compact {
        1 | 2 => kind::BOOL,
        3 => kind::BYTE,
        4 => kind::I16,
        5 => kind::I32,
        6 => kind::I64,
        7 => kind::DOUBLE,
        8 => kind::STRING,
        9 => kind::LIST,
        10 => kind::SET,
        11 => kind::MAP,
        12 => kind::STRUCT,
        other => return Err(corrupt(format!("unknown compact type {other}"))),
    })
}

impl<'a, R: Read> Reader<'a, R> {
    pub(super) fn new(inbox: &'a mut Inbox<R>, protocol: Protocol) -> Reader<'a, R> {
        Reader { inbox, protocol }
    }

    pub(super) fn message(&mut self) -> Result<Message, Failure> {
        match self.protocol {
            Protocol::Binary => {
                let [high, low, _, kind] = self.inbox.array()?;
                if [high, low] != [0x80, 0x01] {
                    return Err(corrupt(format!("answer begins with {high:02x}{low:02x}: not the binary protocol")));
                }
                let name = self.string()?;
                Ok(Message { kind, name, sequence: u32::from_be_bytes(self.inbox.array()?) })
            }
            Protocol::Compact => {
                let [id, kind] = self.inbox.array()?;
                if id != 0x82 || kind & 0x1f != 1 {
                    return Err(corrupt(format!("answer begins with {id:02x}{kind:02x}: not the compact protocol")));
                }
                let sequence = self.varint()? as u32;
                Ok(Message { kind: kind >> 5, name: self.string()?, sequence })
            }
        }
    }

    /// The next field of a struct, `None` at its end. `last` is the id before it, 0 at first.
    #[inline]
    pub(super) fn field(&mut self, last: &mut i16) -> Result<Option<Field>, Failure> {
        let head = self.inbox.byte()?;
        match self.protocol {
            Protocol::Binary => {
                if head == kind::STOP {
                    return Ok(None);
                }
                Ok(Some(Field { kind: head, id: i16::from_be_bytes(self.inbox.array()?), truth: None }))
            }
            Protocol::Compact => {
                if head & 0x0f == 0 {
                    return Ok(None);
                }
                let step = i16::from(head >> 4);
                let id = if step == 0 { self.zigzag()? as i16 } else { last.wrapping_add(step) };
                *last = id;
                let truth = (head & 0x0f <= 2).then_some(head & 0x0f == 1);
                Ok(Some(Field { kind: kind_of_compact(head & 0x0f)?, id, truth }))
            }
        }
    }

    /// Bytes that have arrived and are not taken yet, of a binary answer.
    #[inline]
    pub(super) fn ahead(&self) -> Option<&[u8]> {
        (self.protocol == Protocol::Binary).then(|| self.inbox.ahead())
    }

    /// The place of a string's bytes.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Range<usize>, Failure> {
        let length = self.length()?;
        self.inbox.skip(length)
    }

    pub(super) fn text(&mut self) -> Result<String, Failure> {
        let range = self.string()?;
        Ok(String::from_utf8_lossy(self.inbox.slice(&range)).into_owned())
    }

    #[inline]
    pub(super) fn i64(&mut self) -> Result<i64, Failure> {
        match self.protocol {
            Protocol::Binary => Ok(i64::from_be_bytes(self.inbox.array()?)),
            Protocol::Compact => self.zigzag(),
        }
    }

    pub(super) fn i32(&mut self) -> Result<i32, Failure> {
        match self.protocol {
            Protocol::Binary => Ok(i32::from_be_bytes(self.inbox.array()?)),
            Protocol::Compact => i32::try_from(self.zigzag()?).map_err(|_| corrupt("a 32-bit integer that is none")),
        }
    }

    /// Type and number of a list's elements. The number is as the gateway says: allocate nothing for it.
    pub(super) fn list(&mut self) -> Result<(u8, usize), Failure> {
        let head = self.inbox.byte()?;
        match self.protocol {
            Protocol::Binary => Ok((head, self.length()?)),
            Protocol::Compact => {
                let count = if head >> 4 == 15 { self.length()? } else { usize::from(head >> 4) };
                Ok((kind_of_compact(head & 0x0f)?, count))
            }
        }
    }

    /// Types of a map's keys and values, and their number.
    #[inline]
    pub(super) fn map(&mut self) -> Result<(u8, u8, usize), Failure> {
        match self.protocol {
            Protocol::Binary => {
                let [key, value] = self.inbox.array()?;
                Ok((key, value, self.length()?))
            }
            Protocol::Compact => {
                let count = self.length()?;
                if count == 0 {
                    return Ok((kind::STRING, kind::STRING, 0));
                }
                let kinds = self.inbox.byte()?;
                Ok((kind_of_compact(kinds >> 4)?, kind_of_compact(kinds & 0x0f)?, count))
            }
        }
    }

    /// Passes over a field's value.
    pub(super) fn skip_field(&mut self, field: Field) -> Result<(), Failure> {
        if field.truth.is_some() {
            return Ok(());
        }
        self.skip(field.kind, 0)
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), Failure> {
        if depth > DEPTH_MAX {
            return Err(corrupt(format!("nested deeper than {DEPTH_MAX} (DEPTH_MAX)")));
        }
        let compact = self.protocol == Protocol::Compact;
        match kind {
            kind::BOOL | kind::BYTE => self.pass(1)?,
            kind::I16 | kind::I32 | kind::I64 if compact => self.varint().map(drop)?,
            kind::I16 => self.pass(2)?,
            kind::I32 => self.pass(4)?,
            kind::I64 | kind::DOUBLE => self.pass(8)?,
            kind::STRING => {
                self.string()?;
            }
            kind::STRUCT => {
                let mut last = 0;
                while let Some(field) = self.field(&mut last)? {
                    if field.truth.is_none() {
                        self.skip(field.kind, depth + 1)?;
                    }
                }
            }
            kind::LIST | kind::SET => {
                let (element, count) = self.list()?;
                for _ in 0..count {
                    self.skip(element, depth + 1)?;
                }
            }
            kind::MAP => {
                let (key, value, count) = self.map()?;
                for _ in 0..count {
                    self.skip(key, depth + 1)?;
                    self.skip(value, depth + 1)?;
                }
            }
            other => return Err(corrupt(format!("unknown type {other}"))),
        }
        Ok(())
    }

    fn pass(&mut self, count: usize) -> Result<(), Failure> {
        self.inbox.skip(count).map(drop)
    }

    /// Passes over a whole answer, so that a decoder without limits of its own can be given its bytes.
    pub(super) fn skip_message(&mut self) -> Result<(), Failure> {
        self.message()?;
        self.skip(kind::STRUCT, 0)
    }

    #[inline]
    fn length(&mut self) -> Result<usize, Failure> {
        let length = match self.protocol {
            Protocol::Binary => i64::from(i32::from_be_bytes(self.inbox.array()?)),
            Protocol::Compact => i64::from(self.varint()? as u32 as i32),
        };
        usize::try_from(length).map_err(|_| corrupt(format!("a length of {length}")))
    }

    fn zigzag(&mut self) -> Result<i64, Failure> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Failure> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.inbox.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(corrupt("a variable-length integer of more than 10 bytes"))
    }
}
