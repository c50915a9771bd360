//! What runs over whole tables has in common: how many threads, how far it is, how it fails.

use super::Failure;
use indicatif::{ProgressBar, ProgressStyle};

/// Threads for each core: most of the time they wait for the store.
const THREADS_A_CORE: usize = 4;
/// Exit code where the store failed, as in OpenTSDB's tools.
pub const FAILED: u8 = 3;

/// Threads of a run that asks the store for each series.
pub fn threads() -> usize {
    THREADS_A_CORE * std::thread::available_parallelism().map_or(1, usize::from)
}

/// Shows a message that changes, on a terminal.
pub fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

/// The end of a run that can be repeated.
pub fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::code(FAILED, format!("{error}\nWhat is done is done: repeat the command to go on"))
}
