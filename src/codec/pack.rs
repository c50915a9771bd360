//! Many points in one cell: the compacted form, which OpenTSDB reads, and the append form.

use super::{Qualifier, base_time, encode_point};
use crate::point::{PointTime, Value};

/// Why points cannot share a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// No points.
    #[error("a cell needs a point")]
    Empty,
    /// A point does not lie after the one before it; a second and its millisecond .000 are one instant.
    #[error("point {at} of the cell is not after the one before it")]
    NotAscending {
        /// Its place, from 0.
        at: usize,
    },
    /// A point belongs to another hour than the first.
    #[error("point {at} of the cell belongs to another row")]
    OtherRow {
        /// Its place, from 0.
        at: usize,
    },
}

/// A cell of one or more points in the making. Its buffers are reused.
#[derive(Clone, Debug, Default)]
pub struct PackedCell {
    /// Column qualifier.
    pub qualifier: Vec<u8>,
    /// The bytes; complete after [`PackedCell::finish`].
    pub value: Vec<u8>,
    count: usize,
    last: Option<u32>,
    seconds: bool,
    millis: bool,
}

impl PackedCell {
    /// Forgets the points and keeps the memory.
    pub fn clear(&mut self) {
        self.qualifier.clear();
        self.value.clear();
        (self.count, self.last, self.seconds, self.millis) = (0, None, false, false);
    }

    /// Points in it.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds a point of the row, which must be later than all before it.
    #[inline]
    pub fn push(&mut self, qualifier: Qualifier, value: &[u8]) -> Result<(), PackError> {
        let offset = qualifier.offset_ms();
        if self.last.is_some_and(|last| offset <= last) {
            return Err(PackError::NotAscending { at: self.count });
        }
        self.last = Some(offset);
        if qualifier.is_millis() {
            self.millis = true;
        } else {
            self.seconds = true;
        }
        self.qualifier.extend_from_slice(qualifier.encode().as_bytes());
        self.value.extend_from_slice(value);
        self.count += 1;
        Ok(())
    }

    /// Ends the cell: behind two or more values comes a byte that tells whether seconds and milliseconds are mixed.
    pub fn finish(&mut self) -> Result<(), PackError> {
        match self.count {
            0 => return Err(PackError::Empty),
            1 => {}
            _ => self.value.push(u8::from(self.seconds && self.millis)),
        }
        Ok(())
    }
}

/// Packs points of one row into `cell` (which is cleared first) and returns the row's base time. A single point makes
/// the same cell as OpenTSDB writes for it.
pub fn pack(points: &[(PointTime, Value)], cell: &mut PackedCell) -> Result<u32, PackError> {
    cell.clear();
    let base = base_time(points.first().ok_or(PackError::Empty)?.0);
    for (at, &(time, value)) in points.iter().enumerate() {
        if base_time(time) != base {
            return Err(PackError::OtherRow { at });
        }
        let (qualifier, bytes) = encode_point(time, value);
        cell.push(qualifier, bytes.as_bytes())?;
    }
    cell.finish()?;
    Ok(base)
}

/// Appends what OpenTSDB appends to the column `050000` for a point: its qualifier and its value.
pub fn append_point(time: PointTime, value: Value, out: &mut Vec<u8>) {
    let (qualifier, bytes) = encode_point(time, value);
    out.extend_from_slice(qualifier.encode().as_bytes());
    out.extend_from_slice(bytes.as_bytes());
}
