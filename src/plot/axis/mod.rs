//! Axes: which values and instants are shown, where they lie, and which of them are written beside the frame.

pub mod format;
pub mod ranged;
pub mod time;
pub mod value;
