//! Settings: every `tsd.*` key once. Files, environment and flags resolve to one [`Settings`].
mod table;
pub use table::Settings;
