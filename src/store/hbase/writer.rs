//! Writing Thrift messages, straight into one buffer. What is written is in [`super::message`].
//!
//! | | binary | compact |
//! | --- | --- | --- |
//! | message | `80 01 00 01`, name, sequence (4) | `82 21`, sequence (varint), name |
//! | field | type (1), id (2) | step of the id and type (1), or type (1), id (zigzag varint) |
//! | length | 4 bytes | varint |
//! | integer | 4 or 8 bytes | zigzag varint |
//!
//! Source: Apache Thrift's protocol specifications; the tests compare with the `thrift` crate.

use super::options::Protocol;

/// Field and element types, as the binary protocol numbers them.
pub(super) mod kind {
    pub const STOP: u8 = 0;
    pub const BOOL: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const DOUBLE: u8 = 4;
    pub const I16: u8 = 6;
    pub const I32: u8 = 8;
    pub const I64: u8 = 10;
    pub const STRING: u8 = 11;
    pub const STRUCT: u8 = 12;
    pub const MAP: u8 = 13;
    pub const SET: u8 = 14;
    pub const LIST: u8 = 15;
}

/// A struct being written: its fields come in ascending order of id.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
    last: i16,
}

/// The compact protocol's number of a type; a boolean element or field is `true`.
pub(super) fn compact_kind(kind: u8) -> u8 {
    match kind {
        kind::BOOL => 1,
        kind::BYTE => 3,
        kind::I16 => 4,
        kind::I32 => 5,
        kind::I64 => 6,
        kind::DOUBLE => 7,
        kind::STRING => 8,
        kind::LIST => 9,
        kind::SET => 10,
        kind::MAP => 11,
        kind::STRUCT => 12,
        _ => 0,
    }
}

impl<'a> Writer<'a> {
    /// A struct at the end of `out`.
    #[inline]
    pub(super) fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Writer<'a> {
        Writer { out, protocol, last: 0 }
    }

    /// A call, whose arguments follow.
    pub(super) fn call(out: &'a mut Vec<u8>, protocol: Protocol, name: &str, sequence: u32) -> Writer<'a> {
        let mut writer = Writer::new(out, protocol);
        match protocol {
            Protocol::Binary => {
                writer.out.extend_from_slice(&[0x80, 0x01, 0x00, 0x01]);
                writer.bytes(name.as_bytes());
                writer.out.extend_from_slice(&sequence.to_be_bytes());
            }
            Protocol::Compact => {
                writer.out.extend_from_slice(&[0x82, 0x21]);
                writer.varint(u64::from(sequence));
                writer.bytes(name.as_bytes());
            }
        }
        writer
    }

    /// A struct inside this one, or an element of a list.
    #[inline]
    pub(super) fn inner(&mut self) -> Writer<'_> {
        Writer { out: self.out, protocol: self.protocol, last: 0 }
    }

    /// A struct as a field of this one.
    pub(super) fn structure(&mut self, id: i16) -> Writer<'_> {
        self.field(kind::STRUCT, id);
        self.inner()
    }

    #[inline]
    fn field(&mut self, kind: u8, id: i16) {
        match self.protocol {
            Protocol::Binary => {
                let [high, low] = id.to_be_bytes();
                self.out.extend_from_slice(&[kind, high, low]);
            }
            Protocol::Compact => {
                // Ids ascend by less than 15 in every struct that we write.
                let step = u8::try_from(id - self.last).unwrap_or(0) & 0x0f;
                self.out.push(step << 4 | compact_kind(kind));
                self.last = id;
            }
        }
    }

    #[inline]
    pub(super) fn string(&mut self, id: i16, value: &[u8]) {
        self.field(kind::STRING, id);
        self.bytes(value);
    }

    /// A column's name: `family:qualifier`.
    #[inline]
    pub(super) fn column(&mut self, id: i16, family: &str, qualifier: &[u8]) {
        self.field(kind::STRING, id);
        self.column_element(family, qualifier);
    }

    #[inline]
    pub(super) fn column_element(&mut self, family: &str, qualifier: &[u8]) {
        self.length(family.len() + 1 + qualifier.len());
        self.out.extend_from_slice(family.as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(qualifier);
    }

    pub(super) fn true_field(&mut self, id: i16) {
        self.truth(id, true);
    }

    pub(super) fn truth(&mut self, id: i16, value: bool) {
        match self.protocol {
            Protocol::Binary => {
                self.field(kind::BOOL, id);
                self.out.push(u8::from(value));
            }
            Protocol::Compact => {
                // The value stands in the field's type: 1 or 2.
                self.field(kind::BOOL, id);
                if let (false, Some(head)) = (value, self.out.last_mut()) {
                    *head += 1;
                }
            }
        }
    }

    pub(super) fn i32(&mut self, id: i16, value: i32) {
        self.field(kind::I32, id);
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&value.to_be_bytes()),
            Protocol::Compact => self.zigzag(i64::from(value)),
        }
    }

    pub(super) fn i64(&mut self, id: i16, value: i64) {
        self.field(kind::I64, id);
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&value.to_be_bytes()),
            Protocol::Compact => self.zigzag(value),
        }
    }

    /// A list whose elements follow.
    #[inline]
    pub(super) fn list(&mut self, id: i16, element: u8, count: usize) {
        self.field(kind::LIST, id);
        match self.protocol {
            Protocol::Binary => {
                self.out.push(element);
                self.length(count);
            }
            Protocol::Compact if count < 15 => self.out.push((count as u8) << 4 | compact_kind(element)),
            Protocol::Compact => {
                self.out.push(0xf0 | compact_kind(element));
                self.length(count);
            }
        }
    }

    /// A map of strings without entries.
    pub(super) fn empty_map(&mut self, id: i16) {
        self.field(kind::MAP, id);
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&[kind::STRING, kind::STRING, 0, 0, 0, 0]),
            Protocol::Compact => self.out.push(0),
        }
    }

    /// Bytes that are whole elements already.
    pub(super) fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    /// Ends the struct.
    #[inline]
    pub(super) fn stop(self) {
        self.out.push(kind::STOP);
    }

    #[inline]
    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.out.extend_from_slice(value);
    }

    #[inline]
    fn length(&mut self, length: usize) {
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&(length as u32).to_be_bytes()),
            Protocol::Compact => self.varint(length as u64),
        }
    }

    fn zigzag(&mut self, value: i64) {
        self.varint((value << 1 ^ value >> 63) as u64);
    }

    #[inline]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}
