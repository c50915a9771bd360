//! What stops a store: a failed sync for good, a full disk for as long as it is full, a failed merge until the trees are
//! opened again.

use crate::store::{Result, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the disk that stay free by default: the largest merge writes about as much before it frees its input.
const RESERVE_BYTES_MAX: u64 = 512 << 20;
/// On small disks less stays free: this part of the disk.
const RESERVE_SHARE: u64 = 8;

/// Says whether writes may go on.
#[derive(Debug)]
pub struct Health {
    path: PathBuf,
    reserve_bytes: Option<u64>,
    poisoned: OnceLock<String>,
    stopped: AtomicBool,
}

impl Health {
    /// Refuses writes while the disk of `path` has less than `reserve_bytes` free (`None`: 512 MiB, on small disks an
    /// eighth): merges need room for their output, and one that finds none stops the trees until they are opened again.
    pub fn new(path: &Path, reserve_bytes: Option<u64>) -> Health {
        Health { path: path.to_owned(), reserve_bytes, poisoned: OnceLock::new(), stopped: AtomicBool::new(false) }
    }

    /// `Unavailable` if the disk is too full to write.
    pub fn check_space(&self) -> Result<()> {
        let Ok(disk) = rustix::fs::statvfs(&self.path) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let share = disk.f_blocks.saturating_mul(disk.f_frsize) / RESERVE_SHARE;
        let reserve = self.reserve_bytes.unwrap_or_else(|| share.min(RESERVE_BYTES_MAX));
        if free < reserve {
            return Err(StoreError::Unavailable(format!(
                "the disk of {} is full: {free} bytes free, {reserve} are kept for merges; nothing was written",
                self.path.display(),
            )));
        }
        Ok(())
    }

    /// `Unavailable` after a failed sync, or while the trees have to be opened again.
    pub fn check_poison(&self) -> Result<()> {
        if let Some(why) = self.poisoned.get() {
            return Err(StoreError::Unavailable(why.clone()));
        }
        if self.is_stopped() {
            let path = self.path.display();
            let text = format!("the embedded store in {path}: a flush or merge failed; nothing was written, the next write opens it again");
            return Err(StoreError::Unavailable(text));
        }
        Ok(())
    }

    /// True if the trees stopped, for want of room mostly, with everything in them on disk: they can be opened again.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Notes that the trees stopped, or that they were opened again.
    pub fn set_stopped(&self, stopped: bool) {
        if self.stopped.swap(stopped, Ordering::AcqRel) != stopped {
            let path = self.path.display();
            if stopped {
                tracing::error!("{path}: a flush or merge of the embedded store failed; writes are refused");
            } else {
                tracing::warn!("{path}: the embedded store was opened again");
            }
        }
    }

    /// Refuses every write from now on: after a failed sync nobody can say what is on disk, and a second sync that
    /// succeeds proves nothing (the system forgets pages that it could not write).
    pub fn poison(&self, why: &str) {
        let text = format!("the embedded store in {} takes no more writes until it is opened again: {why}", self.path.display());
        tracing::error!("{text}");
        let _ = self.poisoned.set(text);
    }

    /// True after [`Health::poison`]: nothing but a new start helps.
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
                self.set_stopped(true);
                self.check_poison().err().unwrap_or_else(|| StoreError::Unavailable(format!("{path}: poisoned")))
            }
            fjall::Error::Locked => StoreError::Rejected(format!("another process has the embedded store in {path} open")),
            fjall::Error::KeyspaceDeleted => StoreError::Rejected(format!("{path} while {doing}: the table is gone")),
            other => StoreError::Corrupt(format!("{path} while {doing}: {other}")),
        }
    }
}
