//! Arithmetic over series: a small language, joins of the series that its variables stand for, and the walk that gives one
//! value for each joined series and instant. And the functions that take whole series ([`function`]).
//!
//! A library: it knows neither requests nor tables. Series come in as columns with the ids of their metric and tags; what
//! comes out is the same. It reads what Apache Commons JEXL 2.1 reads of arithmetic and computes as that does, because
//! OpenTSDB's `/api/query/exp` hands its expressions to it (recorded cases `exp/*`): division by 0 is 0, integers stay
//! integers among themselves, a decimal literal has a `float`'s precision. What JEXL could do beyond arithmetic (calls of
//! Java methods, loops, assignments) is not there.
//!
//! - [`parse`] text to a tree; [`value`] what one operator does; [`program`] a tree compiled for rows of values
//! - [`series`] the columns; [`join`] which series belong together; [`walk`] instants in step, values, fills
//! - [`graph`] expressions that use each other

pub mod function;
pub mod graph;
pub mod join;
pub mod parse;
pub mod program;
pub mod series;
mod token;
pub mod value;
pub mod walk;

/// Why an expression gives nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// The text is no expression: found before anything is read.
    #[error("{0}")]
    Syntax(String),
    /// What it asks for cannot be done with these series.
    #[error("{0}")]
    Data(String),
    /// A limit was hit, or the caller went away: what the caller's [`Limits`] said.
    #[error("a limit stopped the expression")]
    Stopped,
}

/// What evaluating may use. Called once a batch of work.
pub trait Limits {
    /// So many bytes more are kept. An error ends the evaluation with [`ExpressionError::Stopped`].
    fn hold(&self, bytes: u64) -> Result<(), ExpressionError>;
}

/// No limits, for tests and small inputs.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

impl Limits for Unlimited {
    fn hold(&self, _: u64) -> Result<(), ExpressionError> {
        Ok(())
    }
}

fn data<T>(message: impl Into<String>) -> Result<T, ExpressionError> {
    Err(ExpressionError::Data(message.into()))
}

#[cfg(test)]
mod recorded_tests;
