//! Rules: what must hold, of which series, when, and who is told otherwise.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`model`] | a rule file, as types |
//! | [`file`] | rule files: reading, templates, faults with their places |
//! | [`expression`] | Bosun's expressions |
//! | [`judge`] | open-falcon's functions and events |
//! | [`scope`] | patterns of tags, groups, a rule's choice of series |
//! | [`calendar`] | hours, maintenance windows |
//! | [`cluster`] | metrics over the members of a group |
//!
//! Pure: no clock, no table, no network. Who runs rules is elsewhere.

pub mod calendar;
pub mod cluster;
pub mod expression;
pub mod file;
pub mod judge;
pub mod model;
pub mod scope;
