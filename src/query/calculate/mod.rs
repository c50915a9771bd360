//! Requests that compute with series: fetch what they ask for, hand it to [`expression`](super::expression), name what
//! comes out.

pub mod answer;
mod exp;
mod gexp;
mod names;

use super::engine::{QueryError, Work};
use super::expression::{ExpressionError, Limits};
use parking_lot::Mutex;

pub use exp::{Column, ExpAnswer, ExpOutput, exp};
pub use gexp::{Calculated, gexp};

/// The engine's limits as the library asks for them; keeps the error that ended the work.
struct Allowed<'w> {
    work: &'w Work<'w>,
    ended: Mutex<Option<QueryError>>,
}

impl<'w> Allowed<'w> {
    fn new(work: &'w Work<'w>) -> Allowed<'w> {
        Allowed { work, ended: Mutex::default() }
    }

    /// An expression's error as a query's.
    fn error(&self, error: ExpressionError) -> QueryError {
        match (error, self.ended.lock().take()) {
            (ExpressionError::Stopped, Some(ended)) => ended,
            (error, _) => QueryError::Data(error.to_string()),
        }
    }
}

impl Limits for Allowed<'_> {
    fn hold(&self, bytes: u64) -> Result<(), ExpressionError> {
        self.work.hold(bytes).map_err(|error| {
            *self.ended.lock() = Some(error);
            ExpressionError::Stopped
        })
    }
}
