//! Settings: every `tsd.*` key once. A file, the environment and flags are texts ([`Raw`]); one step checks them and
//! makes them [`Settings`]. Nobody else in the house parses a setting or repeats a default.

pub mod docs;
mod error;
mod key;
mod load;
mod properties;
mod table;
#[cfg(test)]
mod tests;

pub use error::{ConfigError, Place, Problem, did_you_mean};
pub use key::{Key, Kind, Origin, State, Value};
pub use load::{Given, Notice, PLUGIN_PREFIXES, Raw, SEARCH, Text, VARIABLE_PREFIX, WITHOUT_FILE, find, load, variable};
pub use table::{KEYS, Settings};
