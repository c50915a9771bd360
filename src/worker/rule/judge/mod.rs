//! open-falcon's judge: a function over the last points of a series, compared with a number, and the life of its events.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`Function`] | `all(#3)`, `lookup(#2,3)`, …: what is computed over which points |
//! | [`Test`] | a function, an operator and the right value: triggered or not |
//! | [`History`] | the newest points of one series, in order of arrival; late ones are refused |
//! | [`event`] | problems, their repetitions and their end, as the original sends them |
//!
//! Nothing here reads a clock or a table. Source: open-falcon's judge, kit `falcon/judge-func`, `falcon/judge-events`.

pub mod event;
mod function;
mod history;
mod md5;

pub use function::{Function, FunctionError, Operator, Test, Verdict};
pub use history::History;
pub use md5::hex as md5_hex;

#[cfg(test)]
mod tests;
