//! What a column holds, and its points one by one, damaged or not.

use super::Qualifier;

/// One cell of a data row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Column qualifier.
    pub qualifier: &'a [u8],
    /// The bytes.
    pub value: &'a [u8],
    /// When it was written, in milliseconds since the epoch.
    pub time: i64,
}

/// What a column holds, by its qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// One point, 2 or 4 bytes.
    Point,
    /// Several points.
    Packed,
    /// Appended points.
    Append,
    /// An annotation.
    Annotation,
    /// A histogram.
    Histogram,
    /// Something of another version: skipped.
    Other,
}

/// What a column holds. Every even length is points, the empty qualifier too (a damaged one).
pub fn cell_kind(qualifier: &[u8]) -> CellKind {
    match (qualifier.len(), qualifier.first()) {
        (2, _) => CellKind::Point,
        (4, Some(0xF0..)) => CellKind::Point,
        (len, _) if len % 2 == 0 => CellKind::Packed,
        (_, Some(1)) => CellKind::Annotation,
        (_, Some(5)) => CellKind::Append,
        (_, Some(6)) => CellKind::Histogram,
        _ => CellKind::Other,
    }
}

/// What is wrong with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellFault {
    /// The qualifier is empty, or ends inside a point's qualifier.
    #[error("the qualifier is cut off")]
    QualifierCut,
    /// The value ends inside a point.
    #[error("the value is cut off")]
    ValueCut,
    /// No number has this many bytes.
    #[error("no number has the length of this value")]
    Length,
    /// A float of 8 bytes that says it has 4: the first half should be zeros (OpenTSDB 1.0 wrote such).
    #[error("the first 4 bytes of the old float are expected to be zeros")]
    OldFloat,
    /// Qualifiers and values do not end together.
    #[error("qualifier and value do not hold the same number of points")]
    Uneven,
}

impl CellFault {
    /// True if a query of OpenTSDB fails on it; else it reads what is there and says nothing (only `fsck` does).
    pub fn fails_in_opentsdb(self) -> bool {
        self != CellFault::Uneven
    }
}

/// A damaged cell. Its readable points are kept if OpenTSDB would read them, else all of them are left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged cell in row {row}, column {qualifier}: {fault}")]
pub struct CellError {
    /// Row key in hex.
    pub row: String,
    /// Column qualifier in hex.
    pub qualifier: String,
    /// What is wrong.
    pub fault: CellFault,
}

/// A point as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPoint<'a> {
    /// When, and what kind of value.
    pub qualifier: Qualifier,
    /// The value's bytes.
    pub value: &'a [u8],
}

/// The points of a cell in the order they are stored, old mistakes put right. Ends after the first fault.
/// For cells without points (annotations and the like) it is empty.
#[derive(Clone, Debug)]
pub struct CellPoints<'a> {
    kind: CellKind,
    qualifiers: &'a [u8],
    values: &'a [u8],
    done: bool,
}

impl<'a> CellPoints<'a> {
    /// Of a cell.
    pub fn new(cell: &Cell<'a>) -> CellPoints<'a> {
        // An empty qualifier is damage from the start, which the reader of packed cells could not tell from a good end.
        let kind = if cell.qualifier.is_empty() { CellKind::Append } else { cell_kind(cell.qualifier) };
        let done = matches!(kind, CellKind::Annotation | CellKind::Histogram | CellKind::Other);
        CellPoints { kind, qualifiers: cell.qualifier, values: cell.value, done }
    }

    fn single(&mut self) -> Result<RawPoint<'a>, CellFault> {
        self.done = true;
        let (mut qualifier, _) = Qualifier::split_first(self.qualifiers).ok_or(CellFault::QualifierCut)?;
        let mut value = self.values;
        if qualifier.is_millis() {
            // Milliseconds are younger than the mistakes below: their flags are right.
            value = value.get(..qualifier.value_len()).ok_or(CellFault::ValueCut)?;
        } else {
            if qualifier.is_float() && qualifier.value_len() == 4 && value.len() == 8 {
                value = value.strip_prefix(&[0; 4]).ok_or(CellFault::OldFloat)?;
            }
            qualifier = qualifier.with_value_len(value.len());
        }
        qualifier.read(value).ok_or(CellFault::Length)?;
        Ok(RawPoint { qualifier, value })
    }

    #[inline]
    fn packed(&mut self) -> Option<Result<RawPoint<'a>, CellFault>> {
        if self.qualifiers.is_empty() || self.values.is_empty() {
            // One byte of flags is left behind the values of a sound cell.
            self.done = true;
            return (!self.qualifiers.is_empty() || self.values.len() != 1).then_some(Err(CellFault::Uneven));
        }
        let Some((qualifier, rest)) = Qualifier::split_first(self.qualifiers) else {
            return self.stop(CellFault::QualifierCut);
        };
        let Some((value, values)) = self.values.split_at_checked(qualifier.value_len()) else {
            return self.stop(CellFault::ValueCut);
        };
        (self.qualifiers, self.values) = (rest, values);
        Some(Ok(RawPoint { qualifier, value }))
    }

    fn append(&mut self) -> Option<Result<RawPoint<'a>, CellFault>> {
        if self.qualifiers.len() != super::APPEND_QUALIFIER.len() {
            return self.stop(CellFault::QualifierCut);
        }
        if self.values.is_empty() {
            return None;
        }
        let Some((qualifier, rest)) = Qualifier::split_first(self.values) else {
            return self.stop(CellFault::ValueCut);
        };
        let Some((value, rest)) = rest.split_at_checked(qualifier.value_len()) else {
            return self.stop(CellFault::ValueCut);
        };
        self.values = rest;
        Some(Ok(RawPoint { qualifier, value }))
    }

    fn stop(&mut self, fault: CellFault) -> Option<Result<RawPoint<'a>, CellFault>> {
        self.done = true;
        Some(Err(fault))
    }
}

impl<'a> Iterator for CellPoints<'a> {
    type Item = Result<RawPoint<'a>, CellFault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let point = match self.kind {
            CellKind::Point => return Some(self.single()),
            CellKind::Packed => self.packed(),
            CellKind::Append => self.append(),
            _ => None,
        };
        match point {
            Some(Ok(raw)) if raw.qualifier.read(raw.value).is_none() => self.stop(CellFault::Length),
            other => other,
        }
    }
}
