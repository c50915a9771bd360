//! What stops a store: a failed sync for good, a full disk for as long as it is full.

use crate::store::{Result, StoreError};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a look at the free space counts.
const SPACE_CHECK_EVERY: Duration = Duration::from_millis(100);

/// Says whether writes may go on.
#[derive(Debug)]
pub struct Health {
    path: PathBuf,
    reserve_bytes: u64,
    poisoned: OnceLock<String>,
    space: Mutex<Option<(Instant, u64)>>,
}

impl Health {
    /// Refuses writes while the disk of `path` has less than `reserve_bytes` free: merges need room for their output,
    /// and a merge that finds none stops the trees until the next start.
    pub fn new(path: &Path, reserve_bytes: u64) -> Health {
        Health { path: path.to_owned(), reserve_bytes, poisoned: OnceLock::new(), space: Mutex::new(None) }
    }

    /// `Unavailable` if writes are refused, with the reason.
    pub fn check_write(&self) -> Result<()> {
        self.check_poison()?;
        let mut last = self.space.lock();
        let free = match *last {
            Some((at, free)) if at.elapsed() < SPACE_CHECK_EVERY && free >= self.reserve_bytes => free,
            _ => free_bytes(&self.path).unwrap_or(u64::MAX),
        };
        *last = Some((Instant::now(), free));
        if free < self.reserve_bytes {
            return Err(StoreError::Unavailable(format!(
                "the disk of {} is full: {free} bytes free, {} are kept for merges; nothing was written",
                self.path.display(),
                self.reserve_bytes
            )));
        }
        Ok(())
    }

    /// `Unavailable` after a failed sync.
    pub fn check_poison(&self) -> Result<()> {
        self.poisoned.get().map_or(Ok(()), |why| Err(StoreError::Unavailable(why.clone())))
    }

    /// Refuses every write from now on: after a failed sync nobody can say what is on disk, and a second sync that
    /// succeeds proves nothing (the system forgets pages that it could not write).
    pub fn poison(&self, why: &str) {
        let text = format!("the embedded store in {} takes no more writes until it is opened again: {why}", self.path.display());
        tracing::error!("{text}");
        let _ = self.poisoned.set(text);
    }

    /// True after [`Health::poison`].
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.get().is_some()
    }

    /// Runs a call into the trees; what the library reports, or panics with, becomes an error that names the folder.
    pub fn call<T>(&self, doing: &str, call: impl FnOnce() -> fjall::Result<T>) -> Result<T> {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => Err(self.explain(doing, &fault)),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
                Err(StoreError::Corrupt(format!("{} while {doing}: {}", self.path.display(), text.unwrap_or("panic in the LSM tree"))))
            }
        }
    }

    fn explain(&self, doing: &str, fault: &fjall::Error) -> StoreError {
        let path = self.path.display();
        match fault {
            fjall::Error::Io(e) | fjall::Error::Storage(fjall::LsmError::Io(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                StoreError::Corrupt(format!("{path} while {doing}: a file is shorter than it should be"))
            }
            fjall::Error::Io(e) | fjall::Error::Storage(fjall::LsmError::Io(e)) => {
                StoreError::Unavailable(format!("{path} while {doing}: {e}"))
            }
            fjall::Error::Poisoned => {
                self.poison("an earlier write, flush or merge failed");
                self.check_poison().err().unwrap_or_else(|| StoreError::Unavailable(format!("{path}: poisoned")))
            }
            fjall::Error::Locked => StoreError::Rejected(format!("another process has the embedded store in {path} open")),
            fjall::Error::KeyspaceDeleted => StoreError::Rejected(format!("{path} while {doing}: the table is gone")),
            other => StoreError::Corrupt(format!("{path} while {doing}: {other}")),
        }
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
