//! Notices that nobody took: lines of JSON in a file, which can be sent again.
//!
//! Workers append while `tsdb worker resend` takes out what it sent: whoever writes holds a lock on the file, and looks
//! whether it still is the one of that name.

use super::Notice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
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
        let mut file = self.locked(true)?;
        // A line that a kill cut short must not swallow the next one.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        file.sync_data()
    }

    /// The file, with a lock on it.
    fn locked(&self, create: bool) -> std::io::Result<File> {
        loop {
            let file = OpenOptions::new().read(true).append(true).create(create).open(&self.path)?;
            file.lock()?;
            let ours = file.metadata()?;
            match std::fs::metadata(&self.path) {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => return Ok(file),
                // Another file was put in its place while we waited.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Its lines that are not empty, with their numbers.
    ///
    /// # Errors
    /// If the file cannot be read. A file that is not there holds none.
    pub fn lines(&self) -> std::io::Result<Vec<(usize, String)>> {
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        Ok(lines.map(|(n, line)| (n + 1, line.to_owned())).collect())
    }

    /// Reads all; a line that is not a letter is told with its number.
    ///
    /// # Errors
    /// As [`DeadLetters::lines`].
    pub fn read(&self) -> std::io::Result<Vec<Result<DeadLetter, String>>> {
        Ok(self.lines()?.into_iter().map(|(number, line)| self.parse(number, &line)).collect())
    }

    /// One line.
    ///
    /// # Errors
    /// It is no letter.
    pub fn parse(&self, number: usize, line: &str) -> Result<DeadLetter, String> {
        serde_json::from_str(line).map_err(|error| format!("{}:{number}: {error}", self.path.display()))
    }

    /// Takes lines out; those that came meanwhile stay. A file without a line is deleted.
    ///
    /// # Errors
    /// If the file cannot be written; it is as it was then.
    pub fn take_out(&self, gone: &BTreeSet<String>) -> std::io::Result<()> {
        let _lock = match self.locked(false) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let rest: Vec<String> = self.lines()?.into_iter().map(|(_, line)| line).filter(|line| !gone.contains(line)).collect();
        if rest.is_empty() {
            return std::fs::remove_file(&self.path);
        }
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let mut new = File::create(&name)?;
        new.write_all((rest.join("\n") + "\n").as_bytes())?;
        new.sync_all()?;
        std::fs::rename(&name, &self.path)
    }
}
