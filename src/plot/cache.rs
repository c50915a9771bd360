//! Finished answers on disk, so that a picture that many pages show is made once.
//!
//! A file is named by the SHA-256 of what was asked for; no part of a request is ever part of a path. The folder is the one of
//! `tsd.http.cachedir`, which other programs may use too: only files with names of this form are counted and removed. When
//! they exceed their bound, the oldest go until a quarter of it is free. A folder that cannot be written costs the cache,
//! never an answer.

use parking_lot::Mutex;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Shorter files are no answers, as in OpenTSDB: a disk that was full left them.
const BYTES_MIN: u64 = 21;
/// Files that one sweep looks at, at most; a bound for folders that other programs fill.
const FILES_MAX: usize = 200_000;
/// Hexadecimal digits of a name.
const DIGITS: usize = 64;
/// Endings of names, one for each form of answer.
const ENDINGS: [&str; 4] = ["png", "svg", "txt", "json"];

/// A name of an answer: the hash of what was asked for, and the form of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Of a question, whatever it holds.
    pub fn of(question: &[u8], ending: &'static str) -> Name {
        Name(format!("{}.{ending}", sha256(question)))
    }
}

/// A SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer that was kept.
#[derive(Debug)]
pub struct Kept {
    /// The bytes.
    pub body: Vec<u8>,
    /// When it was made.
    pub made: SystemTime,
}

/// The folder.
#[derive(Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
    bytes_max: u64,
    bytes: AtomicU64,
    sweeping: Mutex<()>,
    serial: AtomicU64,
}

impl Cache {
    /// Over a folder, which is made if it is not there. `None`, a bound of 0, or a folder that cannot be made: nothing is kept.
    pub fn open(folder: Option<&Path>, bytes_max: u64) -> Cache {
        let usable = folder.filter(|_| bytes_max > 0).and_then(|folder| match fs::create_dir_all(folder) {
            Ok(()) => Some(folder.to_path_buf()),
            Err(e) => {
                tracing::warn!("tsd.http.cachedir = {}: {e}; answers of /q are not kept", folder.display());
                None
            }
        });
        let cache = Cache { folder: usable, bytes_max, bytes: AtomicU64::new(0), sweeping: Mutex::new(()), serial: AtomicU64::new(0) };
        cache.sweep();
        cache
    }

    /// The answer of that name, if it is there.
    pub fn get(&self, name: &Name) -> Option<Kept> {
        let path = self.folder.as_ref()?.join(&name.0);
        // A link would lead out of the folder.
        let about = fs::symlink_metadata(&path).ok().filter(|about| about.is_file() && about.len() >= BYTES_MIN)?;
        if about.len() > self.bytes_max {
            return None;
        }
        let made = about.modified().ok()?;
        Some(Kept { body: fs::read(&path).ok()?, made })
    }

    /// Keeps an answer. It is there whole or not at all.
    pub fn put(&self, name: &Name, body: &[u8]) {
        let Some(folder) = &self.folder else { return };
        if body.len() as u64 > self.bytes_max / 2 {
            return;
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let draft = folder.join(format!("{}.{}-{serial}.part", name.0, std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&draft)?;
            file.write_all(body)?;
            drop(file);
            fs::rename(&draft, folder.join(&name.0))
        };
        if let Err(e) = write() {
            tracing::debug!("an answer of /q could not be kept: {e}");
            let _ = fs::remove_file(&draft);
            return;
        }
        if self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed) + body.len() as u64 > self.bytes_max {
            self.sweep();
        }
    }

    /// Whether anything is kept at all.
    pub fn keeps(&self) -> bool {
        self.folder.is_some()
    }

    /// Bytes that are kept, about.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts what is there and removes the oldest answers beyond the bound, and drafts that nobody finished.
    fn sweep(&self) {
        let Some(folder) = &self.folder else { return };
        let Some(_alone) = self.sweeping.try_lock() else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX) {
            let Some((about, is_draft)) = entry.file_name().to_str().and_then(ours).zip(entry.metadata().ok()).map(|(d, a)| (a, d)) else {
                continue;
            };
            let Some(made) = about.modified().ok().filter(|_| about.is_file()) else { continue };
            if !is_draft {
                files.push((made, about.len(), entry.path()));
            } else if made.elapsed().is_ok_and(|age| age > Duration::from_secs(600)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, size, _)| size).sum();
        let wanted = if bytes > self.bytes_max { self.bytes_max / 4 * 3 } else { bytes };
        for (_, size, path) in files {
            if bytes <= wanted {
                break;
            }
            if fs::remove_file(path).is_ok() {
                bytes -= size;
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// Whether a file is one of this cache's, and then whether it is a draft.
fn ours(name: &str) -> Option<bool> {
    let (digits, rest) = name.split_at_checked(DIGITS)?;
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let rest = rest.strip_prefix('.').filter(|_| hexadecimal)?;
    if ENDINGS.contains(&rest) {
        return Some(false);
    }
    let (ending, draft) = rest.split_once('.')?;
    (ENDINGS.contains(&ending) && draft.ends_with(".part")).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn answers_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("made/when/needed");
        let cache = Cache::open(Some(&folder), 1 << 20);
        let (png, svg) = (Name::of(b"../../etc/passwd\0", "png"), Name::of(b"../../etc/passwd\0", "svg"));
        assert!(cache.get(&png).is_none());
        cache.put(&png, &[7; 100]);
        assert_eq!(cache.get(&png).unwrap().body, [7; 100]);
        assert!(cache.get(&svg).is_none() && names(&folder) == 1 && cache.bytes() == 100);
        cache.put(&svg, b"short");
        assert!(cache.get(&svg).is_none(), "a cut file is no answer");
        assert_eq!(Cache::open(Some(&folder), 1 << 20).bytes(), 105);
    }

    #[test]
    fn the_oldest_go_and_strangers_stay() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), vec![1; 5000]).unwrap();
        fs::write(dir.path().join(format!("{}.gif", "a".repeat(64))), vec![1; 5000]).unwrap();
        let cache = Cache::open(Some(dir.path()), 1000);
        for n in 0..30u8 {
            cache.put(&Name::of(&[n], "png"), &[n; 100]);
            assert!(cache.bytes() <= 1000);
        }
        assert!(cache.get(&Name::of(&[29], "png")).is_some());
        assert!(cache.get(&Name::of(&[0], "png")).is_none());
        assert!(names(dir.path()) <= 12 && dir.path().join("notes.txt").exists());
        cache.put(&Name::of(b"huge", "png"), &[0; 600]);
        assert!(cache.get(&Name::of(b"huge", "png")).is_none());
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), b"x").unwrap();
        for cache in [Cache::open(None, 1000), Cache::open(Some(&dir.path().join("file/below")), 1000), Cache::open(Some(dir.path()), 0)] {
            cache.put(&Name::of(b"x", "png"), &[0; 100]);
            assert!(cache.get(&Name::of(b"x", "png")).is_none());
        }
        assert_eq!(names(dir.path()), 1);
    }
}
