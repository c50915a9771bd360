//! A line in a file, on disk when it is said to be sent.

use super::channel::File;
use super::template::Templates;
use super::{Notice, SendError};
use std::io::Write;

pub(super) fn send(to: &File, notice: &Notice, templates: &Templates) -> Result<(), SendError> {
    let mut line = match &to.line {
        // A line stays a line whatever stands in names and tags.
        Some(source) => templates.text(source, notice).map_err(|e| SendError::Never(format!("line: {e}")))?.replace(['\n', '\r'], " "),
        None => serde_json::to_string(notice).map_err(|e| SendError::Never(e.to_string()))?,
    };
    line.push('\n');
    append(&to.path, line.as_bytes()).map_err(|e| SendError::Later(format!("cannot append to {}: {e}", to.path.display())))
}

/// Appends in one write and waits for the disk.
fn append(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}
