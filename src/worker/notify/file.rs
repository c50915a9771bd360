//! A line in a file, on disk when it is said to be sent.

use super::channel::File;
use super::template::{Templates, Wrong};
use super::{Notice, SendError};
use std::io::Write;

pub(super) fn send(to: &File, notice: &Notice, templates: &Templates) -> Result<(), SendError> {
    let mut line = line(to, notice, templates).map_err(|wrong| SendError::Never(wrong.to_string()))?;
    line.push('\n');
    append(&to.path, line.as_bytes()).map_err(|e| SendError::Later(format!("cannot append to {}: {e}", to.path.display())))
}

/// The line without its end: it stays one whatever stands in names and tags.
pub(super) fn line(to: &File, notice: &Notice, templates: &Templates) -> Result<String, Wrong> {
    Ok(match &to.line {
        Some(source) => templates.text(source, notice).map_err(Wrong::of("line"))?.replace(['\n', '\r'], " "),
        None => serde_json::to_string(notice).unwrap_or_default(),
    })
}

/// Appends in one write and waits for the disk.
fn append(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}
