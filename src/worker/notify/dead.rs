//! Notices that nobody took: lines of JSON in a file, which can be sent again.

use super::Notice;
use super::file::append;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A notice with its channel and why it was not delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Name of the channel.
    pub channel: String,
    /// The last failure.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The notice.
    pub notice: Notice,
}

/// The file of dead letters.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    path: PathBuf,
}

impl DeadLetters {
    /// A file, which need not be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> DeadLetters {
        DeadLetters { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts one away, on disk when this returns.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn push(&self, letter: &DeadLetter) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(letter)?;
        line.push(b'\n');
        append(&self.path, &line)
    }

    /// Reads all; a line that is not a letter is told with its number.
    ///
    /// # Errors
    /// If the file cannot be read. A file that is not there holds none.
    pub fn read(&self) -> std::io::Result<Vec<Result<DeadLetter, String>>> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        Ok(lines.map(|(n, line)| serde_json::from_str(line).map_err(|e| format!("{}:{}: {e}", self.path.display(), n + 1))).collect())
    }
}
