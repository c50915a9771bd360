//! The lists of names, kept up to date: read whole once, in the background; then new ones only.
//!
//! New names of this process are told by `uid`. Those of other TSDs are noticed by the counter of ids, one small read a
//! second while somebody asks, and read by their ids. Where the counter tells nothing (random ids), and for names that
//! others renamed or deleted, the whole is read again from time to time.

use super::list::NameList;
use crate::store::StoreError;
use crate::uid::{Uid, UidError, UidKind, Uids, Watch, from_latin_1};
use parking_lot::{Mutex, RwLock};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Time between two looks at the counter of ids.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time between two readings of all names.
const RELOAD_EVERY: Duration = Duration::from_secs(600);
/// The same where the counter tells nothing.
const RELOAD_RANDOM_EVERY: Duration = Duration::from_secs(30);
/// An id is counted before its name is written: ids are read again until they are so old.
const SETTLED_AFTER: Duration = Duration::from_secs(15);
/// Names that enter a list under one lock.
const STEP: usize = 4_096;
/// Most new names of this process that wait for a list; beyond it the list is read again.
const FRESH_MAX: usize = 100_000;

/// Hears of names that get ids here.
#[derive(Default)]
pub struct Fresh([FreshKind; 3]);

#[derive(Default)]
struct FreshKind {
    /// Somebody has a list.
    wanted: AtomicBool,
    names: Mutex<Vec<(String, Uid)>>,
    /// More changed than new names tell.
    stale: AtomicBool,
}

impl Fresh {
    fn of(&self, kind: UidKind) -> &FreshKind {
        let [metrics, tagks, tagvs] = &self.0;
        match kind {
            UidKind::Metric => metrics,
            UidKind::Tagk => tagks,
            UidKind::Tagv => tagvs,
        }
    }

    /// Names were renamed, deleted or cannot be trusted: lists are read again.
    pub fn distrust(&self) {
        self.0.iter().for_each(|kind| kind.stale.store(true, Relaxed));
    }
}

impl Watch for Fresh {
    fn assigned(&self, kind: UidKind, name: &str, id: Uid) {
        let fresh = self.of(kind);
        if fresh.wanted.load(Relaxed) {
            let mut names = fresh.names.lock();
            if names.len() < FRESH_MAX {
                names.push((name.to_owned(), id));
            } else {
                fresh.stale.store(true, Relaxed);
            }
        }
    }

    fn moved(&self, kind: UidKind) {
        self.of(kind).stale.store(true, Relaxed);
    }
}

/// One kind.
pub struct KindNames {
    kind: UidKind,
    random: bool,
    list: RwLock<NameList>,
    state: Mutex<State>,
    /// A whole reading has ended once.
    loaded: AtomicBool,
}

struct State {
    loading: bool,
    /// When the last whole reading began.
    read: Option<Instant>,
    looked: Option<Instant>,
    /// Highest ids seen, and when; the first is old enough that its names are written.
    marks: Vec<(Instant, u64)>,
}

impl KindNames {
    /// Nothing is read yet. `random`: ids are not counted.
    pub fn new(kind: UidKind, random: bool) -> KindNames {
        let state = State { loading: false, read: None, looked: None, marks: Vec::new() };
        KindNames { kind, random, list: RwLock::default(), state: Mutex::new(state), loaded: AtomicBool::new(false) }
    }

    /// The list as it is.
    pub fn list(&self) -> parking_lot::RwLockReadGuard<'_, NameList> {
        self.list.read()
    }

    /// All names were read once.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Relaxed)
    }

    /// True if the whole should be read, which the caller then does with [`KindNames::load`], and nobody else.
    pub fn claim(&self, fresh: &Fresh) -> bool {
        let mut state = self.state.lock();
        let every = if self.random { RELOAD_RANDOM_EVERY } else { RELOAD_EVERY };
        let old = state.read.is_none_or(|read| read.elapsed() > every);
        if state.loading || !(old || fresh.of(self.kind).stale.load(Relaxed)) {
            return false;
        }
        state.loading = true;
        true
    }

    /// Reads all names.
    pub fn load(&self, uids: &Uids, fresh: &Fresh, stop: &AtomicBool) -> Result<(), UidError> {
        let begun = Instant::now();
        let mine = fresh.of(self.kind);
        mine.wanted.store(true, Relaxed);
        mine.stale.store(false, Relaxed);
        let read = self.read_all(uids, stop);
        let mut state = self.state.lock();
        state.loading = false;
        match &read {
            Ok(highest) => {
                state.read = Some(begun);
                state.marks = vec![(begun, *highest)];
                self.loaded.store(true, Relaxed);
            }
            Err(_) => mine.stale.store(true, Relaxed),
        }
        read.map(drop)
    }

    fn read_all(&self, uids: &Uids, stop: &AtomicBool) -> Result<u64, UidError> {
        let highest = uids.max_id(self.kind)?;
        // The first reading shows what it has; a later one takes the place of the old list when it is complete.
        let mut whole = self.is_loaded().then(NameList::default);
        let mut step: Vec<(String, Uid)> = Vec::new();
        let mut put = |step: &mut Vec<(String, Uid)>| match &mut whole {
            Some(list) => step.drain(..).for_each(|(name, id)| list.add(&name, id)),
            None => self.add(step.drain(..)),
        };
        uids.each_id(Some(self.kind), &mut |name, _, id| {
            if stop.load(Relaxed) {
                return ControlFlow::Break(());
            }
            if let (Some(id), true) = (Uid::new(id), name != [0]) {
                step.push((from_latin_1(name), id));
            }
            if step.len() >= STEP {
                put(&mut step);
            }
            ControlFlow::Continue(())
        })?;
        put(&mut step);
        if stop.load(Relaxed) {
            return Err(UidError::Store(StoreError::Unavailable("the server stops".into())));
        }
        if let Some(whole) = whole {
            *self.list.write() = whole;
        }
        Ok(highest)
    }

    fn add(&self, names: impl Iterator<Item = (String, Uid)>) {
        let mut list = self.list.write();
        names.for_each(|(name, id)| list.add(&name, id));
    }

    /// Brings in what is new, if the last look was a while ago.
    pub fn refresh(&self, uids: &Uids, fresh: &Fresh) -> Result<(), UidError> {
        let new = std::mem::take(&mut *fresh.of(self.kind).names.lock());
        if !new.is_empty() {
            self.add(new.into_iter());
        }
        let from = {
            let mut state = self.state.lock();
            if self.random || state.loading || state.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
                return Ok(());
            }
            state.looked = Some(Instant::now());
            while state.marks.len() > 1 && state.marks.get(1).is_some_and(|(then, _)| then.elapsed() > SETTLED_AFTER) {
                state.marks.remove(0);
            }
            state.marks.first().map_or(0, |mark| mark.1)
        };
        let highest = uids.max_id(self.kind)?;
        let mut state = self.state.lock();
        if state.marks.last().is_none_or(|mark| mark.1 != highest) {
            state.marks.push((Instant::now(), highest));
        }
        let unsettled = state.marks.len() > 1 || state.marks.first().is_some_and(|mark| mark.0.elapsed() < SETTLED_AFTER);
        drop(state);
        if unsettled {
            let mut new = Vec::new();
            uids.each_name_between(self.kind, (from.saturating_add(1), highest), &mut |id, name| new.push((name, id)))?;
            self.add(new.into_iter());
        }
        Ok(())
    }
}
