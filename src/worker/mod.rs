//! What looks at the stored data by itself: which series behave strangely, and which others look the same.
//!
//! The pure rooms, [`detect`], [`similar`] and [`alert`], take plain slices of times and values and know nobody: no table,
//! no clock. The rooms that read tables, hold leases and send notices stand beside them.

pub mod alert;
pub mod detect;
pub mod ids;
pub mod notify;
pub mod rule;
pub mod similar;
