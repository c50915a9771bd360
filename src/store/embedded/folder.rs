//! The folder of a store: who owns it, and whether it is one of ours.
//!
//! | entry | what |
//! | --- | --- |
//! | `FORMAT` | `tsdb embedded store`, newline, `format 1`, newline; written last when a store is made |
//! | `LOCK` | locked while a process owns the folder, holds its id |
//! | `lsm/` | the LSM trees |
//! | `MAKING` | stands there while a new store is made: without `FORMAT` it means that the making was cut short |

use crate::store::{Result, StoreError};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// First line of the format file.
const MAGIC: &str = "tsdb embedded store";
/// Number of the format in this program.
const FORMAT: u32 = 1;
const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";
const MAKING_FILE: &str = "MAKING";
const TREES: &str = "lsm";
/// Longest format or lock file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// A folder that this process owns until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    is_new: bool,
    /// Closing it frees the lock.
    _lock: File,
}

impl Folder {
    /// Takes the folder, making it where it is missing. `Rejected`: another process has it, or it is not a store, or one
    /// of another format.
    pub fn open(path: &Path) -> Result<Folder> {
        let fault = |what: &str, e: io::Error| StoreError::Unavailable(format!("{what} {}: {e}", path.display()));
        fs::create_dir_all(path).map_err(|e| fault("cannot make the folder", e))?;
        let is_new = match read_text(&path.join(FORMAT_FILE)) {
            Ok(text) => {
                check_format(path, &text)?;
                false
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                check_foreign(path)?;
                true
            }
            Err(e) => return Err(fault("cannot read FORMAT in", e)),
        };
        let lock = take_lock(path)?;
        let folder = Folder { path: path.to_owned(), is_new, _lock: lock };
        if is_new {
            folder.start_making().map_err(|e| fault("cannot make a store in", e))?;
        }
        Ok(folder)
    }

    /// Where the LSM trees live.
    pub fn trees(&self) -> PathBuf {
        self.path.join(TREES)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn start_making(&self) -> io::Result<()> {
        // What an interrupted start left behind was never in use.
        if self.path.join(MAKING_FILE).exists() && self.trees().exists() {
            fs::remove_dir_all(self.trees())?;
        }
        File::create(self.path.join(MAKING_FILE))?.sync_all()
    }

    /// Marks a new store as complete; nothing to do for an old one.
    pub fn finish_making(&self) -> io::Result<()> {
        if !self.is_new {
            return Ok(());
        }
        let half = self.path.join("FORMAT.new");
        let mut file = File::create(&half)?;
        write!(file, "{MAGIC}\nformat {FORMAT}\n")?;
        file.sync_all()?;
        fs::rename(half, self.path.join(FORMAT_FILE))?;
        fs::remove_file(self.path.join(MAKING_FILE))?;
        File::open(&self.path)?.sync_all()
    }
}

fn check_format(path: &Path, text: &str) -> Result<()> {
    let mut lines = text.lines();
    let found = match lines.next() {
        Some(MAGIC) => lines.next().and_then(|l| l.strip_prefix("format ")).and_then(|n| n.parse::<u32>().ok()),
        _ => None,
    };
    match found {
        Some(FORMAT) => Ok(()),
        Some(other) => Err(StoreError::Rejected(format!(
            "{} is an embedded store of format {other}; this program reads format {FORMAT}",
            path.display()
        ))),
        None => Err(StoreError::Corrupt(format!("{} does not say which store it is", path.join(FORMAT_FILE).display()))),
    }
}

/// A folder with other things in it is not ours to fill. A journal folder beside the store is.
fn check_foreign(path: &Path) -> Result<()> {
    let entries = fs::read_dir(path).map_err(|e| StoreError::Unavailable(format!("cannot list {}: {e}", path.display())))?;
    let names: Vec<String> = entries.filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned())).collect();
    if names.iter().any(|n| n == MAKING_FILE) {
        return Ok(());
    }
    match names.iter().find(|n| *n != LOCK_FILE && !n.starts_with("journal")) {
        None => Ok(()),
        Some(name) => Err(StoreError::Rejected(format!(
            "{} is not an embedded store: it holds {name} but no {FORMAT_FILE} file; name an empty or a new folder",
            path.display()
        ))),
    }
}

fn take_lock(path: &Path) -> Result<File> {
    let at = path.join(LOCK_FILE);
    let fault = |e: io::Error| StoreError::Unavailable(format!("cannot lock {}: {e}", at.display()));
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&at).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {
            let id = format!("{}\n", std::process::id());
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(id.as_bytes())).map_err(fault)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let owner = read_text(&at).unwrap_or_default();
            let owner = if owner.trim().is_empty() { String::new() } else { format!(" (process {})", owner.trim()) };
            Err(StoreError::Rejected(format!("another process{owner} has the embedded store in {} open", path.display())))
        }
        Err(TryLockError::Error(e)) => Err(fault(e)),
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
