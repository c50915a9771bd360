//! Columns of appends that a query found out of order, or with an instant twice, are put right behind it
//! (`tsd.storage.repair_appends`, recorded in `storage/appends_repair`).
//!
//! The column is replaced only if it still holds what was read, so that nothing appended meanwhile is lost. A query never
//! waits for it: what finds no room is repaired when it is read again.

use crate::clock;
use crate::codec::{Cell, CellKind, ROW_SECONDS, cell_kind, repaired_append};
use crate::store::Store;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Columns that wait to be written.
const WAITING_MAX: usize = 1_024;

struct Repair {
    row: Vec<u8>,
    qualifier: Vec<u8>,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// The thread that writes them; it ends, with all that waits written, when this is dropped.
pub struct Repairs {
    sender: Option<SyncSender<Repair>>,
    thread: Option<JoinHandle<()>>,
}

impl Repairs {
    /// Starts the thread. Without one nothing is repaired.
    pub fn start(store: Arc<dyn Store>, table: String) -> Repairs {
        let (sender, waiting) = sync_channel::<Repair>(WAITING_MAX);
        let work = move || {
            for repair in waiting {
                let Repair { row, qualifier, old, new } = repair;
                if let Err(error) = store.check_and_put(&table, &row, super::FAMILY, &qualifier, Some(&old), &new) {
                    tracing::debug!("a column of appends was not repaired: {error}");
                }
            }
        };
        match std::thread::Builder::new().name("repair".into()).spawn(work) {
            Ok(thread) => Repairs { sender: Some(sender), thread: Some(thread) },
            Err(error) => {
                tracing::warn!("no thread to repair appended columns: {error}");
                Repairs { sender: None, thread: None }
            }
        }
    }

    /// Looks at a row that was read.
    pub fn look<'c>(&self, row: &[u8], base: u32, cells: impl Iterator<Item = Cell<'c>>) {
        let Some(sender) = &self.sender else { return };
        let now = clock::now_s();
        // Points still come in order of arrival while the hour runs.
        if now <= i64::from(base) + i64::from(ROW_SECONDS) {
            return;
        }
        for cell in cells.filter(|cell| cell_kind(cell.qualifier) == CellKind::Append) {
            if let Some(new) = repaired_append(cell.value) {
                let repair = Repair { row: row.to_vec(), qualifier: cell.qualifier.to_vec(), old: cell.value.to_vec(), new };
                let _full = sender.try_send(repair);
            }
        }
    }
}

impl Drop for Repairs {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that repairs appended columns ended in a panic");
        }
    }
}
