//! What looks at the stored data by itself: which series behave strangely, and which others look the same.
//!
//! The pure rooms, [`detect`], [`similar`] and [`alert`], take plain slices of times and values and know nobody: no table,
//! no clock. The rooms that read tables, hold leases and send notices stand beside them.

pub mod alert;
pub mod anomalies;
pub mod asked;
pub mod book;
mod change;
pub mod clusters;
pub mod detect;
pub mod evaluate;
pub mod groups;
pub mod habits;
pub mod hands;
pub mod house;
pub mod ids;
pub mod loader;
pub mod messages;
pub mod notify;
pub mod open;
pub mod options;
mod own;
pub mod post;
pub mod preview;
pub mod rates;
pub mod records;
pub mod replay;
pub mod rounds;
pub mod rule;
mod rules;
pub mod run;
pub mod share;
pub mod similar;
pub mod trial;
