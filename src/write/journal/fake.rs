//! A disk that keeps what was synced apart from what was only written, for tests: its power can be cut at any sync, and
//! it can be full.

use super::{Disk, DiskFile};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What a power cut leaves of bytes that were written and not synced.
#[derive(Clone, Copy, Debug)]
pub enum Torn {
    /// Nothing.
    Lost,
    /// The first half.
    Half,
    /// All, the last byte wrong.
    Flipped,
}

#[derive(Clone, Default)]
struct Content {
    live: Vec<u8>,
    synced: usize,
}

#[derive(Default)]
struct State {
    /// By number; names point to them, so that a removed file may come back.
    files: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    next: u64,
    syncs: u64,
    cut_at: Option<u64>,
    space: Option<usize>,
    failing_sync: bool,
}

impl State {
    fn powered(&self) -> io::Result<()> {
        match self.cut_at {
            Some(at) if self.syncs >= at => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.powered()?;
        if self.failing_sync {
            return Err(io::Error::other("input/output error"));
        }
        self.syncs += 1;
        self.powered()
    }
}

/// The disk.
#[derive(Clone, Default)]
pub struct FakeDisk(Arc<Mutex<State>>);

impl FakeDisk {
    /// A disk that loses its power instead of carrying out sync number `at` (from 1).
    pub fn cut_at(at: u64) -> FakeDisk {
        let disk = FakeDisk::default();
        disk.0.lock().cut_at = Some(at);
        disk
    }

    /// Syncs so far.
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Only so many more bytes can be written; `None`: as many as you like.
    pub fn set_space(&self, space: Option<usize>) {
        self.0.lock().space = space;
    }

    /// Syncs fail from now on.
    pub fn fail_syncs(&self) {
        self.0.lock().failing_sync = true;
    }

    /// The disk as it is found after a power cut.
    pub fn after_power_cut(&self, torn: Torn) -> FakeDisk {
        let state = self.0.lock();
        let mut new = State { next: state.next, ..State::default() };
        for (name, number) in &state.durable_names {
            let Some(file) = state.files.get(number) else { continue };
            let (synced, rest) = file.live.split_at(file.synced.min(file.live.len()));
            let mut live = synced.to_vec();
            match torn {
                Torn::Lost => {}
                Torn::Half => live.extend_from_slice(rest.get(..rest.len() / 2).unwrap()),
                Torn::Flipped => {
                    live.extend_from_slice(rest);
                    if let (false, Some(last)) = (rest.is_empty(), live.last_mut()) {
                        *last ^= 0xff;
                    }
                }
            }
            new.files.insert(*number, Content { synced: live.len(), live });
            new.names.insert(name.clone(), *number);
        }
        new.durable_names = new.names.clone();
        FakeDisk(Arc::new(Mutex::new(new)))
    }

    /// Changes a file as bad hardware would.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let number = *state.names.get(name).unwrap();
        let file = state.files.get_mut(&number).unwrap();
        change(&mut file.live);
        file.synced = file.live.len();
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, name.to_owned())
}

impl Disk for FakeDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.0.lock();
        let number = state.names.get(name).ok_or_else(|| missing(name))?;
        Ok(state.files.get(number).map(|f| f.live.clone()).unwrap_or_default())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.powered()?;
        let number = state.next;
        state.next += 1;
        state.files.insert(number, Content::default());
        state.names.insert(name.to_owned(), number);
        Ok(Box::new(FakeFile { disk: self.clone(), number }))
    }

    fn cut(&self, name: &str, len: u64) -> io::Result<()> {
        self.0.lock().sync()?;
        self.damage(name, |bytes| bytes.truncate(len as usize));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.powered()?;
        state.names.remove(name).map(|_| ()).ok_or_else(|| missing(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.powered()?;
        let number = state.names.remove(from).ok_or_else(|| missing(from))?;
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.sync()?;
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn describe(&self) -> String {
        "fake disk".to_owned()
    }
}

struct FakeFile {
    disk: FakeDisk,
    number: u64,
}

impl DiskFile for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.powered()?;
        let room = state.space.unwrap_or(usize::MAX).min(bytes.len());
        if let Some(space) = &mut state.space {
            *space -= room;
        }
        let file = state.files.get_mut(&self.number).ok_or_else(|| missing("file"))?;
        file.live.extend_from_slice(bytes.get(..room).unwrap());
        if room < bytes.len() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.powered()?;
        let file = state.files.get_mut(&self.number).ok_or_else(|| missing("file"))?;
        file.live.truncate(len as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.sync()?;
        let file = state.files.get_mut(&self.number).ok_or_else(|| missing("file"))?;
        file.synced = file.live.len();
        Ok(())
    }
}
